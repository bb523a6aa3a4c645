"""Keypoint AP and AR: the ten numbers of the COCO evaluation, and CrowdPose's by crowding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sitepose.core.formats.annotations import Annotations, Results
from sitepose.core.formats.crowdpose import stored_crowd_indices
from sitepose.core.skeleton import Skeleton, load_skeleton
from sitepose.core.structures import BoolArray
from sitepose.models.metrics.coco_evaluation import AreaRule, areas_by, evaluate
from sitepose.models.metrics.matches import MatchTable

MAX_PEOPLE = 20
"""Best people of an image that count, in the COCO evaluation."""

MEDIUM, LARGE = 1, 2
"""Places of the ranges of areas: from 32 and from 96 pixels squared."""

EASY_BELOW = 0.2
HARD_FROM = 0.8
"""Crowd indices that part easy, medium and hard images in CrowdPose's evaluation; its paper says 0.1, 0.8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypointScores:
    """The numbers of the COCO keypoint evaluation, 0..1; NaN where nobody of that size is to be found.

    Attributes:
        ap: Average precision over OKS .50, .55 ... .95.
        ap50: At OKS .50.
        ap75: At OKS .75.
        ap_medium: Of people of 32 to 96 pixels squared.
        ap_large: Of larger ones.
        ar: Average recall over the same.
        ar50: At OKS .50.
        ar75: At OKS .75.
        ar_medium: As ``ap_medium``.
        ar_large: As ``ap_large``.
        images: How many images were scored.
        people: How many people were to be found in them.
        area_rule: Which area went into OKS.
    """

    ap: float
    ap50: float
    ap75: float
    ap_medium: float
    ap_large: float
    ar: float
    ar50: float
    ar75: float
    ar_medium: float
    ar_large: float
    images: int
    people: int
    area_rule: AreaRule


@dataclass(frozen=True, eq=False, slots=True)
class KeypointEvaluation:
    """The scores, and the table of matches to draw images anew from."""

    scores: KeypointScores
    matches: MatchTable


def evaluate_keypoints(
    truth: Annotations,
    results: Results,
    skeleton: Skeleton,
    *,
    area_rule: AreaRule = "segment",
    max_people: int = MAX_PEOPLE,
) -> KeypointEvaluation:
    """Score poses as the COCO evaluation does.

    Groups (``iscrowd``) and people whose stored number of keypoints is 0 count neither way. Reports are ranked
    by ``results.scores``: what goes into these is part of the result.

    Args:
        truth: The labelled people.
        results: The reported people, with the same keypoints.
        skeleton: Of both; its deviations go into OKS.
        area_rule: Which area goes into OKS and into medium and large.
        max_people: Best people of an image that count.

    Raises:
        PluginError: hotcoco is not installed.
        ValueError: A result is of an unknown image, or somebody lacks the area that is asked for.
    """
    found = evaluate(
        truth,
        results,
        "keypoints",
        areas=areas_by(truth, area_rule),
        sigmas=skeleton.oks_sigmas,
        max_reports=(max_people,),
    )
    scores = KeypointScores(
        ap=found.average_precision(),
        ap50=found.average_precision(at=0.5),
        ap75=found.average_precision(at=0.75),
        ap_medium=found.average_precision(area=MEDIUM),
        ap_large=found.average_precision(area=LARGE),
        ar=found.average_recall(),
        ar50=found.average_recall(at=0.5),
        ar75=found.average_recall(at=0.75),
        ar_medium=found.average_recall(area=MEDIUM),
        ar_large=found.average_recall(area=LARGE),
        images=len(truth.images),
        people=int(found.matches.truths.sum()),
        area_rule=area_rule,
    )
    return KeypointEvaluation(scores, found.matches)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdPoseScores:
    """CrowdPose's numbers: all images, and parted by how crowded they are.

    Attributes:
        all: Every image.
        ap_easy: AP of images with a crowd index below 0.2.
        ap_medium: Of those up to 0.8.
        ap_hard: Of the rest.
    """

    all: KeypointScores
    ap_easy: float
    ap_medium: float
    ap_hard: float


def evaluate_crowdpose(truth: Annotations, results: Results) -> CrowdPoseScores:
    """Score poses as CrowdPose does: the area of OKS is .53 w h, images are parted by their stored crowd index.

    Args:
        truth: What :func:`sitepose.core.formats.crowdpose.read_crowdpose` gives.
        results: The reported people, in the order of ``crowdpose14``.

    Raises:
        PluginError: hotcoco is not installed.
        ValueError: A result is of an unknown image.
    """
    found = evaluate_keypoints(truth, results, load_skeleton("crowdpose14"), area_rule="box53")
    crowding = stored_crowd_indices(truth)
    easy, hard = crowding < EASY_BELOW, crowding >= HARD_FROM

    def part(images: BoolArray) -> float:
        return found.matches.average_precision(images.astype(np.float64))

    return CrowdPoseScores(
        all=found.scores, ap_easy=part(easy), ap_medium=part(~easy & ~hard), ap_hard=part(hard)
    )
