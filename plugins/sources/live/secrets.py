"""Keeping users and passwords of cameras out of everything that people read."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterable
from typing import Self
from urllib.parse import quote, quote_plus

MASK = "***"
"""What stands in the place of a secret."""

SHORT = 4
"""Secrets shorter than this are masked as whole words only: masking every ``1`` would leave no log to read."""


class Secrets:
    """Known secret values, and their removal from text. It shows none of them itself.

    Args:
        values: The values in every spelling in which they may turn up.

    >>> secrets = Secrets.of_login("root", "p@ss/1")
    >>> secrets.redact("cannot open rtsp://root:p%40ss%2F1@10.0.0.2/live (p@ss/1)")
    'cannot open rtsp://***:***@10.0.0.2/live (***)'
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values = frozenset(value for value in values if value)
        longest_first = sorted(self._values, key=lambda value: (-len(value), value))
        self._pattern = re.compile("|".join(map(_pattern, longest_first))) if longest_first else None

    @classmethod
    def of_login(cls, user: str, password: str) -> Self:
        """Return the secrets of a login: raw, percent-encoded, and as HTTP sends them."""
        values = {spelling for value in (user, password) for spelling in spellings(value)}
        if user or password:
            values.add(base64.b64encode(f"{user}:{password}".encode()).decode())
        return cls(values)

    def redact(self, text: str) -> str:
        """Return the text with a mask in the place of every secret."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def __or__(self, other: Secrets) -> Secrets:
        return Secrets(self._values | other._values)

    def __bool__(self) -> bool:
        return bool(self._values)

    def __repr__(self) -> str:
        return f"Secrets({len(self._values)} values)"


class RedactingFilter(logging.Filter):
    """Masks secrets in everything that passes a log handler, also in what other libraries log.

    Args:
        secrets: What must not be read.
    """

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the message and the traceback of a record; none is kept back."""
        if not self._secrets:
            return True
        record.msg = self._secrets.redact(record.getMessage())
        record.args = None
        if record.exc_info:
            record.exc_text = record.exc_text or logging.Formatter().formatException(record.exc_info)
            record.exc_info = None
        if record.exc_text:
            record.exc_text = self._secrets.redact(record.exc_text)
        return True


def spellings(value: str) -> set[str]:
    """Return a value in each way in which addresses write it; percent escapes in capitals and small letters."""
    encoded = {quote(value, safe=""), quote(value), quote_plus(value), quote(value, safe="!$&'()*+,;=:")}
    return {value, *encoded, *(re.sub(r"%[0-9A-F]{2}", lambda m: m[0].lower(), text) for text in encoded)}


def _pattern(value: str) -> str:
    escaped = re.escape(value)
    return rf"(?<!\w){escaped}(?!\w)" if len(value) < SHORT else escaped
