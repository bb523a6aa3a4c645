"""Every key of the window, and what it does; the list that ``?`` shows is made from this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hotkey:
    """A key.

    Attributes:
        keys: As Qt writes them.
        action: Name of the window's action.
        does: What it does, for people.
    """

    keys: str
    action: str
    does: str


HOTKEYS: tuple[Hotkey, ...] = (
    Hotkey("O", "open", "Open a camera, video or session"),
    Hotkey("Ctrl+W", "close", "Close the source"),
    Hotkey("R", "record", "Start or stop recording"),
    Hotkey("Shift+R", "kept", "Choose what recordings keep: video, blurred faces, poses alone"),
    Hotkey("M", "mark", "Mark this moment in the recording"),
    Hotkey("N", "note", "Write a note to this moment"),
    Hotkey("C", "compare", "Compare two pipelines side by side"),
    Hotkey("Space", "pause", "Pause or play a recording"),
    Hotkey("Right", "forward", "One frame forward"),
    Hotkey("Left", "back", "One frame back"),
    Hotkey("Shift+Right", "second_forward", "One second forward"),
    Hotkey("Shift+Left", "second_back", "One second back"),
    Hotkey("]", "faster", "Play faster"),
    Hotkey("[", "slower", "Play slower"),
    Hotkey("B", "boxes", "Show or hide boxes"),
    Hotkey("S", "skeletons", "Show or hide skeletons"),
    Hotkey("I", "labels", "Show or hide track ids"),
    Hotkey("T", "trails", "Show or hide trails"),
    Hotkey("F", "follow", "Follow the next person, from left to right"),
    Hotkey("Z", "zoom", "Show whoever is followed large, or all of the picture"),
    Hotkey("Escape", "unfollow", "Follow nobody; close the message"),
    Hotkey("P", "panel", "Show or hide the side panel"),
    Hotkey("D", "theme", "Light or dark"),
    Hotkey("F11", "fullscreen", "Full screen"),
    Hotkey("Ctrl+R", "retry", "Try to reach the camera now"),
    Hotkey("?", "help", "This list"),
    Hotkey("Ctrl+Q", "quit", "Quit"),
)
