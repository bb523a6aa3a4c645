"""What is wrong with a camera at this computer, or with a file."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from sitepose.plugins.sources.live.cameras import captures, list_cameras
from sitepose.plugins.sources.live.events import ConnectionFault


def fault_of_device(device: Path, root: Path = Path("/")) -> ConnectionFault | None:
    """Return what is wrong with a local camera; None where it seems to be one that may be opened.

    Args:
        device: Such as ``/dev/video0``.
        root: Of the file system in which other cameras are looked for.
    """
    if not device.exists():
        return ConnectionFault("unreachable", f"there is no {device}: {_what_there_is(root)}")
    if not os.access(device, os.R_OK | os.W_OK):
        return ConnectionFault("unreachable", f"{device} may not be opened: {allow_cameras()}")
    if not captures(device):
        return ConnectionFault("unreachable", f"{device} is no camera: {_what_there_is(root)}")
    return None


def allow_cameras() -> str:
    """Return what lets a user open cameras."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # one without a name
        user = "USER"
    return f"sudo usermod -aG video {user}, then log in again"


def fault_of_file(path: Path) -> ConnectionFault | None:
    """Return what is wrong with a file; None where it holds something that may be read."""
    if not path.is_file():
        return ConnectionFault("unreachable", f"no such file: {path}")
    if not os.access(path, os.R_OK):
        return ConnectionFault("unreachable", f"{path} may not be read: change its permissions")
    if not path.stat().st_size:
        return ConnectionFault("broken", f"{path} is empty: copy it again")
    return None


def _what_there_is(root: Path) -> str:
    cameras = list_cameras(root)
    if not cameras:
        return "no camera is plugged in, or none that may be seen here"
    return "choose " + " or ".join(f"{camera.device} ({camera.name})" for camera in cameras)
