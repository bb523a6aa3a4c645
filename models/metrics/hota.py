"""HOTA: detection and association in balance (Luiten et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from sitepose.models.metrics.comparison import TINY, Comparison, DoubleArray

ALPHAS: DoubleArray = np.arange(0.05, 0.99, 0.05)
"""Similarities from which on two people may be the same; the scores are means over them."""
ALPHAS.flags.writeable = False


def _zeros() -> DoubleArray:
    return np.zeros(len(ALPHAS))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Hota:
    """Sums of HOTA at each alpha; those of several sequences add up, as TrackEval combines them.

    Attributes:
        matches: Rows of the truth that were found (TP), shape (19,).
        misses: Rows of the truth that were not (FN).
        false_alarms: Rows of the result without a partner (FP).
        association: Association accuracy summed over the matches.
        association_recall: Association recall summed over the matches.
        association_precision: Association precision summed over the matches.
        similarity: Similarity summed over the matches.
    """

    matches: DoubleArray = field(default_factory=_zeros)
    misses: DoubleArray = field(default_factory=_zeros)
    false_alarms: DoubleArray = field(default_factory=_zeros)
    association: DoubleArray = field(default_factory=_zeros)
    association_recall: DoubleArray = field(default_factory=_zeros)
    association_precision: DoubleArray = field(default_factory=_zeros)
    similarity: DoubleArray = field(default_factory=_zeros)

    def __add__(self, other: Self) -> Self:
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})

    @property
    def det_a_by_alpha(self) -> DoubleArray:
        """Detection accuracy at each alpha."""
        return self.matches / np.maximum(1, self.matches + self.misses + self.false_alarms)

    @property
    def ass_a_by_alpha(self) -> DoubleArray:
        """Association accuracy at each alpha."""
        return self.association / np.maximum(1, self.matches)

    @property
    def hota_by_alpha(self) -> DoubleArray:
        """Their geometric mean at each alpha."""
        return np.sqrt(self.det_a_by_alpha * self.ass_a_by_alpha)

    @property
    def hota(self) -> float:
        """HOTA, 0..1."""
        return float(self.hota_by_alpha.mean())

    @property
    def det_a(self) -> float:
        """DetA: how well people are found, 0..1."""
        return float(self.det_a_by_alpha.mean())

    @property
    def ass_a(self) -> float:
        """AssA: how well they keep their identity, 0..1."""
        return float(self.ass_a_by_alpha.mean())

    @property
    def ass_re(self) -> float:
        """AssRe: how little a person is split between tracks, 0..1."""
        return float((self.association_recall / np.maximum(1, self.matches)).mean())

    @property
    def ass_pr(self) -> float:
        """AssPr: how little a track is split between people, 0..1."""
        return float((self.association_precision / np.maximum(1, self.matches)).mean())

    @property
    def loc_a(self) -> float:
        """LocA: mean similarity of the matches, 0..1; 1 at an alpha without any, as in TrackEval."""
        none = self.matches == 0
        return float(np.where(none, 1, self.similarity / np.where(none, 1, self.matches)).mean())


def hota(comparison: Comparison) -> Hota:
    """Return the sums of HOTA of a sequence."""
    shape = comparison.num_truths, comparison.num_tracks
    places = comparison.pair_identities
    matched = _matched(comparison, places, shape)
    similarity = comparison.similarities[matched]
    enough = similarity >= (ALPHAS - TINY)[:, None]
    found = np.stack([np.bincount(places[matched][row], minlength=shape[0] * shape[1]) for row in enough])
    found = found.reshape(len(ALPHAS), *shape)
    truths, tracks = comparison.truth_counts[:, None], comparison.track_counts[None]
    matches = enough.sum(axis=1).astype(np.float64)
    return Hota(
        matches=matches,
        misses=len(comparison.truth_ids) - matches,
        false_alarms=len(comparison.track_ids) - matches,
        association=_weighted(found, truths + tracks - found),
        association_recall=_weighted(found, truths),
        association_precision=_weighted(found, tracks),
        similarity=(similarity * enough).sum(axis=1),
    )


def _matched(comparison: Comparison, places: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Return the pairs that are matched, whatever alpha: alike now, and alike over the whole sequence."""
    similarity = comparison.similarities
    row_sums = np.bincount(comparison.pair_truths, similarity, minlength=len(comparison.truth_ids))
    column_sums = np.bincount(comparison.pair_tracks, similarity, minlength=len(comparison.track_ids))
    share = row_sums[comparison.pair_truths] + column_sums[comparison.pair_tracks] - similarity
    share = np.divide(similarity, share, out=np.zeros_like(similarity), where=share > TINY)
    potential = np.bincount(places, share, minlength=shape[0] * shape[1]).reshape(shape)
    aligned = potential / (comparison.truth_counts[:, None] + comparison.track_counts[None] - potential)
    worth = aligned.ravel()[places] * similarity
    matched = [np.zeros(0, np.int64)]
    for t, (start, stop) in enumerate(
        zip(comparison.pair_starts[:-1], comparison.pair_starts[1:], strict=True)
    ):
        if stop > start:
            width = int(comparison.track_starts[t + 1] - comparison.track_starts[t])
            rows, columns = linear_sum_assignment(worth[start:stop].reshape(-1, width), maximize=True)
            matched.append(start + rows * width + columns)
    return np.concatenate(matched)


def _weighted(found: NDArray[np.int64], of: NDArray[np.int64]) -> DoubleArray:
    """Return the sum over all pairs of identities of ``found * found / of``, at each alpha."""
    return np.asarray((found * (found / np.maximum(1, of))).sum(axis=(1, 2)))
