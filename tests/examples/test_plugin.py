"""The example of docs/plugins.md: built as its own distribution, found, and run through the command line."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from sitepose.core.similarity import box_iou
from sitepose.plugins.sources.synthetic import SyntheticSource

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "plugin"
GUIDE = ROOT / "docs" / "plugins.md"

FRAMES = 40

POSE_NETWORK = """<ir_version: 8, opset_import: ["": 17]>
pose (float[N, 3, 256, 192] image) => (float[N, 17, 64, 48] heatmaps) {
  small = AveragePool <kernel_shape = [4, 4], strides = [4, 4]> (image)
  mixed = Conv (small, weight)
  heatmaps = Sigmoid (mixed)
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the example installed from its wheel."""
    folder = tmp_path_factory.mktemp("example")
    source = shutil.copytree(EXAMPLE, folder / "source")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-index", "--no-deps"]
    wheels = [*pip, "wheel", "--no-build-isolation", *options, "--wheel-dir", str(folder), str(source)]
    subprocess.run(wheels, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    install = [*pip, "install", *options, "--target", str(folder / "site"), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return folder / "site"


def sitepose(site, *words):
    """Run the program where the example is installed."""
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def frames(site, tmp_path_factory):
    """The lines of poses of the example on people who walk before a wall."""
    folder = tmp_path_factory.mktemp("run")
    network = onnx.parser.parse_model(POSE_NETWORK)
    weight = np.zeros((17, 3, 1, 1), np.float32)
    network.graph.initializer.append(onnx.numpy_helper.from_array(weight, "weight"))
    onnx.save(network, folder / "pose.onnx")
    answer = sitepose(
        site, "--video", "synthetic", "--max-frames", FRAMES, "--detector", "motion",
        "--pose", f"heatmap:{folder / 'pose.onnx'}", "--nms", "none", "--tracker", "none",
        "--set", "detector.settings.min_height=50", "--no-overlay", "--output", folder,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    lines = (folder / "synthetic" / "poses.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if "index" in line]


class TestExample:
    def test_it_is_listed_with_its_origin(self, site):
        answer = sitepose(site, "plugins", "list", "--json", "--kind", "detector")
        rows = {row["name"]: row for row in json.loads(answer.stdout)["plugins"]}
        motion = rows["motion"]
        assert (motion["origin"], motion["version"], motion["licence"]) == (
            "sitepose-motion",
            "1.0",
            "Apache-2.0",
        )
        assert motion["loads"]

    def test_it_runs_on_every_frame(self, frames):
        assert [frame["index"] for frame in frames] == list(range(FRAMES))

    def test_it_finds_people_where_they_walk(self, frames):
        source = SyntheticSource(SyntheticSource.Settings())
        best = []
        for frame in frames[FRAMES // 2 :]:
            truth = source.truth(frame["index"]).boxes
            found = np.float32([person["box"] for person in frame["people"]]).reshape(-1, 4)
            if len(found):
                best += box_iou(truth, found).max(axis=0).tolist()
        assert len(best) >= FRAMES // 2
        assert np.median(best) > 0.5

    def test_its_settings_are_checked(self, site, tmp_path):
        words = ["--video", "synthetic", "--detector", "motion", "--output", tmp_path]
        answer = sitepose(site, *words, "--set", "detector.settings.min_hight=9")
        assert answer.returncode == 2
        assert "min_hight: unexpected key; did you mean 'min_height'?" in answer.stderr

    def test_it_is_a_file_of_sixty_lines(self):
        assert len((EXAMPLE / "sitepose_motion.py").read_text().splitlines()) <= 60


class TestGuide:
    def test_shows_the_example_as_it_is(self):
        blocks = re.findall(r"```(?:python|toml)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
        for name in ("sitepose_motion.py", "pyproject.toml"):
            assert (EXAMPLE / name).read_text(encoding="utf-8") in blocks

    def test_names_every_built_in_detector(self):
        from sitepose.plugins.registry import BUILT_IN

        text = GUIDE.read_text(encoding="utf-8")
        short = {re.sub(r"_d\d$", "_d0", name) for name in BUILT_IN["detector"]}
        assert {name for name in short if f"`{name}`" not in text} == set()
