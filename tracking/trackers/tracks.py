"""The people that a tracker remembers: one row for each, in parallel arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sitepose.core.structures import BoolArray, FloatArray, Frame, Poses, concatenate
from sitepose.tracking.affinity import moved_keypoints
from sitepose.tracking.clock import FrameClock
from sitepose.tracking.motion import BoxMotion, Rows, State


class Tracks:
    """Remembers of each person the track id, last pose, box motion, when last seen, and how often.

    Attributes:
        clock: Seconds since the first frame.
        motion: Where the boxes are now.
        last: Each person as last seen, with the track id.
        seen_at: When that was, shape (T,).
        hits: Sightings so far, shape (T,).
        confirmed: Whether the track is reported, shape (T,).
    """

    def __init__(self, num_keypoints: int) -> None:
        self.clock = FrameClock()
        self.motion = BoxMotion()
        self.last = Poses.empty(num_keypoints)
        self.seen_at = np.empty(0)
        self.hits = np.empty(0, np.int64)
        self.confirmed = np.empty(0, np.bool_)
        self._num_keypoints = num_keypoints
        self._next_id = 1

    def __len__(self) -> int:
        return len(self.last)

    @property
    def lost(self) -> State:
        """Seconds since each was last seen, shape (T,)."""
        return self.clock.now - self.seen_at

    def advance(self, frame: Frame) -> None:
        """Move everybody on to the time of a frame."""
        out_of_sight = self.lost > 0
        self.motion.predict(self.clock.advance(frame), out_of_sight)

    def moved(self) -> FloatArray:
        """Return the keypoints where the boxes' motion has brought them, shape (T, K, 2)."""
        return moved_keypoints(self.last.keypoints, self.last.boxes, self.motion.boxes)

    def observe(self, rows: Rows, seen: Poses, *, spread: State) -> None:
        """Take in what was seen of some tracks.

        Args:
            rows: Which tracks, each once.
            seen: Their poses, in the same order.
            spread: Factor on the detector's usual error, shape (N,).
        """
        self.motion.correct(rows, seen.boxes, spread=spread, gaps=self.lost[rows])
        named = seen.replace(track_ids=self.last.track_ids[rows])
        order = np.arange(len(self))
        order[rows] = len(self) + np.arange(len(rows))
        self.last = concatenate([self.last, named], num_keypoints=self._num_keypoints)[order]
        self.hits[rows] += 1
        self.seen_at[rows] = self.clock.now

    def begin(self, newborn: Poses, *, confirmed: BoolArray) -> None:
        """Begin a track, with the next id, for each of some people."""
        count = len(newborn)
        if not count:
            return
        named = newborn.replace(track_ids=np.arange(self._next_id, self._next_id + count))
        self._next_id += count
        self.motion.add(newborn.boxes)
        self.last = concatenate([self.last, named], num_keypoints=self._num_keypoints)
        self.seen_at = np.append(self.seen_at, np.full(count, self.clock.now))
        self.hits = np.append(self.hits, np.ones(count, np.int64))
        self.confirmed = np.append(self.confirmed, confirmed)

    def keep(self, kept: BoolArray) -> None:
        """Forget the tracks that are not in the mask."""
        if kept.all():
            return
        self.motion.keep(kept)
        self.last = self.last[kept]
        self.seen_at, self.hits, self.confirmed = self.seen_at[kept], self.hits[kept], self.confirmed[kept]

    def carried(self, rows: NDArray[np.bool_]) -> Poses:
        """Return people where they should be by now, marked as not observed."""
        hidden, boxes = self.last[rows], self.motion.boxes[rows]
        return hidden.replace(
            keypoints=moved_keypoints(hidden.keypoints, hidden.boxes, boxes),
            boxes=boxes,
            observed=np.zeros(len(hidden), np.bool_),
            from_tracks=np.ones(len(hidden), np.bool_),
        )
