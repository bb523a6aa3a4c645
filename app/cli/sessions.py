"""``sitepose sessions``: what was recorded on site: list, verify, repair, replay."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sitepose.app.live.comparison import Comparison
    from sitepose.app.sessions.manifest import SessionManifest


def add_parser(subparsers: Any) -> None:
    """Add ``sessions`` and its actions."""
    parser: argparse.ArgumentParser = subparsers.add_parser("sessions", help="recorded site sessions")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="which there are")
    listing.add_argument("folder", nargs="?", type=Path, default=Path("sessions"), metavar="DIR")
    verifying = actions.add_parser("verify", help="hashes, every frame decodes, counts agree")
    verifying.add_argument("folder", nargs="+", type=Path, metavar="SESSION", help="or a folder of sessions")
    verifying.add_argument(
        "--no-decode", action="store_true", help="leave out the decoding, which takes longest"
    )
    repairing = actions.add_parser("repair", help="put together what a power cut left")
    repairing.add_argument("folder", nargs="+", type=Path, metavar="SESSION", help="or a folder of sessions")
    replaying = actions.add_parser("replay", help="look again at what a live run looked at, and compare")
    replaying.add_argument("folder", type=Path, metavar="SESSION")
    for part in ("detector", "pose", "nms", "tracker"):
        replaying.add_argument(f"--{part}", metavar="NAME[:FILE]", help="another one than was recorded with")
    replaying.add_argument("--output", type=Path, default=Path("out"), metavar="DIR", help="default: out")
    for action in (listing, verifying, repairing, replaying):
        action.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Do the action; 1 if a session is not whole."""
    actions: Mapping[str, Callable[[argparse.Namespace], int]] = {
        "list": _list,
        "verify": _verify,
        "repair": _repair,
        "replay": _replay,
    }
    return actions[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from sitepose.app.sessions.disk import show_duration, show_size
    from sitepose.app.sessions.listing import list_sessions

    lines = list_sessions(arguments.folder)
    if arguments.json:
        print(json.dumps({"sessions": [line.to_json() for line in lines]}, indent=2))
        return 0
    if not lines:
        print(f"no sessions in {arguments.folder}", file=sys.stderr)
    for line in lines:
        source = line.manifest.source if line.manifest else "?"
        amount = f"{show_duration(line.seconds):>10}  {show_size(line.bytes):>9}"
        print(f"{line.folder.name:<50}  {line.state:<9}  {amount}  {source}{_privacy(line.manifest)}")
    return 0


def _privacy(manifest: SessionManifest | None) -> str:
    if manifest is None or not (manifest.blurred or manifest.poses_only):
        return ""
    return " (faces blurred)" if manifest.blurred else " (poses only)"


def _verify(arguments: argparse.Namespace) -> int:
    from sitepose.app.sessions.verify import verify

    results = [verify(folder, decode=not arguments.no_decode) for folder in _sessions(arguments.folder)]
    if arguments.json:
        print(json.dumps({"sessions": [result.to_json() for result in results]}, indent=2))
    else:
        for result in results:
            decoded = f"{result.decoded} decoded, " if not arguments.no_decode else ""
            poses = f"{result.poses} with poses, " if result.poses else ""
            verdict = "good" if result.good else "NOT GOOD"
            print(f"{result.name}: {verdict}: {result.frames} frames, {decoded}{poses}{result.seconds:.1f} s")
            for problem in result.problems:
                print(f"  {problem}")
    return 0 if all(result.good for result in results) else 1


def _repair(arguments: argparse.Namespace) -> int:
    from sitepose.app.sessions.repair import repair
    from sitepose.core.errors import SiteposeError

    done, failed = [], []
    for folder in _sessions(arguments.folder):
        try:
            done.append(repair(folder))
        except SiteposeError as error:  # one that cannot be mended fails alone
            failed.append(str(error))
    if arguments.json:
        print(json.dumps({"sessions": [result.to_json() for result in done], "failed": failed}, indent=2))
    else:
        for result in done:
            state = "; ".join([*result.done, *result.left]) or "nothing was cut off"
            print(f"{result.name}: {result.frames} frames, {result.seconds:.1f} s: {state}")
        for text in failed:
            print(f"sitepose: {text}", file=sys.stderr)
    return 1 if failed or any(result.left for result in done) else 0


def _replay(arguments: argparse.Namespace) -> int:
    from sitepose.app.cli.display import FetchProgress, loading
    from sitepose.app.live.again import RecordedRun, run_again
    from sitepose.app.live.parts import load_parts
    from sitepose.app.sessions.listing import is_session
    from sitepose.core.errors import FormatError
    from sitepose.models.runtimes.workers import Workers

    if not is_session(arguments.folder):
        raise FormatError(f"{arguments.folder}: is no session")
    recorded = RecordedRun(arguments.folder)
    given = {part: getattr(arguments, part) for part in ("detector", "pose", "nms", "tracker")}
    config = recorded.config({part: _part(text) for part, text in given.items() if text})
    output = arguments.output / recorded.manifest.name
    with ExitStack() as closers:
        workers = Workers(config.runtime.threads)
        closers.callback(workers.close)
        with loading(), FetchProgress() as fetching:
            parts = load_parts(config, None, workers, fetching)
        for part in parts.loaded():
            closers.callback(part.close)
        found = run_again(recorded, parts, output)
    if arguments.json:
        print(json.dumps({"folder": str(output), **found.to_json()}))
    else:
        _print_comparison(recorded.manifest.name, found, output)
    return 0


def _print_comparison(name: str, found: Comparison, output: Path) -> None:
    from sitepose.app.live.comparison import TOLERANCE

    print(f"{name}: {found.identical} of {found.frames} frames identical; written to {output}")
    if found.identical < found.frames:
        print(
            f"  {found.same} of {found.recorded} people found again, {found.same_ids} with their track id; "
            f"{found.within:.1%} of their keypoints within {TOLERANCE:.0%} of the box; "
            f"{found.median_px} px apart (median), {found.p95_px} (95 %), {found.worst_px} (largest)"
        )
    if found.pixels == "main stream":
        print("  the run looked at the second stream, which was not recorded: these are pixels of the main one")
    elif found.pixels == "faces blurred":
        print("  the run looked at faces, which are blurred in the video")


def _part(text: str) -> dict[str, str]:
    """Return ``NAME[:FILE]`` as a table."""
    name, _, file = text.partition(":")
    return {"name": name, "file": file} if file else {"name": name}


def _sessions(folders: list[Path]) -> list[Path]:
    """Return the sessions that are meant: each folder is one, or holds some."""
    from sitepose.app.sessions.listing import sessions_in
    from sitepose.core.errors import FormatError

    found = []
    for folder in folders:
        inside = sessions_in(folder)
        if not inside:
            raise FormatError(f"{folder}: is no session, and holds none")
        found += inside
    return found
