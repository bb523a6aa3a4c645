"""Names of sessions: from an allow-list, so that none can leave its folder or hide in it."""

from __future__ import annotations

import re
from datetime import datetime

from sitepose.core.errors import ConfigError

LONGEST_NAME = 100

_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_SEPARATORS = re.compile(r"[^A-Za-z0-9]+")


def check_name(name: str) -> str:
    """Return a name that can be a folder on every system.

    Raises:
        ConfigError: It cannot.

    >>> check_name("gate-2025.1")
    'gate-2025.1'
    >>> check_name("../x")
    Traceback (most recent call last):
    ...
    sitepose.core.errors.ConfigError: session name '../x': expected letters and digits, between them also . _ -
    """
    if len(name) > LONGEST_NAME:
        raise ConfigError(f"session name of {len(name)} characters: expected at most {LONGEST_NAME}")
    if not _ALLOWED.fullmatch(name):
        raise ConfigError(f"session name {name!r}: expected letters and digits, between them also . _ -")
    if name.endswith(".") or _RESERVED.fullmatch(name):
        raise ConfigError(f"session name {name!r}: is reserved on some systems; choose another")
    return name


def session_name(source: str, now: datetime) -> str:
    """Return a name for a recording of a source that begins now.

    >>> session_name("rtsp://10.0.0.2:554/live/main", datetime(2025, 3, 1, 7, 30, 5))
    '10-0-0-2-554-live-main-20250301-073005'
    """
    slug = _SEPARATORS.sub("-", source.partition("://")[2] or source).strip("-").lower()
    return f"{slug[:60].strip('-') or 'camera'}-{now:%Y%m%d-%H%M%S}"
