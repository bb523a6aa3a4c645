"""Files that are written while a run goes on, and are whole at any time or at the end."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sitepose.core.errors import RecordingError

SPOOL_BYTES = 2**20
"""What a spooled part of a file may take of the memory before it goes to a temporary file."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn a failure to write into one clear line.

    Raises:
        RecordingError: The file cannot be made or written.
    """
    try:
        yield
    except OSError as error:
        raise RecordingError(f"{path}: cannot be written: {error.strerror or error}") from error


def dumps(value: Any) -> str:
    """Return a value as JSON on one line, without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class TextStream:
    """A UTF-8 text that grows, flushed at each addition.

    Args:
        path: The file; an existing one is replaced.
        head: What it begins with.
    """

    def __init__(self, path: Path, head: str = "") -> None:
        self.path = path
        with told(path):
            self._file = path.open("wb", 0)
        self.add(head)

    def add(self, text: str) -> None:
        """Append a text."""
        with told(self.path):
            # File names that are not UTF-8 hold lone surrogates; as \udcXX they are JSON.
            left = memoryview(text.encode(errors="backslashreplace"))
            while left:
                left = left[self._file.write(left) :]

    def back(self, characters: int) -> None:
        """Go back over plain characters just added: what is added next replaces them."""
        with told(self.path):
            self._file.seek(-characters, 1)

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        with told(self.path):
            self._file.close()


class JsonListStream:
    """A JSON list that grows, one entry a line; the file is whole after each addition.

    Args:
        path: The file; an existing one is replaced.
    """

    END = "\n]\n"

    def __init__(self, path: Path) -> None:
        self._text = TextStream(path, f"[{self.END}")
        self._empty = True

    def add(self, entries: Iterable[Any]) -> None:
        """Append entries."""
        lines = ",\n".join(dumps(entry) for entry in entries)
        if lines:
            self._text.back(len(self.END))
            self._text.add(f"{'' if self._empty else ','}\n{lines}{self.END}")
            self._empty = False

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        self._text.close()


class JsonListsStream:
    """A JSON object of two lists that grow side by side; the second is spooled, and joined at the end.

    Args:
        path: The file; an existing one is replaced. It is JSON only once it has been closed.
        head: Other fields, which come first.
        first: Name of the list that is written as it grows.
        second: Name of the list that is spooled: up to a megabyte in memory, then in a temporary file.
    """

    def __init__(self, path: Path, head: dict[str, Any], *, first: str, second: str) -> None:
        fields = "".join(f"{dumps(key)}:{dumps(value)},\n" for key, value in head.items())
        self._text = TextStream(path, f'{{{fields}"{first}":[')
        self._second = second
        self._spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - closed in close()
        self._starts = ["\n", "\n"]
        self._closed = False

    def add(self, first: Iterable[Any], second: Iterable[Any]) -> None:
        """Append entries to both lists."""
        for entry in first:
            self._text.add(self._starts[0] + dumps(entry))
            self._starts[0] = ",\n"
        with told(self._text.path):
            for entry in second:
                self._spool.write((self._starts[1] + dumps(entry)).encode(errors="backslashreplace"))
                self._starts[1] = ",\n"

    def close(self) -> None:
        """Join the lists and close the file; calling it twice is fine."""
        if self._closed:
            return
        self._closed = True
        with self._spool:
            self._text.add(f'\n],\n"{self._second}":[')
            self._spool.seek(0)
            with told(self._text.path), self._text.path.open("ab") as file:
                shutil.copyfileobj(self._spool, file)
                file.write(b"\n]}\n")
            self._text.close()
