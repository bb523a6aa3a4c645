"""The offline run against rtmlib 0.0.16: same networks, same thresholds, same video, same two threads.

Run: benchmarks/peers/setup_rtmlib.sh && python benchmarks/offline.py [--pairs 5] [--precisions fp32,auto]

Both sides load their networks before the clock starts and take turns on the whole video; decoding counts on
both, the overlay is off on both. Ours also suppresses, tracks and writes ``poses.jsonl``; rtmlib does not.
A ratio is made of two runs of the same round; the median of the ratios is what counts. Where the machine has
something else to do, processor time per frame tells more than frames per second.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import numpy as np
from offline_sides import Ours, OwnRun, PeerRun, Rtmlib, Taken, add_own_options

from sitepose.core.similarity import COCO_AREA_SHARE, oks
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import FloatArray
from sitepose.tracking.matching import assign

PEER_SETTINGS = (("onnxruntime", 0), ("onnxruntime", 2), ("openvino", 0))
"""Backends of rtmlib, each as it sets it up (0) or with so many threads; the fastest is the peer."""

TRIAL_FRAMES = 40
"""Frames by which the peer's fastest setting is found."""

SAME_PERSON = 0.5
"""OKS from which two people of one frame are taken for the same."""


def main() -> None:
    """Measure, and print Markdown."""
    arguments = _arguments()
    cv2.setNumThreads(arguments.threads)
    with ExitStack() as closers:
        peers = [closers.enter_context(Rtmlib(arguments, *setting)) for setting in PEER_SETTINGS]
        chosen = _fastest_per_precision(peers)
        ours = {name: closers.enter_context(_ours(arguments, name)) for name in arguments.precisions.split(",")}
        sides: dict[str, Rtmlib | Ours] = {**{peer.name: peer for peer in chosen}, **ours}
        taken = _take_turns(sides, arguments.pairs, arguments.frames)
        _print_speeds(taken, [peer.name for peer in chosen], list(ours))
        answers = {peer.name: peer.run(arguments.frames, keep=True) for peer in chosen}
        _print_fairness(answers, ours)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_own_options(parser)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--frames", type=int, default=0, help="frames per run; 0: all")
    parser.add_argument("--peer", default=".venv-rtmlib/bin/python", help="Python of the peer's environment")
    return parser.parse_args()


@contextmanager
def _ours(arguments: argparse.Namespace, precision: str) -> Iterator[Ours]:
    with tempfile.TemporaryDirectory() as folder, Ours(arguments, precision, Path(folder)) as side:
        yield side


def _fastest_per_precision(peers: Sequence[Rtmlib]) -> list[Rtmlib]:
    """Return the peer's fastest setting at full precision, then its fastest of all if that is another one."""
    rates = {peer: max(peer.run(TRIAL_FRAMES).rate for _ in range(2)) for peer in peers}
    print("| setting of rtmlib | frames/s (trial) |\n|---|---|")
    for peer, rate in rates.items():
        print(f"| {peer.name} | {rate:.2f} |")
    exact = max((peer for peer in peers if peer.is_exact), key=rates.__getitem__)
    best = max(peers, key=rates.__getitem__)
    return [exact] if best is exact else [exact, best]


def _take_turns(sides: dict[str, Rtmlib | Ours], pairs: int, frames: int) -> dict[str, list[Taken]]:
    """Return what each run of each side took; every other round goes the other way."""
    taken: dict[str, list[Taken]] = {name: [] for name in sides}
    for round_number in range(pairs):
        for name in list(sides)[:: 1 if round_number % 2 == 0 else -1]:
            taken[name].append(sides[name].run(frames))
    return taken


def _print_speeds(taken: dict[str, list[Taken]], peers: Sequence[str], ours: Sequence[str]) -> None:
    """Print each side's speed, and how many times the peers' it is, pair by pair."""
    print(
        "\n| side | frames/s: median (min..max) | CPU ms/frame | " + " | ".join(f"x {p}" for p in peers) + " |"
    )
    print("|---|---|---|" + "---|" * len(peers))
    for name, runs in taken.items():
        rates = [run.rate for run in runs]
        cells = [name if name in peers else f"sitepose {name}"]
        cells.append(f"{np.median(rates):.2f} ({min(rates):.2f}..{max(rates):.2f})")
        cells.append(f"{np.median([run.cpu_ms for run in runs]):.1f}")
        for peer in peers:
            ratios = [run.rate / other.rate for run, other in zip(runs, taken[peer], strict=True)]
            cells.append(
                f"**{np.median(ratios):.2f}** ({min(ratios):.2f}..{max(ratios):.2f})" if name in ours else ""
            )
        print("| " + " | ".join(cells) + " |")


def _print_fairness(answers: dict[str, PeerRun], ours: dict[str, Ours]) -> None:
    """Print whether both sides look at the same people and see them in the same places.

    Crops are what goes through the pose network; ours that show the same person twice are dropped afterwards,
    by the pose-NMS, so fewer people are kept.
    """
    print("\n| sitepose | rtmlib | crops/frame, ours | theirs | ratio | matched | OKS: mean (median) | kept |")
    print("|---|---|---|---|---|---|---|---|")
    for precision, side in ours.items():
        kept = side.found().people.mean()
        for name, theirs in answers.items():
            found = side.looked_at(theirs.frames)
            values = np.concatenate([_matched(found, theirs, i) for i in range(theirs.frames)])
            own, other = found.people.mean(), theirs.people.mean()
            print(
                f"| {precision} | {name} | {own:.2f} | {other:.2f} | {own / other:.3f} | "
                f"{len(values) / max(theirs.people.sum(), 1):.1%} | "
                f"{values.mean():.4f} ({np.median(values):.4f}) | {kept:.2f} |"
            )


def _matched(ours: OwnRun, theirs: PeerRun, index: int) -> FloatArray:
    """Return the OKS of the people whom both sides found in a frame."""
    skeleton = load_skeleton("coco17")
    boxes, keypoints = theirs.boxes[index], theirs.keypoints[index]
    sides = boxes[:, 2:] - boxes[:, :2]
    areas = (COCO_AREA_SHARE * sides.prod(axis=1)).astype(np.float32)
    similarities = oks(ours.keypoints[index], keypoints, areas[None], skeleton.oks_sigmas)
    return similarities[assign(similarities, minimum=SAME_PERSON)]


if __name__ == "__main__":
    main()
