"""OKS-SORT: predict every box, match by place, overlap and keypoints, good detections first."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pydantic import Field

from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import BoolArray, FloatArray, Frame, Poses
from sitepose.tracking.matching import assign
from sitepose.tracking.motion import Rows, State
from sitepose.tracking.trackers.online import OnlineSettings, OnlineTracker


class OksSortSettings(OnlineSettings):
    """Settings of the tracker ``oks-sort``."""

    high_score: float = Field(0.5, ge=0, le=1)
    """Evidence from which a person is matched in the first round."""
    min_affinity_low: float = Field(0.6, ge=0, le=1)
    """Agreement below which nobody is matched in the second round, with weak detections."""
    low_window_s: float = Field(0.7, ge=0)
    """Seconds after its last sighting for which a track may be matched with weak detections."""


class OksSort(OnlineTracker):
    """Match in rounds: strong detections, weak ones (BYTE), tracks not reported yet, people come back.

    Remembers for each person the track id, box motion, last pose and when it was last seen.

    Args:
        skeleton: What the people have; its sigmas are used for OKS.
        settings: Thresholds and times.
    """

    def __init__(self, skeleton: Skeleton, settings: OksSortSettings | None = None) -> None:
        self._settings = settings or OksSortSettings()
        super().__init__(skeleton, self._settings)

    def _match(self, frame: Frame, poses: Poses, evidence: State) -> tuple[Rows, Rows]:
        settings, known = self._settings, self._tracks.confirmed
        strong = evidence >= settings.high_score
        recent = self._tracks.lost <= settings.low_window_s
        rounds = (
            (known, strong, settings.min_affinity),
            (known & recent, ~strong, settings.min_affinity_low),
            (~known, strong, settings.min_affinity),
        )
        affinity = self._affinity(poses)
        return self._with_returned(match_in_rounds(affinity, rounds), affinity, poses, evidence)


def match_in_rounds(
    affinity: FloatArray, rounds: Iterable[tuple[BoolArray, BoolArray, float]]
) -> tuple[Rows, Rows]:
    """Return pairs of rows and columns from one assignment after the other, each among those still free.

    Args:
        affinity: Shape (T, P).
        rounds: Which rows and which columns take part, and the affinity that a pair must exceed.
    """
    free_rows, free_columns = np.ones(affinity.shape[0], np.bool_), np.ones(affinity.shape[1], np.bool_)
    rows, columns = [np.empty(0, np.intp)], [np.empty(0, np.intp)]
    for row_mask, column_mask, minimum in rounds:
        some_rows, some_columns = (
            np.flatnonzero(row_mask & free_rows),
            np.flatnonzero(column_mask & free_columns),
        )
        i, j = assign(affinity[np.ix_(some_rows, some_columns)], minimum=minimum)
        rows.append(some_rows[i])
        columns.append(some_columns[j])
        free_rows[rows[-1]] = free_columns[columns[-1]] = False
    return np.concatenate(rows), np.concatenate(columns)
