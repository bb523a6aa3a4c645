"""Files that are no networks, such as the demo video: found by name, fetched and checked the same way."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Literal

from sitepose.core.errors import UnknownPluginError, did_you_mean
from sitepose.core.settings import check
from sitepose.models.zoo.card import Card


class DataCard(Card):
    """What there is to know of a data file."""

    kind: Literal["data"] = "data"
    """What it is for."""


@cache
def data_cards() -> dict[str, DataCard]:
    """Return the cards of all data files, by name."""
    text = (resources.files("sitepose.models.zoo") / "data_cards.toml").read_text(encoding="utf-8")
    return {
        name: check(DataCard, {"name": name, **table}, where=f"data_cards.toml: [{name}]")
        for name, table in tomllib.loads(text).items()
    }


def load_data_card(name: str) -> DataCard:
    """Return the card of a data file.

    Raises:
        UnknownPluginError: There is none of this name.
    """
    if name not in data_cards():
        raise UnknownPluginError(f"unknown data file {name!r}; {did_you_mean(name, data_cards())}")
    return data_cards()[name]
