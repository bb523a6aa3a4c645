"""The settings of a pose-NMS that suit a place: random search on labelled images, judged on images held out."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from sitepose.app.training.search_space import draw_settings, middle_of, space_of
from sitepose.core.formats.annotations import Annotations, Results
from sitepose.core.settings import Settings, check
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import BoolArray, IntArray, PoseCandidates, Poses, concatenate
from sitepose.models.metrics.bootstrap import Interval, paired_difference
from sitepose.models.metrics.coco_evaluation import AreaRule
from sitepose.models.metrics.keypoints import evaluate_keypoints
from sitepose.models.metrics.matches import MatchTable
from sitepose.tracking.pose_nms.methods import PoseNmsMethod
from sitepose.tracking.pose_nms.scoring import PoseNmsSettings

MIN_BEST = 5
"""Settings that the middle is taken of, at least."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class LabelledCandidates:
    """Labelled images, and what the pose network said of each.

    Attributes:
        name: For reports.
        truth: The labelled people.
        candidates: Of each image, in the order of ``truth.images``.
        skeleton: Of both.
        area_rule: Which area goes into OKS.
    """

    name: str
    truth: Annotations
    candidates: Sequence[PoseCandidates]
    skeleton: Skeleton
    area_rule: AreaRule = "segment"

    def suppressed(self, method: PoseNmsMethod, settings: PoseNmsSettings) -> list[Poses]:
        """Return the people of each image that a pose-NMS leaves."""
        return [method.suppress(one, self.skeleton, settings) for one in self.candidates]

    def matches(self, poses: Sequence[Poses]) -> MatchTable:
        """Return who was found in each image, to take average precision of."""
        results = _results(self.truth, poses)
        return evaluate_keypoints(self.truth, results, self.skeleton, area_rule=self.area_rule).matches


class SearchPlan(Settings):
    """How long to search and how to judge."""

    trials: int = Field(default=200, ge=2)
    """Settings to try, the ones to start from among them."""
    folds: int = Field(default=5, ge=2)
    """Parts that images are held out in."""
    seed: int = Field(default=0, ge=0)
    """The same seed tries the same settings."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Fit:
    """What a search found.

    Attributes:
        settings: Found on all images.
        held_out: AP of each set where every image is judged by the settings found without its fold.
        default: AP of each set with the settings before the search.
        gains: What the search gains on held-out images, by set, with its interval.
    """

    settings: PoseNmsSettings
    held_out: Mapping[str, float]
    default: Mapping[str, float]
    gains: Mapping[str, Interval]


def fit_nms(
    sets: Sequence[LabelledCandidates],
    method: PoseNmsMethod,
    fixed: Mapping[str, Any],
    plan: SearchPlan,
    *,
    progress: Callable[[], None] = lambda: None,
) -> Fit:
    """Try random settings and return the middle of those with the best mean keypoint AP over the sets.

    The best single one owes its place to chance as much as to merit: on images held out it is worse than the
    middle of the best tenth, as measured with COCO images and pasted crowds.

    Args:
        sets: Labelled images with candidates.
        method: What is fitted.
        fixed: Settings that are kept, ``form`` and ``person_score`` among them.
        plan: How many settings to try, and on what.
        progress: Called after each trial.

    Raises:
        ConfigError: The method has nothing to fit, or ``fixed`` does not fit it.
    """
    start = check(method.settings, fixed, where="[settings]")
    space = space_of(method, start)
    rng = np.random.default_rng(plan.seed)
    tried = [start, *(draw_settings(rng, method, space, fixed) for _ in range(plan.trials - 1))]
    tables = []
    for settings in tried:
        tables.append([one.matches(one.suppressed(method, settings)) for one in sets])
        progress()
    parts = [_folds(one.truth, plan.folds) for one in sets]

    def found(images: Sequence[BoolArray]) -> PoseNmsSettings:
        best = [tried[i] for i in _best(tables, images)]
        return middle_of(best, method, space, fixed)

    without = [found([part != fold for part in parts]) for fold in range(plan.folds)]
    held_out = [
        one.matches(_by_fold(one, part, method, without)) for one, part in zip(sets, parts, strict=True)
    ]
    return Fit(
        settings=found([np.ones(len(part), np.bool_) for part in parts]),
        held_out=_by_name(sets, [table.average_precision() for table in held_out]),
        default=_by_name(sets, [table.average_precision() for table in tables[0]]),
        gains=_by_name(sets, [_gain(*pair) for pair in zip(held_out, tables[0], strict=True)]),
    )


def _best(tables: Sequence[Sequence[MatchTable]], images: Sequence[BoolArray]) -> IntArray:
    """Return the best tenth of the trials, by mean AP on some of the images of each set, best first."""
    means = [
        np.nanmean([table.average_precision(chosen) for table, chosen in zip(row, images, strict=True)])
        for row in tables
    ]
    return np.argsort(-np.array(means), kind="stable")[: max(len(means) // 10, MIN_BEST)]


def _by_fold(
    one: LabelledCandidates, part: IntArray, method: PoseNmsMethod, without: Sequence[PoseNmsSettings]
) -> list[Poses]:
    """Return the people of each image by the settings that its fold had no say in."""
    return [
        method.suppress(candidates, one.skeleton, without[fold])
        for candidates, fold in zip(one.candidates, part, strict=True)
    ]


def _gain(held_out: MatchTable, start: MatchTable) -> Interval:
    return paired_difference(held_out.average_precision, start.average_precision, len(start.truths))


def _by_name(sets: Sequence[LabelledCandidates], values: Sequence[Any]) -> dict[str, Any]:
    return {one.name: value for one, value in zip(sets, values, strict=True)}


def _folds(truth: Annotations, folds: int) -> IntArray:
    """Return the fold of each image, by its name: a photograph in several sets is held out of all at once."""
    names = [image.file_name or str(image.image_id) for image in truth.images]
    return np.array([zlib.crc32(name.encode()) % folds for name in names], np.int64)


def _results(truth: Annotations, poses: Sequence[Poses]) -> Results:
    """Return the people of all images as one table."""
    joined = concatenate(poses, num_keypoints=len(truth.keypoint_names))
    ids = [image.image_id for image, found in zip(truth.images, poses, strict=True) for _ in range(len(found))]
    return Results(
        image_ids=tuple(ids),
        scores=joined.scores.astype(np.float64),
        boxes=joined.boxes.astype(np.float64),
        keypoints=joined.keypoints.astype(np.float64),
        keypoint_scores=joined.keypoint_scores.astype(np.float64),
        track_ids=joined.track_ids,
    )
