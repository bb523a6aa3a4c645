"""``sitepose export``: saved poses in other programs' formats, without running a network."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sitepose.core.formats.poses_jsonl import PoseRecord, PosesHeader


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    from sitepose.core.formats.exports import EXPORTS

    formats = "\n".join(f"  {row.name:<10} {row.place:<15} {row.summary}" for row in EXPORTS.values())
    parser = subparsers.add_parser(
        "export",
        help="write saved poses in other formats, no network run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"formats, and what they are called in DIR:\n{formats}",
    )
    parser.add_argument("saved", type=Path, metavar="POSES.jsonl", help="or the folder of its run")
    parser.add_argument("--format", required=True, metavar="NAME,...", help="one or more, comma-separated")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: beside POSES.jsonl")
    parser.add_argument(
        "--carried", action=argparse.BooleanOptionalAction,
        help="people whom a tracker carried without evidence; default: in all formats but mot",
    )  # fmt: skip
    parser.add_argument(
        "--nameless", action=argparse.BooleanOptionalAction,
        help="people without an identity; default: in all formats but mot, and in mot after --tracker none",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Write the exports and say where they are."""
    from sitepose.core.formats.exports import export_all
    from sitepose.core.formats.poses_jsonl import read_poses

    path = arguments.saved / "poses.jsonl" if arguments.saved.is_dir() else arguments.saved
    saved, count = read_poses(path), _Count()
    paths = export_all(
        [name.strip() for name in arguments.format.split(",") if name.strip()],
        arguments.output or path.parent,
        saved.header,
        count.passing(saved),
        carried=arguments.carried,
        nameless=_nameless(arguments.nameless, saved.header),
    )
    figures = {"frames": count.frames, "people": count.people, "complete": saved.end is not None}
    if arguments.json:
        print(json.dumps({**figures, "exports": {name: str(place) for name, place in paths.items()}}))
        return 0
    cut = "" if saved.end else "; the file has no end: its run was killed"
    print(f"{path}: {count.frames} frames, {count.people} people{cut}")
    for name, place in paths.items():
        print(f"  {name:<10} {place}")
    return 0


def _nameless(asked: bool | None, header: PosesHeader) -> bool | None:
    """Return whether to write people without an identity: everybody is one where there was no tracker."""
    tracker = header.config.get("tracker")
    untracked = isinstance(tracker, dict) and tracker.get("name") == "none"
    return True if asked is None and untracked else asked


class _Count:
    """Counts what passes through."""

    def __init__(self) -> None:
        self.frames = 0
        self.people = 0

    def passing(self, records: Iterable[PoseRecord]) -> Iterator[PoseRecord]:
        for record in records:
            self.frames += 1
            self.people += len(record.poses)
            yield record
