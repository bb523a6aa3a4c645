"""Which cameras are plugged in, by names that stay the same when they are plugged in again."""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass
from pathlib import Path

QUERY_CAPABILITIES = 0x80685600
"""``VIDIOC_QUERYCAP`` of V4L2."""

CAPABILITIES = struct.Struct("16s32s32sIII12x")
"""Driver, card, bus, version, capabilities of the hardware, capabilities of this device."""

VIDEO_CAPTURE = 0x00000001
HAS_DEVICE_CAPABILITIES = 0x80000000


@dataclass(frozen=True, slots=True)
class Camera:
    """A local camera.

    Attributes:
        device: ``/dev/videoN``: another N after the next start, perhaps.
        stable: ``/dev/v4l/by-id/...`` where there is one, else ``by-path`` (the socket), else ``device``.
        name: As the camera calls itself.
    """

    device: str
    stable: str
    name: str


def list_cameras(root: Path = Path("/")) -> list[Camera]:
    """Return the local cameras; none where the system has no V4L2.

    Args:
        root: Of the file system.
    """
    stable = _stable_names(root)
    cameras = []
    devices = (root / "sys/class/video4linux").glob("video*")
    for entry in sorted(devices, key=lambda path: (len(path.name), path.name)):
        device = root / "dev" / entry.name
        if not captures(device):
            continue
        try:
            name = (entry / "name").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            name = ""
        cameras.append(Camera(str(device), stable.get(device.resolve(), str(device)), name or entry.name))
    return cameras


def captures(device: Path) -> bool:
    """Return whether a device gives pictures: cameras have others beside it, for their settings."""
    try:
        descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        answer = fcntl.ioctl(descriptor, QUERY_CAPABILITIES, bytes(CAPABILITIES.size))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    *_, hardware, own = CAPABILITIES.unpack(answer)
    return bool((own if hardware & HAS_DEVICE_CAPABILITIES else hardware) & VIDEO_CAPTURE)


def _stable_names(root: Path) -> dict[Path, str]:
    """Return the name of each device that does not change; the maker's number wins over the socket."""
    names: dict[Path, str] = {}
    for folder in ("by-path", "by-id"):
        links = sorted((root / "dev/v4l" / folder).glob("*"), reverse=True)
        names.update({link.resolve(): str(link) for link in links})
    return names
