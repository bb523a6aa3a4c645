"""Pose-NMS methods side by side: their time by the number of people, their keypoint AP on the same candidates.

Run: python benchmarks/pose_nms.py --timing        the timing table; needs no data
     python benchmarks/pose_nms.py                 the AP tables, on the half kept for reporting
     python benchmarks/pose_nms.py --search [NAME ...]   choose settings anew, on the other half

The data (COCO images, PicoDet, YOLOX-nano, TinyPose) are not in the repository: --data names their folder.
TinyPose was not trained on CrowdPose's interference target: KM works here on untrained interference.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nms_sets import BOXES, candidates_of, labelled_sets
from numpy.typing import NDArray

from sitepose.app.training.fit_nms import LabelledCandidates, SearchPlan, fit_nms
from sitepose.core.formats.coco import read_coco
from sitepose.core.settings import check
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import PoseCandidates
from sitepose.models.metrics.bootstrap import Interval, paired_difference
from sitepose.models.metrics.crowding import crowd_index
from sitepose.models.metrics.matches import MatchTable
from sitepose.tracking.pose_nms.methods import pose_nms_method

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CACHE = Path(tempfile.gettempdir()) / "sitepose-benchmarks" / "pose-nms"
FROZEN = Path(__file__).parent / "pose_nms_frozen.json"
PEOPLE = (1, 5, 20, 50, 100, 200)
FLOOR = 0.01
"""Best keypoint score below which people vanish; far below the live default, as for any AP."""
AGAINST = "parametric normalized"
VISIBLE = 0.0005
"""Differences that the tables do not show are not marked, however certain they are."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the tables: a method with settings."""

    method: str
    settings: Mapping[str, Any]


ROWS: Mapping[str, Row] = {
    "none": Row("none", {}),
    "parametric published": Row("parametric", {"form": "published", "min_score": FLOOR}),
    "parametric normalized": Row("parametric", {"form": "normalized", "min_score": FLOOR}),
    "the same, live floor .3": Row("parametric", {"form": "normalized"}),
    "km paper": Row("km", {"form": "paper", "min_score": FLOOR}),
    "km paper, responses alone": Row("km", {"form": "paper", "min_score": FLOOR, "strength_power": 0.0}),
    "km top-peak": Row("km", {"form": "top-peak"}),
    "oks .9": Row("oks", {"threshold": 0.9}),
    "oks": Row("oks", {}),
    "soft-oks": Row("soft-oks", {}),
}
"""The defaults where a row names no setting."""

SEARCHES: Mapping[str, Row] = {
    "parametric published": ROWS["parametric published"],
    "parametric normalized": ROWS["parametric normalized"],
    "km paper": ROWS["km paper"],
    "oks": ROWS["oks"],
    "soft-oks": ROWS["soft-oks"],
}
"""What --search can fit: what it finds is kept in ``pose_nms_frozen.json``."""

FITTED = ("parametric published", "soft-oks")
"""Methods whose defaults are the published values: the tables show the fitted ones too."""


def main() -> None:
    """Print what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the test data")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where crowds and candidates are kept")
    parser.add_argument("--timing", action="store_true", help="print the timing table")
    parser.add_argument(
        "--search", nargs="*", metavar="NAME", help="choose settings anew; all rows if none is named"
    )
    parser.add_argument("--trials", type=int, default=200, help="settings tried by --search for each row")
    parser.add_argument("--repeats", type=int, default=50, help="calls timed for each figure")
    arguments = parser.parse_args()
    if arguments.timing:
        print_timing(arguments.repeats)
    elif arguments.search is not None:
        search(arguments, arguments.search or list(SEARCHES))
    else:
        print_quality(arguments)


def read_sets(arguments: argparse.Namespace, half: str) -> list[LabelledCandidates]:
    """Return the candidates of every detector on the photographs and on the crowds of one half."""
    arguments.cache.mkdir(parents=True, exist_ok=True)
    sets = labelled_sets(arguments.data, arguments.cache)
    skeleton = load_skeleton("coco17")
    return [
        LabelledCandidates(
            name=f"{kind}, {boxes.name}",
            truth=read_coco(sets[f"{kind}-{half}"].annotations),
            candidates=candidates_of(sets[f"{kind}-{half}"], boxes, arguments.data, arguments.cache),
            skeleton=skeleton,
        )
        for kind in ("coco", "crowds")
        for boxes in BOXES
    ]


def search(arguments: argparse.Namespace, names: Sequence[str]) -> None:
    """Fit rows on the half for it, and keep what was found beside this file."""
    sets = read_sets(arguments, "fit")
    frozen = json.loads(FROZEN.read_text()) if FROZEN.exists() else {}
    for name in names:
        method = pose_nms_method(SEARCHES[name].method)
        fit = fit_nms(sets, method, SEARCHES[name].settings, SearchPlan(trials=arguments.trials))
        frozen[name] = fit.settings.model_dump(exclude_defaults=True)
        before, after = (float(np.mean(list(aps.values()))) for aps in (fit.default, fit.held_out))
        print(f"{name}: mean AP {before:.4f}, fitted and held out {after:.4f}; {frozen[name]}", flush=True)
        FROZEN.write_text(json.dumps(frozen, indent=2) + "\n")


def print_quality(arguments: argparse.Namespace) -> None:
    """Print AP by method and set, and the paired differences to the default."""
    sets = read_sets(arguments, "report")
    rows = {**ROWS, **_fitted_rows()}
    tables = {name: [_matches(one, row) for one in sets] for name, row in rows.items()}
    print("| set, boxes | " + " | ".join(rows) + " |\n|" + "---|" * (len(rows) + 1))
    for i, one in enumerate(sets):
        print(
            f"| {one.name} | "
            + " | ".join(f"{tables[name][i].average_precision():.3f}" for name in rows)
            + " |"
        )
    print(f"\nDifference to {AGAINST!r}, with the 95 % interval of 1000 draws of images:\n")
    print(
        "| set, boxes | " + " | ".join(name for name in rows if name != AGAINST) + " |\n|" + "---|" * len(rows)
    )
    for i, one in enumerate(sets):
        cells = [_cell(difference(tables[name][i], tables[AGAINST][i])) for name in rows if name != AGAINST]
        print(f"| {one.name} | " + " | ".join(cells) + " |")
    _print_by_crowding(sets, tables)


def _fitted_rows() -> dict[str, Row]:
    frozen = json.loads(FROZEN.read_text()) if FROZEN.exists() else {}
    return {f"{name}, fitted": Row(ROWS[name].method, frozen[name]) for name in FITTED if name in frozen}


def _matches(one: LabelledCandidates, row: Row) -> MatchTable:
    method = pose_nms_method(row.method)
    return one.matches(one.suppressed(method, check(method.settings, row.settings, where="row:")))


def difference(first: MatchTable, second: MatchTable, images: NDArray[np.bool_] | None = None) -> Interval:
    """Return by how much the first AP is above the second, on some of the images."""
    chosen = np.ones(len(first.truths), np.bool_) if images is None else images
    places = np.flatnonzero(chosen)

    def precision(table: MatchTable) -> Any:
        def of(counts: NDArray[np.int64]) -> float:
            weights = np.zeros(len(table.truths))
            weights[places] = counts
            return table.average_precision(weights)

        return of

    return paired_difference(precision(first), precision(second), len(places))


def _cell(gain: Interval) -> str:
    mark = "**" if gain.excludes_zero and abs(gain.value) >= VISIBLE else ""
    return f"{mark}{gain.value:+.3f}{mark} [{gain.low:+.3f}, {gain.high:+.3f}]"


def _print_by_crowding(sets: Sequence[LabelledCandidates], tables: Mapping[str, Sequence[MatchTable]]) -> None:
    """Print what KM gains over the default in the less and the more crowded half of the crowds."""
    print(f"\nkm paper against {AGAINST!r} in the less and the more crowded half of the crowds:\n")
    print("| set, boxes | crowd index below the median | from the median |\n|---|---|---|")
    for i, one in enumerate(sets):
        if one.name.startswith("crowds"):
            crowded = _crowd_indices(one)
            halves = crowded < np.median(crowded), crowded >= np.median(crowded)
            pair = tables["km paper"][i], tables[AGAINST][i]
            print(f"| {one.name} | " + " | ".join(_cell(difference(*pair, half)) for half in halves) + " |")


def _crowd_indices(one: LabelledCandidates) -> NDArray[np.float64]:
    truth = one.truth
    return np.array(
        [
            crowd_index(truth.boxes[rows], truth.keypoints[rows], truth.visibilities[rows] > 0)
            for rows in truth.rows_by_image()
        ]
    )


def print_timing(repeats: int) -> None:
    """Print medians in microseconds; the methods take turns."""
    skeleton = load_skeleton("coco17")
    names = (
        "none",
        "parametric published",
        "parametric normalized",
        "km paper",
        "km top-peak",
        "oks",
        "soft-oks",
    )
    print("| people | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1))
    for people in PEOPLE:
        taken: dict[str, list[float]] = {name: [] for name in names}
        for repeat in range(repeats):
            candidates = synthetic_people(np.random.default_rng(repeat), people)
            for name in names:
                method = pose_nms_method(ROWS[name].method)
                settings = check(method.settings, ROWS[name].settings, where="row:")
                start = time.perf_counter()
                method.suppress(candidates, skeleton, settings)
                taken[name].append((time.perf_counter() - start) * 1e6)
        print(f"| {people} | " + " | ".join(f"{np.median(taken[name]):.0f}" for name in names) + " |")


def synthetic_people(rng: np.random.Generator, people: int) -> PoseCandidates:
    """Return people with three peaks per keypoint, a third of them found twice, equally dense at any number."""
    side = 120 * np.sqrt(people)
    corners = rng.uniform(0, side, (people, 2))
    again = rng.random(people) < 1 / 3
    corners[again] = corners[rng.integers(0, people, people)][again] + rng.normal(0, 3, (people, 2))[again]
    boxes = np.concatenate([corners, corners + np.array([60, 150])], axis=1)
    shares = np.random.default_rng(0).uniform(0, 1, (17, 2))
    firsts = corners[:, None] + shares * np.array([60, 150]) + rng.normal(0, 1.5, (people, 17, 2))
    spread = np.array([0, 25, 40])[:, None]
    keypoints = firsts[:, :, None] + rng.normal(0, 1, (people, 17, 3, 2)) * spread
    scores = -np.sort(-rng.uniform(0.05, 1, (people, 17, 3)), axis=2)
    return PoseCandidates(
        keypoints=keypoints,
        scores=scores,
        radii=np.full(scores.shape, 150 * 1.25 * 2 / 64),
        boxes=boxes,
        box_scores=rng.uniform(0.2, 1, people),
    )


if __name__ == "__main__":
    main()
