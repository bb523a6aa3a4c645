"""AI Challenger's own keypoint score, which is no area under a curve: never compare it with COCO's AP."""

from __future__ import annotations

import numpy as np

from sitepose.core.formats.annotations import Annotations, Results
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import IntArray
from sitepose.models.metrics.comparison import DoubleArray

THRESHOLDS: DoubleArray = np.arange(0.5, 0.96, 0.05)
"""OKS above which a person counts as found; the score is the mean over them."""
THRESHOLDS.flags.writeable = False

VISIBLE = 2
"""Only visible keypoints count, not the hidden ones."""


def aic_score(truth: Annotations, results: Results) -> float:
    """Return AI Challenger's score, 0..1.

    For each labelled person the best similarity over all reports of the image is taken, though two people may
    share a report; a threshold's share is those above it by the larger number of people, labelled or reported.

    Args:
        truth: What :func:`sitepose.core.formats.aic.read_aic` gives.
        results: The reported people, in the order of ``aic14``.
    """
    reported = results.rows_by_image()
    best = [np.zeros(0)]
    possible = 0
    for image, people in zip(truth.images, truth.rows_by_image(), strict=True):
        rows = reported.get(image.image_id, np.zeros(0, np.int64))
        possible += max(len(people), len(rows))
        best.append(_similarities(truth, people, results, rows).max(axis=1, initial=0))
    found = (np.concatenate(best) > THRESHOLDS[:, None]).sum(axis=1)
    return float((found / max(1, possible)).mean())


def _similarities(truth: Annotations, people: IntArray, results: Results, rows: IntArray) -> DoubleArray:
    """Return AI Challenger's similarity of each labelled person with each report, shape (P, R)."""
    spreads = 2 * (2 * load_skeleton("aic14").oks_sigmas.astype(np.float64)) ** 2
    squared = ((truth.keypoints[people][:, None] - results.keypoints[rows][None]) ** 2).sum(axis=3)
    alike = np.exp(-squared / spreads / truth.areas[people, None, None])
    counted = (truth.visibilities[people] == VISIBLE)[:, None]
    total = np.broadcast_to(counted.sum(axis=2), alike.shape[:2])
    summed = (alike * counted).sum(axis=2)
    return np.asarray(np.divide(summed, total, out=np.zeros(summed.shape), where=total > 0))
