"""``overlay.mp4``: the video with everybody drawn on it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from sitepose.app.outputs.overlay_encoder import TIME_BASE, OverlayEncoder
from sitepose.app.rendering.draw import DEFAULT_STYLE, draw_poses
from sitepose.app.rendering.labels import draw_header
from sitepose.app.rendering.style import DrawStyle
from sitepose.app.rendering.trails import Trails
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import Frame, ImageArray, Poses

DEFAULT_FRAME_RATE = Fraction(25)
"""Assumed where the source does not know its own; it decides on nothing but the distance of key frames."""


class OverlayWriter:
    """Draws and encodes frame after frame, at the times at which they were taken.

    The first frame is at 0. Frames of another size than the first are fitted in, as in folders of images.

    Args:
        path: The file; one that exists is replaced.
        size_wh: Width and height of the frames.
        skeleton: What the people have.
        frame_rate: Frames per second, roughly; None where unknown.
        time_base: Seconds per unit of the video's own stamps.
        style: What to draw, and how large.

    Raises:
        RecordingError: The file cannot be made.
    """

    def __init__(
        self,
        path: Path,
        *,
        size_wh: tuple[int, int],
        skeleton: Skeleton,
        frame_rate: Fraction | None = None,
        time_base: Fraction = TIME_BASE,
        style: DrawStyle = DEFAULT_STYLE,
    ) -> None:
        width, height = size_wh
        self._skeleton = skeleton
        self._style = style
        self._trails = Trails(style.trail_s) if style.trail_s else None
        self._start: float | None = None
        # H.264 needs even sides; an odd frame gets one more column or row.
        self._canvas: ImageArray = np.zeros((height + height % 2, width + width % 2, 3), np.uint8)
        self._picture = self._canvas[:height, :width]
        self._encoder = OverlayEncoder(
            path,
            size_wh=(self._canvas.shape[1], self._canvas.shape[0]),
            frame_rate=frame_rate or DEFAULT_FRAME_RATE,
            time_base=time_base,
        )

    def write(self, frame: Frame, poses: Poses) -> None:
        """Append a frame with its people.

        Raises:
            RecordingError: It cannot be written; what was written before can be played.
        """
        if self._start is None:
            self._start = frame.timestamp
        if self._trails is not None:
            self._trails.add(frame.timestamp, poses)
        if frame.image.shape == self._picture.shape:
            self._draw(frame, poses, out=self._picture)
        else:
            _fit(self._draw(frame, poses), self._picture)
        self._fill_border()
        self._encoder.encode(self._canvas, frame.timestamp - self._start)

    def close(self) -> None:
        """Finish the file; calling it twice, or after a fault, is fine.

        Raises:
            RecordingError: The rest cannot be written.
        """
        self._encoder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _draw(self, frame: Frame, poses: Poses, out: ImageArray | None = None) -> ImageArray:
        image = draw_poses(frame.image, poses, self._skeleton, style=self._style, trails=self._trails, out=out)
        if self._style.header:
            people = f"{len(poses)} {'person' if len(poses) == 1 else 'people'}"
            where = frame.name or f"{frame.timestamp:.2f} s"
            draw_header(image, f"{where}  #{frame.index}  {people}", scale=self._style.scale)
        return image

    def _fill_border(self) -> None:
        """Repeat the last column and row where the canvas is larger than the picture."""
        height, width = self._picture.shape[:2]
        self._canvas[:height, width:] = self._picture[:, -1:]
        self._canvas[height:] = self._canvas[height - 1]


def _fit(image: ImageArray, into: ImageArray) -> None:
    """Scale a picture into another one, as large as it goes, with black beside it."""
    height, width = into.shape[:2]
    scale = min(width / image.shape[1], height / image.shape[0])
    size = max(1, min(width, round(image.shape[1] * scale))), max(1, min(height, round(image.shape[0] * scale)))
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    into[:] = 0
    into[y : y + size[1], x : x + size[0]] = cv2.resize(image, size, interpolation=kind)
