"""What ``plugins list`` tells, with a stranger's distribution beside our own."""

import sys

import pytest

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
class Good: ...
class Lacking:
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


def test_without_an_extra_the_libraries_themselves_are_named():
    class Plugin:
        requires = ("json", "no_such_a", "no_such_b")

    assert missing_library(Plugin) == "needs no_such_a, no_such_b: pip install 'no_such_a no_such_b'"
