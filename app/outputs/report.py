"""``run.json``: what a run was, what it used, what it found and what it cost."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sitepose.app.factory import Model
from sitepose.app.pipeline.timings import StageTiming


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """The figures of one run.

    Attributes:
        source: The video, as it was named.
        status: ``done``; ``interrupted`` by a signal; ``failed``, with the reason in ``error``; ``skipped``
            when a finished result was kept.
        error: One line; None when all went well.
        version: Version of Sitepose.
        config: The whole configuration.
        models: Name, sha256 and the runtime really used of each network.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        frames: Frames that came out.
        seconds: From the first frame in to the last result out.
        start_up_seconds: Loading networks and opening the source.
        stages: Milliseconds per frame and stage.
        damaged: Packets that could not be decoded and were skipped.
        dropped: Frames lost, by reason.
        people: People in all frames together.
        tracks: Different track ids.
        started: Wall clock at the start, ISO 8601.
        paths: What was written, by kind.
    """

    source: str
    status: str
    error: str | None = None
    version: str
    config: dict[str, Any]
    models: list[Model] = field(default_factory=list)
    width: int = 0
    height: int = 0
    frames: int = 0
    seconds: float = 0.0
    start_up_seconds: float = 0.0
    stages: dict[str, StageTiming] = field(default_factory=dict)
    damaged: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    people: int = 0
    tracks: int = 0
    started: str = ""
    paths: dict[str, str] = field(default_factory=dict)

    @property
    def frames_per_second(self) -> float:
        """Frames that came out per second of the run; 0 before any did."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    def as_table(self) -> dict[str, Any]:
        """Return the report as plain data, as ``run.json`` and ``--json`` show it."""
        table = {"schema": "sitepose.run/1", **dataclasses.asdict(self)}
        table["frames_per_second"] = round(self.frames_per_second, 2)
        table["seconds"] = round(self.seconds, 3)
        table["start_up_seconds"] = round(self.start_up_seconds, 3)
        table["machine"] = {"platform": platform.platform(), "python": platform.python_version()}
        return table

    def write(self, path: Path) -> None:
        """Write ``run.json``, whole or not at all."""
        partial = path.with_name(f"{path.name}.partial")
        partial.write_text(json.dumps(self.as_table(), indent=1, default=str) + "\n", encoding="utf-8")
        os.replace(partial, path)
