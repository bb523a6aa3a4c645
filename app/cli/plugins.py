"""``sitepose plugins list``: which plug-ins there are, and why one does not load."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sitepose.plugins.listing import PluginReport


def add_parser(subparsers: Any) -> None:
    """Add ``plugins`` and its options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "plugins", help="detectors, pose networks, trackers, sources"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="list")
    listing = actions.add_parser("list", help="name, kind, origin, version, licence, and whether it loads")
    listing.add_argument(
        "--kind", choices=("detector", "pose", "source", "tracker"), help="only plug-ins of this kind"
    )
    listing.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print the plug-ins; 0 also where some do not load, for nothing of them was asked for."""
    from sitepose.plugins.listing import plugin_reports

    reports = [report for report in plugin_reports() if arguments.kind in (None, report.kind)]
    if arguments.json:
        rows = [asdict(report) | {"loads": not report.problem} for report in reports]
        print(json.dumps({"plugins": rows}, indent=2))
    else:
        _print_table(reports)
    return 0


def _print_table(reports: Sequence[PluginReport]) -> None:
    header = ("NAME", "KIND", "ORIGIN", "VERSION", "LICENCE", "LOADS")
    rows = [
        (
            r.name,
            r.kind,
            r.origin,
            r.version or "?",
            r.licence or "not stated",
            f"no: {r.problem}" if r.problem else "yes",
        )
        for r in reports
    ]
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    for row in (header, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
