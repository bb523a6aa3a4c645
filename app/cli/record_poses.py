"""``sitepose record`` with networks: faces blurred, or poses alone."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sitepose.app.live.events import LiveEvent
    from sitepose.app.sessions.recorder import RecordingSettings

Say = Callable[[str, str], None]
"""Is told what happens: name of the source, one line."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that need networks."""
    privacy = parser.add_argument_group(
        "privacy", "networks look at every frame that they can; others are left out"
    )
    either = privacy.add_mutually_exclusive_group()
    either.add_argument(
        "--blur-faces", action="store_true", help="record video in which nobody can be recognized"
    )
    either.add_argument("--poses-only", action="store_true", help="record how people moved, and no video")
    privacy.add_argument("--pose", metavar="NAME[:FILE]", help="who finds keypoints; --detector finds people")


def wanted(arguments: argparse.Namespace) -> bool:
    """Return whether the recording needs to know where people are.

    Raises:
        ConfigError: Something is asked for that does not go with it.
    """
    from sitepose.core.errors import ConfigError

    if not (arguments.blur_faces or arguments.poses_only):
        return False
    if arguments.schedule or arguments.record_when != "always":
        option = "--blur-faces" if arguments.blur_faces else "--poses-only"
        raise ConfigError(f"{option}: records all the time; leave out --schedule and --record-when")
    return True


class PosesRecording:
    """Records cameras with the networks at work. Remembers when the time is over, from the first session on.

    Args:
        locations: The cameras, each with its settings.
        arguments: The command line.
        settings: Of each recording.
        say: Is told what happens.
    """

    def __init__(
        self,
        locations: Sequence[tuple[str, dict[str, Any]]],
        arguments: argparse.Namespace,
        settings: RecordingSettings,
        say: Say,
    ) -> None:
        from sitepose.app.config import read_config
        from sitepose.app.live.headless import HeadlessRun, Recordings

        parts = {part: _part(getattr(arguments, part)) for part in ("detector", "pose")}
        config = read_config(overrides={name: part for name, part in parts.items() if part})
        recordings = Recordings(root=arguments.output, settings=settings)
        self._say = say
        self._run = HeadlessRun(locations, config, None, record=recordings, on_event=self._hear)
        self._duration_s: float | None = arguments.duration
        self._timer = threading.Timer(arguments.duration or 0.0, self._run.stop)

    def stop(self) -> None:
        """End it; safe in a signal handler."""
        self._run.stop()

    def run(self) -> int:
        """Record until told to stop, or the time is over; 1 if something has failed."""
        self._say("sitepose", "loading the networks")
        try:
            reports = self._run.run()
        finally:
            self._timer.cancel()
        for report in reports:
            lost = sum(report.dropped.values())
            amount = f"poses of {report.frames} frames, {lost} not looked at"
            self._say(report.source, f"{amount}: {report.paths.get('session', 'nothing recorded')}")
        if self._run.failure:
            print(f"sitepose: {self._run.failure}", file=sys.stderr)
        return 1 if self._run.failure else 0

    def _hear(self, event: LiveEvent) -> None:
        self._say(event.source or "sitepose", event.message)
        begun = event.kind == "recording" and event.source
        if begun and self._duration_s is not None and not self._timer.is_alive():
            self._timer.start()


def _part(text: str | None) -> dict[str, Any] | None:
    """Return ``NAME[:FILE]`` as a table."""
    if text is None:
        return None
    name, _, file = text.partition(":")
    return {"name": name, "file": file} if file else {"name": name}
