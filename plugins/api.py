"""The protocols of plug-ins: all that a plug-in author imports.

A plug-in is a class ``X(settings, context)`` with a nested ``Settings`` class. Built-in ones are rows of the
tables in :mod:`sitepose.plugins.registry`; others announce an entry point in the group
``sitepose.detectors``, ``sitepose.poses``, ``sitepose.sources`` or ``sitepose.trackers``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol, runtime_checkable

from sitepose.core.settings import Settings as PluginSettings
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import Detections, Frame, PoseCandidates, Poses
from sitepose.models.runtimes.api import RuntimeInfo, RuntimeOptions
from sitepose.models.runtimes.workers import Workers
from sitepose.models.zoo.card import ModelCard

__all__ = [
    "Capabilities",
    "Detections",
    "Detector",
    "Frame",
    "FrameSource",
    "PluginContext",
    "PluginSettings",
    "PoseCandidates",
    "PoseEstimator",
    "Poses",
    "RuntimeInfo",
    "Skeleton",
    "SourceInfo",
    "Tracker",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginContext:
    """What the program hands to a plug-in beside its settings.

    Attributes:
        weights: The file to load: the user's own (``yolox:my.onnx``), else the card's, fetched and verified;
            None for plug-ins without a file.
        card: The model card; None for plug-ins without one.
        runtime: The library, device and precision asked for.
        workers: The threads to run networks on, shared with the other parts of the pipeline.
        skeleton: What the people have; given to trackers.
    """

    weights: Path | None = None
    card: ModelCard | None = None
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    workers: Workers
    skeleton: Skeleton | None = None

    @property
    def device(self) -> str:
        """``auto``, ``cpu``, ``cuda`` or ``cuda:1``."""
        return self.runtime.device

    @property
    def precision(self) -> str:
        """``auto``, ``fp32``, ``bf16``, ``fp16`` or ``int8``."""
        return self.runtime.precision

    @property
    def threads(self) -> int:
        """Threads that the plug-in may keep busy."""
        return self.workers.threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a detector or pose estimator can do.

    Attributes:
        skeleton: The keypoints it gives; None for detectors of boxes alone.
        max_batch: Frames it takes in one call; None for any number.
        thread_safe: Whether several threads may call it at once.
        provides_track_ids: Whether its people come with track ids.
    """

    skeleton: Skeleton | None = None
    max_batch: int | None = None
    thread_safe: bool = False
    provides_track_ids: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What is known of a source before its first frame.

    Attributes:
        source_id: Name for files and logs, without credentials.
        size_wh: Width and height of the frames, after rotation.
        frame_rate: Average frames per second; None where unknown.
        frame_count: The container's claim, for progress bars alone; None where unknown.
        live: Whether frames are lost when nobody takes them in time.
    """

    source_id: str
    size_wh: tuple[int, int]
    frame_rate: Fraction | None = None
    frame_count: int | None = None
    live: bool = False


@runtime_checkable
class Detector(Protocol):
    """Frames in, people's boxes out."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the people of each frame, best first. An empty sequence gives an empty list."""

    def close(self) -> None:
        """Give the memory back; calling it twice is fine."""


@runtime_checkable
class PoseEstimator(Protocol):
    """Frames and boxes in, keypoint candidates out (SPPE)."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; the skeleton is never None."""

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[PoseCandidates]:
        """Return the candidates of each frame; one row for each of its detections, in their order."""

    def close(self) -> None:
        """Give the memory back; calling it twice is fine."""


@runtime_checkable
class Tracker(Protocol):
    """Poses of one frame after the other in, the same people with identities out."""

    @property
    def needs_pixels(self) -> bool:
        """Whether ``frame.image`` is read; if not, saved poses can be tracked again without the video."""

    def update(self, frame: Frame, poses: Poses) -> Poses:
        """Return the frame's people with ``track_ids``; carried people have ``observed`` False."""

    def finish(self) -> Iterable[tuple[int, Poses]]:
        """Return frames (by index, ascending) whose people look-ahead has changed; called once at the end."""

    def reset(self) -> None:
        """Forget everybody: the next frame is the first of something else."""


@runtime_checkable
class FrameSource(Protocol):
    """An iterator of frames. The end of the iteration is the end of the stream.

    A fault in mid-stream raises ``SourceError`` after every good frame before it has been given.
    """

    @property
    def info(self) -> SourceInfo:
        """What is known before the first frame."""

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded and were skipped so far."""

    def __iter__(self) -> Iterator[Frame]:
        """Return the iterator."""

    def __next__(self) -> Frame:
        """Return the next frame."""

    def close(self) -> None:
        """Close the file or device; calling it twice is fine."""
