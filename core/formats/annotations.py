"""The nouns of labelled pictures: which images there are, who is in them, and what a program said of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sitepose.core.formats.reading import DoubleArray
from sitepose.core.structures import BoolArray, IntArray

ImageId = int | str
"""COCO counts its images; AI Challenger and AlphaPose name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedImage:
    """One picture of a labelled set.

    Attributes:
        image_id: Its id in the file.
        file_name: As the file has it, folders included.
        size_wh: Width and height in pixels; (0, 0) where the file does not say.
        extra: Everything else that the file says of it: ``crowdIndex``, ``vid_id``, ``ignore_regions_x`` ...
    """

    image_id: ImageId
    file_name: str
    size_wh: tuple[int, int] = (0, 0)
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Annotations:
    """A labelled set: its images, and parallel arrays with a row for each labelled person.

    Attributes:
        images: All images, also those without people.
        keypoint_names: The K keypoints as the file names them; none for files of boxes.
        image_rows: Place of each person's image in ``images``, shape (N,).
        ids: The file's id of each person, shape (N,).
        boxes: ``xyxy`` in our pixels, shape (N, 4); NaN where the file has none.
        keypoints: Shape (N, K, 2); 0 where unlabelled.
        visibilities: 0 not labelled, 1 labelled but hidden, 2 visible; shape (N, K).
        areas: Square pixels for OKS, shape (N,); NaN where the file has none.
        crowds: True for boxes around groups (``iscrowd``), shape (N,).
        num_keypoints: As stored, which in CrowdPose is not the count of labelled ones, shape (N,).
        track_ids: Identity in a video; -1 where there is none, shape (N,).
        head_boxes: ``xyxy``, shape (N, 4); NaN where there is none.
    """

    images: tuple[AnnotatedImage, ...]
    keypoint_names: tuple[str, ...]
    image_rows: IntArray
    ids: IntArray
    boxes: DoubleArray
    keypoints: DoubleArray
    visibilities: IntArray
    areas: DoubleArray
    crowds: BoolArray
    num_keypoints: IntArray
    track_ids: IntArray
    head_boxes: DoubleArray

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: ArrayLike) -> Self:
        """Return the same images with some of the people, by mask or index array."""
        index = np.atleast_1d(np.asarray(rows))
        if index.size == 0 and index.dtype != np.bool_:
            index = index.astype(np.intp)
        per_person = [spec.name for spec in dataclasses.fields(self)][2:]
        return dataclasses.replace(self, **{name: getattr(self, name)[index] for name in per_person})

    def rows_by_image(self) -> list[IntArray]:
        """Return, for each image, which rows are its people."""
        order = np.argsort(self.image_rows, kind="stable")
        return np.split(order, np.searchsorted(self.image_rows[order], np.arange(1, len(self.images))))

    def row_of(self, image_id: ImageId) -> int:
        """Return the place of an image in ``images``.

        Raises:
            KeyError: There is no image of this id.
        """
        for row, image in enumerate(self.images):
            if image.image_id == image_id:
                return row
        raise KeyError(image_id)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Results:
    """What a program said of images: parallel arrays with a row for each reported person.

    Attributes:
        image_ids: Id of each person's image, N of them.
        scores: Shape (N,).
        boxes: ``xyxy`` in our pixels, shape (N, 4); NaN where the file has none.
        keypoints: Shape (N, K, 2); K = 0 in files of boxes.
        keypoint_scores: Shape (N, K).
        track_ids: -1 where there is none, shape (N,).
    """

    image_ids: tuple[ImageId, ...]
    scores: DoubleArray
    boxes: DoubleArray
    keypoints: DoubleArray
    keypoint_scores: DoubleArray
    track_ids: IntArray

    def __len__(self) -> int:
        return len(self.image_ids)

    def rows_by_image(self) -> dict[ImageId, IntArray]:
        """Return, for each image that has people, which rows they are."""
        rows: dict[ImageId, list[int]] = {}
        for row, image_id in enumerate(self.image_ids):
            rows.setdefault(image_id, []).append(row)
        return {image_id: np.array(places, np.int64) for image_id, places in rows.items()}
