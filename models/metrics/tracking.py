"""How well identities are kept: CLEAR-MOT, identity metrics and HOTA of boxes (IoU) or poses (OKS).

::

    truth = tracked_boxes(labelled_frames)
    result = tracked_boxes((record.index, record.poses) for record in read_poses("poses.jsonl"))
    scores = score_tracks(compare_boxes(truth, result))
    scores.clear.mota, scores.identity.idf1, scores.hota.ass_a

With :func:`compare_poses` the same numbers are those of **HOTA-OKS**: similarity is OKS on the keypoints that
the truth labels. Scores of several sequences add up: ``sum(scores, TrackingScores())``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from sitepose.models.metrics.clear_mot import MIN_SIMILARITY, ClearMot, Rules, clear_mot
from sitepose.models.metrics.comparison import (
    Comparison,
    TrackedBoxes,
    TrackedPoses,
    compare_boxes,
    compare_poses,
    tracked_boxes,
    tracked_poses,
)
from sitepose.models.metrics.hota import ALPHAS, Hota, hota
from sitepose.models.metrics.identity import Identity, identity

__all__ = [
    "ALPHAS",
    "MIN_SIMILARITY",
    "ClearMot",
    "Comparison",
    "Hota",
    "Identity",
    "Rules",
    "TrackedBoxes",
    "TrackedPoses",
    "TrackingScores",
    "clear_mot",
    "compare_boxes",
    "compare_poses",
    "hota",
    "identity",
    "score_tracks",
    "tracked_boxes",
    "tracked_poses",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingScores:
    """All tracking metrics of one sequence, or of several added up."""

    clear: ClearMot = field(default_factory=ClearMot)
    identity: Identity = field(default_factory=Identity)
    hota: Hota = field(default_factory=Hota)

    def __add__(self, other: Self) -> Self:
        return type(self)(
            clear=self.clear + other.clear, identity=self.identity + other.identity, hota=self.hota + other.hota
        )

    def as_row(self) -> dict[str, float]:
        """Return the usual numbers by the names that the field uses; shares 0..1, counts as they are."""
        clear = self.clear
        return {
            "HOTA": self.hota.hota,
            "DetA": self.hota.det_a,
            "AssA": self.hota.ass_a,
            "LocA": self.hota.loc_a,
            "MOTA": clear.mota,
            "MOTP": clear.motp,
            "IDF1": self.identity.idf1,
            "IDP": self.identity.idp,
            "IDR": self.identity.idr,
            "Rcll": clear.recall,
            "Prcn": clear.precision,
            "GT": clear.mostly_tracked + clear.partly_tracked + clear.mostly_lost,
            "MT": clear.mostly_tracked,
            "PT": clear.partly_tracked,
            "ML": clear.mostly_lost,
            "FP": clear.false_alarms,
            "FN": clear.misses,
            "IDs": clear.switches,
            "FM": clear.fragments,
        }


def score_tracks(
    comparison: Comparison, *, min_similarity: float = MIN_SIMILARITY, rules: Rules = "motmetrics"
) -> TrackingScores:
    """Return all tracking metrics of a sequence.

    Args:
        comparison: Truth and result side by side.
        min_similarity: From which on two people may be the same, in CLEAR-MOT and the identity metrics.
        rules: Whose reading of CLEAR-MOT to follow.
    """
    return TrackingScores(
        clear=clear_mot(comparison, min_similarity=min_similarity, rules=rules),
        identity=identity(comparison, min_similarity=min_similarity),
        hota=hota(comparison),
    )
