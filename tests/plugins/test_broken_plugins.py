"""Plug-ins that fail in every way, beside one that works, through the real command line."""

import json
import sys

import cv2
import numpy as np
import pytest

from sitepose.app.cli.main import main
from sitepose.plugins import registry

METADATA = "Metadata-Version: 2.4\nName: stranger\nVersion: 1.0\nLicense-Expression: MIT\n"

FRAMES = 14

CODE = """
import numpy as np
from sitepose.core.skeleton import load_skeleton
from sitepose.plugins.api import Capabilities, Detections, PluginSettings


class Good:
    class Settings(PluginSettings):
        min_score: float = 0.3

    def __init__(self, settings, context):
        self.capabilities = Capabilities(skeleton=load_skeleton("coco17"))

    def people(self, **changes):
        fields = dict(
            boxes=np.float32([[4, 4, 40, 60]]), scores=np.float32([0.9]),
            keypoints=np.full((1, 17, 2), 20, np.float32), keypoint_scores=np.full((1, 17), 0.8, np.float32),
        )
        return Detections(**(fields | changes))

    def detect(self, frames):
        return [self.people() for frame in frames]

    def close(self): ...


class NotFinite(Good):
    def detect(self, frames):
        return [self.people(boxes=np.float32([[np.nan, 4, 40, 60]])) for frame in frames]


class WrongShape(Good):
    def detect(self, frames):
        return [self.people(boxes=np.zeros((1, 5), np.float32)) for frame in frames]


class TooSure(Good):
    def detect(self, frames):
        return [self.people(scores=np.float32([7])) for frame in frames]


class NoList(Good):
    def detect(self, frames):
        return None


class TooMany(Good):
    def detect(self, frames):
        return [self.people()] * 3


class ArraysOnly(Good):
    def detect(self, frames):
        return [np.zeros((1, 4)) for frame in frames]


class FailsAtFrame10(Good):
    def detect(self, frames):
        if frames[0].index == 10:
            raise RuntimeError("out of\\n  paper")
        return super().detect(frames)


class CannotStart(Good):
    def __init__(self, settings, context):
        raise OSError("no such\\ndevice")


class Silent(Good):
    def __init__(self, settings, context): ...


class Boastful(Good):
    def __init__(self, settings, context):
        self.capabilities = {"skeleton": None}


class CannotClose(Good):
    def close(self):
        raise RuntimeError("the lid is stuck")


class NoSettings:
    def detect(self, frames): ...
    def close(self): ...


class NoMethods:
    class Settings(PluginSettings): ...


class LacksLibrary(Good):
    requires = ("no_such_module",)
    extra = "stranger[all]"


a_function = lambda settings, context: None
"""

ENTRY_POINTS = {
    "good": "stranger:Good",
    "not-finite": "stranger:NotFinite",
    "wrong-shape": "stranger:WrongShape",
    "too-sure": "stranger:TooSure",
    "no-list": "stranger:NoList",
    "too-many": "stranger:TooMany",
    "arrays-only": "stranger:ArraysOnly",
    "fails-at-10": "stranger:FailsAtFrame10",
    "cannot-start": "stranger:CannotStart",
    "silent": "stranger:Silent",
    "boastful": "stranger:Boastful",
    "cannot-close": "stranger:CannotClose",
    "no-settings": "stranger:NoSettings",
    "no-methods": "stranger:NoMethods",
    "no-class": "stranger:a_function",
    "absent": "stranger:Nothing",
    "lacks-library": "stranger:LacksLibrary",
    "import-error": "stranger_import_error:Detector",
    "leaves": "stranger_leaves:Detector",
    "no-syntax": "stranger_no_syntax:Detector",
}

MODULES = {
    "stranger": CODE,
    "stranger_import_error": "import no_such_module\n",
    "stranger_leaves": "import sys\nsys.exit(0)\n",
    "stranger_no_syntax": "class\n",
}


@pytest.fixture(autouse=True)
def stranger(tmp_path, monkeypatch):
    """A distribution that announces all of them."""
    folder = tmp_path / "site"
    info = folder / "stranger-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(METADATA)
    lines = [f"{name} = {target}" for name, target in ENTRY_POINTS.items()]
    (info / "entry_points.txt").write_text("\n".join(["[sitepose.detectors]", *lines, ""]))
    for name, code in MODULES.items():
        (folder / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    registry._entries.cache_clear()
    yield
    registry._entries.cache_clear()
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("video") / "walk"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(FRAMES):
        cv2.imwrite(str(folder / f"{i:03d}.png"), rng.integers(0, 256, (72, 96, 3), np.uint8))
    return folder


@pytest.fixture
def track(images, tmp_path, capsys):
    """Return a function that runs a detector on the images: exit status, what was told, lines of poses."""

    def track(detector):
        status = main([
            "--video", str(images), "--detector", detector, "--pose", "none", "--tracker", "none",
            "--no-overlay", "--output", str(tmp_path / "out"),
        ])  # fmt: skip
        file = tmp_path / "out" / "walk" / "poses.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        told = capsys.readouterr().err
        return status, told, [line for line in lines if "index" in line]

    return track


class TestBrokenDetectors:
    def test_the_one_that_works_works_beside_them(self, track):
        status, _, frames = track("good")
        assert status == 0
        assert [len(frame["people"]) for frame in frames] == [1] * FRAMES

    @pytest.mark.parametrize(
        ("name", "cause"),
        [
            (
                "import-error",
                "'import-error' of stranger cannot be loaded: ModuleNotFoundError: No module named",
            ),
            ("leaves", "'leaves' of stranger cannot be loaded: SystemExit: 0"),
            ("no-syntax", "'no-syntax' of stranger cannot be loaded: SyntaxError: "),
            ("absent", "'absent' of stranger cannot be loaded: AttributeError: "),
            ("no-class", "'no-class' of stranger is no detector: <function <lambda>"),
            ("no-methods", "'no-methods' of stranger is no detector: NoMethods has no detect and no close"),
            ("no-settings", "'no-settings' of stranger is no detector: NoSettings.Settings is not a class"),
            ("lacks-library", "'lacks-library': needs no_such_module: pip install 'stranger[all]'"),
            ("cannot-start", "'cannot-start' cannot start: OSError: no such device"),
            ("silent", "'silent' gives no capabilities, expected sitepose.plugins.api.Capabilities"),
            ("boastful", "'boastful' gives a dict for its capabilities"),
        ],
    )
    def test_one_that_does_not_start_is_one_line(self, track, name, cause):
        status, told, frames = track(name)
        assert status == 1
        assert told.startswith(f"sitepose: detector {cause}")
        assert told.count("\n") == 1
        assert frames == []

    @pytest.mark.parametrize(
        ("name", "cause", "good_frames"),
        [
            ("not-finite", "a box that is not finite in frame 0", 0),
            ("wrong-shape", "Detections.boxes has shape (1, 5), expected (1, 4)", 0),
            ("too-sure", "a score outside 0..1 in frame 0", 0),
            ("no-list", "the detector gave NoneType, expected a list of one Detections per frame", 0),
            ("too-many", "the detector gave list of 3, expected a list of one Detections per frame", 0),
            ("arrays-only", "the detector gave list of 1, expected a list of one Detections per frame", 0),
            ("fails-at-10", "detect failed at frame 10: RuntimeError: out of paper", 10),
        ],
    )
    def test_one_that_fails_at_work_is_one_line_and_keeps_what_was_done(self, track, name, cause, good_frames):
        status, told, frames = track(name)
        assert status == 1
        causes = [line for line in told.splitlines() if cause in line]
        assert len(causes) == 1
        assert "Traceback" not in told
        assert [frame["index"] for frame in frames] == list(range(good_frames))

    def test_one_that_cannot_be_closed_takes_nothing_with_it(self, track):
        status, told, frames = track("cannot-close")
        assert len(frames) == FRAMES
        assert status == 0
        assert "detector 'cannot-close' cannot be closed: RuntimeError: the lid is stuck" in told
        assert "Traceback" not in told

    def test_a_list_of_all_of_them_tells_what_is_wrong_with_each(self, capsys):
        assert main(["plugins", "list", "--kind", "detector", "--json"]) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["plugins"]}
        assert rows["good"]["loads"]
        assert not any("\n" in row["problem"] for row in rows.values())
        broken = {
            "import-error",
            "leaves",
            "no-syntax",
            "absent",
            "no-class",
            "no-methods",
            "no-settings",
            "lacks-library",
        }
        assert {name for name in ENTRY_POINTS if not rows[name]["loads"]} == broken
