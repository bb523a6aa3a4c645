"""Keypoint nodes: peaks of different proposals that show the same keypoint of the same person.

CrowdPose (arXiv 1812.00324): peaks of one keypoint are the same physical one if they lie no farther apart than
the smaller of their response radii times the keypoint's deviation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sitepose.core.structures import BoolArray, FloatArray, IntArray, PoseCandidates


@dataclass(frozen=True, eq=False, slots=True)
class Peaks:
    """All peaks of all proposals in one table; each is an edge of the graph from a person to a node.

    Attributes:
        people: Row of the proposal, shape (N,).
        keypoints: Which keypoint, shape (N,).
        places: In frame pixels, shape (N, 2).
        scores: Response, shape (N,), 0..1.
        radii: Standard deviation of the response in frame pixels, shape (N,).
    """

    people: IntArray
    keypoints: IntArray
    places: FloatArray
    scores: FloatArray
    radii: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Nodes:
    """The nodes that peaks were joined to.

    Attributes:
        labels: Node of each peak, shape (N,), from 0; a node holds at most one peak of a person.
        places: Score-weighted mean of each node's peaks, shape (number of nodes, 2).
    """

    labels: IntArray
    places: FloatArray


def list_peaks(candidates: PoseCandidates, *, min_score: float) -> Peaks:
    """Return all peaks that score at least ``min_score``."""
    present: BoolArray = np.isfinite(candidates.keypoints[..., 0] + candidates.keypoints[..., 1])
    seen = present & (candidates.scores >= min_score) & (candidates.scores > 0)
    people, keypoints, _ = index = np.nonzero(seen)
    return Peaks(
        people, keypoints, candidates.keypoints[index], candidates.scores[index], candidates.radii[index]
    )


def join_peaks(peaks: Peaks, deviations: FloatArray) -> Nodes:
    """Join peaks to nodes, the closest first, but never two of one proposal.

    Args:
        peaks: All peaks.
        deviations: How far apart the peaks of one keypoint may lie, in units of the smaller radius, shape (K,).
    """
    pairs, ratios = _close_pairs(peaks, deviations)
    labels = _connected(len(peaks.people), pairs)
    crowded = _holds_a_person_twice(labels, peaks.people)
    if crowded.any():
        labels = _split(labels, crowded, pairs, ratios, peaks.people)
    weights = np.bincount(labels, peaks.scores)
    places = np.stack(
        [np.bincount(labels, peaks.scores * peaks.places[:, axis]) / weights for axis in (0, 1)], axis=1
    )
    return Nodes(labels, places.astype(np.float32))


def _close_pairs(peaks: Peaks, deviations: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return pairs of peaks that may be one node, shape (L, 2), and distance over limit of each, shape (L,)."""
    from scipy.spatial import cKDTree

    limits = peaks.radii * deviations[peaks.keypoints]
    reach = float(limits.max(initial=0.0))
    # Keypoints lie on planes farther apart than the reach: one search finds the pairs of all of them.
    spots = np.column_stack([peaks.places, peaks.keypoints * (2 * reach + 1)])
    pairs = cKDTree(spots).query_pairs(reach, output_type="ndarray")
    i, j = pairs[:, 0], pairs[:, 1]
    distances = np.hypot(*(peaks.places[i] - peaks.places[j]).T)
    allowed = np.minimum(limits[i], limits[j])
    close = (distances <= allowed) & (peaks.people[i] != peaks.people[j])
    return pairs[close], distances[close] / np.maximum(allowed[close], np.finfo(np.float32).tiny)


def _connected(count: int, pairs: IntArray) -> IntArray:
    """Return the connected component of each of ``count`` points, in the order of their first points.

    Each takes the lowest name among itself and those it is paired with, until none changes. Components are
    few points that mostly know each other: two or three rounds do, and scipy's graph takes longer to make.
    """
    names = np.arange(count)
    i, j = pairs.T
    while True:
        lowest = names.copy()
        np.minimum.at(lowest, i, names[j])
        np.minimum.at(lowest, j, names[i])
        lowest = lowest[lowest]
        if (lowest == names).all():
            labels: IntArray = np.unique(names, return_inverse=True)[1].astype(np.int64)
            return labels
        names = lowest


def _holds_a_person_twice(labels: IntArray, people: IntArray) -> IntArray:
    """Return the labels under which some person has more than one peak."""
    _, first, counts = np.unique(
        labels * (people.max(initial=0) + 1) + people, return_index=True, return_counts=True
    )
    return np.unique(labels[first[counts > 1]])


def _split(
    labels: IntArray, crowded: IntArray, pairs: IntArray, ratios: FloatArray, people: IntArray
) -> IntArray:
    """Return the labels with the crowded components joined anew, pair by pair, closest first."""
    members = np.flatnonzero(np.isin(labels, crowded))
    group = {int(i): [int(i)] for i in members}
    held = {int(i): {int(people[i])} for i in members}
    inside = np.flatnonzero(np.isin(labels[pairs[:, 0]], crowded))
    for i, j in pairs[inside[np.argsort(ratios[inside], kind="stable")]].tolist():
        a, b = group[i], group[j]
        if a is b or held[a[0]] & held[b[0]]:
            continue
        held[a[0]] |= held[b[0]]
        a.extend(b)
        for member in b:
            group[member] = a
    result = labels.copy()
    result[members] = labels.max() + 1 + np.array([group[int(i)][0] for i in members])
    renumbered: IntArray = np.unique(result, return_inverse=True)[1].astype(np.int64)
    return renumbered
