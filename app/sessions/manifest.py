"""``session.json``: what a session is of, how it was recorded, and which segments it has."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from sitepose.app.sessions.folder import SafeFolder
from sitepose.core.errors import FormatError
from sitepose.core.formats.reading import read_json, table
from sitepose.core.settings import Settings

SCHEMA = "sitepose.session/1"

_VERSION = re.compile(r"^sitepose\.session/(\d+)$")

MANIFEST = "session.json"
VIDEO = "video"
FRAMES = "frames.jsonl"
POSES = "poses.jsonl"
EVENTS = "events.jsonl"
SUMS = "SHA256SUMS"
"""Names in a session's folder."""


class Segment(Settings):
    """One file of video.

    It is written down before its first frame, so that all can be put together again after a power cut.
    """

    number: int = Field(ge=1)
    """From 1; also the name of the file."""
    codec: str
    """``h264``, ``h265`` or ``mjpeg``."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    timestamp: float
    """Seconds since the first frame of the source at which its stamps are 0."""
    wall: float
    """Unix time of the same moment."""
    state: Literal["open", "closed", "repaired", "deleted"] = "open"
    """``deleted``: by the ring buffer that the user asked for."""
    frames: int = 0
    """Frames in it."""
    bytes: int = 0
    """Size of the file."""
    seconds: float = 0.0
    """From its first frame to the last."""
    sha256: str = ""
    """Of the file, once it is closed."""
    marked: bool = False
    """Whether the user marked something in it: the ring buffer keeps it."""

    @property
    def file(self) -> str:
        """Name of the file in the folder ``video``."""
        return segment_file(self.number)


class NewerSessionError(FormatError):
    """A newer Sitepose has written a session: nothing is wrong with it, and it must be left alone."""


class SessionManifest(Settings):
    """All of ``session.json``. It holds no user, no password and no address with either."""

    schema_: str = Field(SCHEMA, alias="schema", pattern=_VERSION.pattern)
    """Name and version of the format."""
    name: str
    """Name of the session and of its folder."""
    state: Literal["recording", "closed", "repaired"] = "recording"
    """``recording``: it is being recorded, or the recording was cut off."""
    stopped: str = ""
    """Why the recording ended, where it was not asked to."""
    created: float
    """Unix time of the begin."""
    created_local: str
    """The same for people, with the zone."""
    source: str
    """Name of the source, without credentials."""
    settings: Mapping[str, Any] = Field(default_factory=dict)
    """Settings of the source and of the recording."""
    models: Sequence[Mapping[str, Any]] = ()
    """Name and ``sha256`` of each network whose poses are in ``poses.jsonl``."""
    offsets: Sequence[Mapping[str, float]] = ()
    """Where poses were found in another stream of the camera: ``seconds`` to be added to its timestamps to get
    those of the video, with ``uncertainty_s`` and ``correlation``; one for each time that it was measured, and
    ``from`` which timestamp of the video on. The other stream is ``looked_at_width`` x ``looked_at_height``."""
    consent: str = ""
    """Who agreed to be recorded, or on what grounds."""
    retention: str = ""
    """How long the recording may be kept."""
    blurred: bool = False
    """Whether faces were blurred in the video: whoever evaluates on it evaluates on blurred pixels."""
    poses_blurred: bool = False
    """Whether the poses were computed from blurred pixels: never while recording; blurring comes after."""
    poses_only: bool = False
    """Whether no video was recorded at all."""
    sound: bool = False
    """Whether sound was recorded: never; the law often forbids it where it allows pictures."""
    continues: str = ""
    """Name of the session that was cut off, where this one goes on."""
    counters: Mapping[str, int] = Field(default_factory=dict)
    """Frames recorded and dropped, by reason."""
    segments: Sequence[Segment] = ()
    """Every file of video."""
    version: str = ""
    """Version of Sitepose."""

    model_config = Settings.model_config | {"populate_by_name": True}

    def to_bytes(self) -> bytes:
        """Return it as it is written."""
        table = self.model_dump(mode="json", by_alias=True)
        return (json.dumps(table, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()

    def write(self, folder: SafeFolder) -> None:
        """Write it in one step that no power cut can halve.

        Raises:
            OSError: The disk is full or gone; the old one is still there.
        """
        folder.replace(MANIFEST, self.to_bytes())


def read_manifest(folder: Path) -> SessionManifest:
    """Return the ``session.json`` of a folder.

    Raises:
        NewerSessionError: A newer program has written it.
        FormatError: There is none, or it is damaged.
    """
    path = folder / MANIFEST
    entry = table(read_json(path), where=str(path))
    _check_version(entry.get("schema"), path)
    try:
        return SessionManifest.model_validate(entry)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise FormatError(f"{path}: {place}: {fault['msg'].lower()}") from error


def salvaged_manifest(folder: Path, missing: Mapping[str, Any]) -> SessionManifest:
    """Return what can still be understood of a damaged ``session.json``.

    Args:
        folder: Of the session.
        missing: What is taken for a field that must be there, and is not or is damaged.
    """
    try:
        entry = table(read_json(folder / MANIFEST), where=MANIFEST)
    except FormatError:
        entry = {}
    while True:
        try:
            return SessionManifest.model_validate({**missing, **entry})
        except ValidationError as error:
            damaged = {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]} & entry.keys()
            entry = {key: value for key, value in entry.items() if damaged and key not in damaged}


def _check_version(schema: Any, path: Path) -> None:
    match = _VERSION.fullmatch(schema) if isinstance(schema, str) else None
    if match is not None and int(match[1]) > int(SCHEMA.rpartition("/")[2]):
        raise NewerSessionError(
            f"{path}: schema is {schema!r}, this version reads up to {SCHEMA!r}; upgrade Sitepose"
        )


def segment_file(number: int) -> str:
    """Return the name of the file of a segment.

    >>> segment_file(12)
    '000012.mkv'
    """
    return f"{number:06d}.mkv"
