"""The configuration: who wins, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sitepose.app.config import RunConfig, parse_assignment, read_config
from sitepose.core.errors import ConfigError


@pytest.fixture
def toml(tmp_path):
    def write(text):
        file = tmp_path / "run.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


class TestReadConfig:
    def test_nothing_given_is_the_portable_preset(self):
        assert read_config() == RunConfig() == read_config(preset="portable")

    def test_the_later_one_wins(self, toml):
        file = toml(
            '[detector]\nname = "yolox"\n[detector.settings]\nmin_score = 0.1\n[runtime]\nthreads = 1\n'
        )

        config = read_config(
            file,
            preset="fast",
            overrides={"runtime": {"threads": 2}},
            assignments=["detector.settings.min_score=0.4"],
        )

        assert config.detector.name == "yolox"
        assert config.detector.settings == {"min_score": 0.4}
        assert config.runtime.threads == 2
        assert config.pose.name == "movenet-lightning"

    def test_another_detector_does_not_inherit_the_settings_of_the_old_one(self, toml):
        file = toml('[detector]\nname = "yolox"\n[detector.settings]\nmin_score = 0.1\n')

        config = read_config(file, overrides={"detector": {"name": "picodet"}})

        assert config.detector.settings == {}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            pytest.param(
                "[detectr]\n", "detectr: unexpected key; did you mean 'detector'", id="misspelt table"
            ),
            pytest.param("[input]\nroi = [0, 0, 0, 5]\n", "input.roi: expected x,y,w,h", id="empty roi"),
            pytest.param("detect_every = 0\n", "detect_every: expected 'auto' or a whole number", id="step 0"),
            pytest.param("[runtime]\nthreads = -1\n", "runtime.threads: input should be greater", id="threads"),
            pytest.param("[runtime]\ndevice = 'gpu'\n", "runtime.device", id="device"),
            pytest.param("x = = 1\n", "not a TOML file", id="syntax"),
        ],
    )
    def test_a_mistake_is_one_line_with_the_place(self, toml, text, message):
        with pytest.raises(ConfigError) as caught:
            read_config(toml(text))

        assert str(caught.value).startswith("run.toml:")
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_no_such_file_is_one_line(self):
        with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.toml: No such file"):
            read_config(Path("nowhere.toml"))


class TestParseAssignment:
    @pytest.mark.parametrize("text", ["", "key", "=1", "a..b=1"])
    def test_what_is_no_assignment_is_refused(self, text):
        with pytest.raises(ConfigError, match="expected key"):
            parse_assignment(text)
