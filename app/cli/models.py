"""``sitepose models``: which networks there are, and which of them are on this machine."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sitepose.models.zoo.card import ModelCard
    from sitepose.models.zoo.data_cards import DataCard
    from sitepose.models.zoo.fetch import Fetched

NAMES = "models, data files or presets: centernet, tinypose, vtest.avi, portable ..."


def add_parser(subparsers: Any) -> None:
    """Add ``models`` and its actions."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "models", help="list, pull, verify and remove networks"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|pull|path|verify|remove")
    listing = actions.add_parser("list", help="every model: kind, licence, whether it is here")
    listing.add_argument("--kind", choices=("detector", "pose", "data"), help="only these")
    pull = actions.add_parser("pull", help="fetch what is missing or damaged, and make it ready to run")
    path = actions.add_parser("path", help="print where the file lies that is run; fetched if missing")
    verify = actions.add_parser("verify", help="read every byte and compare it with what it should be")
    remove = actions.add_parser("remove", help="delete from the cache")
    for action in (pull, path, remove):
        action.add_argument("names", nargs="+", metavar="NAME", help=NAMES)
    verify.add_argument("names", nargs="*", metavar="NAME", help=f"{NAMES}; what is here if none is named")
    for action in (listing, pull, path, verify, remove):
        action.add_argument("--cache", type=Path, metavar="DIR", help="cache folder instead of the user's")
        action.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Do the action; 0 done, 1 where a file is damaged, missing or cannot be fetched."""
    actions: Mapping[str, Callable[[argparse.Namespace], int]] = {
        "list": _list,
        "pull": _pull,
        "path": _path,
        "verify": _verify,
        "remove": _remove,
    }
    return actions[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from sitepose.models.zoo.store import cached

    rows = []
    for card in _all_cards():
        if arguments.kind in (None, card.kind):
            row = card.model_dump(exclude={"files", "input", "outputs", "pose", "convert"})
            offered = all(file.sources for file in card.files)
            rows.append(row | {"cached": cached(card, cache=arguments.cache), "offered": offered})
    if arguments.json:
        print(json.dumps({"models": rows}, indent=2))
    else:
        columns = ("name", "kind", "here", "licence", "summary")
        _print_table(columns, [[{**row, "here": _standing(row)}[column] for column in columns] for row in rows])
    return 0


def _standing(row: Mapping[str, Any]) -> str:
    if row["cached"]:
        return "yes"
    if not row["offered"]:
        return "no, bring it"
    return "no" if row["tried"] else "no, untried"


def _pull(arguments: argparse.Namespace) -> int:
    from sitepose.models.zoo.store import locate, pull

    pulled: list[tuple[str, Path, list[Fetched]]] = []
    with _progress() as progress:
        for card in _cards(arguments.names):
            files = pull(card, cache=arguments.cache, progress=progress)
            pulled.append((card.name, locate(card, cache=arguments.cache), files))
    if arguments.json:
        rows = [
            {"name": name, "path": str(path), "files": [_file_row(file) for file in files]}
            for name, path, files in pulled
        ]
        print(json.dumps({"models": rows}, indent=2))
        return 0
    for name, path, files in pulled:
        print(f"{name}: {path}")
        for file in files:
            print(f"  {file.path.name}  sha256 {file.sha256}  {file.source or 'in the cache'}")
    return 0


def _file_row(file: Fetched) -> dict[str, str | None]:
    source = str(file.source) if file.source else None
    return {"name": file.path.name, "sha256": file.sha256, "source": source}


def _path(arguments: argparse.Namespace) -> int:
    from sitepose.models.zoo.store import locate

    with _progress() as progress:
        paths = {
            card.name: str(locate(card, cache=arguments.cache, progress=progress))
            for card in _cards(arguments.names)
        }
    print(json.dumps(paths, indent=2) if arguments.json else "\n".join(paths.values()))
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from sitepose.models.zoo.store import cached, verify

    chosen = _cards(arguments.names)
    if not arguments.names:
        chosen = [card for card in _all_cards() if cached(card, cache=arguments.cache)]
    rows: list[dict[str, str]] = []
    for card in chosen:
        for state in verify(card, cache=arguments.cache):
            row = {"model": card.name, "name": state.name, "state": state.state, "path": str(state.path)}
            rows.append(row | {"sha256": state.sha256 or "", "expected": state.expected or ""})
    if arguments.json:
        print(json.dumps({"files": rows}, indent=2))
    else:
        columns = ("model", "name", "state", "path")
        _print_table(columns, [[row[column] for column in columns] for row in rows])
    bad = sorted({row["model"] for row in rows if row["state"] != "ok"})
    if bad:
        print(f"sitepose: fetch again: sitepose models pull {' '.join(bad)}", file=sys.stderr)
    return 1 if bad else 0


def _remove(arguments: argparse.Namespace) -> int:
    from sitepose.models.zoo.store import remove

    freed = {card.name: remove(card, cache=arguments.cache) for card in _cards(arguments.names)}
    if arguments.json:
        print(json.dumps({"freed_bytes": freed}, indent=2))
    else:
        for name, size in freed.items():
            print(f"{name}: {size / 1e6:.1f} MB freed")
    return 0


def _all_cards() -> list[ModelCard | DataCard]:
    from sitepose.models.zoo.card import card_names, load_card
    from sitepose.models.zoo.data_cards import data_cards

    return [*map(load_card, card_names()), *data_cards().values()]


def _cards(names: Sequence[str]) -> list[ModelCard | DataCard]:
    """Return the cards that these names mean, each once."""
    from sitepose.app.config import PRESETS
    from sitepose.core.errors import UnknownPluginError, did_you_mean
    from sitepose.models.zoo.card import load_card
    from sitepose.models.zoo.data_cards import data_cards

    cards: dict[str, ModelCard | DataCard] = {}
    for name in names:
        for part in _parts(PRESETS[name]) if name in PRESETS else [name]:
            try:
                card = data_cards()[part] if part in data_cards() else load_card(part)
            except UnknownPluginError:
                known: list[str] = [*(one.name for one in _all_cards()), *PRESETS]
                raise UnknownPluginError(f"unknown model {part!r}; {did_you_mean(part, known)}") from None
            cards[card.name] = card
    return list(cards.values())


def _parts(preset: Mapping[str, Any]) -> list[str]:
    return [str(part["name"]) for part in preset.values()]


def _progress() -> AbstractContextManager[Callable[[str, int, int | None], None]]:
    from sitepose.app.cli.display import FetchProgress

    return FetchProgress()


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [[name.upper() for name in header], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
