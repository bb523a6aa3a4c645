"""Download over https: what has arrived is kept, and a broken transfer goes on where it stopped."""

from __future__ import annotations

import errno
import http.client
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.hashes import write_atomically

Progress = Callable[[str, int, int | None], None]
"""Told while a file arrives: its name, bytes so far, bytes in all if known."""

ATTEMPTS = 5
"""Transfers that may break before an address is given up."""

PAUSE_S = 1.0
"""Wait after the first broken transfer; twice as long after each further one."""

TIMEOUT_S = 30.0
"""Silence on the line after which a transfer counts as broken."""

CHUNK_BYTES = 1 << 18
"""Bytes written at once; progress is told as often."""

BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of a server that may change by themselves."""

NOT_SATISFIABLE = 416
"""Answer of a server that has nothing beyond what we have."""

DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a disk says that cannot take any more."""

_log = logging.getLogger(__name__)


class _BrokenTransferError(Exception):
    """The transfer stopped before its end; another attempt may succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """What to download, and how.

    Attributes:
        url: The address.
        part: The file, not yet under its final name; kept when the transfer breaks.
        name: What to call it in the progress.
        checked: Whether a sha256 will tell if an old part and a new one fit together.
        progress: Told of every chunk.
        pause_s: Wait after the first broken transfer.
    """

    url: str
    part: Path
    name: str
    checked: bool
    progress: Progress | None = None
    pause_s: float = PAUSE_S


def download(wish: Download) -> None:
    """Download an address into the part, going on with what is in it already.

    Raises:
        WeightsError: The address cannot be reached, or does not have the file.
    """
    for attempt in range(ATTEMPTS):
        before = _size(wish.part)
        try:
            _transfer(wish)
            return
        except _BrokenTransferError as error:
            # Where nothing at all arrives, two attempts tell as much as five.
            hopeless = _size(wish.part) <= before and attempt > 0
            if hopeless or attempt + 1 == ATTEMPTS:
                raise WeightsError(f"{wish.url}: {error}") from error
            _log.info("%s: %s; trying again", wish.url, error)
        time.sleep(wish.pause_s * 2**attempt)


def _transfer(wish: Download) -> None:
    start = _size(wish.part)
    try:
        with urllib.request.urlopen(_request(wish, start), timeout=TIMEOUT_S) as response:
            _check_address(wish.url, response.url)
            resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
            start = start if resumed else 0
            _remember_version(wish.part, response)
            length = response.headers.get("Content-Length")
            total = start + int(length) if length else None
            with wish.part.open("ab" if resumed else "wb") as file:
                for done in _copy(response, file, start):
                    if wish.progress:
                        wish.progress(wish.name, done, total)
    except urllib.error.HTTPError as error:
        _answer_refusal(wish, error)
    except (OSError, http.client.HTTPException) as error:
        _answer_fault(wish, error)
    else:
        if total is not None and _size(wish.part) < total:
            raise _BrokenTransferError(f"ended after {_size(wish.part)} of {total} bytes")


def _request(wish: Download, start: int) -> urllib.request.Request:
    request = urllib.request.Request(
        wish.url, headers={"User-Agent": "sitepose", "Accept-Encoding": "identity"}
    )
    version = version_path(wish.part)
    if start and (wish.checked or version.is_file()):
        request.add_header("Range", f"bytes={start}-")
    if start and version.is_file():
        # A server whose file has changed since then sends the whole of it.
        request.add_header("If-Range", version.read_text(encoding="latin-1"))
    return request


def _check_address(asked: str, answered: str) -> None:
    if asked.startswith("https:") and not answered.startswith("https:"):
        raise WeightsError(f"{asked}: leads to {answered}, which is not https")


def _copy(response: IO[bytes], file: IO[bytes], start: int) -> Iterator[int]:
    """Write what arrives, and yield how many bytes there are each time."""
    done = start
    while chunk := response.read(CHUNK_BYTES):
        file.write(chunk)
        done += len(chunk)
        yield done


def _answer_refusal(wish: Download, error: urllib.error.HTTPError) -> None:
    if error.code == NOT_SATISFIABLE:
        wish.part.unlink(missing_ok=True)
        raise _BrokenTransferError("the part here does not fit the file there") from error
    if error.code in BUSY:
        raise _BrokenTransferError(f"the server says {error.code} {error.reason}") from error
    raise WeightsError(f"{wish.url}: the server says {error.code} {error.reason}") from error


def _answer_fault(wish: Download, error: OSError | http.client.HTTPException) -> None:
    reason = getattr(error, "reason", error)
    if isinstance(error, urllib.error.URLError) and not isinstance(reason, TimeoutError):
        # No such host, no network, nobody listening, a wrong certificate: not a matter of trying again.
        raise WeightsError(f"{wish.url}: cannot be reached: {reason}") from error
    if isinstance(error, OSError) and (error.filename or error.errno in DISK_FAULTS):
        raise WeightsError(f"cannot write {wish.part}: {error.strerror}") from error
    raise _BrokenTransferError(f"broke off: {reason or type(error).__name__}") from error


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def version_path(part: Path) -> Path:
    """Return where the version of the remote file is kept that a part is of."""
    return part.with_name(f"{part.name}.version")


def _remember_version(part: Path, response: http.client.HTTPResponse) -> None:
    """Keep what tells one version of the remote file from another; without it a part cannot be continued."""
    tag = response.headers.get("ETag", "")
    version = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
    if version:
        write_atomically(version_path(part), version.encode("latin-1"))
    else:
        version_path(part).unlink(missing_ok=True)
