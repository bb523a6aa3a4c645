"""What each live source has of its own: a tracker, and the stages that lead to it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from sitepose.app.live.parts import LiveParts
from sitepose.app.pipeline.runner import Stage, Work
from sitepose.core.errors import PipelineError, SiteposeError
from sitepose.core.structures import Frame
from sitepose.plugins.api import Tracker

NEW_SCENE_S = 2.0
"""Seconds without a frame after which people cannot be told to be the same."""


class StageFailure(PipelineError):
    """A stage has failed at a frame.

    Args:
        stage: Name of the stage.
        reason: What went wrong, in one line.
    """

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage = stage
        self.reason = reason


@dataclass(slots=True)
class _Scene:
    tracker: Tracker
    stages: tuple[Stage, ...]
    last: Frame | None = None

    def follows(self, frame: Frame) -> bool:
        """Return whether a frame continues what the tracker has seen."""
        if self.last is None:
            return True
        gap = frame.timestamp - self.last.timestamp
        return frame.size_wh == self.last.size_wh and 0 <= gap <= NEW_SCENE_S


class Scenes:
    """Remembers the tracker of each source; begins anew where frames do not follow on each other."""

    def __init__(self) -> None:
        self._scenes: dict[str, _Scene] = {}
        self._lock = threading.Lock()

    def process(self, source: str, work: Work, parts: LiveParts) -> None:
        """Put a frame through the stages.

        Raises:
            StageFailure: One has failed; the source's tracker is made anew for the next frame.
        """
        name = "tracker"
        try:
            for stage in self._scene(source, work.frame, parts).stages:
                name = stage.name
                _run(stage, work)
        except Exception as error:  # the edge of the stages: whatever it is costs this frame
            self.forget(source)  # the tracker may be in pieces
            reason = str(error) if isinstance(error, SiteposeError) else f"{type(error).__name__}: {error}"
            raise StageFailure(name, reason) from error

    def switch(self, old: LiveParts | None, new: LiveParts) -> None:
        """Use new parts; trackers stay unless another one was chosen, or people have other keypoints now."""
        same_tracker = old is not None and old.config.tracker == new.config.tracker
        with self._lock:
            if old is None or not same_tracker or old.skeleton.name != new.skeleton.name:
                self._scenes.clear()
            for scene in self._scenes.values():
                scene.stages = new.stages(scene.tracker)

    def forget(self, source: str) -> None:
        """Forget a source."""
        with self._lock:
            self._scenes.pop(source, None)

    def _scene(self, source: str, frame: Frame, parts: LiveParts) -> _Scene:
        with self._lock:
            scene = self._scenes.get(source)
        if scene is None or not scene.follows(frame):
            tracker = parts.new_tracker() if scene is None else scene.tracker
            tracker.reset()
            scene = _Scene(tracker, parts.stages(tracker))
            with self._lock:
                self._scenes[source] = scene
        scene.last = frame
        return scene


def _run(stage: Stage, work: Work) -> None:
    stage.balance()
    started = time.perf_counter()
    stage.function(work)
    work.timings[stage.name] = max(time.perf_counter() - started + stage.balance(), 0.0)
