"""The panes of video, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QPushButton, QWidget

from sitepose.app.gui.following import Following
from sitepose.app.gui.model import Layers
from sitepose.app.gui.screen import Picture, Screen
from sitepose.app.gui.views.video import VideoPane

MOST_COLUMNS = 4


class Tiles(QWidget):
    """As many panes as there are screens; an invitation while there are none.

    Attributes:
        panes: From left to right, row by row.
        invitation: Shown while nothing is open.
    """

    personClicked = Signal(str, str, object)  # source, lane, track id or None
    opening = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.panes: list[VideoPane] = []
        self._layers = Layers()
        self._following = Following()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self.invitation = QPushButton("Open a camera, a video or a session   (O)")
        self.invitation.setDefault(True)
        self.invitation.clicked.connect(lambda: self.opening.emit())
        self._grid.addWidget(self.invitation, 0, 0, Qt.AlignmentFlag.AlignCenter)

    def show_screens(self, screens: Sequence[Screen], titles: Sequence[str]) -> None:
        """Show these panes, in this order, and no others."""
        old = {pane.screen: pane for pane in self.panes}
        self.panes = [
            old[screen] if screen in old else self._new_pane(screen, title)
            for screen, title in zip(screens, titles, strict=True)
        ]
        for pane in (pane for pane in old.values() if pane not in self.panes):
            self._grid.removeWidget(pane)
            pane.setParent(None)
            pane.deleteLater()
        columns = columns_of(len(self.panes))
        for number, pane in enumerate(self.panes):
            pane.show_title(titles[number])
            self._grid.addWidget(pane, number // columns, number % columns)
        self.invitation.setVisible(not self.panes)

    def show_picture(self, screen: Screen, picture: Picture) -> None:
        """Show the newest picture of a pane."""
        for pane in self.panes:
            if pane.screen is screen:
                pane.show_picture(picture)

    def show_messages(self, messages: Mapping[str, str]) -> None:
        """Show what the sources say, by key, where there is no picture yet."""
        for pane in self.panes:
            pane.show_message(messages.get(pane.screen.source, ""))

    def show_layers(self, layers: Layers) -> None:
        """Draw these layers."""
        self._layers = layers
        for pane in self.panes:
            pane.show_layers(layers)

    def show_following(self, following: Following) -> None:
        """Fade everybody but whoever is followed."""
        self._following = following
        for pane in self.panes:
            pane.show_following(following.track_id(pane.screen.source, pane.screen.lane))

    def _new_pane(self, screen: Screen, title: str) -> VideoPane:
        pane = VideoPane(screen, title)
        pane.personClicked.connect(self.personClicked)
        pane.show_layers(self._layers)
        pane.show_following(self._following.track_id(screen.source, screen.lane))
        return pane


def columns_of(panes: int) -> int:
    """Return into how many columns so many panes go.

    >>> [columns_of(panes) for panes in (0, 1, 2, 4, 5, 9, 10, 20)]
    [1, 1, 2, 2, 3, 3, 4, 4]
    """
    return min(MOST_COLUMNS, max(1, math.ceil(math.sqrt(panes))))
