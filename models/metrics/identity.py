"""Identity metrics: how much of the truth one track each explains (Ristani et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import linear_sum_assignment

from sitepose.models.metrics.clear_mot import MIN_SIMILARITY
from sitepose.models.metrics.comparison import Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Counts of the identity metrics; those of several sequences add up.

    Attributes:
        matches: Rows explained by the one track that each identity was given (IDTP).
        objects: Rows of the truth (IDTP + IDFN).
        reports: Rows of the result (IDTP + IDFP).
    """

    matches: int = 0
    objects: int = 0
    reports: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})

    @property
    def idf1(self) -> float:
        """Harmonic mean of the two below."""
        return 2 * self.matches / max(1, self.objects + self.reports)

    @property
    def idp(self) -> float:
        """Share of the result that is explained."""
        return self.matches / max(1, self.reports)

    @property
    def idr(self) -> float:
        """Share of the truth that is explained."""
        return self.matches / max(1, self.objects)


def identity(comparison: Comparison, *, min_similarity: float = MIN_SIMILARITY) -> Identity:
    """Return the identity counts of a sequence: the one-to-one naming that explains most.

    Args:
        comparison: Truth and result side by side.
        min_similarity: From which on two people may be the same.
    """
    shape = comparison.num_truths, comparison.num_tracks
    alike = comparison.pair_identities[comparison.similarities >= min_similarity]
    together = np.bincount(alike, minlength=shape[0] * shape[1]).reshape(shape)
    rows, columns = linear_sum_assignment(together, maximize=True)
    return Identity(
        matches=int(together[rows, columns].sum()),
        objects=len(comparison.truth_ids),
        reports=len(comparison.track_ids),
    )
