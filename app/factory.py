"""From a configuration to the parts of a pipeline: names looked up, weights fetched, settings checked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sitepose.app.config import PartConfig, RunConfig
from sitepose.app.pipeline.stages import Stages, Suppress
from sitepose.core.errors import ConfigError, PluginError, SiteposeError, UnknownPluginError, did_you_mean
from sitepose.core.settings import check
from sitepose.core.skeleton import Skeleton
from sitepose.models.runtimes.api import RuntimeInfo, RuntimeOptions
from sitepose.models.runtimes.workers import Workers
from sitepose.models.zoo.card import ModelCard, card_names, load_card
from sitepose.plugins.api import Detector, PluginContext, PoseEstimator, Tracker
from sitepose.plugins.registry import Kind, load_plugin, plugin_rows
from sitepose.tracking.pose_nms.methods import pose_nms_method

NONE = "none"
"""The name that leaves a part out."""

Progress = Callable[[str, int, int | None], None]
"""Told while weights are fetched: what, bytes so far, bytes in all if known."""


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

    def stages(self, *, select: int | None = None) -> Stages:
        """Return the stages over these parts."""
        parts = self.detector, self.estimator, self.suppress, self.tracker
        return Stages(*parts, workers=self.workers, select=select)

    def close(self) -> None:
        """Close every part; calling it twice is fine."""
        self._closers.close()

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def build_parts(config: RunConfig, *, progress: Progress | None = None) -> Parts:
    """Load every part that a configuration names.

    Raises:
        UnknownPluginError: A name is unknown.
        ConfigError: A part's settings are wrong, or parts do not fit together.
        PluginError: A part cannot be loaded.
        WeightsError: Weights are missing or damaged.
    """
    with ExitStack() as closers:
        workers = Workers(config.runtime.threads)
        closers.callback(workers.close)
        runtime = RuntimeOptions(
            library=config.runtime.library, device=config.runtime.device, precision=config.runtime.precision
        )
        loader = _Loader(runtime, workers, progress, closers)
        detector = _region(config, loader.load("detector", config.detector))
        estimator = _estimator(config, loader, detector)
        skeleton = estimator.capabilities.skeleton
        if skeleton is None:
            raise PluginError(f"pose {config.pose.name!r} does not say its skeleton")
        return Parts(
            detector=detector,
            estimator=estimator,
            suppress=build_suppress(config.nms, skeleton),
            tracker=build_tracker(config.tracker, skeleton, workers),
            skeleton=skeleton,
            workers=workers,
            models=loader.models,
            _closers=closers.pop_all(),
        )


def build_suppress(part: PartConfig, skeleton: Skeleton) -> Suppress:
    """Return the pose-NMS that a configuration names, with its skeleton and settings filled in."""
    method = pose_nms_method(part.name)
    settings = check(method.settings, part.settings, where="[nms.settings]")
    return lambda candidates: method.suppress(candidates, skeleton, settings)


def build_tracker(part: PartConfig, skeleton: Skeleton, workers: Workers) -> Tracker:
    """Return the tracker that a configuration names."""
    plugin = load_plugin("tracker", part.name)
    settings = check(plugin.Settings, part.settings, where="[tracker.settings]")
    tracker: Tracker = _construct(
        "tracker", part.name, plugin, settings, PluginContext(workers=workers, skeleton=skeleton)
    )
    return tracker


def _estimator(config: RunConfig, loader: _Loader, detector: Detector) -> PoseEstimator:
    if config.pose.name != NONE:
        estimator: PoseEstimator = loader.load("pose", config.pose)
        return estimator
    if detector.capabilities.skeleton is None:
        raise ConfigError(
            f"--pose none: detector {config.detector.name!r} gives boxes alone; choose a pose network"
        )
    from sitepose.plugins.poses.detected import DetectedPoses

    return DetectedPoses(detector.capabilities.skeleton)


def _region(config: RunConfig, detector: Detector) -> Detector:
    if config.input.roi is None and config.input.mask is None:
        return detector
    from sitepose.app.pipeline.region import RegionDetector

    return RegionDetector(detector, config.input.roi, config.input.mask)


@dataclass(frozen=True, slots=True)
class _Loader:
    """Loads plug-ins that may have weights; remembers what to close and to report."""

    runtime: RuntimeOptions
    workers: Workers
    progress: Progress | None
    closers: ExitStack
    models: list[Model] = field(default_factory=list)

    def load(self, kind: Kind, part: PartConfig) -> Any:
        plugin_name, card = _resolve(kind, part.name)
        plugin = load_plugin(kind, plugin_name)
        if card is None and (default := getattr(plugin, "default_card", None)):
            card = load_card(default)
        settings = check(plugin.Settings, part.settings, where=f"[{kind}.settings]")
        weights = self._weights(kind, part, card)
        context = PluginContext(weights=weights, card=card, runtime=self.runtime, workers=self.workers)
        built = _construct(kind, part.name, plugin, settings, context)
        self.closers.callback(built.close)
        if weights is not None:
            from sitepose.models.zoo.store import sha256_of

            name = part.file.name if part.file else card.name if card else part.name
            self.models.append(Model(name, sha256_of(weights), getattr(built, "runtime", None)))
        return built

    def _weights(self, kind: Kind, part: PartConfig, card: ModelCard | None) -> Path | None:
        if part.file is not None:
            if not part.file.is_file():
                raise ConfigError(f"--{kind} {part.name}:{part.file}: no such file")
            return part.file
        if card is None:
            return None
        from sitepose.models.zoo.store import locate

        return locate(card, progress=self.progress)


def _resolve(kind: Kind, name: str) -> tuple[str, ModelCard | None]:
    """Return the plug-in, and the card where ``name`` is one."""
    rows = plugin_rows(kind)
    if name in rows:
        return name, None
    try:
        card = load_card(name)
    except UnknownPluginError:
        known = set(rows) | {card for card in card_names() if load_card(card).kind == kind} | {NONE}
        raise UnknownPluginError(f"unknown {kind} {name!r}; {did_you_mean(name, known)}") from None
    if card.kind != kind:
        raise ConfigError(f"--{kind} {name}: this model is a {card.kind}, not a {kind}")
    return card.plugin, card


def _construct(kind: Kind, name: str, plugin: type[Any], settings: Any, context: PluginContext) -> Any:
    try:
        return plugin(settings, context)
    except SiteposeError:
        raise
    except Exception as error:  # the edge of a plug-in: it may raise anything at all
        raise PluginError(f"{kind} {name!r} cannot start: {type(error).__name__}: {error}") from error
