"""The command line as a user meets it: what is said, and with which exit status."""

from __future__ import annotations

import pytest

from sitepose.app.cli.main import main


@pytest.fixture
def video(tmp_path):
    """Return the path of something that exists; no test here gets as far as reading it."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"")
    return str(path)


class TestUsage:
    @pytest.mark.parametrize(
        "words", [["--help"], ["models", "--help"], ["plugins", "--help"], ["export", "--help"]]
    )
    def test_help_is_there_for_every_command(self, words, capsys):
        with pytest.raises(SystemExit) as caught:
            main(words)

        assert caught.value.code == 0
        assert "usage: sitepose" in capsys.readouterr().out

    @pytest.mark.parametrize("words", [["--vidio", "x"], ["--video"], ["--video", "x", "--nms"]])
    def test_a_wrong_call_is_usage(self, words, capsys):
        with pytest.raises(SystemExit) as caught:
            main(words)

        assert caught.value.code == 2
        assert "sitepose: error:" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("options", "status", "message"),
        [
            pytest.param(
                ["--detector", "yoloxx"], 2, "unknown detector 'yoloxx'; did you mean 'yolox'", id="detector"
            ),
            pytest.param(["--pose", "movenett"], 2, "unknown pose 'movenett'; did you mean", id="pose"),
            pytest.param(
                ["--tracker", "oks-sotr"],
                2,
                "unknown tracker 'oks-sotr'; did you mean 'oks-sort'",
                id="tracker",
            ),
            pytest.param(["--nms", "okss"], 2, "unknown pose NMS 'okss'; did you mean 'oks'", id="nms"),
            pytest.param(
                ["--set", "detectr.name=x"], 2, "detectr: unexpected key; did you mean 'detector'", id="key"
            ),
            pytest.param(
                ["--set", "detector.settings.min_scor=.4"],
                2,
                "min_scor: unexpected key; did you mean 'min_score'",
                id="plug-in key",
            ),
            pytest.param(["--set", "detector.settings.min_score=7"], 2, "min_score", id="out of range"),
            pytest.param(["--detector", "yolox:nowhere.onnx"], 2, "nowhere.onnx: no such file", id="weights"),
            pytest.param(["--config", "nowhere.toml"], 2, "cannot read nowhere.toml", id="config"),
            pytest.param(["--roi", "1,2,x"], 2, "expected four whole numbers", id="roi"),
            pytest.param(["--device", "gpu"], 2, "runtime.device", id="device"),
            pytest.param(
                ["--detector", "movenet-thunder"], 2, "this model is a pose, not a detector", id="kind"
            ),
        ],
    )
    def test_a_mistake_is_one_line(self, video, tmp_path, capsys, options, status, message):
        code = main(["--video", video, "--output", str(tmp_path / "out"), *options])

        lines = capsys.readouterr().err.strip().splitlines()
        assert code == status
        assert len(lines) == 1
        assert lines[0].startswith("sitepose: ")
        assert message in lines[0]
