"""Files that are no models, such as the demo video: found by name, fetched and checked the same way."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path

from sitepose.core.errors import UnknownPluginError, did_you_mean
from sitepose.core.settings import check
from sitepose.models.zoo.card import ModelFile
from sitepose.models.zoo.fetch import Fetched, default_cache, fetch_file
from sitepose.models.zoo.https import Progress


class DataFile(ModelFile):
    """One file, where it can be had, and what it is."""

    summary: str
    """One line for ``models list``."""
    licence: str
    """Under what it may be used."""
    publisher: str
    """Who made it, and the address of the publication."""


@cache
def data_files() -> dict[str, DataFile]:
    """Return every data file by its name."""
    text = (resources.files("sitepose.models.zoo") / "data_files.toml").read_text(encoding="utf-8")
    return {
        name: check(DataFile, {"name": name, **table}, where=f"data_files.toml: [{name}]")
        for name, table in tomllib.loads(text).items()
    }


def data_file(name: str) -> DataFile:
    """Return a data file by its name.

    Raises:
        UnknownPluginError: There is none of this name.
    """
    if name not in data_files():
        raise UnknownPluginError(f"unknown data file {name!r}; {did_you_mean(name, data_files())}")
    return data_files()[name]


def data_path(file: DataFile, *, cache: Path | None = None) -> Path:
    """Return where a data file is in the cache, or would be."""
    return (cache or default_cache()) / "files" / file.name


def pull_data(file: DataFile, *, cache: Path | None = None, progress: Progress | None = None) -> Fetched:
    """Fetch a data file unless a good one is here.

    Raises:
        WeightsError: No source has it.
    """
    path = data_path(file, cache=cache)
    return fetch_file(file.sources, file.sha256, path, cache=cache, progress=progress)
