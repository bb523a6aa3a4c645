"""``SHA256SUMS``: what a closed session's files were, in the form that ``sha256sum -c`` reads."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from sitepose.app.sessions.folder import SafeFolder
from sitepose.app.sessions.manifest import EVENTS, FRAMES, POSES, SUMS, VIDEO, SessionManifest
from sitepose.core.errors import FormatError
from sitepose.core.formats.reading import read_bytes

CHUNK = 4 << 20

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def write_sums(
    folder: SafeFolder, manifest: SessionManifest, known: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Write the hashes of everything that does not change any more; ``session.json`` may, and is left out.

    Args:
        folder: Of the session.
        manifest: Knows the hashes of the video.
        known: Hashes of files beside it that are to stay as they are.

    Raises:
        OSError: A file cannot be read, or the disk is full.
    """
    sums = {
        f"{VIDEO}/{part.file}": part.sha256 or file_sha256(folder.path / VIDEO / part.file)
        for part in manifest.segments
        if part.state != "deleted"
    }
    for name in (FRAMES, POSES, EVENTS):
        if (folder.path / name).exists():
            sums[name] = known.get(name) or _sha256_of(folder.open(name))
    text = "".join(f"{sha256}  {name}\n" for name, sha256 in sums.items())
    folder.replace(SUMS, text.encode())


def read_sums(path: Path) -> Mapping[str, str]:
    """Return the hash of each file by its name.

    Raises:
        FormatError: The file cannot be read, or a line is no hash.
    """
    sums = {}
    for place, line in enumerate(read_bytes(path).decode(errors="replace").splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise FormatError(f"{path}: line {place}: expected a SHA-256 and a file's name")
        sums[match[2]] = match[1]
    return sums


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        OSError: It cannot be read.
    """
    return _sha256_of(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def _sha256_of(descriptor: int) -> str:
    digest = hashlib.sha256()
    with os.fdopen(descriptor, "rb") as stream:
        while data := stream.read(CHUNK):
            digest.update(data)
    return digest.hexdigest()
