"""Logins of cameras on the command line: from a file, and out of everybody's sight."""

from __future__ import annotations

import logging
import netrc
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sitepose.app.logs import keep_out_of_logs
from sitepose.core.errors import ConfigError
from sitepose.plugins.sources.live.address import Credentials, parse_address
from sitepose.plugins.sources.live.secrets import Secrets

ARGUMENTS_BEGIN, ARGUMENTS_END = 47, 48
"""Fields of /proc/self/stat, counted from 0: where the command line lies in memory."""


def read_logins(path: Path) -> dict[str, Credentials]:
    """Return the logins of a file in netrc form: ``machine HOST login USER password PASSWORD``.

    Raises:
        ConfigError: The file cannot be read; the message shows nothing of it.
    """
    try:
        hosts = netrc.netrc(str(path)).hosts
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except netrc.NetrcParseError as error:
        raise ConfigError(
            f"{path}: line {error.lineno}: expected 'machine HOST login USER password PASSWORD'"
        ) from None
    return {host: Credentials(user, password) for host, (user, _, password) in hosts.items()}


def login_of(location: str, logins: dict[str, Credentials]) -> Credentials | None:
    """Return who logs in at a camera: as its address says, else as the file does for its host."""
    address = parse_address(location)
    if address.credentials is not None or address.kind not in ("rtsp", "http"):
        return address.credentials
    return logins.get(urlsplit(address.location).hostname or "") or logins.get("default")


def keep_secret(secrets: Iterable[Secrets], words: Iterable[str] = ()) -> None:
    """Mask secrets in our logs, and words that hold any in the list of processes.

    Args:
        secrets: What must not be read.
        words: Addresses, pipelines and names as they stand on the command line.
    """
    known = Secrets()
    for more in secrets:
        known = known | more
    if not known:
        return
    keep_out_of_logs(known)
    exposed = [word for word in words if any(known.redact(text) != text for text in (word, unquote(word)))]
    if exposed:
        _overwrite_command_line([os.fsencode(text) for text in exposed])


def _overwrite_command_line(words: list[bytes]) -> None:
    """Put stars in the place of words of our command line, as others see it; Linux only.

    What was to be seen before that, at the very start, cannot be helped: ``--logins FILE`` never shows any.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        fields = Path("/proc/self/stat").read_bytes().rpartition(b") ")[2].split()
        # The first two fields are before the bracket.
        begin, end = (int(fields[place - 2]) for place in (ARGUMENTS_BEGIN, ARGUMENTS_END))
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(begin)
            line = memory.read(end - begin)
            memory.seek(begin)
            memory.write(b"\0".join(_starred(part, words) for part in line.split(b"\0")))
    except (OSError, ValueError, IndexError) as error:
        logging.getLogger(__name__).warning(
            "the camera's login can be seen in the list of processes: %s", error
        )


def _starred(part: bytes, words: list[bytes]) -> bytes:
    """Return stars for one of the words, also behind its option's equals sign."""
    return b"*" * len(part) if any(part == word or part.endswith(b"=" + word) for word in words) else part
