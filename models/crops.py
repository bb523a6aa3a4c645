"""Boxes to crops and back: the geometry of a person's picture as the network sees it.

Frame pixels and input pixels both have the centre of their first pixel at (0, 0). A crop is axis-parallel, so
that ``input = (frame - origin) * scale`` per axis, and exactly undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from sitepose.core.structures import FloatArray, ImageArray

DoubleArray = NDArray[np.float64]

Geometry = Literal["classic", "udp"]

MIN_SIDE = 1.0
"""Frame pixels: smaller boxes are cropped as if they were this large."""

CORNER = 0.5
"""From pixel centres to COCO's corners: networks were trained with the centre of a box counted from the frame's
corner, on pixels counted from their centre. Both geometries keep to it; the way back undoes it exactly."""

INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}


@dataclass(frozen=True, eq=False, slots=True)
class Crops:
    """Where the crops of P people lie in their frame.

    Attributes:
        origins: Frame position that falls on the centre of the crop's first pixel, float64, shape (P, 2).
        scales: Input pixels per frame pixel in x and y, float64, shape (P, 2); NaN for boxes that are no boxes.
        size_wh: Width and height of the network's input.
    """

    origins: DoubleArray
    scales: DoubleArray
    size_wh: tuple[int, int]

    def __len__(self) -> int:
        return len(self.origins)

    def __getitem__(self, rows: slice) -> Crops:
        return Crops(self.origins[rows], self.scales[rows], self.size_wh)

    def to_frame(self, points: FloatArray) -> FloatArray:
        """Return where points of each crop, shape (P, ..., 2) in input pixels, lie in the frame."""
        origins, scales = self._beside(points)
        return np.asarray(points / scales + origins, np.float32)

    def to_input(self, points: FloatArray) -> FloatArray:
        """Return where points of the frame, shape (P, ..., 2), lie in each person's crop, in input pixels."""
        origins, scales = self._beside(points)
        return np.asarray((points - origins) * scales, np.float32)

    def frame_pixels(self) -> FloatArray:
        """Return how many frame pixels one input pixel spans, shape (P,): the mean of both axes."""
        return np.asarray((1 / self.scales).mean(axis=1), np.float32)

    def _beside(self, points: FloatArray) -> tuple[DoubleArray, DoubleArray]:
        """Return origins and scales with the axes of ``points``."""
        shape = (len(self), *(1,) * (points.ndim - 2), 2)
        return self.origins.reshape(shape), self.scales.reshape(shape)


def crop_boxes(
    boxes: FloatArray, *, size_wh: tuple[int, int], padding: float, geometry: Geometry = "classic"
) -> Crops:
    """Return the crops around boxes, grown to the input's aspect and by the padding.

    Args:
        boxes: ``xyxy``, shape (P, 4), anywhere, also outside the frame.
        size_wh: Width and height of the network's input.
        padding: Factor on the box.
        geometry: As the network was trained. ``classic``: the grown box covers W pixels, and its centre falls
            on W / 2. ``udp``: it spans the W - 1 steps between the centres of the first and the last pixel,
            and its centre falls on (W - 1) / 2 (arXiv 1911.07524).
    """
    corners = np.asarray(boxes, np.float64)
    centers = (corners[:, :2] + corners[:, 2:]) / 2 + CORNER
    sides = np.maximum(corners[:, 2:] - corners[:, :2], MIN_SIDE)
    aspect = size_wh[0] / size_wh[1]
    width = np.maximum(sides[:, 0], sides[:, 1] * aspect) * padding
    spans = np.stack([width, width / aspect], axis=1)
    steps = np.asarray(size_wh, np.float64) - (geometry == "udp")
    sane = np.isfinite(centers).all(axis=1, keepdims=True) & np.isfinite(spans).all(axis=1, keepdims=True)
    scales = np.where(sane, steps / spans, np.nan)
    return Crops(centers - steps / 2 / scales, scales, size_wh)


def warp(
    image: ImageArray,
    crops: Crops,
    person: int,
    *,
    fill: int = 0,
    interpolation: Literal["linear", "cubic"] = "linear",
    out: ImageArray | None = None,
) -> ImageArray:
    """Cut one crop out of a frame, shape (H, W, 3); what lies outside the frame has the value ``fill``."""
    width, height = crops.size_wh
    if not np.isfinite(crops.scales[person]).all():
        return np.full((height, width, 3), fill, np.uint8)
    step = 1 / crops.scales[person]
    to_frame = np.array([[step[0], 0, crops.origins[person, 0]], [0, step[1], crops.origins[person, 1]]])
    flags = INTERPOLATIONS[interpolation] | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(
        image,
        to_frame,
        (width, height),
        dst=out,
        flags=flags,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(fill,) * 3,
    )
    return crop  # type: ignore[no-any-return]
