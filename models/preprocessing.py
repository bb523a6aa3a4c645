"""People's pixels to the network's input: one pass over each small crop, none over the frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.core.structures import FloatArray, ImageArray
from sitepose.models.crops import Crops, Geometry, crop_boxes, warp
from sitepose.models.runtimes.api import AnyArray
from sitepose.models.zoo.card import InputSpec

LEVELS = 256
"""Values that a pixel can have: so few that normalising is looking them up in a table."""


class CropWriter:
    """Writes the crops of a frame into a batch, in the layout, type and normalisation of a model card.

    Args:
        spec: The card's description of the input.
        padding: Factor on the people's boxes.
        geometry: Crop geometry that the network was trained with.
    """

    def __init__(self, spec: InputSpec, *, padding: float, geometry: Geometry = "classic") -> None:
        self.spec = spec
        self._padding = padding
        self._geometry: Geometry = geometry
        self._table = _table(spec)
        self._order = (0, 1, 2) if spec.color == "rgb" else (2, 1, 0)

    def crops(self, boxes: FloatArray) -> Crops:
        """Return the crops around boxes, ``xyxy``, shape (P, 4)."""
        return crop_boxes(boxes, size_wh=self.spec.size_wh, padding=self._padding, geometry=self._geometry)

    def batch(self, image: ImageArray, crops: Crops) -> AnyArray:
        """Return the people of a frame, shape (P, 3, H, W) or (P, H, W, 3).

        Args:
            image: RGB, shape (H, W, 3).
            crops: Where the people are.
        """
        width, height = self.spec.size_wh
        shape = (3, height, width) if self.spec.layout == "nchw" else (height, width, 3)
        batch = np.empty((len(crops), *shape), self.spec.dtype)
        pixels = np.empty((height, width, 3), np.uint8)
        for i, item in enumerate(batch):
            warp(image, crops, i, fill=self.spec.pad_value, interpolation=self.spec.interpolation, out=pixels)
            self._write(pixels, item)
        return batch

    def _write(self, pixels: ImageArray, item: AnyArray) -> None:
        """Normalise an RGB crop into an item of a batch."""
        if self.spec.layout == "nchw":
            planes = cv2.split(pixels)
            for channel, place in enumerate(self._order):
                cv2.LUT(planes[place], self._table[:, :, channel], dst=item[channel])
        else:
            ordered = pixels if self.spec.color == "rgb" else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
            cv2.LUT(ordered, self._table, dst=item)


def fit_to_file(spec: InputSpec, shape: Sequence[int | None]) -> InputSpec:
    """Return a card's description of the input with the size that the network file fixes, if it does.

    Raises:
        WeightsError: The input is not that of an image in the card's layout.

    >>> fit_to_file(InputSpec(size_wh=(192, 256)), (1, 3, 128, 96)).size_wh
    (96, 128)
    >>> fit_to_file(InputSpec(size_wh=(192, 256)), (None, 3, None, None)).size_wh
    (192, 256)
    """
    first = spec.layout == "nchw"
    if len(shape) != 4 or shape[1 if first else 3] not in (3, None):
        expected = "(N, 3, H, W)" if first else "(N, H, W, 3)"
        raise WeightsError(f"the network's input has shape {tuple(shape)}, expected {expected}")
    height, width = shape[2:] if first else shape[1:3]
    return spec.model_copy(update={"size_wh": (width or spec.size_wh[0], height or spec.size_wh[1])})


def _table(spec: InputSpec) -> AnyArray:
    """Return what each pixel value becomes in each channel, shape (1, 256, 3)."""
    levels = np.arange(LEVELS, dtype=np.float32)[:, None] * np.float32(spec.scale)
    table = (levels - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)
    return np.ascontiguousarray(table[None].astype(spec.dtype))
