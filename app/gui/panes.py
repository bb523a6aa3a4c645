"""The panes of the window: which source and lane each shows, and the way of pictures to them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sitepose.app.gui.following import Following
from sitepose.app.gui.screen import Picture, Screen
from sitepose.app.gui.view import View
from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.views import LiveView

MOST_PANES = 16
"""More do not fit on a screen."""


class Panes:
    """Remembers the panes, and which of them have a picture that is not on the screen yet.

    Args:
        view: The window.
        engine: Told when a picture was handed to the screen.
    """

    def __init__(self, view: View, engine: LiveEngine) -> None:
        self._view = view
        self._engine = engine
        self._screens: tuple[Screen, ...] = ()
        self._fresh: dict[Screen, Picture] = {}
        self._lock = threading.Lock()

    def arrange(self, sources: Sequence[str], lanes: Sequence[str]) -> None:
        """Show every source with every lane; panes that are there already stay."""
        old = {(screen.source, screen.lane): screen for screen in self._screens}
        wanted = [(source, lane) for source in sources for lane in lanes][:MOST_PANES]
        screens = tuple(old.get(place) or Screen(*place) for place in wanted)
        if screens == self._screens:
            return
        self._screens = screens
        with self._lock:
            self._fresh.clear()
        titles = [f"{lane}  {source}" if len(lanes) > 1 else source for source, lane in wanted]
        self._view.show_screens(screens, titles)

    def follow(self, following: Following, *, zoom: bool) -> None:
        """Show a person large where they are followed, or all of the picture."""
        for screen in self._screens:
            screen.zoom_to(following.track_id(screen.source, screen.lane) if zoom else None)
            if screen.picture is not None:
                self._view.show_picture(screen, screen.picture)

    def forget_trails(self, lane: str) -> None:
        """Begin the trails of a lane anew."""
        for screen in self._screens:
            if screen.lane == lane:
                screen.forget_trails()

    def prepare(self, view: LiveView) -> bool:
        """Make a frame ready for its panes, in the thread of its source; return whether there are any."""
        found = False
        for screen in self._screens:
            if screen.source == view.source:
                picture = screen.show(view)
                with self._lock:
                    self._fresh[screen] = picture
                found = True
        return found

    def paint(self) -> None:
        """Hand every picture that is new to the screen; in the view's thread."""
        with self._lock:
            fresh, self._fresh = self._fresh, {}
        told = set()
        for screen, picture in fresh.items():
            if screen in self._screens:
                self._view.show_picture(screen, picture)
                if screen.source not in told:
                    told.add(screen.source)
                    self._engine.painted(picture.view)
