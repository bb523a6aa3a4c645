"""A detector without a network: before a camera that does not move, whatever moves is a person."""

from collections.abc import Sequence

import cv2
import numpy as np
from pydantic import Field

from sitepose.plugins.api import Capabilities, Detections, Frame, PluginContext, PluginSettings

JOIN_WH = (5, 15)
"""Width and height in pixels over which moving spots are one: bodies are taller than wide."""


class MotionDetector:
    """Tells moving things from the background, which it learns. Remembers the background."""

    class Settings(PluginSettings):
        """Settings of ``motion``."""

        min_score: float = Field(0.3, ge=0, le=1)
        """Share of a box that must have moved."""
        min_height: int = Field(40, ge=1)
        """Pixels; what is lower is no person."""
        history: int = Field(100, ge=1)
        """Frames after which something that stands still belongs to the background."""

    licence = "Apache-2.0"
    requires = ("cv2",)

    def __init__(self, settings: Settings, context: PluginContext) -> None:
        self.settings = settings
        self.capabilities = Capabilities()
        self._background = cv2.createBackgroundSubtractorMOG2(settings.history, detectShadows=False)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the moving people of each frame, best first."""
        return [self._one(frame) for frame in frames]

    def close(self) -> None:
        """Nothing to give back."""

    def _one(self, frame: Frame) -> Detections:
        moving = self._background.apply(frame.image)
        if frame.index == 0:  # everything is new in the first frame
            return Detections.empty()
        joined = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, np.ones(JOIN_WH[::-1], np.uint8))
        x, y, width, height, area = cv2.connectedComponentsWithStats(joined)[2][1:].T  # 0 is the background
        scores = area / (width * height)
        # The centre of the first pixel is (0, 0), so its left edge is at -.5.
        boxes = np.stack([x, y, x + width, y + height], axis=1) - 0.5
        good = np.flatnonzero((scores > self.settings.min_score) & (height >= self.settings.min_height))
        best = good[np.argsort(-scores[good], kind="stable")]
        return Detections(boxes=boxes[best], scores=scores[best])
