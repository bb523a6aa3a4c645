"""ByteTrack, OC-SORT, BoT-SORT and C-BIoU of the package ``trackers`` (Roboflow, Apache-2.0), as plug-ins.

They see boxes and scores alone; poses ride along. The package counts lost time in frames of 30 a second and
moves its filters by true time stamps, which it is given.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from sitepose.core.errors import PluginError
from sitepose.core.structures import Frame, Poses
from sitepose.plugins.api import PluginContext, PluginSettings
from sitepose.tracking.clock import FrameClock

BUFFER_RATE = 30
"""Frames per second in which the package counts its buffer of lost tracks."""


class PackageSettings(PluginSettings):
    """What all trackers of the package share."""

    max_lost_s: float = Field(1.0, ge=0)
    """Seconds without a sighting after which a track ends."""
    frame_rate: float = Field(BUFFER_RATE, gt=0)
    """Frames per second for which the package's motion noise is meant."""
    high_score: float = Field(0.6, ge=0, le=1)
    """Box score from which a person is matched in the first round."""
    min_hits: int = Field(2, ge=1)
    """Sightings in a row after which a new track is reported."""


class PackageTracker:
    """Remembers a tracker of the package; the next ids follow those given before."""

    class_name: ClassVar[str]
    names: ClassVar[dict[str, str]]
    """Our settings that the package calls something else."""

    def __init__(self, settings: PackageSettings, context: PluginContext) -> None:
        self._settings = settings
        self.needs_pixels = bool(getattr(settings, "camera_motion", False))
        self._class, self._detections = _load(self.class_name)
        self.reset()

    def reset(self) -> None:
        """Forget everybody, and begin to count ids anew."""
        values = self._settings.model_dump()
        values["lost_track_buffer"] = round(values.pop("max_lost_s") * BUFFER_RATE)
        values["high_conf_det_threshold"] = values.pop("high_score")
        values["minimum_consecutive_frames"] = values.pop("min_hits")
        self._tracker = self._class(**{self.names.get(name, name): value for name, value in values.items()})
        self._clock = FrameClock()

    def finish(self) -> Iterable[tuple[int, Poses]]:
        """Return nothing: these trackers never change what they said."""
        return ()

    def update(self, frame: Frame, poses: Poses) -> Poses:
        """Return the people that have a track, in their order."""
        self._clock.advance(frame)
        detections = self._detections(
            xyxy=poses.boxes.copy(),
            confidence=poses.box_scores.copy(),
            class_id=np.zeros(len(poses), int),
            data={"row": np.arange(len(poses))},
        )
        bgr = np.ascontiguousarray(frame.image[..., ::-1]) if self.needs_pixels else None
        tracked = self._tracker.update(detections, bgr, timestamp=self._clock.now)
        if tracked.tracker_id is None or len(tracked) == 0:
            return poses[:0]
        rows = np.asarray(tracked.data["row"], np.intp)
        order = np.argsort(rows)
        # The package counts from 0; MOT files count identities from 1.
        ids = np.asarray(tracked.tracker_id, np.int64)[order] + 1
        return poses[rows[order]].replace(track_ids=ids)[ids > 0]


class ByteTrack(PackageTracker):
    """ByteTrack: strong detections first, then weak ones, by overlap with Kalman predictions."""

    class Settings(PackageSettings):
        """Settings of ``bytetrack``."""

        birth_score: float = Field(0.7, ge=0, le=1)
        """Box score from which an unmatched person begins a track."""
        min_iou: float = Field(0.1, ge=0, le=1)
        """Overlap below which a track and a box are never matched."""

    class_name: ClassVar[str] = "ByteTrackTracker"
    names: ClassVar[dict[str, str]] = {
        "birth_score": "track_activation_threshold",
        "min_iou": "minimum_iou_threshold",
    }


class OcSort(PackageTracker):
    """OC-SORT: a Kalman filter that is rebuilt from observations after every gap."""

    class Settings(PackageSettings):
        """Settings of ``ocsort``."""

        min_hits: int = Field(3, ge=1)
        """Sightings in a row after which a new track is reported."""
        min_iou: float = Field(0.3, ge=0, le=1)
        """Overlap below which a track and a box are never matched."""
        direction_weight: float = Field(0.2, ge=0)
        """Weight of moving on in the same direction."""
        delta_t: int = Field(3, ge=1)
        """Frames over which the direction is measured."""

    class_name: ClassVar[str] = "OCSORTTracker"
    names: ClassVar[dict[str, str]] = {
        "min_iou": "minimum_iou_threshold",
        "direction_weight": "direction_consistency_weight",
    }


class _ThreeRoundSettings(PackageSettings):
    """What BoT-SORT and C-BIoU share."""

    birth_score: float = Field(0.7, ge=0, le=1)
    """Box score from which an unmatched person begins a track."""
    min_iou_first: float = Field(0.2, ge=0, le=1)
    """Least overlap in the first round, with strong detections."""
    min_iou_second: float = Field(0.5, ge=0, le=1)
    """Least overlap in the second round, with weak detections."""
    min_iou_unconfirmed: float = Field(0.3, ge=0, le=1)
    """Least overlap with tracks that are not reported yet."""


_THREE_ROUNDS = {
    "birth_score": "track_activation_threshold",
    "min_iou_first": "minimum_iou_threshold_first_assoc",
    "min_iou_second": "minimum_iou_threshold_second_assoc",
    "min_iou_unconfirmed": "minimum_iou_threshold_unconfirmed_assoc",
}


class BotSort(PackageTracker):
    """BoT-SORT: ByteTrack with width in the filter and the camera's own motion taken out."""

    class Settings(_ThreeRoundSettings):
        """Settings of ``botsort``."""

        camera_motion: bool = True
        """Estimate the camera's motion from the pixels."""
        downscale: int = Field(2, ge=1)
        """Factor by which the frame is shrunk for it."""

    class_name: ClassVar[str] = "BoTSORTTracker"
    names: ClassVar[dict[str, str]] = {
        **_THREE_ROUNDS,
        "camera_motion": "enable_cmc",
        "downscale": "cmc_downscale",
    }


class CBiou(PackageTracker):
    """C-BIoU: two rounds of matching with boxes grown on all sides."""

    class Settings(_ThreeRoundSettings):
        """Settings of ``cbiou``."""

        buffer_first: float = Field(0.3, ge=0)
        """Growth of the boxes in the first round, as a share of their sides."""
        buffer_second: float = Field(0.5, ge=0)
        """Growth of the boxes in the second round."""

    class_name: ClassVar[str] = "CBIoUTracker"
    names: ClassVar[dict[str, str]] = {
        **_THREE_ROUNDS,
        "buffer_first": "buffer_ratio_first",
        "buffer_second": "buffer_ratio_second",
    }


def _load(class_name: str) -> tuple[Any, Any]:
    """Return a tracker class of the package and its class of detections."""
    try:
        tracker_class = getattr(importlib.import_module("trackers"), class_name)
        return tracker_class, importlib.import_module("supervision").Detections
    except ImportError as error:
        raise PluginError(
            f"this tracker needs the package 'trackers' ({error}); pip install 'sitepose[trackers]'"
        ) from error
