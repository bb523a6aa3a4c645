"""What the controller may ask of a window: setters alone. Wishes of the user call the controller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sitepose.app.gui.figures import FiguresTable
from sitepose.app.gui.following import Following
from sitepose.app.gui.forms import FormField
from sitepose.app.gui.menu import Option, Part
from sitepose.app.gui.model import Banner, Layers, SourceEntry, Theme
from sitepose.app.gui.recorded import Kept
from sitepose.app.gui.screen import Picture, Screen
from sitepose.app.live.replay import Position


@dataclass(frozen=True, slots=True)
class PartChoice:
    """A part as the side panel shows it.

    Attributes:
        part: Which part.
        options: What there is.
        chosen: What is chosen.
        fields: The settings of what is chosen.
    """

    part: Part
    options: Sequence[Option]
    chosen: str
    fields: Sequence[FormField]


@dataclass(frozen=True, slots=True)
class RecordingState:
    """Where a recording is.

    Attributes:
        seconds: Seconds of video; None while nothing is recorded.
        line: Folder, frames, disk left, for people.
    """

    seconds: float | None
    line: str = ""


class View(Protocol):
    """A window."""

    def show_screens(self, screens: Sequence[Screen], titles: Sequence[str]) -> None:
        """Show these panes, in this order, and no others."""

    def show_picture(self, screen: Screen, picture: Picture) -> None:
        """Show the newest picture of a pane."""

    def show_sources(self, sources: Sequence[SourceEntry], current: str) -> None:
        """Show what is open, and how it is."""

    def show_part(self, lane: str, choice: PartChoice) -> None:
        """Show a part of a lane: what there is, what is chosen, its settings."""

    def show_preset(self, lane: str, name: str) -> None:
        """Show which preset the parts of a lane are; empty where they are none."""

    def show_figures(self, lane: str, table: FiguresTable) -> None:
        """Show the figures of the current source."""

    def show_status(self, text: str) -> None:
        """Show what happens just now, in the line at the bottom."""

    def show_banner(self, banner: Banner | None) -> None:
        """Show a message across the window, or take it away."""

    def show_compare(self, compare: bool) -> None:
        """Show whether two pipelines are compared."""

    def show_following(self, following: Following, *, zoom: bool) -> None:
        """Show whom the user follows, and whether they are large."""

    def show_layers(self, layers: Layers) -> None:
        """Draw these layers."""

    def show_theme(self, theme: Theme) -> None:
        """Be light or dark."""

    def show_recording(self, state: RecordingState) -> None:
        """Show whether, and what, is recorded."""

    def show_kept(self, kept: Kept) -> None:
        """Show what recordings keep, from the next one on."""

    def show_replay(self, position: Position | None) -> None:
        """Show the controls of a recording, or hide them."""
