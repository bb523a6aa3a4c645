"""What the user is told: the line at the bottom, and the message across the window. Never a login."""

from __future__ import annotations

from sitepose.app.gui.model import Banner, SessionModel
from sitepose.app.gui.remedies import remedy
from sitepose.app.gui.view import View
from sitepose.app.live.events import LiveEvent
from sitepose.app.logs import keep_out_of_logs
from sitepose.plugins.sources.live.secrets import Secrets

NOTICES = frozenset(("recording", "scene", "damaged"))
"""Kinds of events that are no failure, and yet nobody should miss."""


class NoticeBoard:
    """Says what happens. Remembers every login that it has been told of, which then appears nowhere.

    Args:
        view: The window.
        model: Which message stands.
    """

    def __init__(self, view: View, model: SessionModel) -> None:
        self._view = view
        self._model = model
        self._secrets = Secrets()

    def keep_secret(self, secrets: Secrets) -> None:
        """Take note of what must appear neither on the screen nor in a log."""
        keep_out_of_logs(secrets)
        self._secrets |= secrets

    def redact(self, text: str) -> str:
        """Return a text without logins."""
        return self._secrets.redact(text)

    def say(self, text: str) -> None:
        """Say what happens just now."""
        self._view.show_status(self.redact(text))

    def warn(self, text: str, kind: str) -> None:
        """Show a message with what to do about it, until the user has read it."""
        self._show(Banner(self.redact(text), remedy(kind, text)))

    def dismiss(self) -> None:
        """Take the message away."""
        self._show(None)

    def tell(self, event: LiveEvent) -> None:
        """Say what has happened; across the window where nobody should miss it."""
        where = f"{event.source}: " if event.source else f"pipeline {event.lane}: " if event.lane else ""
        text = f"{where}{event.message}"
        self.say(text)
        banner = self._model.banner
        worse = banner is not None and banner.kind not in NOTICES
        if event.failed or event.state == "failed" or (event.kind in NOTICES and not worse):
            self._show(Banner(self.redact(text), remedy(event.kind, event.message), event.kind))
        elif banner is not None and _cures(event, banner):
            self.dismiss()

    def _show(self, banner: Banner | None) -> None:
        self._model.banner = banner
        self._view.show_banner(banner)


def _cures(event: LiveEvent, banner: Banner) -> bool:
    """Return whether an event is the good news that a banner has waited for."""
    if event.kind == "switched":
        return banner.kind in ("switch-failed", "stage-failed")
    return event.state == "playing" and banner.kind in ("source", "source-failed")
