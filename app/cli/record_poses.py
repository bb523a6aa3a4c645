"""``sitepose record`` with networks: faces blurred, or poses alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sitepose.app.live.engine import LiveEngine
    from sitepose.app.live.events import LiveEvent
    from sitepose.app.live.posed_camera import PosedCamera
    from sitepose.app.sessions.unattended import Plan, Say
    from sitepose.plugins.sources.live.source import LiveSource

LOAD_S = 0.1
"""How often one who waits for the networks looks whether that is still wanted."""


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
    """Return whether the recording needs to know where people are."""
    return bool(arguments.blur_faces or arguments.poses_only)


def start_engine(
    arguments: argparse.Namespace, say: Say, closers: ExitStack, stopped: Callable[[], bool]
) -> LiveEngine:
    """Return an engine that looks at frames; its networks are loaded, unless the user stops it meanwhile.

    Raises:
        PipelineError: They cannot be had.
    """
    from sitepose.app.config import read_config
    from sitepose.app.live.engine import LiveEngine
    from sitepose.core.errors import PipelineError

    parts = {part: _part(getattr(arguments, part)) for part in ("detector", "pose")}
    config = read_config(overrides={name: part for name, part in parts.items() if part})
    failures: list[str] = []

    def hear(event: LiveEvent) -> None:
        if event.kind == "switch-failed":
            failures.append(event.message)
        elif event.kind in ("loading", "switched", "stage-failed", "source-failed"):
            say(event.source or "sitepose", event.message)  # what a camera tells of itself is said already

    loaded = LiveEngine(threads=config.runtime.threads, on_event=hear)
    closers.callback(loaded.stop)
    say("sitepose", "loading the networks")
    loaded.start_lane(config)
    lane = loaded.lane()
    assert lane is not None  # it was started
    while not (lane.wait_loaded(LOAD_S) or failures or stopped()):
        pass
    if failures:
        raise PipelineError(failures[0])
    return loaded


def posed_camera(engine: LiveEngine, source: LiveSource, plan: Plan, preroll_s: float) -> PosedCamera:
    """Return a camera whose frames an engine looks at before they are recorded."""
    from sitepose.app.live.inputs import numbered
    from sitepose.app.live.posed_camera import PosedCamera

    key = numbered(source.address.label, engine.sources)
    return PosedCamera(engine, source, key, plan.settings, schedule=plan.schedule, preroll_s=preroll_s)


def _part(text: str | None) -> dict[str, Any] | None:
    """Return ``NAME[:FILE]`` as a table."""
    if text is None:
        return None
    name, _, file = text.partition(":")
    return {"name": name, "file": file} if file else {"name": name}
