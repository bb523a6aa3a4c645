"""Ultralytics' networks: real architectures, randomly initialised, and a library that must stay by itself."""

import os
import subprocess
import sys

import numpy as np
import pytest

from sitepose.core.errors import ConfigError, PluginError, WeightsError
from sitepose.core.structures import Frame
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.plugins.api import PluginContext
from sitepose.plugins.detectors import yolo
from sitepose.plugins.listing import missing_library
from sitepose.plugins.registry import load_plugin

if missing := missing_library(yolo.YoloDetector):
    pytest.skip(missing, allow_module_level=True)

ARCHITECTURES = ["yolo11n", "yolo11n-pose", "yolo26n", "yolov8n", "yolov3-spp"]


def frame_of(size_wh, seed):
    image = np.random.default_rng(seed).integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)
    return Frame(image=image, index=seed, timestamp=0.0)


def make(name, weights, worker, precision="fp32", **settings):
    plugin = load_plugin("detector", name)
    runtime = RuntimeOptions(precision=precision, device="cpu")
    context = PluginContext(weights=weights, workers=worker, runtime=runtime)
    return plugin(plugin.Settings(side=64, min_score=0.0, **settings), context)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Return a maker of files as Ultralytics' training saves them, with random weights."""
    import torch

    folder = tmp_path_factory.mktemp("weights")

    def checkpoint(name):
        path = folder / f"{name}.pt"
        if not path.exists():
            torch.manual_seed(0)
            network = yolo.import_ultralytics().YOLO(f"{name}.yaml", verbose=False)
            network.save(path)
        return path

    return checkpoint


class TestArchitectures:
    @pytest.mark.parametrize("name", ARCHITECTURES)
    def test_a_checkpoint_runs_for_what_it_was_made(self, checkpoint, one_worker, name):
        detector = make("yolo", checkpoint(name), one_worker)
        people = detector.detect([frame_of((96, 64), 0)])[0]
        assert (detector.capabilities.skeleton is not None) == name.endswith("-pose")
        assert len(people) >= 1
        assert (people.keypoints is not None) == name.endswith("-pose")
        detector.close()

    @pytest.mark.parametrize("name", ["yolo11n", "yolo11n-pose"])
    def test_a_batch_gives_what_one_by_one_gives(self, checkpoint, one_worker, name):
        detector = make("yolo", checkpoint(name), one_worker)
        frames = [frame_of(size, i) for i, size in enumerate([(96, 64), (64, 96), (96, 64), (50, 50)])]
        for together, frame in zip(detector.detect(frames), frames, strict=True):
            alone = detector.detect([frame])[0]
            np.testing.assert_allclose(together.scores, alone.scores, atol=1e-5)
            np.testing.assert_allclose(together.boxes[:1], alone.boxes[:1], atol=1e-2)
        detector.close()

    def test_an_exported_network_of_fixed_batch_takes_any_number(
        self, one_worker, tmp_path, square_network, square_frame
    ):
        plugin = load_plugin("detector", "yolo")
        spec = plugin_spec(plugin)
        path = square_network(tmp_path / "x.onnx", "yolo", spec)
        detector = make("yolo", path, one_worker)
        frames = [square_frame((64, 64), (10, 20, 30, 52), i) for i in range(3)]
        found = detector.detect(frames)
        for people in found:
            np.testing.assert_allclose(people.boxes, [[9.5, 19.5, 29.5, 51.5]], atol=0.01)
        detector.close()


def plugin_spec(plugin):
    from sitepose.models.zoo.card import load_card

    return load_card(plugin.default_card).input.model_copy(update={"size_wh": (64, 64)})


class TestFaults:
    def test_a_network_for_boxes_is_no_network_for_poses(self, checkpoint, one_worker):
        with pytest.raises(WeightsError, match=r"yolo11n\.pt: a network for 'detect', expected one for pose"):
            make("yolo-pose", checkpoint("yolo11n"), one_worker)

    def test_a_file_must_be_named(self, one_worker):
        with pytest.raises(PluginError, match="--detector yolo:FILE"):
            make("yolo", None, one_worker)

    def test_a_missing_file_is_never_fetched(self, one_worker, tmp_path):
        with pytest.raises(WeightsError, match=r"yolo11s\.pt: no such file"):
            make("yolo", tmp_path / "yolo11s.pt", one_worker)

    def test_a_file_is_used_even_where_the_library_has_another_of_nearly_that_name(
        self, checkpoint, one_worker, tmp_path
    ):
        # On its own the library takes "yolov3.pt" for "yolov3u.pt" and goes to fetch that.
        path = tmp_path / "yolov3.pt"
        path.write_bytes(checkpoint("yolo11n").read_bytes())
        detector = make("yolo", path, one_worker)
        assert len(detector.detect([frame_of((64, 64), 0)])) == 1
        detector.close()

    @pytest.mark.parametrize("name", ["x.pt", "x.onnx"])
    def test_a_damaged_file_is_one_line(self, one_worker, tmp_path, name):
        (tmp_path / name).write_bytes(b"not a network")
        with pytest.raises(
            WeightsError, match=rf"{name}: not a YOLO network that can be loaded safely"
        ) as caught:
            make("yolo", tmp_path / name, one_worker)
        assert "\n" not in str(caught.value)

    def test_a_precision_that_the_library_lacks_is_one_line(self, checkpoint, one_worker):
        with pytest.raises(ConfigError, match="precision 'bf16'"):
            make("yolo", checkpoint("yolo11n"), one_worker, precision="bf16")

    def test_a_malicious_checkpoint_runs_nothing(self, one_worker, tmp_path):
        import torch

        marker = tmp_path / "ran"

        class Bomb:
            def __reduce__(self):
                return os.mkdir, (str(marker),)

        path = tmp_path / "evil.pt"
        torch.save({"model": Bomb(), "train_args": {}}, path)
        with pytest.raises(WeightsError, match=r"evil\.pt: not a YOLO network that can be loaded safely: ref"):
            make("yolo", path, one_worker)
        assert not marker.exists()
        torch.load(path, weights_only=False)
        assert marker.exists()

    def test_a_library_that_was_imported_unsafely_is_refused(self, monkeypatch):
        yolo.import_ultralytics()
        monkeypatch.delenv("ULTRALYTICS_SAFE_LOAD")
        with pytest.raises(PluginError, match="without ULTRALYTICS_SAFE_LOAD=1"):
            yolo.import_ultralytics()


BY_ITSELF = """
import socket, subprocess, sys, urllib.request
told = []
socket.socket.connect = lambda self, address: told.append(address) or (_ for _ in ()).throw(OSError())
socket.getaddrinfo = lambda *where, **how: told.append(where) or (_ for _ in ()).throw(OSError())
real = subprocess.Popen.__init__
def started(self, command, *more, **how):
    told.append(command)
    real(self, command, *more, **how)
subprocess.Popen.__init__ = started
from pathlib import Path
import cv2, numpy as np
threads = cv2.getNumThreads()
from sitepose.core.structures import Frame
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import PluginContext
from sitepose.plugins.detectors.yolo import YoloDetector
detector = YoloDetector(
    YoloDetector.Settings(side=64, min_score=0), PluginContext(weights=Path(sys.argv[1]), workers=Workers(1))
)
detector.detect([Frame(image=np.zeros((64, 64, 3), np.uint8), index=0, timestamp=0.0)])
assert cv2.getNumThreads() == threads
installs = [command for command in told if "pip" in str(command) or isinstance(command, tuple)]
print("TOLD", installs)
"""


def test_the_library_stays_by_itself(checkpoint, tmp_path):
    """No network, no installation, no file outside the process's own temporary folder, not a word."""
    home = tmp_path / "home"
    temporary = tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("YOLO", "ULTRA"))}
    environment |= {"HOME": str(home), "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    environment |= {"XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    answer = subprocess.run(
        [sys.executable, "-c", BY_ITSELF, str(checkpoint("yolo11n"))],
        cwd=home, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "TOLD []\n"
    assert [p for p in home.rglob("*") if p.is_file()] == []
    assert list(temporary.iterdir()) == []


class TestImport:
    def test_leaves_the_printing_of_arrays_alone(self):
        code = (
            "import numpy as np; before = np.get_printoptions()\n"
            "from sitepose.plugins.detectors.yolo import import_ultralytics; import_ultralytics()\n"
            "assert np.get_printoptions() == before, np.get_printoptions()"
        )
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

        assert answer.returncode == 0, answer.stderr
