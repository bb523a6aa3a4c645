"""RT-DETR and D-FINE: real architectures, small and random, from folders as transformers saves them."""

import json
import os
import shutil

import numpy as np
import pytest

from sitepose.core.errors import PluginError, WeightsError
from sitepose.core.structures import Frame
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.zoo.card import load_card
from sitepose.plugins.api import PluginContext
from sitepose.plugins.detectors import detr
from sitepose.plugins.listing import missing_library
from sitepose.plugins.registry import load_plugin

if missing := missing_library(detr.TransformersDetector):
    pytest.skip(missing, allow_module_level=True)

PREPROCESSOR = {"size": {"height": 64, "width": 96}, "do_rescale": True, "rescale_factor": 1 / 255}

SMALL = {
    "encoder_in_channels": [8, 8, 8], "d_model": 16, "encoder_hidden_dim": 16, "encoder_ffn_dim": 16,
    "decoder_in_channels": [16, 16, 16], "decoder_ffn_dim": 16, "decoder_layers": 2, "num_queries": 20,
    "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "id2label": {0: "chair", 1: "Person", 2: "dog"}, "label2id": {"chair": 0, "Person": 1, "dog": 2},
}  # fmt: skip


@pytest.fixture(scope="module", params=["rtdetr", "dfine"])
def model(request, tmp_path_factory):
    """Name of the plug-in, and a model's folder."""
    import torch

    transformers = detr._transformers()
    torch.manual_seed(0)
    backbone = transformers.RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    if request.param == "rtdetr":
        config = transformers.RTDetrConfig(backbone_config=backbone, **SMALL)
        network = transformers.RTDetrForObjectDetection(config)
    else:
        config = transformers.DFineConfig(backbone_config=backbone, **SMALL)
        network = transformers.DFineForObjectDetection(config)
    folder = tmp_path_factory.mktemp(request.param)
    network.save_pretrained(folder)
    (folder / detr.PREPROCESSOR).write_text(json.dumps(PREPROCESSOR))
    return request.param, folder


def make(name, worker, weights=None, **settings):
    plugin = load_plugin("detector", name)
    runtime = RuntimeOptions(precision="fp32", device="cpu")
    context = PluginContext(weights=weights, workers=worker, runtime=runtime)
    return plugin(plugin.Settings(min_score=0.0, **settings), context)


def noise(size_wh, seed):
    image = np.random.default_rng(seed).integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)
    return Frame(image=image, index=seed, timestamp=0.0)


class TestModelFolders:
    @pytest.mark.parametrize("by_file", [True, False], ids=["a file of it", "as a setting"])
    def test_a_folder_runs(self, model, one_worker, by_file):
        name, folder = model
        how = {"weights": folder / detr.WEIGHTS} if by_file else {"model": str(folder)}
        detector = make(name, one_worker, **how)
        found = detector.detect([noise((96, 64), 0), noise((50, 80), 1)])
        assert detector.input.size_wh == (96, 64)
        assert [len(people) >= 1 for people in found] == [True, True]
        detector.close()

    def test_the_class_called_person_counts(self, model, one_worker):
        import torch

        name, folder = model
        detector = make(name, one_worker, model=str(folder), nms_iou=1.0)
        frame = noise((96, 64), 0)
        with torch.inference_mode():
            outputs = detector._network(torch.from_numpy(detector.input.batch([frame])[0]))
        people = detector.detect([frame])[0]
        expected = outputs.logits[0, :, 1].sigmoid().sort(descending=True).values.numpy()
        np.testing.assert_allclose(people.scores, expected, atol=1e-6)
        detector.close()

    def test_a_batch_gives_what_one_by_one_gives(self, model, one_worker):
        import torch

        name, folder = model
        detector = make(name, one_worker, model=str(folder))
        batch = torch.from_numpy(detector.input.batch([noise((96, 64), i) for i in range(3)])[0])
        with torch.inference_mode():
            together = detector._network(batch)
            alone = [detector._network(batch[i : i + 1]) for i in range(3)]
        for i in range(3):
            torch.testing.assert_close(alone[i].logits[0], together.logits[i], atol=1e-4, rtol=1e-3)
            torch.testing.assert_close(alone[i].pred_boxes[0], together.pred_boxes[i], atol=1e-4, rtol=1e-3)
        detector.close()


class TestInput:
    def test_says_what_the_folder_says(self, tmp_path):
        told = PREPROCESSOR | {"do_normalize": True, "image_mean": [0.1, 0.2, 0.3], "image_std": [1, 2, 3]}
        (tmp_path / detr.PREPROCESSOR).write_text(json.dumps(told))
        spec = detr.input_of_folder(tmp_path)
        assert (spec.size_wh, spec.mean, spec.std) == ((96, 64), (0.1, 0.2, 0.3), (1, 2, 3))

    def test_a_silent_folder_means_the_published_input(self, tmp_path):
        for name in ("rtdetr-r18", "dfine-n"):
            assert detr.input_of_folder(tmp_path) == load_card(name).input


class TestFaults:
    def test_a_model_must_be_named(self, one_worker):
        with pytest.raises(PluginError, match=r"--detector rtdetr:FOLDER/model\.safetensors"):
            make("rtdetr", one_worker)

    def test_a_model_of_another_kind_is_one_line(self, model, one_worker):
        name, folder = model
        other = "dfine" if name == "rtdetr" else "rtdetr"
        with pytest.raises(WeightsError, match=r"config\.json: a model of type '\w+', expected ") as caught:
            make(other, one_worker, weights=folder / detr.WEIGHTS)
        assert "\n" not in str(caught.value)

    def test_pickled_weights_are_not_read(self, model, one_worker, tmp_path):
        import torch

        name, folder = model
        marker = tmp_path / "ran"

        class Bomb:
            def __reduce__(self):
                return os.mkdir, (str(marker),)

        evil = shutil.copytree(folder, tmp_path / "evil")
        (evil / detr.WEIGHTS).unlink()
        torch.save({"weight": Bomb()}, evil / "pytorch_model.bin")
        with pytest.raises(WeightsError, match="evil: cannot be loaded") as caught:
            make(name, one_worker, model=str(evil))
        assert "\n" not in str(caught.value)
        assert not marker.exists()

    def test_a_damaged_folder_is_one_line(self, model, one_worker, tmp_path):
        name, folder = model
        broken = shutil.copytree(folder, tmp_path / "broken")
        (broken / detr.WEIGHTS).write_bytes(b"text")
        with pytest.raises(WeightsError, match="broken: cannot be loaded") as caught:
            make(name, one_worker, model=str(broken))
        assert "\n" not in str(caught.value)
