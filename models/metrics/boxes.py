"""Box AP and AR: the twelve numbers of the COCO evaluation."""

from __future__ import annotations

from dataclasses import dataclass

from sitepose.core.formats.annotations import Annotations, Results
from sitepose.models.metrics.coco_evaluation import AreaRule, areas_by, evaluate
from sitepose.models.metrics.matches import MatchTable

MAX_BOXES = (1, 10, 100)
"""Best boxes of an image that count, in the COCO evaluation."""

SMALL, MEDIUM, LARGE = 1, 2, 3
"""Places of the ranges of areas: below 32, to 96, and beyond, pixels squared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxScores:
    """The numbers of the COCO box evaluation, 0..1; NaN where nobody of that size is to be found.

    Attributes:
        ap: Average precision over IoU .50, .55 ... .95.
        ap50: At IoU .50.
        ap75: At IoU .75.
        ap_small: Of people below 32 pixels squared.
        ap_medium: Of those to 96.
        ap_large: Of larger ones.
        ar1: Average recall with one box an image.
        ar10: With ten.
        ar100: With a hundred.
        ar_small: With a hundred, as ``ap_small``.
        ar_medium: With a hundred, as ``ap_medium``.
        ar_large: With a hundred, as ``ap_large``.
        recall50: Recall at IoU .50 with a hundred boxes.
        images: How many images were scored.
        people: How many people were to be found in them.
    """

    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar1: float
    ar10: float
    ar100: float
    ar_small: float
    ar_medium: float
    ar_large: float
    recall50: float
    images: int
    people: int


@dataclass(frozen=True, eq=False, slots=True)
class BoxEvaluation:
    """The scores, and the table of matches to draw images anew from."""

    scores: BoxScores
    matches: MatchTable


def evaluate_boxes(truth: Annotations, results: Results, *, area_rule: AreaRule = "segment") -> BoxEvaluation:
    """Score boxes as the COCO evaluation does; groups (``iscrowd``) count neither way.

    Args:
        truth: The labelled people.
        results: The reported people.
        area_rule: Which area makes a person small, medium or large.

    Raises:
        PluginError: hotcoco is not installed.
        ValueError: A result is of an unknown image, or somebody lacks the area that is asked for.
    """
    found = evaluate(truth, results, "bbox", areas=areas_by(truth, area_rule), max_reports=MAX_BOXES)
    scores = BoxScores(
        ap=found.average_precision(),
        ap50=found.average_precision(at=0.5),
        ap75=found.average_precision(at=0.75),
        ap_small=found.average_precision(area=SMALL),
        ap_medium=found.average_precision(area=MEDIUM),
        ap_large=found.average_precision(area=LARGE),
        ar1=found.average_recall(reports=0),
        ar10=found.average_recall(reports=1),
        ar100=found.average_recall(),
        ar_small=found.average_recall(area=SMALL),
        ar_medium=found.average_recall(area=MEDIUM),
        ar_large=found.average_recall(area=LARGE),
        recall50=found.average_recall(at=0.5),
        images=len(truth.images),
        people=int(found.matches.truths.sum()),
    )
    return BoxEvaluation(scores, found.matches)
