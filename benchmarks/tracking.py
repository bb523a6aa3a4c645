"""Who keeps identities best on the same detections? Every tracker gets the same search budget, then is frozen.

Run: python benchmarks/tracking.py [--quick]            the tables
     python benchmarks/tracking.py --csv FILE           the same, and every figure of every sequence
     python benchmarks/tracking.py --search [NAME ...]  choose settings anew, 60 random ones for each tracker

The data (TUD-Stadtmitte of MOT15, YOLOX-nano, TinyPose) are not in the repository: --data names their folder.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from tracking_candidates import CANDIDATES, Candidate, freeze
from tracking_measures import MEASURES, Row, interval, measure, search
from tracking_sequences import Variant, clip_variants, read_clip, truth_variants

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CACHE = Path(tempfile.gettempdir()) / "sitepose-benchmarks"
BUDGET = 60
QUICK_FRAMES = 15
SEARCH_DROPOUTS = 1

TITLES = {
    "boxes": "Boxes",
    "poses": "Boxes and poses",
    "truth": "True boxes with drops and jitter",
}
HEADER = """\
| tracker | MOTA | IDF1 | AssA | switches | clip MOTA | clip IDF1 | carried MOTA | carried IDF1 | carried |
|---|---|---|---|---|---|---|---|---|---|"""

BASES = ("oks-sort", "oks-sort, shipped", "poseflow")
"""Trackers that all others are compared with, sequence by sequence."""

ROUNDING = 1e-9
"""Difference up to which two figures are one."""

Results = Mapping[str, Sequence[Row]]


def main() -> None:
    """Print the tables, or search."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the test data")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where detections are kept")
    parser.add_argument("--mode", help="only the tables of this mode: boxes, poses or truth")
    parser.add_argument("--csv", type=Path, help="file for every figure of every sequence")
    parser.add_argument("--quick", action="store_true", help="a few frames and variants, to see that it runs")
    parser.add_argument(
        "--search", nargs="*", metavar="NAME", help="choose settings anew (all trackers if none is named)"
    )
    options = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO if options.search is not None else logging.WARNING, format="%(message)s"
    )
    # One thread: what is measured must not depend on how busy the other cores are.
    cv2.setNumThreads(1)
    modes = sequences(options.data, options.cache, quick=options.quick)
    if options.search is not None:
        choose(modes, options.search)
        return
    print("A star marks trackers that were given their defaults instead of a search.")
    lines = [",".join(("mode", "tracker", "sequence", *Row.__slots__))]
    for key, variants in modes.items():
        if options.mode not in (None, key):
            continue
        for offline in (False, True):
            candidates = [candidate for candidate in CANDIDATES if candidate.offline is offline]
            print(f"\n## {TITLES[key]}, {'with look-ahead' if offline else 'online'}\n")
            results = {name(candidate): measured(candidate, variants) for candidate in candidates}
            report(results, variants)
            lines += figures(key, results, variants)
    if options.csv:
        options.csv.write_text("\n".join(lines) + "\n", encoding="utf-8")


def figures(mode: str, results: Results, variants: Sequence[Variant]) -> list[str]:
    """Return a line of comma-separated values for each tracker and sequence."""
    return [
        ",".join([mode, f'"{label}"', variant.name, *(f"{getattr(row, name):.6g}" for name in Row.__slots__)])
        for label, rows in results.items()
        for variant, row in zip(variants, rows, strict=True)
    ]


def name(candidate: Candidate) -> str:
    """Return the label of a tracker, with a star where its settings were not searched."""
    return candidate.label if candidate.frozen() is not None else f"{candidate.label} *"


def measured(candidate: Candidate, variants: Sequence[Variant]) -> list[Row]:
    """Return what a tracker does with every sequence, with its frozen settings."""
    return [measure(candidate.make(candidate.frozen() or {}), variant) for variant in variants]


def sequences(data: Path, cache: Path, *, quick: bool) -> dict[str, list[Variant]]:
    """Return the variants of each mode."""
    limit, seeds = (QUICK_FRAMES, 1) if quick else (None, 10)
    clip = read_clip(data, cache, limit=limit)
    mirrored = read_clip(data, cache, mirrored=True, limit=limit)
    return {
        "boxes": clip_variants(clip, mirrored, poses=False, dropouts=seeds),
        "poses": clip_variants(clip, mirrored, poses=True, dropouts=seeds),
        "truth": truth_variants(clip, seeds=seeds),
    }


def choose(modes: Mapping[str, Sequence[Variant]], names: Sequence[str]) -> None:
    """Search settings on the first two modes and write them down."""
    dropouts = [f"dropout {seed}" for seed in range(SEARCH_DROPOUTS, 10)]
    variants = [
        variant for mode in ("boxes", "poses") for variant in modes[mode] if variant.name not in dropouts
    ]
    for candidate in CANDIDATES:
        if candidate.space and (not names or candidate.label in names):
            settings, value = search(candidate, variants, BUDGET)
            freeze({candidate.label: settings})
            print(f"{candidate.label}: {value:.4f} with {settings}", flush=True)


def report(results: Results, variants: Sequence[Variant]) -> None:
    """Print means, and the paired differences to some trackers."""
    print(HEADER)
    for label, rows in results.items():
        mean = {name: float(np.mean([getattr(row, name) for row in rows])) for name in Row.__slots__}
        cells = [label, *(f"{mean[name]:.3f}" for name in ("mota", "idf1", "ass_a")), f"{mean['switches']:.1f}"]
        cells += [f"{value:.3f}" for value in (rows[0].mota, rows[0].idf1)]
        cells += [f"{mean[name]:.3f}" for name in ("carried_mota", "carried_idf1")]
        print(f"| {' | '.join(cells)} | {mean['carried_boxes']:.0f} |")
    for base in BASES:
        for label in results:
            if label.removesuffix(" *") == base and len(results) > 1:
                report_differences(label, results, variants)


def report_differences(base: str, results: Results, variants: Sequence[Variant]) -> None:
    """Print the paired differences between one tracker and every other."""
    print(
        f"\n{base} less the other, paired over {len(variants)} sequences, 95 % intervals (bold: excludes 0)\n"
    )
    print("| against | MOTA | IDF1 | AssA | switches |\n|---|---|---|---|---|")
    for label in results:
        if label != base:
            cells = [_difference(results[base], results[label], name) for name in MEASURES]
            print(f"| {label} | {' | '.join(cells)} |")


def _difference(ours: Sequence[Row], theirs: Sequence[Row], name: str) -> str:
    digits = 1 if name == "switches" else 3
    differences = [getattr(a, name) - getattr(b, name) for a, b in zip(ours, theirs, strict=True)]
    mean, low, high = interval(differences)
    text = f"{mean:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"
    return f"**{text}**" if low > ROUNDING or high < -ROUNDING else text


if __name__ == "__main__":
    main()
