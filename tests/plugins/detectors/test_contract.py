"""What every detector promises, whichever it is; a new row of the registry fails here until it is added."""

import gc
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest

from sitepose.core.errors import PluginError
from sitepose.core.structures import Detections, Frame
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.zoo.card import load_card
from sitepose.plugins.api import Detector, PluginContext
from sitepose.plugins.listing import missing_library
from sitepose.plugins.registry import BUILT_IN, load_plugin

SIZES_WH = [(64, 64), (128, 96), (200, 150)]
SQUARES = [(10, 20, 30, 52), (20, 30, 60, 90), (31, 40, 121, 99)]
"""Left, top, right, bottom: the first white pixel, and the first that is not white any more."""

LEAK = 20e6
"""Bytes by which twenty detectors that were closed may grow the process; each network holds two million."""


@pytest.fixture(scope="module")
def frames(square_frame):
    return [
        square_frame(size, square, i) for i, (size, square) in enumerate(zip(SIZES_WH, SQUARES, strict=True))
    ]


@pytest.fixture(scope="module")
def grey(square_frame):
    return square_frame((120, 90), None, len(SIZES_WH))


def coco_file(folder: Path, *, results: bool) -> Path:
    boxes = [
        {"image_id": i, "category_id": 1, "bbox": [x, y, right - x, bottom - y]}
        for i, (x, y, right, bottom) in enumerate(SQUARES)
    ]
    path = folder / "boxes.json"
    if results:
        path.write_text(json.dumps([box | {"score": 0.9} for box in boxes]))
        return path
    images = [
        {"id": i, "file_name": f"{i:06d}.png", "width": width, "height": height}
        for i, (width, height) in enumerate([*SIZES_WH, (120, 90)])
    ]
    annotations = [
        box | {"id": i, "iscrowd": 0, "area": box["bbox"][2] * box["bbox"][3]} for i, box in enumerate(boxes)
    ]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    path.write_text(json.dumps(content))
    return path


def mot_file(folder: Path) -> Path:
    path = folder / "gt.txt"
    rows = [
        f"{i + 1},7,{left + 1},{top + 1},{right - left},{bottom - top},1,-1,-1,-1"
        for i, (left, top, right, bottom) in enumerate(SQUARES)
    ]
    path.write_text("\n".join(rows) + "\n")
    return path


@dataclass(frozen=True)
class Row:
    """How a detector that knows the squares comes about."""

    name: str
    weights: Callable[[Path, Callable], Path] | None = None
    """Writes its file; None for detectors made with PyTorch, which get a network in place of a file."""
    settings: dict = field(default_factory=dict)


ROWS = {
    "centernet": Row("centernet", lambda folder, network: network(folder, "centernet")),
    "centerpose": Row("centerpose"),
    "detections": Row("detections", lambda folder, network: coco_file(folder, results=True)),
    "dfine": Row("dfine"),
    **{f"efficientdet_d{i}": Row(f"efficientdet_d{i}", settings={"side": 128}) for i in range(8)},
    "groundtruth (COCO)": Row("groundtruth", lambda folder, network: coco_file(folder, results=False)),
    "groundtruth (MOT)": Row("groundtruth", lambda folder, network: mot_file(folder)),
    "movenet_multipose": Row("movenet_multipose", lambda folder, network: network(folder, "movenet_multipose")),
    "picodet": Row("picodet", lambda folder, network: network(folder, "picodet")),
    "rtdetr": Row("rtdetr"),
    "rtmdet": Row("rtmdet", lambda folder, network: network(folder, "rtmdet")),
    "rtmo": Row("rtmo", lambda folder, network: network(folder, "rtmo")),
    "yolo": Row("yolo", lambda folder, network: network(folder, "yolo"), {"side": 64}),
    "yolo-pose": Row("yolo-pose", lambda folder, network: network(folder, "yolo-pose"), {"side": 64}),
    "yolox": Row("yolox", lambda folder, network: network(folder, "yolox")),
}


@pytest.fixture(scope="module", params=list(ROWS))
def make(request) -> Callable[[], Detector]:
    row = ROWS[request.param]
    plugin = load_plugin("detector", row.name)
    if missing := missing_library(plugin):
        pytest.skip(missing)
    if row.weights is None:
        return torch_detector(request, plugin, row)

    def network(folder: Path, head: str) -> Path:
        known = getattr(plugin, "default_input", None) or load_card(plugin.default_card).input
        spec = known.model_copy(update={"size_wh": (64, 64)})
        return request.getfixturevalue("square_network")(folder / f"{head}.onnx", head, spec)

    weights = row.weights(request.getfixturevalue("tmp_path_factory").mktemp("weights"), network)
    workers = request.getfixturevalue("workers")
    context = PluginContext(weights=weights, workers=workers, runtime=RuntimeOptions(precision="fp32"))
    return lambda: plugin(plugin.Settings(**row.settings), context)


def torch_detector(request, plugin, row: Row) -> Callable[[], Detector]:
    card = load_card(plugin.default_card)
    # Small, and padded in the frames' grey: a network that weighs pixels would weigh the padding too.
    update = {"size_wh": (64, 64), "pad_value": 114}
    card = card.model_copy(update={"input": card.input.model_copy(update=update)})
    square = request.getfixturevalue("torch_square_plugin")(plugin, card.input)
    runtime = RuntimeOptions(precision="fp32", device="cpu")
    context = PluginContext(card=card, workers=request.getfixturevalue("one_worker"), runtime=runtime)
    return lambda: square(plugin.Settings(**row.settings), context)


@pytest.fixture(scope="module")
def detector(make) -> Iterator[Detector]:
    detector = make()
    yield detector
    detector.close()


def used_and_closed(make: Callable[[], Detector], frames: list[Frame], rounds: int) -> list[Detector]:
    detectors = []
    for _ in range(rounds):
        detectors.append(make())
        detectors[-1].detect(frames)
        detectors[-1].close()
    gc.collect()
    return detectors


def assert_same(a: Detections, b: Detections) -> None:
    np.testing.assert_allclose(a.boxes, b.boxes, atol=1e-3)
    np.testing.assert_allclose(a.scores, b.scores, atol=1e-5)
    if a.keypoints is not None:
        np.testing.assert_allclose(a.keypoints, b.keypoints, atol=1e-3)
        np.testing.assert_allclose(a.keypoint_scores, b.keypoint_scores, atol=1e-5)


def test_every_built_in_detector_is_held_to_the_contract():
    assert {row.name for row in ROWS.values()} == set(BUILT_IN["detector"])


class TestContract:
    def test_it_is_a_detector(self, detector):
        assert isinstance(detector, Detector)

    def test_no_frames_give_no_answers(self, detector):
        assert detector.detect([]) == []

    def test_each_frame_has_its_answer_whatever_the_sizes(self, detector, frames):
        assert len(detector.detect(frames)) == len(frames)

    def test_nobody_is_in_a_grey_frame(self, detector, grey):
        people = detector.detect([grey])[0]
        assert people.boxes.shape == (0, 4)
        assert people.scores.shape == (0,)

    def test_boxes_are_finite_and_scores_descend_from_one_at_most(self, detector, frames):
        for people in detector.detect(frames):
            assert people.boxes.dtype == people.scores.dtype == np.float32
            assert np.isfinite(people.boxes).all()
            assert (people.boxes[:, 2:] > people.boxes[:, :2]).all()
            assert ((people.scores >= 0) & (people.scores <= 1)).all()
            assert (np.diff(people.scores) <= 0).all()

    def test_the_same_frames_give_the_same_answer(self, make, detector, frames):
        again = make()
        for a, b in zip(detector.detect(frames), again.detect(frames), strict=True):
            assert (a.boxes == b.boxes).all()
            assert (a.scores == b.scores).all()
        again.close()

    def test_a_batch_gives_what_one_by_one_gives(self, detector, frames, grey):
        batch = [*frames, grey]
        for together, frame in zip(detector.detect(batch), batch, strict=True):
            assert_same(together, detector.detect([frame])[0])

    def test_threads_do_not_disturb_each_other(self, detector, frames):
        if not detector.capabilities.thread_safe:
            pytest.skip("does not claim to be thread-safe")
        expected = [people.boxes for people in detector.detect(frames)]
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda i: detector.detect([frames[i % 3]])[0].boxes, range(48)))
        for i, boxes in enumerate(answers):
            np.testing.assert_allclose(boxes, expected[i % 3], atol=1e-3)

    def test_keypoints_and_track_ids_come_as_announced(self, detector, frames):
        told = detector.capabilities
        for people in detector.detect(frames):
            assert (people.track_ids is not None) == told.provides_track_ids
            assert (people.keypoints is not None) == (told.skeleton is not None)
            if told.skeleton is not None:
                assert people.keypoints.shape[1] == told.skeleton.num_keypoints
                assert np.isfinite(people.keypoints).all()
                assert ((people.keypoint_scores >= 0) & (people.keypoint_scores <= 1)).all()

    def test_the_settings_can_be_told_by_keyword_alone(self, detector):
        assert "min_score" in type(detector).Settings.model_fields

    def test_a_closed_detector_says_so(self, make, frames):
        closed = make()
        closed.close()
        closed.close()
        with pytest.raises(PluginError, match="closed"):
            closed.detect(frames)

    @pytest.mark.usefixtures("collector_sees_only_what_is_new")
    def test_closing_gives_the_memory_back(self, make, frames):
        held = used_and_closed(make, frames, 10)
        before = psutil.Process().memory_info().rss
        held += used_and_closed(make, frames, 20)
        assert psutil.Process().memory_info().rss - before < LEAK


class TestPixelConvention:
    @pytest.mark.parametrize(
        ("place", "tolerance"),
        [
            pytest.param(0, 0.01, id="as large as the network's input"),
            pytest.param(1, 0.01, id="twice as large"),
            pytest.param(2, 1.6, id="an odd scale, to half an input pixel"),
        ],
    )
    def test_a_square_is_found_where_it_is(self, detector, frames, place, tolerance):
        people = detector.detect([frames[place]])[0]
        left, top, right, bottom = SQUARES[place]
        assert len(people) == 1
        np.testing.assert_allclose(
            people.boxes[0], [left - 0.5, top - 0.5, right - 0.5, bottom - 0.5], atol=tolerance
        )
        if people.keypoints is not None:
            center = [(left + right) / 2 - 0.5, (top + bottom) / 2 - 0.5]
            middle = np.broadcast_to(np.float32(center), people.keypoints.shape)
            np.testing.assert_allclose(people.keypoints, middle, atol=tolerance)
