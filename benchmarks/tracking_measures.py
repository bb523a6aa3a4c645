"""Runs and scores of benchmarks/tracking.py: a tracker over a sequence, the search, paired intervals."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from tracking_candidates import Candidate
from tracking_sequences import Variant

from sitepose.core.structures import Frame, Poses
from sitepose.models.metrics.tracking import (
    TrackedBoxes,
    clear_mot,
    compare_boxes,
    identity,
    score_tracks,
    tracked_boxes,
)
from sitepose.plugins.api import Tracker
from sitepose.tracking.trackers.poseflow import PoseFlow
from sitepose.tracking.trackers.poseflow_offline import PoseFlowOffline

RESAMPLES = 10_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """What one tracker did with one sequence. ``carried`` ones include people not observed in the frame."""

    mota: float
    idf1: float
    ass_a: float
    switches: float
    carried_mota: float
    carried_idf1: float
    carried_boxes: float


MEASURES = ("mota", "idf1", "ass_a", "switches")


def track(tracker: Tracker, variant: Variant) -> list[tuple[int, Poses]]:
    """Return the people of each frame, with the corrections that the tracker makes at the end."""
    frames = variant.frames(pixels=tracker.needs_pixels)
    said = {
        i: tracker.update(frame, poses)
        for i, (frame, poses) in enumerate(zip(frames, variant.people, strict=True))
    }
    said.update(tracker.finish())
    return sorted(said.items())


def measure(tracker: Tracker, variant: Variant) -> Row:
    """Track a sequence and score it."""
    said = track(tracker, variant)
    seen = score_tracks(compare_boxes(variant.truth, tracked_boxes(said)))
    carried = compare_boxes(variant.truth, tracked_boxes(said, observed_only=False))
    return Row(
        mota=seen.clear.mota,
        idf1=seen.identity.idf1,
        ass_a=seen.hota.ass_a,
        switches=seen.clear.switches,
        carried_mota=clear_mot(carried).mota,
        carried_idf1=identity(carried).idf1,
        carried_boxes=sum(int((~poses.observed).sum()) for _, poses in said),
    )


def objective(tracker: Tracker, variant: Variant) -> float:
    """Return what the search maximises: the mean of MOTA and IDF1 of observed people."""
    comparison = compare_boxes(variant.truth, _boxes(track(tracker, variant)))
    return (clear_mot(comparison).mota + identity(comparison).idf1) / 2


def search(candidate: Candidate, variants: Sequence[Variant], budget: int) -> tuple[dict[str, float], float]:
    """Return the best of so many random settings, and its mean objective.

    Settings are left off as soon as even perfect names in the remaining sequences could not make them the best.
    """
    # Short sequences first: they tell as much as long ones.
    variants = sorted(variants, key=lambda variant: len(variant.people))
    ceilings = [ceiling(variant) for variant in variants]
    best: tuple[dict[str, float], float] = ({}, -np.inf)
    for settings in candidate.draws(budget):
        reached = list(ceilings)
        for i, variant in enumerate(variants):
            reached[i] = objective(_hushed(candidate.make(settings)), variant)
            if np.mean(reached) <= best[1]:
                break
        else:
            best = settings, float(np.mean(reached))
        _log.info("%s: %d of %d sequences, %.4f", candidate.label, i + 1, len(variants), np.mean(reached))
    return best


def ceiling(variant: Variant) -> float:
    """Return the objective of whoever names all detections rightly and leaves out those of nobody."""
    ends = np.cumsum([len(poses) for poses in variant.people])
    people = [
        (i, poses.replace(track_ids=np.arange(ends[i] - len(poses), ends[i])))
        for i, poses in enumerate(variant.people)
    ]
    recall = clear_mot(compare_boxes(variant.truth, _boxes(people))).recall
    return (recall + 2 * recall / (1 + recall)) / 2


class _Mute:
    """Says nothing while a sequence runs."""

    def update(self, frame: Frame, poses: Poses) -> Poses:
        return poses[:0]


def _hushed(tracker: Tracker) -> Tracker:
    """Return the tracker without what it only says until its corrections replace it: half the work."""
    if isinstance(tracker, PoseFlowOffline):
        tracker._online = cast(PoseFlow, _Mute())
    return tracker


def interval(differences: Iterable[float], *, seed: int = 0) -> tuple[float, float, float]:
    """Return mean and 95 % bootstrap interval of paired differences."""
    values: NDArray[np.float64] = np.array(list(differences))
    picks = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[picks].mean(axis=1), [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def _boxes(said: list[tuple[int, Poses]]) -> TrackedBoxes:
    return tracked_boxes(said)
