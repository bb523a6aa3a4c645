"""What there is to show of each live source: its newest frame, and the newest poses of each lane."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from sitepose.app.live.results import LiveResult
from sitepose.core.structures import Frame

FIRST = "A"
"""Name of the lane whose poses are written."""

SECOND = "B"
"""Name of the lane that compares."""

LANES = (FIRST, SECOND)
"""All there are."""

RECORDED = "recorded"
"""Where a view has the poses that were found when a recording was made."""


@dataclass(frozen=True, eq=False, slots=True)
class LiveView:
    """What there is to show of a source now.

    Attributes:
        source: Key of the source.
        frame: Its newest frame.
        results: The newest finished result of each lane; its frame may be older.
    """

    source: str
    frame: Frame
    results: Mapping[str, LiveResult]

    def age_s(self, lane: str = FIRST) -> float | None:
        """Return how much older the frame of the poses is than the one shown; None without poses."""
        result = self.results.get(lane)
        return None if result is None else max(0.0, self.frame.timestamp - result.tracked.frame.timestamp)


ViewListener = Callable[[LiveView], None]
"""Is told of every frame, in the thread of its source: be quick, and hand on what takes time."""


class Views:
    """Puts frames and results together. Thread-safe.

    What belongs to a source or lane that is not there, or no longer, is left out: threads end a little later
    than they are asked to.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._views: dict[str, LiveView | None] = {}
        self._lanes: list[str] = []
        self._results: dict[tuple[str, str], LiveResult] = {}

    def begin_source(self, key: str) -> None:
        """Expect frames of a source."""
        with self._lock:
            self._views[key] = None

    def end_source(self, key: str) -> None:
        """Forget a source; one that is not there is fine."""
        with self._lock:
            self._views.pop(key, None)
            self._results = {place: found for place, found in self._results.items() if place[0] != key}

    def begin_lane(self, name: str) -> None:
        """Expect results of a lane."""
        with self._lock:
            self._lanes.append(name)

    def end_lane(self, name: str) -> None:
        """Forget a lane; one that is not there is fine."""
        with self._lock:
            self._lanes = [other for other in self._lanes if other != name]
            self._results = {place: found for place, found in self._results.items() if place[1] != name}

    def get(self, key: str) -> LiveView | None:
        """Return what there is to show of a source; None before its first frame."""
        return self._views.get(key)

    def show(self, key: str, frame: Frame, recorded: LiveResult | None) -> LiveView | None:
        """Return the view with a new frame; None where the source is gone.

        Args:
            key: Of the source.
            frame: Its newest.
            recorded: Who was found in this frame when it was recorded.
        """
        with self._lock:
            if key not in self._views:
                return None
            results = {lane: self._results[key, lane] for lane in self._lanes if (key, lane) in self._results}
            if recorded is not None:
                results[RECORDED] = recorded
            view = self._views[key] = LiveView(key, frame, results)
            return view

    def keep(self, result: LiveResult, *, stands: bool) -> LiveView | None:
        """Keep the newest result of a lane.

        Args:
            result: It.
            stands: Whether the source shows the same frame until somebody moves on.

        Returns:
            The view with it where the frame stands still, and so is shown again; else None.
        """
        with self._lock:
            if result.source not in self._views or result.lane not in self._lanes:
                return None
            self._results[result.source, result.lane] = result
            view = self._views[result.source]
            if view is None or view.frame is not result.tracked.frame or not stands:
                return None
            view = replace(view, results={**view.results, result.lane: result})
            self._views[result.source] = view
            return view

    def anew(self, keys: Collection[str]) -> list[LiveView]:
        """Return the views of sources that stand still, to be looked at once more.

        Their frames have no time of capture any more: it would say nothing about latency.
        """
        with self._lock:
            views = [view for key in keys if (view := self._views.get(key)) is not None]
            views = [replace(view, frame=replace(view.frame, captured_at=0.0)) for view in views]
            self._views.update({view.source: view for view in views})
            return views
