"""The parts of a live pipeline, exchanged one by one while it runs."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from sitepose.app.choices import NONE, Progress, choose
from sitepose.app.config import RunConfig
from sitepose.app.factory import (
    Model,
    PartLoader,
    build_suppress,
    build_tracker,
    detected_poses,
    runtime_options,
    within_region,
)
from sitepose.app.pipeline.runner import Stage
from sitepose.app.pipeline.schedule import schedule_of
from sitepose.app.pipeline.stages import Stages, Suppress
from sitepose.core.errors import PluginError
from sitepose.core.skeleton import Skeleton
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import Detector, PoseEstimator, Tracker


@dataclass(eq=False, slots=True)
class Loaded:
    """A plug-in, loaded, with what it has opened; shared by every :class:`LiveParts` that has not replaced it.

    Attributes:
        plugin: The plug-in.
        models: The files that it uses.
    """

    plugin: Any
    models: tuple[Model, ...] = ()
    _closers: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        """Give its memory back; calling it twice is fine."""
        self._closers.close()


@dataclass(frozen=True, eq=False, slots=True)
class LiveParts:
    """Everything that a live pipeline needs but its trackers, of which each source has one of its own.

    Attributes:
        config: What was asked for.
        detector: Who finds the people.
        pose: Who finds the keypoints; None where the detector does.
        estimator: The same, as a stage.
        suppress: Which of the poses are people.
        skeleton: What the people have.
        workers: The threads that run networks.
    """

    config: RunConfig
    detector: Loaded
    pose: Loaded | None
    estimator: PoseEstimator
    suppress: Suppress
    skeleton: Skeleton
    workers: Workers

    @property
    def models(self) -> tuple[Model, ...]:
        """The files in use."""
        return self.detector.models + (self.pose.models if self.pose is not None else ())

    def new_tracker(self) -> Tracker:
        """Return a tracker for one source."""
        return build_tracker(self.config.tracker, self.skeleton, self.workers)

    def stages(self, tracker: Tracker) -> tuple[Stage, ...]:
        """Return the stages for the source that a tracker belongs to, from a frame to its tracked people."""
        detector: Detector = within_region(self.config, self.detector.plugin)
        stages = Stages(detector, self.estimator, self.suppress, tracker, workers=self.workers)
        if self.config.detect_every == 1:
            return stages.in_order()
        return stages.in_loop(schedule_of(self.config.detect_every), lag=0)

    def loaded(self) -> list[Loaded]:
        """Return what is to be closed."""
        return [self.detector] if self.pose is None else [self.detector, self.pose]


def load_parts(
    config: RunConfig, old: LiveParts | None, workers: Workers, progress: Progress | None = None
) -> LiveParts:
    """Return the parts of a configuration: those of ``old`` that it does not change, the others newly loaded.

    Raises:
        SiteposeError: A part cannot be had, or parts do not fit together; nothing is left open.
    """
    chosen_detector = choose("detector", config.detector)
    chosen_pose = choose("pose", config.pose) if config.pose.name != NONE else None
    same_runtime = old is not None and old.config.runtime == config.runtime
    with ExitStack() as undo:

        def load(choice: Any) -> Loaded:
            part = _load(choice, config, workers, progress)
            undo.callback(part.close)
            return part

        if old is not None and same_runtime and old.config.detector == config.detector:
            detector = old.detector
        else:
            detector = load(chosen_detector)
        if chosen_pose is None:
            pose = None
        elif old is not None and same_runtime and old.pose and old.config.pose == config.pose:
            pose = old.pose
        else:
            pose = load(chosen_pose)
        estimator = pose.plugin if pose is not None else detected_poses(config, detector.plugin)
        parts = _fitted(config, detector, pose, estimator, workers)
        undo.pop_all()
    return parts


def _fitted(
    config: RunConfig, detector: Loaded, pose: Loaded | None, estimator: PoseEstimator, workers: Workers
) -> LiveParts:
    skeleton = estimator.capabilities.skeleton
    if skeleton is None:
        raise PluginError(f"pose {config.pose.name!r} does not say its skeleton")
    suppress = build_suppress(config.nms, skeleton)
    parts = LiveParts(config, detector, pose, estimator, suppress, skeleton, workers)
    parts.stages(parts.new_tracker())  # a mask or tracker that cannot be had is told of now
    return parts


def _load(choice: Any, config: RunConfig, workers: Workers, progress: Progress | None) -> Loaded:
    with ExitStack() as closers:
        loader = PartLoader(runtime_options(config.runtime), workers, progress, closers)
        plugin = loader.load(choice)
        return Loaded(plugin, tuple(loader.models), closers.pop_all())
