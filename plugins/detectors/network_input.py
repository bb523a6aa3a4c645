"""Frames into a network's input, and its boxes back into the frame.

Detectors speak of corners: u = 0 is the left edge of the first pixel. A resize by s takes corner u to s u, so
corners scale where pixel centres do not; half a pixel is taken off once, at the very end, in :class:`Fit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.core.structures import FloatArray, Frame, ImageArray
from sitepose.models.runtimes.api import AnyArray
from sitepose.models.zoo.card import InputSpec

CENTRE = 0.5
"""From a pixel's corner to its centre, which is where our coordinates count from."""

_INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a frame lies in the network's input, in pixels.

    Attributes:
        frame_wh: Size of the frame.
        image_wh: Size that it was resized to.
        offset_xy: Input pixels left of it and above it.
    """

    frame_wh: tuple[int, int]
    image_wh: tuple[int, int]
    offset_xy: tuple[int, int] = (0, 0)

    def points(self, corners: FloatArray) -> FloatArray:
        """Return points of the input in full-frame pixels.

        Args:
            corners: Corner coordinates (0 is the left or upper edge of the input), shape (..., 2).

        Returns:
            Full-frame pixels, centre of the first pixel (0, 0); same shape.
        """
        scale = np.divide(self.frame_wh, self.image_wh, dtype=np.float32)
        return np.asarray((corners - np.array(self.offset_xy, np.float32)) * scale - CENTRE, np.float32)

    def boxes(self, corners: FloatArray) -> FloatArray:
        """Return boxes of the input, ``xyxy`` corners, shape (P, 4), in full-frame pixels."""
        return self.points(corners.reshape(-1, 2, 2)).reshape(-1, 4)


class NetworkInput:
    """Makes a network's input out of frames, as its card describes it."""

    def __init__(self, spec: InputSpec, *, size_wh: tuple[int, int] | None = None) -> None:
        self.spec = spec
        self.size_wh = size_wh or spec.size_wh
        self._interpolation = _INTERPOLATIONS[spec.interpolation]
        self._gain = np.float32(spec.scale) / np.array(spec.std, np.float32)
        self._bias = -np.array(spec.mean, np.float32) / np.array(spec.std, np.float32)

    def fit(self, frame_wh: tuple[int, int]) -> Fit:
        """Return where a frame of this size lies in the input."""
        if self.spec.fit == "stretch":
            return Fit(frame_wh, self.size_wh)
        scale = min(self.size_wh[0] / frame_wh[0], self.size_wh[1] / frame_wh[1])
        width, height = (max(round(side * scale), 1) for side in frame_wh)
        if self.spec.fit == "letterbox_top_left":
            return Fit(frame_wh, (width, height))
        return Fit(frame_wh, (width, height), ((self.size_wh[0] - width) // 2, (self.size_wh[1] - height) // 2))

    def batch(self, frames: Sequence[Frame]) -> tuple[AnyArray, list[Fit]]:
        """Return the input for some frames of any size, shape (N, 3, H, W) or (N, H, W, 3), and their fits."""
        width, height = self.size_wh
        shape = (height, width, 3) if self.spec.layout == "nhwc" else (3, height, width)
        batch = np.empty((len(frames), *shape), self.spec.dtype)
        fits = [self.fit(frame.size_wh) for frame in frames]
        for item, frame, fit in zip(batch, frames, fits, strict=True):
            self._write(item, self._resized(frame.image, fit))
        return batch, fits

    def _resized(self, image: ImageArray, fit: Fit) -> ImageArray:
        """Return the frame as it lies in the input, RGB uint8, shape (H, W, 3)."""
        if fit.image_wh == self.size_wh:
            return self._resize(image, fit)
        canvas = np.full((self.size_wh[1], self.size_wh[0], 3), self.spec.pad_value, np.uint8)
        left, top = fit.offset_xy
        canvas[top : top + fit.image_wh[1], left : left + fit.image_wh[0]] = self._resize(image, fit)
        return canvas

    def _resize(self, image: ImageArray, fit: Fit) -> ImageArray:
        if fit.image_wh == fit.frame_wh:
            return image
        return np.asarray(cv2.resize(image, fit.image_wh, interpolation=self._interpolation), np.uint8)

    def _write(self, item: AnyArray, image: ImageArray) -> None:
        """Write channel by channel: from 8 bit to the network's numbers in one pass over each plane."""
        channels = cv2.split(image)
        if self.spec.color == "bgr":
            channels = channels[::-1]
        planes = np.moveaxis(item, -1, 0) if self.spec.layout == "nhwc" else item
        for i, channel in enumerate(channels):
            if self._gain[i] == 1 and self._bias[i] == 0:
                planes[i] = channel
            else:
                np.multiply(channel, self._gain[i], out=planes[i], dtype=np.float32, casting="unsafe")
                planes[i] += self._bias[i]


def file_size_wh(shape: Sequence[int | None], spec: InputSpec) -> tuple[int, int]:
    """Return the input size that a network file fixes, else the card's.

    Raises:
        WeightsError: The input is not that of an image in the card's layout.

    >>> file_size_wh((1, 3, 416, 640), InputSpec(size_wh=(320, 320)))
    (640, 416)
    >>> file_size_wh((None, 3, None, None), InputSpec(size_wh=(320, 320)))
    (320, 320)
    """
    expected = "(N, 3, H, W)" if spec.layout == "nchw" else "(N, H, W, 3)"
    if len(shape) != 4 or shape[1 if spec.layout == "nchw" else 3] not in (3, None):
        raise WeightsError(f"the network's input has shape {tuple(shape)}, expected {expected}")
    height, width = shape[2:] if spec.layout == "nchw" else shape[1:3]
    return width or spec.size_wh[0], height or spec.size_wh[1]
