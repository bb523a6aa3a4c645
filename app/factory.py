"""From a configuration to the parts of a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sitepose.app.choices import NONE, Choice, Progress, choose
from sitepose.app.config import PartConfig, RunConfig, RuntimeConfig
from sitepose.app.pipeline.region import RegionDetector
from sitepose.app.pipeline.runner import Stage
from sitepose.app.pipeline.schedule import schedule_of
from sitepose.app.pipeline.stages import Stages, Suppress
from sitepose.core.errors import ConfigError, PluginError
from sitepose.core.settings import check
from sitepose.core.skeleton import Skeleton
from sitepose.models.runtimes.api import RuntimeInfo, RuntimeOptions
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import Detector, PluginContext, PoseEstimator, Tracker
from sitepose.tracking.matching import load_solver
from sitepose.tracking.pose_nms.methods import pose_nms_method


@dataclass(frozen=True, slots=True)
class Model:
    """A file that a run depends on, for its report."""

    name: str
    sha256: str
    runtime: RuntimeInfo | None = None


@dataclass(slots=True)
class Parts:
    """Everything that a run needs, closed together.

    Attributes:
        detector: Who finds the people.
        estimator: Who finds the keypoints.
        suppress: Which of the poses are people.
        tracker: Who keeps the identities.
        skeleton: What the people have.
        workers: The threads that run networks.
        models: The files in use.
    """

    detector: Detector
    estimator: PoseEstimator
    suppress: Suppress
    tracker: Tracker
    skeleton: Skeleton
    workers: Workers
    models: list[Model] = field(default_factory=list)
    _closers: ExitStack = field(default_factory=ExitStack)

    def stages(self, config: RunConfig) -> tuple[Stage, ...]:
        """Return the stages from a frame to its tracked people."""
        parts = self.detector, self.estimator, self.suppress, self.tracker
        stages = Stages(*parts, workers=self.workers, select=config.select)
        if config.detect_every == 1:
            return stages.in_order()
        return stages.in_loop(schedule_of(config.detect_every))

    def close(self) -> None:
        """Close every part; calling it twice is fine."""
        self._closers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def build_parts(config: RunConfig, *, progress: Progress | None = None) -> Parts:
    """Load every part that a configuration names; names and settings are checked before any weights are.

    Raises:
        UnknownPluginError: A name is unknown.
        ConfigError: A part's settings are wrong, or parts do not fit together.
        PluginError: A part cannot be loaded.
        WeightsError: Weights are missing or damaged.
    """
    chosen_detector = choose("detector", config.detector)
    chosen_pose = choose("pose", config.pose) if config.pose.name != NONE else None
    choose("tracker", config.tracker)
    _check_nms(config.nms)
    with ExitStack() as closers:
        workers = Workers(config.runtime.threads)
        closers.callback(workers.close)
        loader = PartLoader(runtime_options(config.runtime), workers, progress, closers)
        chosen = [chosen_detector, *([chosen_pose] if chosen_pose else [])]
        detector, *others = loader.load_all(
            chosen, meanwhile=load_solver if config.tracker.name != NONE else None
        )
        estimator: PoseEstimator = others[0] if others else detected_poses(config, detector)
        skeleton = estimator.capabilities.skeleton
        if skeleton is None:
            raise PluginError(f"pose {config.pose.name!r} does not say its skeleton")
        return Parts(
            detector=within_region(config, detector),
            estimator=estimator,
            suppress=build_suppress(config.nms, skeleton),
            tracker=build_tracker(config.tracker, skeleton, workers),
            skeleton=skeleton,
            workers=workers,
            models=loader.models,
            _closers=closers.pop_all(),
        )


def runtime_options(config: RuntimeConfig | None = None) -> RuntimeOptions:
    """Return how networks are to run; what is compiled for it is kept in the user's cache folder."""
    from sitepose.models.zoo.fetch import default_cache

    config = config or RuntimeConfig()
    return RuntimeOptions(
        library=config.library,
        device=config.device,
        precision=config.precision,
        compiled=default_cache() / "compiled",
    )


def build_suppress(part: PartConfig, skeleton: Skeleton) -> Suppress:
    """Return the pose-NMS that a configuration names, with its skeleton and settings filled in."""
    method = pose_nms_method(part.name)
    settings = _check_nms(part)
    return lambda candidates: method.suppress(candidates, skeleton, settings)


def build_tracker(part: PartConfig, skeleton: Skeleton, workers: Workers) -> Tracker:
    """Return the tracker that a configuration names, with all that it will need loaded."""
    if part.name != NONE:
        load_solver()
    tracker: Tracker = choose("tracker", part).construct(PluginContext(workers=workers, skeleton=skeleton))
    return tracker


def _check_nms(part: PartConfig) -> Any:
    return check(pose_nms_method(part.name).settings, part.settings, where="[nms.settings]")


def detected_poses(config: RunConfig, detector: Detector) -> PoseEstimator:
    """Return what takes the keypoints that a one-stage detector has found.

    Raises:
        ConfigError: The detector finds none.
    """
    if detector.capabilities.skeleton is None:
        raise ConfigError(
            f"--pose none: detector {config.detector.name!r} gives boxes alone; choose a pose network"
        )
    from sitepose.plugins.poses.detected import DetectedPoses

    return DetectedPoses(detector.capabilities.skeleton)


def within_region(config: RunConfig, detector: Detector) -> Detector:
    """Return the detector, held to the part of the picture that the configuration names."""
    if config.input.roi is None and config.input.mask is None:
        return detector
    return RegionDetector(detector, config.input.roi, config.input.mask)


@dataclass(frozen=True, slots=True)
class PartLoader:
    """Loads plug-ins that may have weights. Remembers what to close and to report."""

    runtime: RuntimeOptions
    workers: Workers
    progress: Progress | None
    closers: ExitStack
    models: list[Model] = field(default_factory=list)

    def load(self, choice: Choice) -> Any:
        """Return the plug-in, started."""
        return self._kept(*self._start(choice, choice.weights(self.progress)))

    def load_all(self, choices: Sequence[Choice], *, meanwhile: Callable[[], None] | None = None) -> list[Any]:
        """Return the plug-ins, started side by side: libraries compile networks on one processor each.

        Args:
            choices: What to start; all weights are found, or fetched, before anything is.
            meanwhile: Something else that takes its time to load.

        Raises:
            SiteposeError: What was wrong with the first that cannot start; the others are closed with the rest.
        """
        files = [choice.weights(self.progress) for choice in choices]
        with ThreadPoolExecutor(len(choices) + 1, thread_name_prefix="load") as pool:
            started = [pool.submit(self._start, *pair) for pair in zip(choices, files, strict=True)]
            if meanwhile is not None:
                pool.submit(meanwhile)
        return [self._kept(*future.result()) for future in started]

    def _kept(self, built: Any, model: Model | None) -> Any:
        self.models.extend([model] if model is not None else [])
        return built

    def _start(self, choice: Choice, weights: Path | None) -> tuple[Any, Model | None]:
        built = choice.construct(
            PluginContext(weights=weights, card=choice.card, runtime=self.runtime, workers=self.workers)
        )
        self.closers.callback(choice.close, built)
        if weights is None:
            return built, None
        from sitepose.models.zoo.store import sha256_of

        return built, Model(choice.model_name, sha256_of(weights), getattr(built, "runtime", None))
