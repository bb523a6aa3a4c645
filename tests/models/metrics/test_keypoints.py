"""Keypoint and box AP: the figures of real results, and pycocotools as the judge."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json

import numpy as np
import pytest

from sitepose.core.formats.aic import read_aic
from sitepose.core.formats.annotations import Annotations, Results
from sitepose.core.formats.coco import coco_annotations, read_coco, read_coco_results
from sitepose.core.formats.crowdpose import read_crowdpose, stored_crowd_indices
from sitepose.core.skeleton import load_skeleton
from sitepose.models.metrics.aic import aic_score
from sitepose.models.metrics.boxes import BoxScores, evaluate_boxes
from sitepose.models.metrics.crowding import crowd_index
from sitepose.models.metrics.keypoints import KeypointScores, evaluate_crowdpose, evaluate_keypoints

COCO17 = load_skeleton("coco17")
TEN = [field.name for field in dataclasses.fields(KeypointScores)][:10]
TWELVE = [field.name for field in dataclasses.fields(BoxScores)][:12]


@pytest.fixture(scope="module")
def coco(data):
    """Labels of 130 real images."""
    return read_coco(data / "coco" / "person_keypoints.json")


def numbers(scores, names):
    return [getattr(scores, name) for name in names]


def by_pycocotools(truth, results, kind, sigmas=None, image_ids=None):
    """The summary of pycocotools for COCO's JSON in memory; -1 becomes NaN."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        labelled = COCO()
        labelled.dataset = json.loads(json.dumps(truth))
        labelled.createIndex()
        evaluation = COCOeval(labelled, labelled.loadRes(json.loads(json.dumps(results))), kind)
        if sigmas is not None:
            evaluation.params.kpt_oks_sigmas = np.asarray(sigmas, np.float64)
        if image_ids is not None:
            evaluation.params.imgIds = image_ids
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return np.where(evaluation.stats < 0, np.nan, evaluation.stats)


def jittered(truth, seed, *, spread=0.06):
    """Results made from labels: moved, lost, doubled, and of equal scores now and then."""
    rng = np.random.default_rng(seed)
    sizes = np.sqrt(np.prod(truth.boxes[:, 2:] - truth.boxes[:, :2], axis=1))
    rows = np.concatenate([np.flatnonzero(rng.random(len(truth)) < 0.8), rng.integers(0, len(truth), 20)])
    noise = rng.normal(0, spread, (len(rows), truth.keypoints.shape[1], 2)) * sizes[rows, None, None]
    return Results(
        image_ids=tuple(truth.images[truth.image_rows[row]].image_id for row in rows),
        scores=rng.random(len(rows)).round(2).astype(np.float32),
        boxes=truth.boxes[rows] + rng.normal(0, spread, (len(rows), 4)) * sizes[rows, None],
        keypoints=(truth.keypoints[rows] + noise).round(2),
        keypoint_scores=np.ones((len(rows), truth.keypoints.shape[1])),
        track_ids=np.full(len(rows), -1),
    )


def entries(results, kind):
    """Results as COCO's JSON."""
    points = np.concatenate([results.keypoints, results.keypoint_scores[..., None]], axis=2)
    boxes = np.concatenate([results.boxes[:, :2] + 0.5, results.boxes[:, 2:] - results.boxes[:, :2]], axis=1)
    values = points.reshape(len(results), -1) if kind == "keypoints" else boxes
    return [
        {"image_id": image_id, "category_id": 1, kind: value, "score": score}
        for image_id, value, score in zip(
            results.image_ids, values.tolist(), results.scores.astype(np.float64).tolist(), strict=True
        )
    ]


def nobody(truth):
    """Results with nobody in them."""
    return Results(
        image_ids=(),
        scores=np.zeros(0, np.float32),
        boxes=np.zeros((0, 4)),
        keypoints=np.zeros((0, truth.keypoints.shape[1], 2)),
        keypoint_scores=np.zeros((0, truth.keypoints.shape[1])),
        track_ids=np.zeros(0, np.int64),
    )


class TestPublishedFigures:
    @pytest.mark.parametrize(
        ("name", "figures"),
        [
            (
                "keypoints_gtbox_tinypose256.json",
                [0.5881, 0.8319, 0.6468, 0.5280, 0.6863, 0.6119, 0.8462, 0.6713, 0.5453, 0.7158],
            ),
            (
                "keypoints_picodet320_tinypose256.json",
                [0.5211, 0.7790, 0.5522, 0.4604, 0.6385, 0.5797, 0.8322, 0.6084, 0.5140, 0.6789],
            ),
        ],
        ids=["ground-truth boxes", "detected boxes"],
    )
    def test_of_keypoints(self, name, figures, coco, data):
        found = evaluate_keypoints(coco, read_coco_results(data / "coco" / name), COCO17)
        assert numbers(found.scores, TEN) == pytest.approx(figures, abs=1e-4)
        assert (found.scores.images, found.scores.people) == (130, 143)

    def test_of_boxes(self, coco, data):
        found = evaluate_boxes(coco, read_coco_results(data / "coco" / "bbox_yolox_nano416.json"))
        assert numbers(found.scores, TWELVE) == pytest.approx(
            [0.3312, 0.6014, 0.3237, 0.1720, 0.3549, 0.6275, 0.1460, 0.3365, 0.3840, 0.2154, 0.4146, 0.6825],
            abs=1e-4,
        )


class TestAgainstPycocotools:
    @pytest.mark.parametrize(
        "name", ["keypoints_gtbox_tinypose256.json", "keypoints_picodet320_tinypose256.json"]
    )
    def test_real_keypoints(self, name, coco, data):
        truth = json.loads((data / "coco" / "person_keypoints.json").read_text())
        theirs = by_pycocotools(truth, json.loads((data / "coco" / name).read_text()), "keypoints")
        ours = evaluate_keypoints(coco, read_coco_results(data / "coco" / name), COCO17)
        assert numbers(ours.scores, TEN) == pytest.approx(theirs, abs=1e-12)
        assert ours.matches.average_precision() == pytest.approx(theirs[0], abs=1e-12)

    def test_real_boxes(self, coco, data):
        truth = json.loads((data / "coco" / "person_keypoints.json").read_text())
        path = data / "coco" / "bbox_yolox_nano416.json"
        theirs = by_pycocotools(truth, json.loads(path.read_text()), "bbox")
        ours = evaluate_boxes(coco, read_coco_results(path))
        assert numbers(ours.scores, TWELVE) == pytest.approx(theirs, abs=1e-12)
        assert ours.matches.average_precision() == pytest.approx(theirs[0], abs=1e-12)

    @pytest.mark.parametrize("seed", range(4))
    def test_labels_with_noise(self, seed, coco, data):
        truth = json.loads((data / "coco" / "person_keypoints.json").read_text())
        results = jittered(coco, seed)
        theirs = by_pycocotools(truth, entries(results, "keypoints"), "keypoints")
        ours = evaluate_keypoints(coco, results, COCO17)
        assert numbers(ours.scores, TEN) == pytest.approx(theirs, abs=1e-9, nan_ok=True)
        theirs = by_pycocotools(truth, entries(results, "bbox"), "bbox")
        assert numbers(evaluate_boxes(coco, results).scores, TWELVE) == pytest.approx(
            theirs, abs=1e-6, nan_ok=True
        )


class TestAreaRules:
    def test_each_is_the_evaluation_of_labels_with_that_area(self, coco, data):
        truth = json.loads((data / "coco" / "person_keypoints.json").read_text())
        path = data / "coco" / "keypoints_gtbox_tinypose256.json"
        for rule, share in (("box", 1.0), ("box53", 0.53)):
            for person in truth["annotations"]:
                person["area"] = share * person["bbox"][2] * person["bbox"][3]
            theirs = by_pycocotools(truth, json.loads(path.read_text()), "keypoints")
            ours = evaluate_keypoints(coco, read_coco_results(path), COCO17, area_rule=rule).scores
            assert numbers(ours, TEN) == pytest.approx(theirs, abs=1e-9)
            assert ours.area_rule == rule

    def test_the_box_makes_every_number_larger_than_the_segment(self, coco, data):
        results = read_coco_results(data / "coco" / "keypoints_gtbox_tinypose256.json")
        by_box, by_segment = (
            evaluate_keypoints(coco, results, COCO17, area_rule=rule).scores.ap for rule in ("box", "segment")
        )
        assert by_box > by_segment + 0.05

    def test_a_missing_area_is_refused_with_a_way_out(self, coco):
        without = dataclasses.replace(coco, areas=np.where(np.arange(len(coco)) < 3, np.nan, coco.areas))
        with pytest.raises(ValueError, match="3 of 271 labelled people have no area; choose the rule box53"):
            evaluate_keypoints(without, nobody(coco), COCO17)


class TestUnusualInput:
    def test_nobody_reported_is_nothing_found(self, coco):
        scores = evaluate_keypoints(coco, nobody(coco), COCO17).scores
        assert numbers(scores, TEN) == [0] * 10
        assert scores.people == 143
        assert numbers(evaluate_boxes(coco, nobody(coco)).scores, TWELVE) == [0] * 12

    def test_nobody_labelled_is_no_number(self, coco, data):
        results = read_coco_results(data / "coco" / "keypoints_gtbox_tinypose256.json")
        found = evaluate_keypoints(coco.select([]), results, COCO17)
        assert np.isnan(numbers(found.scores, TEN)).all()
        assert np.isnan(found.matches.average_precision())

    def test_a_result_of_an_unknown_image_is_refused(self, coco):
        results = dataclasses.replace(jittered(coco, 0), image_ids=(-1, *jittered(coco, 0).image_ids[1:]))
        with pytest.raises(
            ValueError, match="a result is of image -1, which is not among the 130 labelled ones"
        ):
            evaluate_keypoints(coco, results, COCO17)

    def test_other_keypoints_are_refused(self, coco):
        results = dataclasses.replace(nobody(coco), keypoints=np.zeros((0, 14, 2)))
        with pytest.raises(ValueError, match="results have 14 keypoints, the labels 17"):
            evaluate_keypoints(coco, results, COCO17)

    def test_images_may_be_named_instead_of_numbered(self, coco):
        named = dataclasses.replace(
            coco, images=tuple(dataclasses.replace(i, image_id=f"{i.image_id:012d}") for i in coco.images)
        )
        assert (
            evaluate_keypoints(named, jittered(named, 1), COCO17).scores
            == evaluate_keypoints(coco, jittered(coco, 1), COCO17).scores
        )

    def test_the_labels_as_results_are_perfect(self, coco):
        labelled = coco.select((coco.num_keypoints > 0) & ~coco.crowds)
        perfect = Results(
            image_ids=tuple(coco.images[row].image_id for row in labelled.image_rows),
            scores=np.ones(len(labelled), np.float32),
            boxes=labelled.boxes,
            keypoints=labelled.keypoints,
            keypoint_scores=(labelled.visibilities > 0).astype(np.float64),
            track_ids=labelled.track_ids,
        )
        scores = evaluate_keypoints(coco, perfect, COCO17).scores
        assert (scores.ap, scores.ar) == (pytest.approx(1), 1)


class TestCrowdPose:
    @pytest.fixture(scope="class")
    @classmethod
    def crowd(cls, data):
        return read_crowdpose(data / "crowdpose" / "crowdpose_val.json")

    @pytest.fixture(scope="class")
    @classmethod
    def few(cls, crowd):
        """Every tenth image."""
        rows = np.arange(0, len(crowd.images), 10)
        people = crowd.select(np.isin(crowd.image_rows, rows))
        return dataclasses.replace(
            people,
            images=tuple(crowd.images[row] for row in rows),
            image_rows=np.searchsorted(rows, people.image_rows),
        )

    def test_equals_pycocotools_with_crowdposes_area_and_deviations(self, few, data):
        content = json.loads((data / "crowdpose" / "crowdpose_val.json").read_text())
        kept = {image.image_id for image in few.images}
        truth = {
            "images": [image for image in content["images"] if image["id"] in kept],
            "annotations": [
                {**person, "area": 0.53 * person["bbox"][2] * person["bbox"][3]}
                for person in content["annotations"]
                if person["image_id"] in kept
            ],
            "categories": content["categories"],
        }
        sigmas = [
            0.079,
            0.079,
            0.072,
            0.072,
            0.062,
            0.062,
            0.107,
            0.107,
            0.087,
            0.087,
            0.089,
            0.089,
            0.079,
            0.079,
        ]
        results = jittered(few, 3)
        ours = evaluate_crowdpose(few, results)
        theirs = by_pycocotools(truth, entries(results, "keypoints"), "keypoints", sigmas)
        assert numbers(ours.all, TEN) == pytest.approx(theirs, abs=1e-9)
        crowding = stored_crowd_indices(few)
        for name, images in (
            ("ap_easy", crowding < 0.2),
            ("ap_medium", (crowding >= 0.2) & (crowding < 0.8)),
            ("ap_hard", crowding >= 0.8),
        ):
            ids = sorted(few.images[row].image_id for row in np.flatnonzero(images))
            theirs = by_pycocotools(truth, entries(results, "keypoints"), "keypoints", sigmas, ids)
            assert getattr(ours, name) == pytest.approx(theirs[0], abs=1e-9), name

    def test_the_crowd_index_is_the_stored_one_in_four_images_of_five(self, crowd):
        stored = stored_crowd_indices(crowd)
        ours = np.empty(len(crowd.images))
        for row, people in enumerate(crowd.rows_by_image()):
            counted = people[crowd.num_keypoints[people] > 0]
            ours[row] = crowd_index(
                crowd.boxes[counted], crowd.keypoints[counted], crowd.visibilities[counted] > 0
            )
        assert np.mean(np.abs(ours - stored) < 0.0051) > 0.79
        assert np.corrcoef(ours, stored)[0, 1] > 0.92

    def test_nobody_is_no_crowd(self):
        assert crowd_index(np.zeros((0, 4)), np.zeros((0, 14, 2)), np.zeros((0, 14), bool)) == 0


class TestAic:
    @pytest.fixture(scope="class")
    @classmethod
    def people(cls, data):
        return read_aic(data / "aic" / "test_aic.json")

    def as_results(self, people: Annotations, rows):
        return Results(
            image_ids=tuple(people.images[people.image_rows[row]].image_id for row in rows),
            scores=np.ones(len(rows), np.float32),
            boxes=people.boxes[rows],
            keypoints=people.keypoints[rows],
            keypoint_scores=np.ones((len(rows), 14)),
            track_ids=people.track_ids[rows],
        )

    def test_the_labels_are_perfect(self, people):
        assert aic_score(people, self.as_results(people, np.arange(9))) == 1

    def test_a_doubled_report_is_one_too_many(self, people):
        rows = np.append(np.arange(9), 0)
        assert aic_score(people, self.as_results(people, rows)) == pytest.approx(9 / 10)

    def test_a_missing_person_is_missed(self, people):
        best = aic_score(people, self.as_results(people, np.arange(8)))
        assert 8 / 9 <= best < 1

    def test_only_visible_keypoints_count(self, people):
        results = self.as_results(people, np.arange(9))
        hidden = people.visibilities == 1
        assert hidden.any()
        moved = dataclasses.replace(results, keypoints=np.where(hidden[..., None], -1e4, results.keypoints))
        assert aic_score(people, moved) == 1

    def test_nobody_is_nothing(self, people):
        assert aic_score(people, self.as_results(people, np.arange(0))) == 0


class TestTruthInMemory:
    def test_groups_and_people_without_keypoints_count_neither_way(self):
        person = {"image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 100], "area": 2650}
        points = [20, 20, 2] * 17
        content = {
            "images": [{"id": 1}],
            "annotations": [
                {**person, "id": 1, "keypoints": points, "num_keypoints": 17},
                {**person, "id": 2, "keypoints": [0] * 51, "num_keypoints": 0, "bbox": [200, 10, 50, 100]},
                {
                    **person,
                    "id": 3,
                    "keypoints": [0] * 51,
                    "num_keypoints": 0,
                    "iscrowd": 1,
                    "bbox": [400, 10, 90, 90],
                },
            ],
            "categories": [{"id": 1, "name": "person", "keypoints": list(COCO17.keypoint_names)}],
        }
        truth = coco_annotations(content, where="memory")
        spots = np.array([[20, 20], [220, 60], [440, 50]], np.float64)
        results = Results(
            image_ids=(1, 1, 1),
            scores=np.array([0.5, 0.9, 0.8], np.float32),
            boxes=np.zeros((3, 4)),
            keypoints=np.repeat(spots[:, None], 17, axis=1),
            keypoint_scores=np.ones((3, 17)),
            track_ids=np.full(3, -1),
        )
        assert evaluate_keypoints(truth, results, COCO17).scores.ap == pytest.approx(1)
