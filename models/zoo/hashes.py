"""Whether a file is the one it should be: its sha256, and a stamp that saves computing it every time."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

STAMP_SUFFIX = ".verified"
"""A file ``x`` that was found good has ``.x.verified`` beside it: its size, time and sha256 then."""


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content, in small hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def good_hash(path: Path, expected: str | None) -> str | None:
    """Return the sha256 of a file if it is what it should be, else None.

    A file that has not changed since it was found good is not read again.

    Args:
        path: The file; it exists.
        expected: Its sha256; None takes any file that is the same as when it was first seen.
    """
    size, modified, known = _read_stamp(path) or (None, None, None)
    expected = expected or known
    status = path.stat()
    if known is not None and (size, modified, known) == (status.st_size, status.st_mtime_ns, expected):
        return known
    actual = sha256_of(path)
    if actual != (expected or actual):
        return None
    with suppress(OSError):  # a cache that cannot be written to is read every time
        _write_stamp(path, status, actual)
    return actual


def stamped_hash(path: Path) -> str | None:
    """Return the sha256 that a file had when it was found good; None if it never was."""
    stamp = _read_stamp(path)
    return stamp[2] if stamp else None


def write_stamp(path: Path, sha256: str) -> None:
    """Remember that a file was found good."""
    _write_stamp(path, path.stat(), sha256)


def remove_with_stamp(path: Path) -> None:
    """Remove a file and what is remembered of it."""
    path.unlink(missing_ok=True)
    _stamp_path(path).unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that no reader ever sees half of it."""
    temporary = beside(path, "new")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def beside(path: Path, suffix: str) -> Path:
    """Return a name in the same folder that nobody else uses."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.{suffix}")


def _write_stamp(path: Path, status: os.stat_result, sha256: str) -> None:
    stamp = json.dumps([status.st_size, status.st_mtime_ns, sha256])
    write_atomically(_stamp_path(path), stamp.encode())


def _stamp_path(path: Path) -> Path:
    return path.with_name(f".{path.name}{STAMP_SUFFIX}")


def _read_stamp(path: Path) -> tuple[int, int, str] | None:
    try:
        size, modified, sha256 = json.loads(_stamp_path(path).read_bytes())
    except (OSError, ValueError, TypeError):
        return None
    return int(size), int(modified), str(sha256)
