"""Which sessions there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitepose.app.sessions.manifest import (
    FRAMES,
    MANIFEST,
    VIDEO,
    NewerSessionError,
    SessionManifest,
    read_manifest,
)
from sitepose.app.sessions.repair import needs_repair
from sitepose.app.sessions.rows import last_row, span
from sitepose.core.errors import FormatError


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One session in a list.

    Attributes:
        folder: Where it is.
        state: ``recording``, ``cut off``, ``closed``, ``repaired``, ``damaged``, or ``newer`` than we are.
        manifest: Its ``session.json``; None where that cannot be understood.
    """

    folder: Path
    state: str
    manifest: SessionManifest | None

    @property
    def seconds(self) -> float:
        """Of video, as ``session.json`` says, and the rows of an open segment; of poses without video."""
        parts = self.manifest.segments if self.manifest else ()
        closed = sum(part.seconds for part in parts if part.state not in ("deleted", "open"))
        if self.manifest is None or not (self.folder / FRAMES).is_file():
            return closed
        if self.manifest.poses_only:
            return span(self.folder / FRAMES)
        row = last_row(self.folder / FRAMES) if parts and parts[-1].state == "open" else None
        return closed + (max(0.0, row.timestamp - parts[-1].timestamp) if row is not None else 0.0)

    @property
    def bytes(self) -> int:
        """Of video, as it is on the disk."""
        return sum(path.stat().st_size for path in (self.folder / VIDEO).glob("*.mkv"))

    def to_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        manifest = self.manifest
        return {
            "name": self.folder.name,
            "folder": str(self.folder),
            "state": self.state,
            "source": manifest.source if manifest else "",
            "created": manifest.created if manifest else None,
            "seconds": round(self.seconds, 3),
            "blurred": manifest.blurred if manifest else None,
            "poses_only": manifest.poses_only if manifest else None,
            "bytes": self.bytes,
            "frames": manifest.counters.get("frames", 0) if manifest else 0,
        }


def sessions_in(root: Path) -> list[Path]:
    """Return the folders of sessions in a folder, oldest name first; the folder itself if it is one."""
    if is_session(root):
        return [root]
    return sorted(path for path in root.iterdir() if is_session(path)) if root.is_dir() else []


def is_session(folder: Path) -> bool:
    """Return whether a folder is, or was to be, a session."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return (folder / MANIFEST).is_file() or ((folder / VIDEO).is_dir() and any((folder / VIDEO).glob("*.mkv")))


def list_sessions(root: Path) -> list[SessionLine]:
    """Return what there is in a folder."""
    return [_line(folder) for folder in sessions_in(root)]


def _line(folder: Path) -> SessionLine:
    try:
        manifest = read_manifest(folder)
    except NewerSessionError:
        return SessionLine(folder, "newer", None)
    except FormatError:
        return SessionLine(folder, "damaged", None)
    cut_off = manifest.state == "recording" and needs_repair(folder)
    return SessionLine(folder, "cut off" if cut_off else manifest.state, manifest)
