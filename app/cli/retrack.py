"""``sitepose retrack``: identities anew from saved poses, without running a network."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("retrack", help="track saved poses anew, no network run")
    parser.add_argument(
        "saved", type=Path, metavar="POSES.jsonl", help="or the folder of its run or candidates"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="a TOML file; what it says of tracker and nms is used"
    )
    parser.add_argument("--tracker", metavar="NAME", help="default: oks-sort")
    parser.add_argument(
        "--nms", metavar="NAME", help="suppress anew, from candidates kept by --save-candidates"
    )
    parser.add_argument("--video", metavar="FILE", help="where the pixels are, for trackers that need them")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder of the new poses.jsonl"
    )
    parser.add_argument(
        "--set", action="append", default=[], dest="assignments", metavar="KEY=VALUE",
        help="change one setting: tracker.settings.max_lost_s=2",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Track anew and say what came out."""
    from sitepose.app.config import read_config, tables_named
    from sitepose.app.retrack import retrack

    named = {"tracker": arguments.tracker, "nms": arguments.nms}
    parts = {part: {"name": name} for part, name in named.items() if name is not None}
    config = read_config(arguments.config, overrides=parts, assignments=arguments.assignments)
    anew = "nms" in parts or "nms" in tables_named(arguments.config, arguments.assignments)
    report = retrack(
        arguments.saved,
        arguments.output,
        tracker=config.tracker,
        nms=config.nms if anew else None,
        video=arguments.video,
    )
    if arguments.json:
        print(json.dumps(dataclasses.asdict(report)))
    else:
        print(f"{report.poses}: {report.frames} frames, {report.people} people, {report.tracks} tracks")
    return 0
