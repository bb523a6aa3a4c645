"""Looking for people in a part of the picture only."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sitepose.core.errors import ConfigError
from sitepose.core.structures import BoolArray, Detections, FloatArray, Frame
from sitepose.plugins.api import Capabilities, Detector


class RegionDetector:
    """A detector that sees only a rectangle, and of its people keeps those who stand where the mask is white.

    Boxes stay in full-frame pixels. A person stands at the middle of the box's lower edge.

    Args:
        detector: Who looks.
        roi: ``x, y, w, h`` in pixels, cut at the frame's border; None for the whole frame.
        mask: A picture of the frame's size, black where nobody counts; None for no mask.

    Raises:
        ConfigError: The mask cannot be read.
    """

    def __init__(self, detector: Detector, roi: tuple[int, int, int, int] | None, mask: Path | None) -> None:
        self._detector = detector
        self._roi = roi
        self._mask = _read_mask(mask) if mask is not None else None

    @property
    def capabilities(self) -> Capabilities:
        """Those of the detector."""
        return self._detector.capabilities

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the people of the region."""
        found = self._detector.detect([self._cut(frame) for frame in frames])
        return [self._kept(frame, detections) for frame, detections in zip(frames, found, strict=True)]

    def close(self) -> None:
        """Close the detector."""
        self._detector.close()

    def _cut(self, frame: Frame) -> Frame:
        if self._roi is None:
            return frame
        x, y, width, height = self._roi
        image = frame.image[y : y + height, x : x + width]
        if image.size == 0:
            size = "x".join(map(str, frame.size_wh))
            raise ConfigError(f"--roi {','.join(map(str, self._roi))} lies outside the frame of {size}")
        return dataclasses.replace(frame, image=np.ascontiguousarray(image))

    def _kept(self, frame: Frame, detections: Detections) -> Detections:
        if self._roi is not None:
            offset = np.array(self._roi[:2], np.float32)
            keypoints = None if detections.keypoints is None else detections.keypoints + offset
            boxes = detections.boxes + np.tile(offset, 2)
            detections = dataclasses.replace(detections, boxes=boxes, keypoints=keypoints)
        if self._mask is None:
            return detections
        if self._mask.shape != frame.image.shape[:2]:
            mask, size = (f"{shape[1]}x{shape[0]}" for shape in (self._mask.shape, frame.image.shape))
            raise ConfigError(f"--mask is {mask}, expected the frame's size {size}")
        return detections[_standing_on(self._mask, detections.boxes)]


def _standing_on(mask: BoolArray, boxes: FloatArray) -> BoolArray:
    """Return for each box whether the middle of its lower edge, kept inside the frame, is on the mask."""
    height, width = mask.shape
    x = np.clip(np.round((boxes[:, 0] + boxes[:, 2]) / 2), 0, width - 1).astype(int)
    y = np.clip(np.round(boxes[:, 3]), 0, height - 1).astype(int)
    return np.asarray(mask[y, x], np.bool_)


def _read_mask(path: Path) -> BoolArray:
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ConfigError(f"--mask {path}: not a picture that can be read")
    return np.asarray(picture > 127, np.bool_)
