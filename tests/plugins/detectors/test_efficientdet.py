"""EfficientDet: the real architecture, randomly initialised."""

import numpy as np
import pytest

from sitepose.core.errors import PluginError, WeightsError
from sitepose.core.structures import Detections, Frame
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.plugins.api import PluginContext
from sitepose.plugins.detectors import efficientdet
from sitepose.plugins.listing import missing_library
from sitepose.plugins.registry import load_plugin

if missing := missing_library(efficientdet.EfficientDet):
    pytest.skip(missing, allow_module_level=True)

import torch
from safetensors.torch import save_file

MILLIONS = [3.9, 6.6, 8.1, 12, 21, 34, 52, 52]
"""Parameters by level, as in the paper's table 2."""


def random_network(level, *, num_classes, side):
    torch.manual_seed(level)
    return efficientdet.make_efficientdet(level, size_wh=(side, side), num_classes=num_classes).eval()


def context_of(weights, worker, device="cpu"):
    return PluginContext(
        weights=weights, workers=worker, runtime=RuntimeOptions(precision="fp32", device=device)
    )


def noise(size_wh, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)
    return Frame(image=image, index=seed, timestamp=0.0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Level 0 for people alone, and the network itself."""
    network = random_network(0, num_classes=1, side=128)
    path = tmp_path_factory.mktemp("weights") / "d0.safetensors"
    save_file(network.state_dict(), path)
    return path, network


@pytest.fixture(scope="module")
def detector(checkpoint, one_worker):
    plugin = load_plugin("detector", "efficientdet_d0")
    detector = plugin(plugin.Settings(side=128, min_score=0.0), context_of(checkpoint[0], one_worker))
    yield detector
    detector.close()


class TestArchitecture:
    @pytest.mark.parametrize("level", range(8))
    def test_each_level_has_as_many_parameters_as_in_the_paper(self, level):
        with torch.device("meta"):
            network = efficientdet.make_efficientdet(level, size_wh=(128, 128), num_classes=90)
        count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
        assert count == pytest.approx(MILLIONS[level], rel=0.02)

    @pytest.mark.parametrize("level", range(8))
    def test_each_level_has_its_native_size(self, level, checkpoint, one_worker):
        plugin = load_plugin("detector", f"efficientdet_d{level}")
        assert plugin.level == level
        detector = plugin.__new__(plugin)
        detector.settings = plugin.Settings()
        side = [512, 640, 768, 896, 1024, 1280, 1280, 1536][level]
        assert detector.make_input(context_of(None, one_worker)).size_wh == (side, side)

    @pytest.mark.parametrize("level", [0, 7])
    def test_the_anchors_lie_evenly_over_the_input_in_corner_coordinates(self, level):
        boxes = efficientdet.anchor_boxes(level, (256, 128))
        mirrored = np.array([256, 128, 256, 128]) - boxes[:, [2, 3, 0, 1]]
        assert len(boxes) == sum(9 * (256 // s) * (128 // s) for s in (8, 16, 32, 64, 128))
        np.testing.assert_allclose(
            np.unique(boxes.round(2), axis=0), np.unique(mirrored.round(2), axis=0), atol=0.02
        )

    def test_anchors_move_as_effdet_moves_them(self):
        from effdet.anchors import decode_box_outputs

        rng = np.random.default_rng(0)
        anchors = efficientdet.anchor_boxes(0, (128, 128))[:500]
        ways = rng.normal(0, 0.5, (500, 4)).astype(np.float32)
        expected = decode_box_outputs(
            torch.from_numpy(ways), torch.from_numpy(anchors[:, [1, 0, 3, 2]].copy()), output_xyxy=True
        )
        np.testing.assert_allclose(efficientdet.moved_anchors(anchors, ways), expected.numpy(), atol=1e-3)


class TestDetector:
    def test_gives_the_best_boxes_of_its_network(self, detector, checkpoint):
        frame = noise((128, 128), 0)
        batch, _ = detector.input.batch([frame])
        with torch.inference_mode():
            classes, _ = checkpoint[1](torch.from_numpy(batch))
        best = max(float(level.sigmoid().max()) for level in classes)
        people = detector.detect([frame])[0]
        assert len(people) >= 10
        assert people.scores[0] == pytest.approx(best, abs=1e-5)

    def test_a_batch_runs_at_once_and_gives_what_one_by_one_gives(self, detector):
        frames = [noise(size, i) for i, size in enumerate([(128, 128), (96, 200), (64, 40)])]
        with torch.inference_mode():
            together = detector._network(torch.from_numpy(detector.input.batch(frames)[0]))
            single = [detector._network(torch.from_numpy(detector.input.batch([f])[0])) for f in frames]
        for i in range(3):
            for one, all_of_them in zip(single[i][0] + single[i][1], together[0] + together[1], strict=True):
                torch.testing.assert_close(one[0], all_of_them[i], atol=1e-4, rtol=1e-4)
        assert len(detector.detect(frames)) == 3

    def test_more_overlap_allowed_keeps_more_boxes(self, detector, checkpoint, one_worker):
        plugin = type(detector)
        loose = plugin(
            plugin.Settings(side=128, min_score=0.0, nms_iou=0.9), context_of(checkpoint[0], one_worker)
        )
        frame = noise((128, 128), 1)
        assert len(loose.detect([frame])[0]) > len(detector.detect([frame])[0])
        loose.close()

    def test_a_checkpoint_of_all_of_cocos_classes_loads_too(self, tmp_path, one_worker):
        path = tmp_path / "tf_efficientdet_d0.pth"
        torch.save(random_network(0, num_classes=90, side=128).state_dict(), path)
        plugin = load_plugin("detector", "efficientdet_d0")
        detector = plugin(plugin.Settings(side=128), context_of(path, one_worker))
        assert isinstance(detector.detect([noise((64, 64), 0)])[0], Detections)


class TestFaults:
    def test_a_checkpoint_must_be_named(self, one_worker):
        plugin = load_plugin("detector", "efficientdet_d3")
        with pytest.raises(PluginError, match="--detector efficientdet_d3:FILE"):
            plugin(plugin.Settings(), context_of(None, one_worker))

    def test_a_checkpoint_of_another_level_is_one_line(self, checkpoint, one_worker):
        plugin = load_plugin("detector", "efficientdet_d1")
        with pytest.raises(WeightsError, match=r"d0\.safetensors does not fit EfficientDet: it lacks"):
            plugin(plugin.Settings(side=128), context_of(checkpoint[0], one_worker))

    def test_weights_of_something_else_are_one_line(self, tmp_path, one_worker):
        path = tmp_path / "x.pth"
        torch.save({"a": torch.zeros(1)}, path)
        plugin = load_plugin("detector", "efficientdet_d0")
        with pytest.raises(WeightsError, match="not an EfficientDet of effdet"):
            plugin(plugin.Settings(), context_of(path, one_worker))


@pytest.mark.soak
@pytest.mark.parametrize("level", range(8))
def test_each_level_runs_at_its_native_size(level, tmp_path, one_worker):
    plugin = load_plugin("detector", f"efficientdet_d{level}")
    side = efficientdet.NATIVE_SIDES[level]
    path = tmp_path / "weights.safetensors"
    save_file(random_network(level, num_classes=90, side=side).state_dict(), path)
    detector = plugin(plugin.Settings(min_score=0.0), context_of(path, one_worker))
    people = detector.detect([noise((640, 480), level)])[0]
    detector.close()
    assert len(people) >= 10
    assert np.isfinite(people.boxes).all()
