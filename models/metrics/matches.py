"""Who was matched in every image, and the average precision of any choice of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sitepose.core.structures import BoolArray, IntArray
from sitepose.models.metrics.comparison import DoubleArray

RECALLS: DoubleArray = np.linspace(0, 1, 101)
"""Where precision is read off."""
RECALLS.flags.writeable = False


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class MatchTable:
    """Who was matched in every image: all that average precision needs, so that images can be drawn anew.

    Attributes:
        thresholds: Similarities, shape (T,).
        image_rows: Image of each report, best report first, shape (D,).
        matched: Whether a report found somebody, shape (T, D).
        ignored: Whether a report counts neither as right nor as wrong, shape (T, D).
        truths: People to be found in each image, shape (I,).
    """

    thresholds: DoubleArray
    image_rows: IntArray
    matched: BoolArray
    ignored: BoolArray
    truths: IntArray

    def average_precision(self, image_weights: ArrayLike | None = None) -> float:
        """Return AP, 0..1, each image counted as often as its weight says; NaN where nobody is to be found."""
        weights = np.ones(len(self.truths)) if image_weights is None else np.asarray(image_weights, np.float64)
        people = float(weights @ self.truths)
        if people == 0:
            return float("nan")
        counted = weights[self.image_rows] * ~self.ignored
        right = np.cumsum(counted * self.matched, axis=1)
        every = np.cumsum(counted, axis=1)
        precision = np.divide(right, every, out=np.zeros_like(right), where=every > 0)
        # What a lower recall is worth: the best precision at it or any higher one.
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        return float(np.mean([_sampled(row, right[t] / people) for t, row in enumerate(best)]))


def match_table(
    images: list[dict[str, Any] | None], thresholds: DoubleArray, image_rows: IntArray
) -> MatchTable:
    """Join the tables of the images, people of all areas, best report first.

    Args:
        images: The evaluation's table of each image and range of areas.
        thresholds: Similarities, shape (T,).
        image_rows: Which of our images has the number 1, 2, 3 ...
    """
    truths = np.zeros(len(image_rows), np.int64)
    rows: list[IntArray] = [np.zeros(0, np.int64)]
    scores = [np.zeros(0)]
    none = np.zeros((len(thresholds), 0), np.bool_)
    matched, ignored = [none], [none]
    # The evaluation has them by area, then by image; the first area is everybody.
    everybody = next((image["aRng"] for image in images if image), None)
    for image in images:
        if image is None or list(image["aRng"]) != list(everybody or []):
            continue
        row = image_rows[image["image_id"] - 1]
        truths[row] = np.sum(~np.asarray(image["gtIgnore"], np.bool_))
        count = len(image["dtScores"])
        rows.append(np.full(count, row, np.int64))
        scores.append(np.asarray(image["dtScores"], np.float64))
        matched.append(np.asarray(image["dtMatched"], np.bool_).reshape(len(thresholds), count))
        ignored.append(np.asarray(image["dtIgnore"], np.bool_).reshape(len(thresholds), count))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return MatchTable(
        thresholds=thresholds,
        image_rows=np.concatenate(rows)[order],
        matched=np.concatenate(matched, axis=1)[:, order],
        ignored=np.concatenate(ignored, axis=1)[:, order],
        truths=truths,
    )


def _sampled(best: DoubleArray, recall: DoubleArray) -> float:
    places = np.searchsorted(recall, RECALLS, side="left")
    return float(np.append(best, 0.0)[np.minimum(places, len(best))].mean())
