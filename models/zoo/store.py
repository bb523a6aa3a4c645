"""The models on this machine: where they are, fetched when they are missing, checked, removed.

Everything lies in one cache folder::

    models/<card>/<file>             as published
    models/<card>/<card>-<key>.onnx  imported from a foreign format
    recorded/<card>/<file>.sha256    of the first fetch, where the publisher states none
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.card import Card, ModelCard, ModelFile, card_names, load_card
from sitepose.models.zoo.fetch import Fetched, Fetcher, Wanted, default_cache
from sitepose.models.zoo.hashes import good_hash, remove_with_stamp, sha256_of, stamped_hash, write_atomically
from sitepose.models.zoo.https import Progress
from sitepose.models.zoo.imports import import_network, imported_path, is_imported
from sitepose.models.zoo.locking import exclusive
from sitepose.models.zoo.sources import parse_source

__all__ = ["FileState", "cached", "folder_of", "locate", "pull", "remove", "sha256_of", "verify"]

State = Literal["ok", "missing", "damaged"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """One file of a model, as found on this machine.

    Attributes:
        name: Its name.
        path: Where it is or would be.
        state: ``ok``, ``missing`` or ``damaged``.
        sha256: What it has; None where it is missing.
        expected: What it should have; None where nothing is known yet.
    """

    name: str
    path: Path
    state: State
    sha256: str | None
    expected: str | None


def locate(card: Card, *, cache: Path | None = None, progress: Progress | None = None) -> Path:
    """Return the file of a card that is used, as a network ready to run; fetched if it is missing.

    Args:
        card: The card.
        cache: The cache folder; the user's by default.
        progress: Told of the bytes as they arrive: name, bytes so far, bytes in all if known.

    Raises:
        WeightsError: A file is damaged, or missing and cannot be fetched.
    """
    cache = cache or default_cache()
    with _one_line_faults(cache):
        hashes = {file.name: _found_or_fetched(card, file, cache, progress) for file in card.files}
        return _ready(card, cache, hashes)


def pull(card: Card, *, cache: Path | None = None, progress: Progress | None = None) -> list[Fetched]:
    """Fetch every file of a card that is missing or damaged, and make the network ready to run.

    Raises:
        WeightsError: A file cannot be fetched.
    """
    cache = cache or default_cache()
    with _one_line_faults(cache):
        not_offered = {file.name for file in card.files if not file.sources}
        for state in verify(card, cache=cache):
            # A file of the user's own cannot be had again.
            if state.state == "damaged" and state.name not in not_offered:
                remove_with_stamp(state.path)
        got = [_fetch(card, file, cache, progress) for file in card.files]
        _ready(card, cache, {fetched.path.name: fetched.sha256 for fetched in got})
    return got


def verify(card: Card, *, cache: Path | None = None) -> list[FileState]:
    """Return how each file of a card, and what was made of it, is on this machine; every byte is read."""
    cache = cache or default_cache()
    folder = folder_of(card, cache)
    states = [_state(folder / file.name, _expected(card, file, cache)) for file in card.files]
    made = sorted(folder.glob(f"{card.name}-*.onnx")) if isinstance(card, ModelCard) and card.convert else []
    return states + [_state(path, stamped_hash(path)) for path in made]


def cached(card: Card, *, cache: Path | None = None) -> bool:
    """Return whether every file of a card is here."""
    folder = folder_of(card, cache or default_cache())
    return all((folder / file.name).is_file() for file in card.files)


def remove(card: Card, *, cache: Path | None = None) -> int:
    """Remove the files of a card and what was made of them, and return how many bytes that freed."""
    cache = cache or default_cache()
    folder = folder_of(card, cache)
    if not folder.is_dir():
        return 0
    freed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    with _one_line_faults(cache):
        shutil.rmtree(folder)
    return freed


def folder_of(card: Card, cache: Path) -> Path:
    """Return the folder of a card's files in the cache."""
    return cache / "models" / card.name


def _state(path: Path, expected: str | None) -> FileState:
    found = sha256_of(path) if path.is_file() else None
    state: State = "missing" if found is None else "ok" if found == (expected or found) else "damaged"
    return FileState(name=path.name, path=path, state=state, sha256=found, expected=expected)


@contextmanager
def _one_line_faults(cache: Path) -> Iterator[None]:
    """Turn what the file system refuses into one line that names the cache folder."""
    try:
        yield
    except OSError as error:
        raise WeightsError(f"cannot use the cache folder {cache}: {error}") from error


def _found_or_fetched(card: Card, file: ModelFile, cache: Path, progress: Progress | None) -> str:
    """Return the sha256 of a file of a card, which is here when this returns."""
    path = folder_of(card, cache) / file.name
    if not path.is_file():
        return _fetch(card, file, cache, progress).sha256
    found = good_hash(path, _expected(card, file, cache))
    if found is not None:
        return found
    if file.sources:
        raise WeightsError(f"{path} is damaged; fetch it again: sitepose models pull {card.name}")
    raise WeightsError(
        f"{path} is not the file that the card {card.name} means (models verify says more); name your own "
        f"on the command line: {card.name}:FILE"
    )


def _fetch(card: Card, file: ModelFile, cache: Path, progress: Progress | None) -> Fetched:
    path = folder_of(card, cache) / file.name
    if not file.sources and not path.is_file():
        raise WeightsError(
            f"{card.name}: {file.name} is not offered for download; get or make it as {card.publisher} says, "
            f"then name it on the command line ({card.name}:FILE) or put it at {path}"
        )
    fetcher = Fetcher(cache, others=_others(card, cache), progress=progress)
    recorded = _recorded(card, file, cache)
    try:
        fetched = fetcher.fetch(_wanted(card, file, cache))
    except WeightsError as error:
        if recorded is None:
            raise
        note = f"its first fetch is recorded in {_recorded_path(card, file, cache)}"
        raise WeightsError(f"{error} ({note})") from error
    if file.sha256 is None and recorded is None:
        _record(card, file, cache, fetched.sha256)
    return fetched


def _wanted(card: Card, file: ModelFile, cache: Path) -> Wanted:
    return Wanted(
        destination=folder_of(card, cache) / file.name,
        sources=tuple(parse_source(source) for source in file.sources),
        sha256=_expected(card, file, cache),
    )


def _others(card: Card, cache: Path) -> Iterator[Wanted]:
    """Yield the files of all cards whose hash is known: they may be found by the way."""
    for other in (card, *(load_card(name) for name in card_names() if name != card.name)):
        yield from (_wanted(other, file, cache) for file in other.files if file.sha256 is not None)


def _ready(card: Card, cache: Path, hashes: dict[str, str]) -> Path:
    folder = folder_of(card, cache)
    if not isinstance(card, ModelCard) or card.convert is None:
        return folder / card.files[0].name
    target = imported_path(card, card.convert, folder, hashes)
    if not is_imported(target):
        with exclusive(cache, target):
            if not is_imported(target):  # another process may have made it while we waited
                import_network(card, card.convert, folder, target)
    return target


def _expected(card: Card, file: ModelFile, cache: Path) -> str | None:
    return file.sha256 or _recorded(card, file, cache)


def _recorded_path(card: Card, file: ModelFile, cache: Path) -> Path:
    return cache / "recorded" / card.name / f"{file.name}.sha256"


def _recorded(card: Card, file: ModelFile, cache: Path) -> str | None:
    path = _recorded_path(card, file, cache)
    return path.read_text(encoding="ascii").strip() if path.is_file() else None


def _record(card: Card, file: ModelFile, cache: Path, sha256: str) -> None:
    path = _recorded_path(card, file, cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, f"{sha256}\n".encode())
    _log.info("%s: the publisher states no sha256; recorded %s of the first fetch", file.name, sha256)
