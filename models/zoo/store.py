"""The models on this machine: where they are, fetched when they are missing, checked, removed.

Everything lies in one cache folder::

    models/<card>/<file>             as published
    models/<card>/<card>-<key>.onnx  imported from a foreign format
    files/<name>                     data files, such as the demo video
    recorded/<card>/<file>           sha256 of the first fetch, where the publisher states none
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.card import ModelCard, ModelFile, card_names, load_card
from sitepose.models.zoo.fetch import Fetched, Fetcher, Wanted, default_cache
from sitepose.models.zoo.hashes import good_hash, remove_with_stamp, sha256_of, write_atomically
from sitepose.models.zoo.https import Progress
from sitepose.models.zoo.imports import import_network, imported_path
from sitepose.models.zoo.locking import exclusive
from sitepose.models.zoo.sources import parse_source

__all__ = ["FileState", "cached", "folder_of", "locate", "pull", "remove", "sha256_of", "verify"]

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
    state: Literal["ok", "missing", "damaged"]
    sha256: str | None
    expected: str | None


def locate(card: ModelCard, *, cache: Path | None = None, progress: Progress | None = None) -> Path:
    """Return the network of a card, ready to run; its files are fetched if they are missing.

    Args:
        card: The card.
        cache: The cache folder; the user's by default.
        progress: Told of the bytes as they arrive: name, bytes so far, bytes in all if known.

    Raises:
        WeightsError: A file is damaged, or missing and cannot be fetched.
    """
    cache = cache or default_cache()
    hashes = {}
    for file in card.files:
        path = folder_of(card, cache) / file.name
        if not path.is_file():
            hashes[file.name] = _fetch(card, file, cache, progress).sha256
            continue
        found = good_hash(path, _expected(card, file, cache))
        if found is None:
            raise WeightsError(f"{path} is damaged; fetch it again: sitepose models pull {card.name}")
        hashes[file.name] = found
    return _ready(card, cache, hashes)


def pull(card: ModelCard, *, cache: Path | None = None, progress: Progress | None = None) -> list[Fetched]:
    """Fetch every file of a card that is missing or damaged, and make the network ready to run.

    Raises:
        WeightsError: A file cannot be fetched.
    """
    cache = cache or default_cache()
    for state in verify(card, cache=cache):
        if state.state == "damaged":
            remove_with_stamp(state.path)
    got = [_fetch(card, file, cache, progress) for file in card.files]
    _ready(card, cache, {file.name: fetched.sha256 for file, fetched in zip(card.files, got, strict=True)})
    return got


def verify(card: ModelCard, *, cache: Path | None = None) -> list[FileState]:
    """Return how each file of a card is on this machine; every byte is read."""
    cache = cache or default_cache()
    return [_state(card, file, cache) for file in card.files]


def cached(card: ModelCard, *, cache: Path | None = None) -> bool:
    """Return whether every file of a card is here."""
    folder = folder_of(card, cache or default_cache())
    return all((folder / file.name).is_file() for file in card.files)


def remove(card: ModelCard, *, cache: Path | None = None) -> int:
    """Remove the files of a card and what was made of them, and return how many bytes that freed."""
    cache = cache or default_cache()
    folder = folder_of(card, cache)
    with exclusive(cache, folder):
        if not folder.is_dir():
            return 0
        freed = sum(remove_with_stamp(path) for path in sorted(folder.iterdir()) if path.is_file())
        folder.rmdir()
    return freed


def folder_of(card: ModelCard, cache: Path) -> Path:
    """Return the folder of a card's files in the cache."""
    return cache / "models" / card.name


def _state(card: ModelCard, file: ModelFile, cache: Path) -> FileState:
    path, expected = folder_of(card, cache) / file.name, _expected(card, file, cache)
    if not path.is_file():
        return FileState(name=file.name, path=path, state="missing", sha256=None, expected=expected)
    found = sha256_of(path)
    good = found == (expected or found)
    return FileState(
        name=file.name, path=path, state="ok" if good else "damaged", sha256=found, expected=expected
    )


def _fetch(card: ModelCard, file: ModelFile, cache: Path, progress: Progress | None) -> Fetched:
    path = folder_of(card, cache) / file.name
    if not file.sources and not path.is_file():
        raise WeightsError(
            f"{card.name}: nobody offers {file.name} for download; make it as its card says ({card.publisher}) "
            f"and name it, --{card.kind} {card.name}:FILE, or put it at {path}"
        )
    fetcher = Fetcher(cache, others=_others(card, cache), progress=progress)
    fetched = fetcher.fetch(_wanted(card, file, cache))
    if file.sha256 is None and _recorded(card, file, cache) is None:
        _record(card, file, cache, fetched.sha256)
    return fetched


def _wanted(card: ModelCard, file: ModelFile, cache: Path) -> Wanted:
    return Wanted(
        destination=folder_of(card, cache) / file.name,
        sources=tuple(parse_source(source) for source in file.sources),
        sha256=_expected(card, file, cache),
    )


def _others(card: ModelCard, cache: Path) -> Iterator[Wanted]:
    """Yield the files of all cards whose hash is known: they may be found by the way."""
    for other in (card, *(load_card(name) for name in card_names() if name != card.name)):
        yield from (_wanted(other, file, cache) for file in other.files if file.sha256 is not None)


def _ready(card: ModelCard, cache: Path, hashes: dict[str, str]) -> Path:
    folder = folder_of(card, cache)
    if card.convert is None:
        return folder / card.files[0].name
    target = imported_path(card, card.convert, folder, hashes)
    with exclusive(cache, target):
        import_network(card, card.convert, folder, target)
    return target


def _expected(card: ModelCard, file: ModelFile, cache: Path) -> str | None:
    return file.sha256 or _recorded(card, file, cache)


def _recorded_path(card: ModelCard, file: ModelFile, cache: Path) -> Path:
    return cache / "recorded" / card.name / f"{file.name}.sha256"


def _recorded(card: ModelCard, file: ModelFile, cache: Path) -> str | None:
    path = _recorded_path(card, file, cache)
    return path.read_text(encoding="ascii").strip() if path.is_file() else None


def _record(card: ModelCard, file: ModelFile, cache: Path, sha256: str) -> None:
    path = _recorded_path(card, file, cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, f"{sha256}\n".encode())
    _log.info("%s: the publisher states no sha256; recorded %s of the first fetch", file.name, sha256)
