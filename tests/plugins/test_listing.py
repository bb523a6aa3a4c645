"""What ``plugins list`` tells, with a stranger's distribution beside our own."""

import sys

import pytest

from sitepose.core.errors import PluginError
from sitepose.plugins import registry
from sitepose.plugins.listing import missing_library, plugin_reports

METADATA = """Metadata-Version: 2.4
Name: stranger
Version: 3.1
License-Expression: MIT
"""

ENTRY_POINTS = """[sitepose.detectors]
good = stranger:Good
lacking = stranger:Lacking
broken = stranger_broken:Detector
absent = stranger:Nothing
"""

CODE = """
from sitepose.plugins.api import PluginSettings

class Good:
    class Settings(PluginSettings): ...
    def detect(self, frames): ...
    def close(self): ...

class Lacking(Good):
    licence = "AGPL-3.0-only"
    requires = ("no_such_module",)
    extra = "stranger[all]"
"""


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """The reports, by name, where a distribution called stranger announces four detectors."""
    info = tmp_path / "stranger-3.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "stranger.py").write_text(CODE)
    (tmp_path / "stranger_broken.py").write_text("raise RuntimeError('two\\nlines')\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry._entries.cache_clear()
    yield {report.name: report for report in plugin_reports()}
    registry._entries.cache_clear()
    for name in ("stranger", "stranger_broken"):
        sys.modules.pop(name, None)


class TestReports:
    def test_ours_say_that_they_are_ours(self, reports):
        ours = reports["yolox"]
        assert (ours.kind, ours.origin, ours.licence, ours.problem) == (
            "detector",
            "sitepose",
            "Apache-2.0",
            "",
        )
        assert ours.version

    def test_gstreamer_without_its_python_side_is_said_to_be_missing(self, monkeypatch):
        from sitepose.plugins import listing

        monkeypatch.setattr(listing, "find_spec", lambda name: None if name == "gi" else object())
        problems = {report.name: report.problem for report in plugin_reports() if report.kind == "source"}

        assert problems["gstreamer"] == "needs gi: pip install 'sitepose[gstreamer]'"
        assert problems["pyav"] == ""

    def test_a_strangers_plugin_is_listed_with_its_origin(self, reports):
        good = reports["good"]
        assert (good.origin, good.version, good.licence, good.problem) == ("stranger", "3.1", "MIT", "")

    def test_a_missing_library_is_named_with_its_remedy(self, reports):
        lacking = reports["lacking"]
        assert lacking.problem == "needs no_such_module: pip install 'stranger[all]'"
        assert lacking.licence == "AGPL-3.0-only"

    @pytest.mark.parametrize(
        ("name", "cause"),
        [
            pytest.param("broken", "RuntimeError: two lines", id="an exception on import"),
            pytest.param("absent", "AttributeError", id="no such class"),
        ],
    )
    def test_a_broken_plugin_is_one_line_and_hides_nobody(self, reports, name, cause):
        assert cause in reports[name].problem
        assert "\n" not in reports[name].problem
        assert set(registry.BUILT_IN["detector"]) <= set(reports)

    def test_every_detector_of_ours_loads_or_says_what_it_lacks(self, reports):
        for name in registry.BUILT_IN["detector"]:
            assert reports[name].problem == "" or "pip install" in reports[name].problem


@pytest.fixture
def announce(tmp_path, monkeypatch):
    """Return a function that adds a distribution with a detector."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "announced.py").write_text(CODE)

    def announce(distribution, name):
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[sitepose.detectors]\n{name} = announced:Good\n")
        registry._entries.cache_clear()

    yield announce
    registry._entries.cache_clear()
    sys.modules.pop("announced", None)


class TestNamesTakenTwice:
    def test_a_built_in_name_stays_the_built_in_plugin(self, announce):
        announce("greedy", "yolox")
        assert registry.load_plugin("detector", "yolox").__name__ == "YoloxDetector"

    def test_whoever_takes_a_built_in_name_is_listed_as_broken(self, announce):
        announce("greedy", "yolox")
        told = {report.origin: report.problem for report in plugin_reports() if report.name == "yolox"}
        assert told == {
            "sitepose": "",
            "greedy": "detector 'yolox' of greedy has the name of a built-in one; rename it",
        }

    def test_strangers_with_one_name_are_both_broken_and_hide_nobody(self, announce):
        announce("one", "good")
        announce("other", "good")
        announce("third", "better")
        reports = [report for report in plugin_reports() if report.kind == "detector"]
        told = [(report.origin, report.problem) for report in reports if report.name == "good"]
        problem = "detector 'good' is announced by one and other; remove all but one"
        assert told == [("one", problem), ("other", problem)]
        assert next(report.problem for report in reports if report.name == "better") == ""
        assert set(registry.BUILT_IN["detector"]) <= {report.name for report in reports}

    def test_choosing_such_a_name_says_who_has_it(self, announce):
        announce("one", "good")
        announce("other", "good")
        with pytest.raises(PluginError, match="announced by one and other"):
            registry.load_plugin("detector", "good")


def test_without_an_extra_the_libraries_themselves_are_named():
    class Plugin:
        requires = ("json", "no_such_a", "no_such_b")

    assert missing_library(Plugin) == "needs no_such_a, no_such_b: pip install 'no_such_a no_such_b'"
