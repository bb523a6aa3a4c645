"""The pose stage: frames and boxes in, keypoint candidates out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import Detections, FloatArray, Frame, PoseCandidates
from sitepose.models.flip import mirror
from sitepose.models.heads import Head
from sitepose.models.preprocessing import CropWriter
from sitepose.models.runtimes.api import AnyArray, Session

MAX_BATCH = 32
"""Crops that are in memory at once, 19 MB at 256x192; a frame with more people goes in several batches."""

RADIUS_SHARE = 1.25 * 2 / 64
"""Radius of a response over the height of a box: padding, times sigma in cells, over cells, as is usual."""

BOX_ASPECT = 0.75
"""Width over height that boxes are grown to, as is usual."""


class CropEstimator:
    """A network that looks at one person at a time (SPPE).

    Args:
        session: The network.
        writer: How pixels become its input.
        head: How its output becomes candidates.
        skeleton: Its keypoints.
        flip: Whether it sees everybody mirrored too.
    """

    def __init__(
        self,
        session: Session,
        writer: CropWriter,
        head: Head,
        skeleton: Skeleton,
        *,
        flip: bool = False,
    ) -> None:
        self._session = session
        self._writer = writer
        self._head = head
        self._skeleton = skeleton
        self._flip = flip

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[PoseCandidates]:
        """Return the candidates of each frame; one row for each of its detections, in their order.

        People of one frame share a batch, people of different frames never do: what is in a batch depends on
        its frame alone.
        """
        return [self._one(frame, found) for frame, found in zip(frames, detections, strict=True)]

    def close(self) -> None:
        """Give the memory back; calling it twice is fine."""
        self._session.close()

    def _one(self, frame: Frame, detections: Detections) -> PoseCandidates:
        crops = self._writer.crops(detections.boxes)
        shape = (len(crops), self._skeleton.num_keypoints, self._head.max_peaks)
        keypoints = np.empty((*shape, 2), np.float32)
        scores = np.empty(shape, np.float32)
        radii = np.empty(shape, np.float32)
        for start in range(0, len(crops), MAX_BATCH):
            rows = slice(start, start + MAX_BATCH)
            outputs = self._run(self._writer.batch(frame.image, crops[rows]))
            peaks = self._head.decode(outputs)
            keypoints[rows] = crops[rows].to_frame(peaks.positions)
            scores[rows] = peaks.scores
            spread = self._head.spread(outputs)
            radius = (
                box_radii(detections.boxes[rows]) if spread is None else crops[rows].frame_pixels() * spread
            )
            radii[rows] = radius[:, None, None]
        missing = ~np.isfinite(keypoints).all(axis=-1)
        keypoints[missing], radii[missing], scores[missing] = np.nan, np.nan, 0
        return _candidates(detections, keypoints, scores, radii)

    def _run(self, batch: AnyArray) -> tuple[AnyArray, ...]:
        if not self._flip:
            return self._session.run(batch)
        both = self._session.run(np.concatenate([batch, mirror(batch, layout=self._writer.spec.layout)]))
        people = len(batch)
        return self._head.merge([o[:people] for o in both], [o[people:] for o in both])


def candidates_from_detections(detections: Detections, skeleton: Skeleton) -> PoseCandidates:
    """Return what a one-stage detector found as candidates: one per keypoint, its radius from the box.

    Raises:
        ValueError: The detections have no keypoints, or others than the skeleton's.
    """
    if not len(detections) and detections.keypoints is None:
        return PoseCandidates.empty(skeleton.num_keypoints)
    if detections.keypoints is None or detections.keypoint_scores is None:
        raise ValueError("the detector gives boxes alone; it takes a pose network to find the keypoints")
    count = detections.keypoints.shape[1]
    if count != skeleton.num_keypoints:
        raise ValueError(
            f"the detector gives {count} keypoints, expected {skeleton.num_keypoints} of {skeleton.name!r}"
        )
    radii = np.broadcast_to(box_radii(detections.boxes)[:, None], detections.keypoint_scores.shape)
    return _candidates(
        detections, detections.keypoints[:, :, None], detections.keypoint_scores[:, :, None], radii[:, :, None]
    )


def box_radii(boxes: FloatArray) -> FloatArray:
    """Return the radius of a response in frame pixels where no heatmap tells it, shape (P,).

    ``.039 * max(height, width / .75)``: what a heatmap 64 cells high, with a sigma of 2 cells and a padding of
    1.25, would have.

    >>> box_radii(np.float32([[0, 0, 30, 64]]))
    array([2.5], dtype=float32)
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(RADIUS_SHARE * np.maximum(sides[:, 1], sides[:, 0] / BOX_ASPECT), np.float32)


def _candidates(
    detections: Detections, keypoints: FloatArray, scores: FloatArray, radii: FloatArray
) -> PoseCandidates:
    return PoseCandidates(
        keypoints=keypoints,
        scores=scores,
        radii=radii,
        boxes=detections.boxes,
        box_scores=detections.scores,
        track_ids=detections.track_ids,
        from_tracks=detections.from_tracks,
    )
