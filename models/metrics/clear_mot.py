"""CLEAR-MOT: misses, false alarms and identity switches (Bernardin and Stiefelhagen 2008)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
from scipy.optimize import linear_sum_assignment

from sitepose.core.structures import BoolArray, IntArray
from sitepose.models.metrics.comparison import TINY, Comparison, DoubleArray

Rules = Literal["motmetrics", "trackeval"]
"""Two readings of the paper are in use. ``motmetrics`` (the paper's own): a pair once matched goes on whenever
it may, however long ago it was, and the rest is matched so that most people have a partner. ``trackeval`` (of
the MOTChallenge server): only pairs of the frame just before go on, and the sum of similarities counts."""

MIN_SIMILARITY = 0.5
"""Similarity from which on two people may be the same; of the MOT challenges."""

MOSTLY_TRACKED = 0.8
"""Share of its frames in which an identity must be found to count as mostly tracked (MT)."""

MOSTLY_LOST = 0.2
"""Share of its frames below which an identity counts as mostly lost (ML)."""

_GOES_ON = 1000.0
"""Worth of going on with a pair against any similarity, as in TrackEval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearMot:
    """Counts of CLEAR-MOT; those of several sequences add up.

    Attributes:
        objects: Rows of the truth.
        matches: Rows of the truth that were found.
        misses: Rows of the truth that were not (FN).
        false_alarms: Rows of the result without a partner (FP).
        switches: Times that an identity of the truth was found under another track than before (IDs).
        fragments: Times that an identity was found again after a miss (FM).
        mostly_tracked: Identities of the truth that were found in most of their frames (MT).
        partly_tracked: Those between (PT).
        mostly_lost: Those that were found hardly ever (ML).
        similarity: Sum over the matches.
    """

    objects: int = 0
    matches: int = 0
    misses: int = 0
    false_alarms: int = 0
    switches: int = 0
    fragments: int = 0
    mostly_tracked: int = 0
    partly_tracked: int = 0
    mostly_lost: int = 0
    similarity: float = 0.0

    def __add__(self, other: Self) -> Self:
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})

    @property
    def mota(self) -> float:
        """Accuracy, up to 1; below 0 where there are more errors than people."""
        return 1 - (self.misses + self.false_alarms + self.switches) / max(1, self.objects)

    @property
    def motp(self) -> float:
        """Mean distance (1 - similarity) of the matches; TrackEval's MOTP is 1 minus this."""
        return (self.matches - self.similarity) / max(1, self.matches)

    @property
    def recall(self) -> float:
        """Share of the truth that was found (Rcll)."""
        return self.matches / max(1, self.objects)

    @property
    def precision(self) -> float:
        """Share of the result that is true (Prcn)."""
        return self.matches / max(1, self.matches + self.false_alarms)


def clear_mot(
    comparison: Comparison, *, min_similarity: float = MIN_SIMILARITY, rules: Rules = "motmetrics"
) -> ClearMot:
    """Return the CLEAR-MOT counts of a sequence.

    Args:
        comparison: Truth and result side by side.
        min_similarity: From which on two people may be the same.
        rules: Whose reading of the paper to follow.
    """
    if rules == "motmetrics":
        matched = _matched_by_paper(comparison, min_similarity)
        fragments = _fragments_between_misses(comparison, matched)
        tracked, lost = _found_shares(comparison, matched)
        tracked_most = int((tracked >= MOSTLY_TRACKED).sum())
    else:
        matched = _matched_by_trackeval(comparison, min_similarity)
        fragments = _fragments_of_trackeval(comparison, matched)
        tracked, lost = _found_shares(comparison, matched)
        tracked_most = int((tracked > MOSTLY_TRACKED).sum())
    return ClearMot(
        objects=len(comparison.truth_ids),
        matches=int((matched.partners >= 0).sum()),
        misses=int((matched.partners < 0).sum()),
        false_alarms=len(comparison.track_ids) - int((matched.partners >= 0).sum()),
        switches=matched.switches,
        fragments=fragments,
        mostly_tracked=tracked_most,
        partly_tracked=comparison.num_truths - tracked_most - lost,
        mostly_lost=lost,
        similarity=matched.similarity,
    )


@dataclass(slots=True)
class _Matched:
    """The partner (track identity) of each row of the truth, -1 for none, and what the matching counted."""

    partners: IntArray
    switches: int = 0
    similarity: float = 0.0
    last: dict[int, int] = field(default_factory=dict)

    def pair(self, row: int, truth: int, track: int, similarity: float) -> None:
        self.partners[row] = track
        self.similarity += float(similarity)
        self.switches += self.last.get(truth, track) != track
        self.last[truth] = track


def _matched_by_paper(comparison: Comparison, min_similarity: float) -> _Matched:
    matched = _Matched(np.full(len(comparison.truth_ids), -1, np.int64))
    for truths, tracks, similarity in comparison.frames():
        if not similarity.size:
            continue
        may_match = similarity >= min_similarity
        truth_ids = comparison.truth_ids[truths].tolist()
        track_ids = comparison.track_ids[tracks].tolist()
        places = {track: j for j, track in enumerate(track_ids)}
        for i, truth in enumerate(truth_ids):
            j = places.get(matched.last.get(truth, -1), -1)
            if j >= 0 and may_match[i, j]:
                matched.pair(truths.start + i, truth, track_ids[j], similarity[i, j])
                may_match[i, :] = may_match[:, j] = False
                del places[track_ids[j]]
        for i, j in _most_pairs(similarity, may_match):
            matched.pair(truths.start + i, truth_ids[i], track_ids[j], similarity[i, j])
    return matched


def _most_pairs(similarity: DoubleArray, may_match: BoolArray) -> list[tuple[int, int]]:
    """Return as many allowed pairs as there can be, and of those the most similar ones."""
    if not may_match.any():
        return []
    forbidden = 2.0 * min(similarity.shape) + 1
    rows, columns = linear_sum_assignment(np.where(may_match, 1 - similarity, forbidden))
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if may_match[i, j]]


def _matched_by_trackeval(comparison: Comparison, min_similarity: float) -> _Matched:
    matched = _Matched(np.full(len(comparison.truth_ids), -1, np.int64))
    before = np.full(comparison.num_truths, -1, np.int64)
    for truths, tracks, similarity in comparison.frames():
        if not similarity.size:
            continue
        truth_ids, track_ids = comparison.truth_ids[truths], comparison.track_ids[tracks]
        worth = _GOES_ON * (before[truth_ids][:, None] == track_ids) + similarity
        worth[similarity < min_similarity - TINY] = 0
        before[:] = -1
        for i, j in zip(*linear_sum_assignment(worth, maximize=True), strict=True):
            if worth[i, j] > TINY:
                matched.pair(truths.start + i, int(truth_ids[i]), int(track_ids[j]), similarity[i, j])
                before[truth_ids[i]] = track_ids[j]
    return matched


def _found_shares(comparison: Comparison, matched: _Matched) -> tuple[DoubleArray, int]:
    """Return of each identity the share of its rows that was found, and how many are mostly lost."""
    found = np.bincount(comparison.truth_ids[matched.partners >= 0], minlength=comparison.num_truths)
    shares = found / comparison.truth_counts
    return shares, int((shares < MOSTLY_LOST).sum())


def _fragments_between_misses(comparison: Comparison, matched: _Matched) -> int:
    """Count, over the frames that hold an identity, the misses that begin between two matches."""
    order = np.argsort(comparison.truth_ids, kind="stable")
    ids, found = comparison.truth_ids[order], matched.partners[order] >= 0
    starts = found.copy()
    starts[1:] &= ~found[:-1] | (ids[1:] != ids[:-1])
    seen = np.bincount(ids[starts], minlength=comparison.num_truths)
    return int(np.maximum(seen - 1, 0).sum())


def _fragments_of_trackeval(comparison: Comparison, matched: _Matched) -> int:
    """Count how often an identity begins anew in a frame, over frames with somebody on both sides."""
    fragments = np.zeros(comparison.num_truths, np.int64)
    before = np.zeros(comparison.num_truths, np.bool_)
    for truths, _, similarity in comparison.frames():
        if not similarity.size:
            continue
        now = np.zeros_like(before)
        now[comparison.truth_ids[truths][matched.partners[truths] >= 0]] = True
        fragments += now & ~before
        before = now
    return int(np.maximum(fragments - 1, 0).sum())
