"""Filters over whole tracks, once the video is over: filling of gaps, Butterworth, median.

Like all smoothing, never before an evaluation unless asked. Time stamps are true ones: frames may be missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sitepose.core.structures import UNTRACKED, Poses, concatenate

DoubleArray = NDArray[np.float64]

ORDER = 4
"""Order of the Butterworth filter; run forwards and backwards, so that nothing is late."""

Moment = tuple[float, Poses]
"""Seconds, and the people of the frame."""


@dataclass(frozen=True, slots=True, eq=False)
class _Series:
    """One track: in which frames it is, in which rows."""

    frames: NDArray[np.intp]
    rows: NDArray[np.intp]


def fill_gaps(moments: Sequence[Moment], *, max_gap_s: float) -> list[Poses]:
    """Return the people of every frame, with tracked people in short gaps put where a straight line leads.

    Those put in are marked as not observed and from tracks; people that a tracker carried there are replaced,
    since now both ends of the gap are known.

    Args:
        moments: Seconds and people of every frame, ascending; each track at most once a frame.
        max_gap_s: Longest gap that is filled.
    """
    times = np.array([time for time, _ in moments])
    frames = [poses for _, poses in moments]
    seen = [poses[poses.observed] for poses in frames]
    added: dict[int, list[Poses]] = defaultdict(list)
    for series in _series(seen).values():
        for i in np.flatnonzero(np.diff(series.frames) > 1):
            first, last = int(series.frames[i]), int(series.frames[i + 1])
            if times[last] - times[first] <= max_gap_s:
                ends = seen[first][series.rows[i : i + 1]], seen[last][series.rows[i + 1 : i + 2]]
                for frame in range(first + 1, last):
                    share = (times[frame] - times[first]) / (times[last] - times[first])
                    added[frame].append(_between(*ends, share=float(share)))
    return [_with(poses, added.get(frame, [])) for frame, poses in enumerate(frames)]


def butterworth(moments: Sequence[Moment], *, cutoff_hz: float, min_score: float = 0.2) -> list[Poses]:
    """Return the people with keypoints low-passed without delay.

    Args:
        moments: Seconds and people of every frame, ascending.
        cutoff_hz: Frequencies above this are taken out; human movement in videos is below 6 Hz.
        min_score: Keypoints that score below it stay as they are and do not count.
    """
    return _filtered(moments, lambda values, rate: _low_pass(values, rate, cutoff_hz), min_score)


def median(moments: Sequence[Moment], *, window_s: float, min_score: float = 0.2) -> list[Poses]:
    """Return the people with each keypoint at the median of its neighbourhood in time: outliers go.

    Args:
        moments: Seconds and people of every frame, ascending.
        window_s: Length of the neighbourhood.
        min_score: Keypoints that score below it stay as they are and do not count.
    """
    return _filtered(moments, lambda values, rate: _running_median(values, rate, window_s), min_score)


def _filtered(
    moments: Sequence[Moment], smooth: Callable[[DoubleArray, float], DoubleArray], min_score: float
) -> list[Poses]:
    """Run a filter over every keypoint of every track, on an even grid of time."""
    times = np.array([time for time, _ in moments])
    frames = [poses for _, poses in moments]
    keypoints = [poses.keypoints.copy() for poses in frames]
    for series in _series(frames).values():
        track_times = times[series.frames]
        pairs = list(zip(series.frames, series.rows, strict=True))
        places = np.stack([frames[frame].keypoints[row] for frame, row in pairs]).astype(np.float64)
        good = np.stack([frames[frame].keypoint_scores[row] for frame, row in pairs]) >= min_score
        for k in range(places.shape[1]):
            rows = np.flatnonzero(good[:, k] & np.isfinite(places[:, k]).all(axis=1))
            if len(rows) > 2:
                places[rows, k] = _on_even_grid(track_times[rows], places[rows, k], smooth)
        for (frame, row), place in zip(pairs, places, strict=True):
            keypoints[frame][row] = place
    return [poses.replace(keypoints=places) for poses, places in zip(frames, keypoints, strict=True)]


def _on_even_grid(
    times: DoubleArray, values: DoubleArray, smooth: Callable[[DoubleArray, float], DoubleArray]
) -> DoubleArray:
    """Return smoothed values at uneven times: filters want evenly spaced samples."""
    step = float(np.median(np.diff(times)))
    grid = np.linspace(times[0], times[-1], max(2, round((times[-1] - times[0]) / step) + 1))
    even = np.stack([np.interp(grid, times, values[:, axis]) for axis in (0, 1)], axis=1)
    even = smooth(even, 1 / (grid[1] - grid[0]))
    return np.stack([np.interp(times, grid, even[:, axis]) for axis in (0, 1)], axis=1)


def _low_pass(values: DoubleArray, rate: float, cutoff_hz: float) -> DoubleArray:
    from scipy.signal import butter, sosfiltfilt

    if cutoff_hz >= rate / 2:
        return values
    sections = butter(ORDER, cutoff_hz, fs=rate, output="sos")
    return np.asarray(sosfiltfilt(sections, values, axis=0, padlen=min(3 * (2 * ORDER + 1), len(values) - 1)))


def _running_median(values: DoubleArray, rate: float, window_s: float) -> DoubleArray:
    from scipy.ndimage import median_filter

    half = round(window_s * rate / 2)
    return np.asarray(median_filter(values, size=(2 * half + 1, 1), mode="nearest"))


def _series(frames: Sequence[Poses]) -> dict[int, _Series]:
    """Return where each track is."""
    places: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for frame, poses in enumerate(frames):
        for row, track_id in enumerate(poses.track_ids.tolist()):
            if track_id != UNTRACKED:
                places[track_id].append((frame, row))
    pairs = {track_id: np.array(place, np.intp) for track_id, place in places.items()}
    return {track_id: _Series(pair[:, 0], pair[:, 1]) for track_id, pair in pairs.items()}


def _between(before: Poses, after: Poses, *, share: float) -> Poses:
    """Return one person on the straight line between two sightings."""
    return before.replace(
        keypoints=(1 - share) * before.keypoints + share * after.keypoints,
        keypoint_scores=np.minimum(before.keypoint_scores, after.keypoint_scores),
        boxes=(1 - share) * before.boxes + share * after.boxes,
        observed=np.zeros(1, np.bool_),
        from_tracks=np.ones(1, np.bool_),
    )


def _with(poses: Poses, added: list[Poses]) -> Poses:
    """Return a frame with people put in, in place of those carried under the same ids."""
    if not added:
        return poses
    ids = [int(person.track_ids[0]) for person in added]
    kept = poses[~np.isin(poses.track_ids, ids)]
    return concatenate([kept, *added], num_keypoints=poses.keypoints.shape[1])
