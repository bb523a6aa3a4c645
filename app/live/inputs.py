"""What a user names as a source of the live pipeline, and how it is opened."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sitepose.app.live.capture import OpenSource
from sitepose.core.errors import SourceError
from sitepose.plugins.api import FrameSource

if TYPE_CHECKING:
    from sitepose.plugins.sources.live.secrets import Secrets

_ADDRESS = re.compile(r"\d+|/dev/.*|(?:rtsps?|https?)://.*|test:.*|loop:.*", re.IGNORECASE | re.DOTALL)


def is_camera(location: str) -> bool:
    """Return whether a location is a camera's, and not a recording.

    >>> [is_camera(text) for text in ("0", "rtsp://10.0.0.2/live", "clip.mp4", "test:")]
    [True, True, False, True]
    """
    return _ADDRESS.fullmatch(location.strip()) is not None


def source_opener(
    location: str, *, pipeline: str | None = None, sub: str = "", backend: str = "auto", **settings: Any
) -> OpenSource:
    """Return what opens a location, later and in the source's own thread.

    Args:
        location: A camera's address, a video file, or the folder of a site session.
        pipeline: A GStreamer pipeline that the user wrote, in place of a location.
        sub: Address of a smaller stream of the same camera, which is looked at while the first is recorded.
        backend: Who reads a camera: ``auto``, ``gstreamer``, ``pyav`` or ``opencv``.
        settings: More settings of a camera: ``user``, ``password``, ``transport`` ...

    Raises:
        SourceError: It is no address, or there is no such file.
        ConfigError: A setting does not fit.
    """
    from sitepose.plugins.sources.live.choose import live_settings, open_live, pipeline_settings
    from sitepose.plugins.sources.live.paired import PairedSource

    if pipeline:
        chosen = pipeline_settings(pipeline, **settings)
    elif is_camera(location):
        chosen = live_settings(location, **settings)
    else:
        path = Path(location).expanduser()
        if not path.exists():
            raise SourceError(f"no such file, folder or camera: {location}")
        return lambda _: _recording(path)
    if sub:
        second = live_settings(sub, **settings)
        return lambda listener: PairedSource(chosen, second, backend=backend, listener=listener)
    return lambda listener: open_live(chosen, backend=backend, listener=listener)


def numbered(label: str, taken: Collection[str]) -> str:
    """Return the key of one more source; of two cameras that call themselves the same, the second has a number.

    >>> numbered("hall", ["door"]), numbered("hall", ["door", "hall"])
    ('hall', 'hall (3)')
    """
    return label if label not in taken else f"{label} ({len(taken) + 1})"


def source_label(location: str, *, pipeline: str | None = None) -> str:
    """Return a name for people and files, without user and password.

    Raises:
        SourceError: It is no address.

    >>> source_label("rtsp://root:secret@10.0.0.2/live"), source_label("videos/hall.mp4")
    ('rtsp://10.0.0.2/live', 'hall.mp4')
    """
    if not pipeline and not is_camera(location):
        return Path(location).name
    from sitepose.plugins.sources.live.address import parse_address, pipeline_address

    return pipeline_address(pipeline).label if pipeline else parse_address(location).label


def source_secrets(
    location: str,
    *,
    pipeline: str | None = None,
    sub: str = "",
    user: str | None = None,
    password: str | None = None,
    **_others: Any,
) -> Secrets:
    """Return what nobody may read of a source: its login, wherever it comes from; arguments as for opening it.

    Raises:
        SourceError: It is no address.
    """
    from sitepose.plugins.sources.live.address import parse_address, pipeline_address
    from sitepose.plugins.sources.live.secrets import Secrets

    secrets = pipeline_address(pipeline).secrets if pipeline else Secrets()
    for address in () if pipeline else filter(is_camera, (location, sub)):
        # A login that was replaced is nobody's business either.
        secrets |= parse_address(address).secrets | parse_address(address, user=user, password=password).secrets
    return secrets


def _recording(path: Path) -> FrameSource:
    from sitepose.app.live.replay import Replay

    return Replay(path)
