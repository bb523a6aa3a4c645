"""What a power cut has left is put together again before anything new is recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sitepose.app.sessions.listing import sessions_in
from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.repair import needs_repair, repair
from sitepose.core.errors import SiteposeError


def repair_cut_off(root: Path, say: Callable[[str], None], *, of: str = "") -> str:
    """Repair what a power cut has left of the sessions in a folder; return the name of the newest.

    Args:
        root: Folder of all sessions.
        say: Is told what was done, in one line for each.
        of: Name of a camera: return its newest only.
    """
    newest = ""
    for folder in sessions_in(root):
        if not needs_repair(folder):
            continue
        try:
            done = repair(folder)
            say(f"repaired {folder.name}: {done.frames} frames, {done.seconds:.0f} s")
            if of in ("", read_manifest(folder).source):
                newest = folder.name
        except SiteposeError as error:
            say(str(error))
    return newest
