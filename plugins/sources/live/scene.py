"""Whether a camera was moved, refocused or switched to infrared, told from a picture now and then."""

from __future__ import annotations

from dataclasses import dataclass

from sitepose.core.structures import ImageArray
from sitepose.plugins.sources.live.events import SceneKind
from sitepose.plugins.sources.live.scene_look import SceneLook, look_at

LOOKS = 4
"""Looks in a row that must see the same change: people, lorries and headlights have passed by then."""

FOCUS_CHANGE = 0.62
"""Steepness, against before, that is a change of focus: people alone make it 0.85, a blur of 2 pixels 0.55."""

LEARN = 0.1
"""Share of a new picture in what is known of the background."""

BLURS = (1.0, 2.0, 4.0)
"""Pixels by which the background is blurred to recognize it out of focus."""


@dataclass(frozen=True, slots=True)
class SceneChange:
    """What has happened to a camera.

    Attributes:
        kind: ``moved``, ``refocused``, ``infrared`` (the colours have gone) or ``colour`` (they are back).
        message: One line for people.
    """

    kind: SceneKind
    message: str


class SceneWatch:
    """Compares pictures with what it knows of the background. Remembers that, and a change not yet sure.

    It decides by pictures alone, whatever the time between them: the same pictures, the same changes. One every
    second or so is enough, and costs some milliseconds.
    """

    def __init__(self) -> None:
        self._known: SceneLook | None = None
        self._last: SceneLook | None = None
        self._pending: SceneKind | None = None
        self._seen = 0

    def look(self, image: ImageArray) -> SceneChange | None:
        """Return what has happened to the camera, once, when it is sure.

        Args:
            image: RGB, shape (H, W, 3).
        """
        now = look_at(image)
        if now.dark:
            return None
        known, last = self._known, self._last
        self._last = now
        if known is None or last is None or known.size_wh != now.size_wh:
            self._known, self._pending = now, None
            return None
        kind = _difference(known, now)
        if kind is None:
            self._known, self._pending = known.blended(now, LEARN), None
            return None
        # A view that is another one at each look is none: something passes close by, or the camera turns.
        steady = kind != "moved" or last.same_view(now)
        self._seen = self._seen + 1 if kind == self._pending and steady else 1
        self._pending = kind
        if self._seen < LOOKS:
            return None
        self._known, self._pending = now, None
        return SceneChange(kind, _described(kind, known, now))


def _difference(known: SceneLook, now: SceneLook) -> SceneKind | None:
    """Return how a picture differs from the background; None where it does not."""
    if now.colourful is not None and known.colourful is not None and now.colourful != known.colourful:
        return "colour" if now.colourful else "infrared"
    steeper = known.steeper_in(now)
    refocused = steeper is not None and not FOCUS_CHANGE < steeper < 1 / FOCUS_CHANGE
    if known.same_view(now):
        return "refocused" if refocused else None
    if steeper is None or not refocused:
        return "moved"
    sharp, blurred = (known, now) if steeper < 1 else (now, known)
    return "refocused" if any(sharp.blurred(pixels).same_view(blurred) for pixels in BLURS) else "moved"


def _described(kind: SceneKind, known: SceneLook, now: SceneLook) -> str:
    if kind == "infrared":
        return "the camera has switched to infrared: the picture has no colours any more"
    if kind == "colour":
        return "the camera has switched back to colour"
    if kind == "refocused":
        wider = 1 / (known.steeper_in(now) or 1.0)
        return f"the camera's focus has changed: edges are {wider:.1f} times as wide as before"
    shift = known.shift_to(now)
    if shift is None:
        return "the camera shows another view: it was moved or zoomed, or something stands before it"
    across, down = shift
    return f"the camera was moved: the picture is shifted by {across:+.0f} pixels across and {down:+.0f} down"
