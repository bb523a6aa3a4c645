"""PoseFlow's flow building: which poses of successive frames make one person, with a look ahead.

A pose's candidates are the poses of the next frames at which enough of its points arrive. A flow is the path
through candidates with the largest sum of confidences, found by dynamic programming over a window; it ends
where the next frames would add almost nothing (arXiv 1802.00977, section 3.2). Two changes to the paper: each
step counts by the share of points that arrive, so that a confident neighbour does not take a flow over, and a
flow may step over frames in which its person was missed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sitepose.core.structures import FloatArray, IntArray, Poses

Node = tuple[int, int]
"""Place of the frame in the sequence, and row of the pose."""


@dataclass(slots=True, eq=False)
class FlowFrame:
    """One frame on its way through the window.

    Attributes:
        index: The source's index of the frame.
        time: Seconds since the first frame.
        poses: Everybody seen.
        confidences: s(Q) of each pose, shape (P,).
        camera: How far the background has moved since the first frame, x and y.
        flows: Flow of each pose, shape (P,); -1 where there is none.
        onward: For each pose its candidates in later frames, with the share of points that arrive.
    """

    index: int
    time: float
    poses: Poses
    confidences: FloatArray
    camera: FloatArray = field(default_factory=lambda: np.zeros(2, np.float32))
    flows: IntArray = field(init=False)
    onward: list[dict[Node, float]] = field(init=False)

    def __post_init__(self) -> None:
        self.flows = np.full(len(self.poses), -1, np.int64)
        self.onward = [{} for _ in range(len(self.poses))]


class FlowBuilder:
    """Remembers the frames that are not decided yet, and the last decided ones, where open flows end.

    Args:
        window: Frames that are decided together.
        look_ahead: Further frames that are looked at, and most frames that a flow may step over (r).
        min_gain: Confidence that the next ``look_ahead`` frames must add, or the flow ends (gamma).
        min_start: Confidence below which a pose begins no flow.
    """

    def __init__(self, *, window: int, look_ahead: int, min_gain: float, min_start: float) -> None:
        self._window = window
        self._look_ahead = look_ahead
        self._min_gain = min_gain
        self._min_start = min_start
        self._frames: dict[int, FlowFrame] = {}
        self._decided = 0
        self._tails: dict[int, Node] = {}
        self._next_place = 0
        self._next_flow = 0

    def add(self, frame: FlowFrame) -> int:
        """Take in a frame and return its place in the sequence."""
        place = self._next_place
        self._frames[place] = frame
        self._next_place += 1
        return place

    def link(self, earlier: Node, later: Node, arrived: float) -> None:
        """Say that one pose may be followed by another, and the share of points that arrive."""
        place, row = earlier
        if place in self._frames:
            self._frames[place].onward[row][later] = arrived

    def decide(self, *, final: bool = False) -> list[FlowFrame]:
        """Return the next frames with their flows, none while the look ahead is too short.

        Args:
            final: No frame will follow: decide all.
        """
        undecided = self._next_place - self._decided
        if not final and undecided < self._window + self._look_ahead:
            return []
        end = self._next_place if final else self._decided + self._window
        self._grow_flows(end)
        places = range(self._decided, end)
        self._decided = end
        self._tails = {f: tail for f, tail in self._tails.items() if tail[0] >= end - self._look_ahead}
        done = [self._frames[place] for place in places]
        for place in [place for place in self._frames if place < end - self._look_ahead]:
            del self._frames[place]
        return done

    def _grow_flows(self, end: int) -> None:
        """Claim the best path again and again: of the open flows, and of poses that begin one."""
        taken: set[Node] = set()
        open_flows = dict(self._tails)
        while True:
            best = self._best_paths(taken)
            # Open flows choose first: a new flow from their next pose on would always look longer.
            starts = [(best[tail][0], tail, flow) for flow, tail in open_flows.items() if best[tail][1]] or [
                (best[node][0] + self._confidence(node), node, -1)
                for node in best
                if node[0] < end and self._is_start(node, taken)
            ]
            if not starts:
                return
            _, start, flow = max(starts, key=lambda entry: (entry[0], -entry[1][0], -entry[1][1]))
            if flow < 0:
                flow, self._next_flow = self._next_flow, self._next_flow + 1
            open_flows.pop(flow, None)
            self._claim(flow, self._path(start, best), end, taken)

    def _best_paths(self, taken: set[Node]) -> dict[Node, tuple[float, Node | None]]:
        """Return, for each free pose and each flow's tail, what its best path will add, and the next pose."""
        best: dict[Node, tuple[float, Node | None]] = {}
        for place in sorted(self._frames, reverse=True):
            for row, onward in enumerate(self._frames[place].onward):
                gain, step = 0.0, None
                for later, arrived in onward.items():
                    if later in taken or later[0] < self._decided:
                        continue
                    value = arrived * self._confidence(later) + best[later][0]
                    if value > gain:
                        gain, step = value, later
                best[place, row] = gain, step
        return best

    def _path(self, start: Node, best: dict[Node, tuple[float, Node | None]]) -> list[Node]:
        """Return the best path from a pose, cut where the next frames add too little."""
        path = [start]
        while True:
            value, step = best[path[-1]]
            if step is None:
                return path
            beyond, horizon = step, path[-1][0] + self._look_ahead
            while beyond[0] < horizon and (after := best[beyond][1]) is not None and after[0] <= horizon:
                beyond = after
            if value - best[beyond][0] < self._min_gain:
                return path
            path.append(step)

    def _claim(self, flow: int, path: list[Node], end: int, taken: set[Node]) -> None:
        """Give a path to a flow: for good before ``end``, for this round behind it."""
        for place, row in path:
            if place >= self._decided:
                taken.add((place, row))
                if place < end:
                    self._frames[place].flows[row] = flow
                    self._tails[flow] = (place, row)

    def _confidence(self, node: Node) -> float:
        return float(self._frames[node[0]].confidences[node[1]])

    def _is_start(self, node: Node, taken: set[Node]) -> bool:
        return node[0] >= self._decided and node not in taken and self._confidence(node) >= self._min_start
