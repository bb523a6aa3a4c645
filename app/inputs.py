"""Which videos a command line names, and where the result of each goes."""

from __future__ import annotations

import glob
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sitepose.app.outputs.writers import REPORT
from sitepose.core.errors import SourceError

_UNSAFE = re.compile(r"[^\w.\-]+")


@dataclass(frozen=True, slots=True)
class Job:
    """One video and the folder of its result."""

    video: str
    folder: Path

    @property
    def finished(self) -> bool:
        """Whether an earlier run has done this video to its end."""
        try:
            report = json.loads((self.folder / REPORT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(report, dict) and report.get("status") == "done"


def plan_jobs(words: Iterable[str], output: Path) -> list[Job]:
    """Return one job for each video, in the order named, each in a folder of its own.

    A folder takes the stem of its video; where stems are equal the parent's name goes before it, then the
    suffix comes with it, then a number.

    Args:
        words: Paths, patterns (``clips/*.mp4``) and sources by name (``synthetic:``).
        output: Folder of the results.

    Raises:
        SourceError: A pattern matches nothing.
    """
    videos = list(dict.fromkeys(video for word in words for video in _expanded(word)))
    return [Job(video, output / name) for video, name in zip(videos, _names(videos), strict=True)]


def _expanded(word: str) -> list[str]:
    if Path(word).exists() or not glob.has_magic(word):
        return [word]
    found = sorted(glob.glob(word, recursive=True))
    if not found:
        raise SourceError(f"no file matches {word!r}")
    return found


def _names(videos: Sequence[str]) -> list[str]:
    paths = [Path(video).absolute() for video in videos]
    ways: tuple[Callable[[Path], str], ...] = (
        lambda path: path.stem or path.name,
        lambda path: f"{path.parent.name}-{path.stem}",
        lambda path: f"{path.parent.name}-{path.name}",
    )
    names = [_safe(ways[0](path)) for path in paths]
    for way in ways[1:]:
        count = Counter(name.casefold() for name in names)
        again = zip(names, paths, strict=True)
        names = [_safe(way(path)) if count[name.casefold()] > 1 else name for name, path in again]
    return _numbered(names)


def _numbered(names: Sequence[str]) -> list[str]:
    taken: set[str] = set()
    result = []
    for name in names:
        unique, number = name, 1
        while unique.casefold() in taken:
            number += 1
            unique = f"{name}-{number}"
        taken.add(unique.casefold())
        result.append(unique)
    return result


def _safe(name: str) -> str:
    """Return a name that is one folder on every system."""
    return _UNSAFE.sub("_", name).strip(".") or "video"
