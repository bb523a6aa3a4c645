"""The COCO evaluation (through hotcoco, which equals pycocotools), from arrays to a table of matches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sitepose.core.errors import PluginError
from sitepose.core.formats.annotations import Annotations, ImageId, Results
from sitepose.core.formats.columns import CORNER
from sitepose.core.similarity import COCO_AREA_SHARE
from sitepose.core.structures import FloatArray, IntArray
from sitepose.models.metrics.comparison import DoubleArray
from sitepose.models.metrics.matches import MatchTable, match_table

AreaRule = Literal["segment", "box", "box53"]
"""Which area A goes into OKS and into small, medium and large: the stored one (COCO's is that of the segment),
the box's, or .53 of the box's, as CrowdPose has it. The rule moves AP by a tenth: compare like with like."""

PERSON = 1


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class CocoEvaluation:
    """What the COCO evaluation found.

    Attributes:
        precision: Shape (T, 101, A, M) for T thresholds, A ranges of areas and M numbers of reports; -1 where
            nobody is to be found.
        recall: Shape (T, A, M); -1 where nobody is to be found.
        thresholds: Similarities, shape (T,).
        matches: Of people of all areas, with the largest number of reports.
    """

    precision: DoubleArray
    recall: DoubleArray
    thresholds: DoubleArray
    matches: MatchTable

    def average_precision(self, *, at: float | None = None, area: int = 0) -> float:
        """Return AP, over all thresholds or at one, in one range of areas; NaN where nobody is to be found."""
        return _mean(self.precision[self._thresholds(at), :, area, -1])

    def average_recall(self, *, at: float | None = None, area: int = 0, reports: int = -1) -> float:
        """Return AR, over all thresholds or at one; NaN where nobody is to be found."""
        return _mean(self.recall[self._thresholds(at), area, reports])

    def _thresholds(self, at: float | None) -> NDArray[np.bool_]:
        return np.ones(len(self.thresholds), np.bool_) if at is None else np.isclose(self.thresholds, at)


def evaluate(
    truth: Annotations,
    results: Results,
    kind: Literal["keypoints", "bbox"],
    *,
    areas: DoubleArray,
    sigmas: FloatArray | None = None,
    max_reports: tuple[int, ...],
) -> CocoEvaluation:
    """Run the COCO evaluation.

    Args:
        truth: The labelled people of every image that counts.
        results: The reported people, all of them in those images.
        kind: What is compared.
        areas: Square pixels of each labelled person, shape (N,).
        sigmas: COCO's per-keypoint deviations; for keypoints alone.
        max_reports: Numbers of best reports of an image that count, ascending.

    Raises:
        PluginError: hotcoco is not installed.
        ValueError: A result is of an image that is not among the truth's, or has other keypoints.
    """
    hotcoco = _hotcoco()
    labelled = hotcoco.COCO(_truth_content(truth, kind, areas))
    evaluation = hotcoco.COCOeval(labelled, labelled.load_res(_result_entries(truth, results, kind)), kind)
    evaluation.params.max_dets = list(max_reports)
    if sigmas is not None:
        evaluation.params.kpt_oks_sigmas = [round(float(sigma), 8) for sigma in sigmas]
    evaluation.evaluate()
    evaluation.accumulate()
    found = evaluation.eval
    thresholds = np.asarray(evaluation.params.iou_thrs, np.float64)
    return CocoEvaluation(
        precision=np.asarray(found["precision"], np.float64)[:, :, 0],
        recall=np.asarray(found["recall"], np.float64)[:, 0],
        thresholds=thresholds,
        matches=match_table(evaluation.eval_imgs, thresholds, np.argsort(_numbers(truth))),
    )


def areas_by(truth: Annotations, rule: AreaRule) -> DoubleArray:
    """Return the area of each labelled person, shape (N,).

    Raises:
        ValueError: The stored area is asked for, and somebody has none.
    """
    sides = (truth.boxes[:, 2:] - truth.boxes[:, :2]).astype(np.float64)
    if rule == "segment":
        missing = int(np.isnan(truth.areas).sum())
        if missing:
            raise ValueError(f"{missing} of {len(truth)} labelled people have no area; choose the rule box53")
        return truth.areas
    return sides[:, 0] * sides[:, 1] * (COCO_AREA_SHARE if rule == "box53" else 1.0)


def _hotcoco() -> Any:
    try:
        import hotcoco
    except ImportError as error:
        raise PluginError(
            "scoring needs the library hotcoco; install it with: pip install 'sitepose[validation]'"
        ) from error
    return hotcoco


def _truth_content(truth: Annotations, kind: str, areas: DoubleArray) -> dict[str, Any]:
    """Return the truth as a COCO file, its images numbered by :func:`_numbers`."""
    numbers = _numbers(truth)
    boxes = _corner_based(truth.boxes)
    labels = np.concatenate([truth.keypoints, truth.visibilities[..., None]], axis=2).astype(np.float64)
    flat = labels.reshape(len(truth), 3 * len(truth.keypoint_names)).tolist()
    people = [
        {
            "id": i + 1,
            "image_id": int(numbers[truth.image_rows[i]]),
            "category_id": PERSON,
            "bbox": boxes[i],
            "area": float(areas[i]),
            "iscrowd": int(truth.crowds[i]),
            **(
                {"keypoints": flat[i], "num_keypoints": int(truth.num_keypoints[i])}
                if kind == "keypoints"
                else {}
            ),
        }
        for i in range(len(truth))
    ]
    images = [
        {
            "id": int(numbers[row]),
            "file_name": image.file_name,
            "width": image.size_wh[0],
            "height": image.size_wh[1],
        }
        for row, image in enumerate(truth.images)
    ]
    return {"images": images, "annotations": people, "categories": [{"id": PERSON, "name": "person"}]}


def _result_entries(truth: Annotations, results: Results, kind: str) -> list[dict[str, Any]]:
    numbers = _numbers(truth).tolist()
    places = {image.image_id: number for image, number in zip(truth.images, numbers, strict=True)}
    unknown = next((image_id for image_id in results.image_ids if image_id not in places), None)
    if unknown is not None:
        raise ValueError(
            f"a result is of image {unknown!r}, which is not among the {len(places)} labelled ones"
        )
    if kind == "bbox":
        values: list[Any] = _corner_based(results.boxes)
    else:
        if results.keypoints.shape[1] != len(truth.keypoint_names):
            raise ValueError(
                f"results have {results.keypoints.shape[1]} keypoints, the labels {len(truth.keypoint_names)}"
            )
        points = np.concatenate([results.keypoints, results.keypoint_scores[..., None]], axis=2)
        values = (
            np.nan_to_num(points.astype(np.float64)).reshape(len(points), -1 if len(points) else 0).tolist()
        )
    scores = results.scores.astype(np.float64).tolist()
    return [
        {"image_id": places[image_id], "category_id": PERSON, kind: value, "score": score}
        for image_id, value, score in zip(results.image_ids, values, scores, strict=True)
    ]


def _corner_based(boxes: DoubleArray) -> list[list[float]]:
    """Return ``[left, top, width, height]`` as in the file that they came from.

    Without the rounding a width of 10.1 comes back as 10.100000000000001, and sizes that lie on a border of the
    evaluation (32 x 32, IoU .5) on its other side.
    """
    values = np.nan_to_num(boxes)
    cornered = np.concatenate([values[:, :2] + CORNER, values[:, 2:] - values[:, :2]], axis=1)
    return np.round(cornered, 9).tolist()  # type: ignore[no-any-return]


def _numbers(truth: Annotations) -> IntArray:
    """Return a number from 1 for each image, by its id: the lower goes first among reports of equal score."""
    order = sorted(range(len(truth.images)), key=lambda row: _sortable(truth.images[row].image_id))
    return np.argsort(order) + 1


def _sortable(image_id: ImageId) -> tuple[bool, int, str]:
    return (False, image_id, "") if isinstance(image_id, int) else (True, 0, image_id)


def _mean(values: DoubleArray) -> float:
    there = values[values > -1]
    return float(there.mean()) if there.size else float("nan")
