"""Errors: each is caught by its own name, by ours, and by what a caller without Sitepose expects."""

from __future__ import annotations

import pytest

from sitepose.core import errors


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ConfigError", ValueError),
        ("UnknownPluginError", LookupError),
        ("SourceError", OSError),
        ("FormatError", ValueError),
        ("RecordingError", OSError),
        ("PluginError", Exception),
        ("WeightsError", Exception),
        ("PipelineError", Exception),
    ],
)
def test_every_error_is_ours_and_its_builtin_and_says_its_line(name, builtin):
    error = getattr(errors, name)("file: what was wrong")
    assert isinstance(error, errors.SiteposeError)
    assert isinstance(error, builtin)
    assert str(error) == "file: what was wrong"


class TestDidYouMean:
    @pytest.mark.parametrize(
        ("name", "known", "hint"),
        [
            ("yolo_x", ["centernet", "yolox"], "did you mean 'yolox'?"),
            (
                "poseflow_ofline",
                ["poseflow", "poseflow-offline"],
                "did you mean 'poseflow-offline' or 'poseflow'?",
            ),
            ("zzz", ["b", "a"], "there is: a, b"),
            ("zzz", [], "there is: none"),
        ],
        ids=["one", "two", "far off", "nothing"],
    )
    def test_says_the_close_ones_else_everything(self, name, known, hint):
        assert errors.did_you_mean(name, known) == hint
