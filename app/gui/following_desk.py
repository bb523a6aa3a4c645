"""Whom the user follows, from click to click."""

from __future__ import annotations

from sitepose.app.config import PartConfig
from sitepose.app.gui.following import Following, follow_in_all, next_person
from sitepose.app.gui.model import SessionModel
from sitepose.app.gui.panes import Panes
from sitepose.app.gui.view import View
from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.views import FIRST, LANES


class FollowingDesk:
    """Follows a person, and shows them large. Remembers the tracker of each pipeline, whose numbers it goes by.

    Args:
        view: The window.
        model: Who is followed.
        engine: Who is in the picture.
        panes: Where they are followed.
        select: Track id of the person to follow from the start.
    """

    def __init__(
        self, view: View, model: SessionModel, engine: LiveEngine, panes: Panes, select: int | None
    ) -> None:
        self._view = view
        self._model = model
        self._engine = engine
        self._panes = panes
        self._select = select
        self._trackers: dict[str, tuple[PartConfig, str]] = {}

    def follow(self, source: str, lane: str, track_id: int | None) -> None:
        """Follow a person of a pane; None follows nobody."""
        if track_id is None:
            self.nobody()
        else:
            self._follow(follow_in_all(source, lane, track_id, LANES, self._engine.view(source)))

    def next(self) -> None:
        """Follow the person at the right of the one who is followed now."""
        key = self._model.current
        view = self._engine.view(key)
        result = view.results.get(FIRST) if view is not None else None
        if result is None:
            self._view.show_status("nobody to follow yet")
            return
        self.follow(key, FIRST, next_person(result.tracked.poses, self._model.following.track_id(key, FIRST)))

    def nobody(self) -> None:
        """Follow nobody any more."""
        self._follow(Following())

    def toggle_zoom(self) -> None:
        """Show whoever is followed large, or all of the picture."""
        self._model.zoom = not self._model.zoom
        if self._model.zoom and not self._model.following:
            self._view.show_status("click a person, or press F, to follow somebody")
        self.show()

    def opened(self, key: str) -> None:
        """Take note of a new source; whom the command line has named is followed there."""
        if self._select is not None and not self._model.following:
            self._model.following = Following(key, dict.fromkeys(LANES, self._select))
        self.show()

    def closed(self, key: str) -> None:
        """Take note that a source is gone, with whoever was followed there."""
        if self._model.following.source == key:
            self.nobody()

    def switched(self, lane: str) -> None:
        """Forget whom the tracker has numbered where there is another one, which begins anew."""
        parts = self._engine.parts(lane)
        if parts is None:
            return
        tracker = parts.config.tracker, parts.skeleton.name
        if self._trackers.get(lane) not in (None, tracker):
            self._panes.forget_trails(lane)
            if lane in self._model.following.track_ids:
                self.nobody()
        self._trackers[lane] = tracker

    def show(self) -> None:
        """Show who is followed."""
        self._panes.follow(self._model.following, zoom=self._model.zoom)
        self._view.show_following(self._model.following, zoom=self._model.zoom)

    def _follow(self, following: Following) -> None:
        self._model.following = following
        self.show()
