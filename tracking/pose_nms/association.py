"""Association of people and keypoints by Kuhn-Munkres matching (CrowdPose, arXiv 1812.00324).

All peaks of all proposals enter one graph. Peaks that show the same keypoint become a node; a proposal has an
edge to every node that holds a peak of it, weighted by the response there. Each node belongs to one person and
each person has at most one node of a keypoint, so that every keypoint is a maximum-weight matching of its own.
Proposals that win too little of what they claim are duplicates or phantoms: they vanish, the weakest first, and
what they held goes to the others in a new matching.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import BoolArray, FloatArray, IntArray, PoseCandidates, Poses
from sitepose.tracking.matching import assign
from sitepose.tracking.pose_nms.nodes import Nodes, Peaks, join_peaks, list_peaks
from sitepose.tracking.pose_nms.peaks import TopPeaks, best_first, make_poses, top_peaks
from sitepose.tracking.pose_nms.scoring import PoseNmsSettings
from sitepose.tracking.pose_nms.top_peak import LOST_SCORE, second_choices

TENTHS = 10.0
"""Nodes measure by COCO's deviations in tenths: .26 for the nose, 1.07 for a hip."""

HOPELESS = 0.5
"""A weak proposal vanishes at once if its share is below this part of a rival's, else weakest first."""


class KmSettings(PoseNmsSettings):
    """Settings of ``km``; the defaults were fitted on labelled images (docs/pose_nms.md)."""

    form: Literal["paper", "top-peak"] = "paper"
    """All peaks in the graph, or the best one of each and a second choice for losers."""
    node_factor: float = Field(default=0.9, gt=0)
    """Peaks join within the smaller radius times the keypoint's deviation in tenths times this."""
    min_peak_score: float = Field(default=0.05, ge=0, le=1)
    """Peaks below this stay out of the graph."""
    strength_power: float = Field(default=1.3, ge=0)
    """Edges weigh response times the proposal's strength to this power; 0 is the response alone."""
    min_share: float = Field(default=0.7, ge=0, le=1)
    """Proposals that win a smaller share of the sum of their best responses vanish."""
    min_keypoints: int = Field(default=3, ge=1)
    """People with fewer keypoints vanish."""
    min_score: float = Field(default=0.1, ge=0, le=1)
    """People whose best keypoint scores below this vanish; the public value."""


@dataclass(frozen=True, eq=False, slots=True)
class _Graph:
    """Peaks as edges from proposals to nodes.

    Attributes:
        peaks: The edges.
        nodes: What they lead to.
        columns: Node of each edge, counted from 0 within its keypoint, shape (N,).
        weights: Worth of each edge, shape (N,).
        num_people: P.
        claims: Sum of each proposal's best responses, shape (P,).
        rivals: Proposals that share a node, shape (P, P).
    """

    peaks: Peaks
    nodes: Nodes
    columns: IntArray
    weights: FloatArray
    num_people: int
    claims: FloatArray
    rivals: BoolArray


def km_nms(candidates: PoseCandidates, skeleton: Skeleton, settings: KmSettings) -> Poses:
    """Give every keypoint to one person, and let people vanish who are left with too little.

    A person's keypoint lies in the middle of its node, weighted by score, and scores by the person's own
    response. Keypoints that a person lost stay at its best peak with score 0.
    """
    if settings.form == "paper":
        peaks = _share_out(candidates, skeleton, settings)
    else:
        peaks = second_choices(candidates, skeleton, min_peak_score=settings.min_peak_score)
    enough = (peaks.scores > LOST_SCORE).sum(axis=1) >= settings.min_keypoints
    kept = np.flatnonzero(enough & (peaks.scores.max(axis=1, initial=0) >= settings.min_score))
    return best_first(
        make_poses(candidates, kept, peaks.keypoints[kept], peaks.scores[kept], settings.person_score)
    )


def _share_out(candidates: PoseCandidates, skeleton: Skeleton, settings: KmSettings) -> TopPeaks:
    """Return everybody's keypoints after the matching; people who vanished have none."""
    graph = _build(candidates, skeleton, settings)
    won = _contest(graph, settings)
    tops = top_peaks(candidates)
    keypoints, scores = tops.keypoints.copy(), np.zeros_like(tops.scores)
    people, index = graph.peaks.people[won], graph.peaks.keypoints[won]
    keypoints[people, index] = graph.nodes.places[graph.nodes.labels[won]]
    scores[people, index] = graph.peaks.scores[won]
    return TopPeaks(keypoints, scores, tops.present)


def _build(candidates: PoseCandidates, skeleton: Skeleton, settings: KmSettings) -> _Graph:
    peaks = list_peaks(candidates, min_score=settings.min_peak_score)
    nodes = join_peaks(peaks, skeleton.oks_sigmas * np.float32(TENTHS * settings.node_factor))
    best = np.where(candidates.scores >= settings.min_peak_score, candidates.scores, 0).max(axis=2, initial=0)
    strengths = candidates.box_scores * best.mean(axis=1)
    weights = peaks.scores * strengths[peaks.people] ** settings.strength_power
    return _Graph(
        peaks=peaks,
        nodes=nodes,
        columns=_columns(nodes.labels, peaks.keypoints, len(nodes.places)),
        weights=weights,
        num_people=len(candidates),
        claims=best.sum(axis=1),
        rivals=_rivals(peaks, nodes, len(candidates)),
    )


def _rivals(peaks: Peaks, nodes: Nodes, num_people: int) -> BoolArray:
    """Return who shares a node with whom, shape (P, P); nobody with itself."""
    shared = np.zeros((num_people, num_people), np.bool_)
    order = np.argsort(nodes.labels, kind="stable")
    people = peaks.people[order]
    sizes = np.bincount(nodes.labels, minlength=len(nodes.places))
    starts = np.cumsum(sizes) - sizes
    # Every member of a node beside every member of it: rows i of the sorted table, and rows j.
    counts = sizes[nodes.labels[order]]
    i = np.repeat(np.arange(len(order)), counts)
    j = np.arange(len(i)) - np.repeat(np.cumsum(counts) - counts - starts[nodes.labels[order]], counts)
    shared[people[i], people[j]] = True
    np.fill_diagonal(shared, False)
    return shared


def _contest(graph: _Graph, settings: KmSettings) -> IntArray:
    """Match until everybody left wins enough; return the edges that they win, rows of the table."""
    alive = graph.claims > 0
    while True:
        won = _match(graph, alive)
        gains = np.zeros(graph.num_people, np.float32)
        np.add.at(gains, graph.peaks.people[won], graph.peaks.scores[won])
        shares = np.asarray(gains / np.maximum(graph.claims, np.finfo(np.float32).tiny), np.float32)
        gone = _losers(shares, gains, alive, graph.rivals, settings.min_share)
        if not gone.any():
            return won
        alive &= ~gone


def _losers(
    shares: FloatArray, gains: FloatArray, alive: BoolArray, rivals: BoolArray, min_share: float
) -> BoolArray:
    """Return who wins too little to stay, shape (P,): the hopeless, and the weakest among rivals."""
    weak = alive & (shares < min_share)
    rivals = rivals & alive
    best_rival = np.where(rivals, shares, 0).max(axis=1, initial=0)
    order = np.lexsort((-np.arange(len(gains)), gains))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    weaker_rival = (rivals & weak & (place[None, :] < place[:, None])).any(axis=1)
    return np.asarray(weak & ((shares < HOPELESS * best_rival) | ~weaker_rival), np.bool_)


def _match(graph: _Graph, alive: BoolArray) -> IntArray:
    """Return the edges of every keypoint's best matching among the living, rows of the table."""
    edges = np.flatnonzero(alive[graph.peaks.people])
    keypoints = graph.peaks.keypoints[edges]
    rows = (np.cumsum(alive) - 1)[graph.peaks.people[edges]]
    columns = graph.columns[edges]
    shape = (int(keypoints.max(initial=-1)) + 1, int(alive.sum()), int(columns.max(initial=-1)) + 1)
    weights, edge_at = np.zeros(shape), np.zeros(shape, np.int64)
    weights[keypoints, rows, columns] = graph.weights[edges]
    edge_at[keypoints, rows, columns] = edges
    favourites, uncontested = _favourites(weights)
    settled = np.nonzero(uncontested[:, None] & (weights.max(axis=2, initial=0) > 0))
    won = [edge_at[k][assign(weights[k])] for k in np.flatnonzero(~uncontested)]
    return np.concatenate([edge_at[(*settled, favourites[settled])], *won])


def _favourites(weights: NDArray[np.float64]) -> tuple[IntArray, BoolArray]:
    """Return everybody's best column, and the keypoints where no two people have the same: their matching.

    Args:
        weights: Shape (K, P, columns), 0 where there is no edge.

    Returns:
        Columns, shape (K, P), and a mask, shape (K,).
    """
    if not weights.size:
        return np.zeros(weights.shape[:2], np.int64), np.ones(len(weights), np.bool_)
    best = weights.argmax(axis=2)
    taken = np.zeros((len(weights), weights.shape[2]), np.int64)
    index, rows = np.nonzero(weights.max(axis=2) > 0)
    np.add.at(taken, (index, best[index, rows]), 1)
    return best, taken.max(axis=1) <= 1


def _columns(labels: IntArray, keypoints: IntArray, num_nodes: int) -> IntArray:
    """Return each edge's node counted from 0 within its keypoint, shape (N,)."""
    keypoint_of = np.zeros(num_nodes, np.int64)
    keypoint_of[labels] = keypoints
    order = np.argsort(keypoint_of, kind="stable")
    starts = np.searchsorted(keypoint_of[order], keypoint_of)
    place = np.empty(num_nodes, np.int64)
    place[order] = np.arange(num_nodes)
    return (place - starts)[labels]
