"""A session as it begins: its name, its folder, what ``session.json`` says of it, and room on the disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sitepose.app.sessions.disk import DiskPolicy, look_at_disk, show_size
from sitepose.app.sessions.folder import SafeFolder
from sitepose.app.sessions.manifest import SessionManifest
from sitepose.app.sessions.names import check_name, session_name
from sitepose.app.sessions.recording import RecordingSettings
from sitepose.core.errors import RecordingError


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session whose folder has been made and is ours alone.

    Attributes:
        folder: Empty but for the lock.
        lock: Descriptor that holds it; None where locks are not to be had.
        manifest: Of the session.
    """

    folder: SafeFolder
    lock: int | None
    manifest: SessionManifest

    def release(self) -> None:
        """Let others have the session."""
        if self.lock is not None:
            os.close(self.lock)


def described_session(
    source: str,
    settings: RecordingSettings,
    *,
    name: str | None,
    described: Mapping[str, Any],
    continues: str,
) -> SessionManifest:
    """Return what there is to say of a session before its first frame.

    Args:
        source: Name of the source, without credentials.
        settings: What the recording is like.
        name: Of the session; None names it after source and time.
        described: Settings of the source, without login.
        continues: Name of the session that was cut off, where this one goes on.

    Raises:
        ConfigError: The name is none.
    """
    local = datetime.now().astimezone()
    return SessionManifest(
        name=check_name(name or session_name(source, local)),
        created=local.timestamp(),
        created_local=local.isoformat(timespec="seconds"),
        source=source,
        settings={"source": dict(described), "recording": settings.model_dump(mode="json")},
        consent=settings.consent,
        retention=settings.retention,
        blurred=settings.blur_faces,
        poses_only=settings.poses_only,
        continues=continues,
        version=version("sitepose"),
    )


def new_session(root: Path, manifest: SessionManifest, policy: DiskPolicy) -> NewSession:
    """Make the folder of a session; where its name is taken, one with a number behind it.

    Args:
        root: Folder of all sessions; made if need be.
        manifest: Of the session.
        policy: What recording may do with the disk.

    Raises:
        RecordingError: The folder cannot be made, or the disk has no room.
    """
    folder = SafeFolder.make(_free_path(root, manifest.name))
    disk = look_at_disk(folder.path, policy, bytes_per_second=None)
    if disk.verdict == "stop":
        folder.path.rmdir()
        folder.close()
        free, reserve = show_size(disk.free_bytes), show_size(policy.reserve_bytes)
        raise RecordingError(f"{root}: the disk has {free} left, and {reserve} are kept free; make room")
    return NewSession(folder, folder.lock(), manifest.model_copy(update={"name": folder.path.name}))


def _free_path(root: Path, name: str) -> Path:
    """Return a folder that is not there yet: of this name, or with a number behind it."""
    path, number = root / name, 1
    while path.exists() or path.is_symlink():
        number += 1
        path = root / f"{name}-{number}"
    return path
