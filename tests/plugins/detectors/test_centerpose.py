"""CenterPose as a detector: its decoding against the paper's steps one person at a time, and real networks."""

import numpy as np
import pytest

from sitepose.core.errors import PluginError
from sitepose.core.structures import Frame
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.plugins.api import PluginContext
from sitepose.plugins.detectors.centerpose import CenterPoseDetector
from sitepose.plugins.listing import missing_library

if missing := missing_library(CenterPoseDetector):
    pytest.skip(missing, allow_module_level=True)

import torch

from sitepose.models.networks.centerpose import HEADS, CenterPose


def context_of(weights, worker):
    return PluginContext(
        weights=weights, workers=worker, runtime=RuntimeOptions(precision="fp32", device="cpu")
    )


@pytest.fixture(scope="module", params=["resnet18", "dla34"])
def detector(request, tmp_path_factory, one_worker):
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "network.pth"
    torch.save(CenterPose(request.param).state_dict(), path)
    plugin = type("Small", (CenterPoseDetector,), {
        "default_input": CenterPoseDetector.default_input.model_copy(update={"size_wh": (64, 64)}),
    })  # fmt: skip
    detector = plugin(CenterPoseDetector.Settings(min_score=0.05, nms_iou=1.0), context_of(path, one_worker))
    yield detector
    detector.close()


def random_heads(seed, people=4, size=16):
    """Return heads for one frame: a few centres, and keypoints where they point or somewhat beside."""
    rng = np.random.default_rng(seed)
    heads = {name: rng.normal(0, 0.1, (channels, size, size)) for name, channels in HEADS.items()}
    heads["hm"] -= 6
    heads["hm_hp"] -= 6
    heads["wh"] = rng.uniform(2, 9, (2, size, size))
    heads["reg"] = rng.uniform(0, 1, (2, size, size))
    heads["hp_offset"] = rng.uniform(0, 1, (2, size, size))
    heads["hps"] = rng.normal(0, 2, (34, size, size))
    for _ in range(people):
        y, x = rng.integers(0, size, 2)
        heads["hm"][0, y, x] = rng.uniform(-1, 3)
        for k in range(17):
            heads["hm_hp"][k, (y + rng.integers(-2, 3)) % size, (x + rng.integers(-2, 3)) % size] = rng.uniform(
                -3, 3
            )
    return {name: value.astype(np.float32) for name, value in heads.items()}


def one_by_one(heads, min_score):
    """The paper's steps, a person and a keypoint at a time; boxes, scores and keypoints in input pixels."""

    def probability(name):
        return 1 / (1 + np.exp(-heads[name].astype(np.float64)))

    def peaks(heatmap, floor):
        size = len(heatmap)
        return [
            (y, x) for y in range(size) for x in range(size)
            if heatmap[y, x] > floor
            and heatmap[y, x] == heatmap[max(y - 1, 0):y + 2, max(x - 1, 0):x + 2].max()
        ]  # fmt: skip

    people = []
    for y, x in peaks(probability("hm")[0], min_score):
        center = np.array([x, y]) + heads["reg"][:, y, x]
        half = heads["wh"][:, y, x] / 2
        low, high = center - half, center + half
        keypoints = []
        for k in range(17):
            pointed = np.array([x, y]) + heads["hps"][2 * k : 2 * k + 2, y, x]
            places = [
                np.array([column, row]) + heads["hp_offset"][:, row, column]
                for row, column in peaks(probability("hm_hp")[k], 0.1)
            ]
            nearest = min(places, key=lambda place: np.hypot(*(place - pointed)), default=None)
            good = (
                nearest is not None
                and np.hypot(*(nearest - pointed)) < 0.3 * max(high - low)
                and (nearest > low).all()
                and (nearest < high).all()
            )
            keypoints.append((nearest if good else pointed) * 4)
        people.append((probability("hm")[0, y, x], np.concatenate([low, high]) * 4, np.array(keypoints)))
    return sorted(people, key=lambda person: -person[0])


class TestDecoding:
    @pytest.mark.parametrize("seed", range(12))
    def test_gives_what_the_papers_steps_give(self, detector, seed):
        heads = random_heads(seed)
        expected = one_by_one(heads, 0.05)
        found = detector.decode({name: torch.from_numpy(value)[None] for name, value in heads.items()})[0]
        assert len(found) == len(expected) >= 1
        np.testing.assert_allclose(found.scores, [person[0] for person in expected], atol=1e-5)
        np.testing.assert_allclose(found.boxes, [person[1] for person in expected], atol=1e-3)
        np.testing.assert_allclose(found.keypoints - 0.5, [person[2] for person in expected], atol=1e-3)
        assert ((found.keypoint_scores >= 0) & (found.keypoint_scores <= 1)).all()

    def test_nobody_is_in_silent_heads(self, detector):
        heads = {name: torch.full((2, channels, 16, 16), -9.0) for name, channels in HEADS.items()}
        for people in detector.decode(heads):
            assert len(people) == 0
            assert people.keypoints.shape == (0, 17, 2)

    def test_keypoints_of_people_at_the_edge_may_lie_outside(self, detector):
        heads = random_heads(0, people=0)
        heads["hm"][0, 0, 0], heads["hps"][:, 0, 0] = 3, -5
        found = detector.decode({name: torch.from_numpy(value)[None] for name, value in heads.items()})[0]
        assert (found.keypoints[0] < 0).all()
        assert (found.keypoint_scores[0] == 0).all()


class TestRealNetworks:
    def test_a_batch_gives_what_one_by_one_gives(self, detector):
        rng = np.random.default_rng(0)
        frames = [
            Frame(rng.integers(0, 256, (h, w, 3), np.uint8), i, 0.0)
            for i, (h, w) in enumerate([(64, 64), (40, 90)])
        ]
        with torch.inference_mode():
            together = detector._network(torch.from_numpy(detector.input.batch(frames)[0]))
            alone = [detector._network(torch.from_numpy(detector.input.batch([f])[0])) for f in frames]
        for name in HEADS:
            for i in range(2):
                torch.testing.assert_close(alone[i][name][0], together[name][i], atol=1e-4, rtol=1e-4)
        assert len(detector.detect(frames)) == 2

    def test_the_published_input_is_512_pixels(self, one_worker):
        assert CenterPoseDetector.default_input.size_wh == (512, 512)

    def test_a_checkpoint_must_be_named(self, one_worker):
        with pytest.raises(PluginError, match="--detector centerpose:FILE"):
            CenterPoseDetector(CenterPoseDetector.Settings(), context_of(None, one_worker))
