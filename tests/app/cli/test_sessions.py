"""``sitepose sessions``, as typed."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from sitepose.app.cli.main import main
from sitepose.app.sessions.recorder import Recorder, RecordingSettings
from sitepose.plugins.sources.live.packets import EncodedPacket, StreamFormat


def jpeg_packets(count):
    import cv2
    import numpy as np

    image = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
    encoding = StreamFormat("mjpeg", (64, 48))
    for n in range(count):
        yield EncodedPacket(
            data=image, keyframe=True, format=encoding, index=n, timestamp=n / 10, pts=n,
            time_base=Fraction(1, 10), captured_at=0.0, wall=1e9 + n / 10, epoch=0,
        )  # fmt: skip


@pytest.fixture
def root(tmp_path):
    """A folder with two sessions of ten frames."""
    for name in ("gate", "yard"):
        with Recorder(tmp_path, name, RecordingSettings(reserve_bytes=0), name=name) as recorder:
            for packet in jpeg_packets(10):
                recorder.put(packet)
    return tmp_path


def cut_off(session):
    table = json.loads((session / "session.json").read_text())
    table["state"] = "recording"
    (session / "session.json").write_text(json.dumps(table))


class TestSessions:
    def test_list_shows_each(self, root, capsys):
        assert main(["sessions", "list", str(root)]) == 0
        lines = capsys.readouterr().out.splitlines()

        assert [line.split()[:2] for line in lines] == [["gate", "closed"], ["yard", "closed"]]

    def test_list_as_json(self, root, capsys):
        main(["sessions", "list", str(root), "--json"])
        sessions = json.loads(capsys.readouterr().out)["sessions"]

        assert [(s["name"], s["frames"], s["seconds"]) for s in sessions] == [
            ("gate", 10, 0.9),
            ("yard", 10, 0.9),
        ]

    def test_nothing_to_list_is_no_error(self, tmp_path, capsys):
        assert main(["sessions", "list", str(tmp_path)]) == 0
        assert "no sessions" in capsys.readouterr().err

    def test_verify_fails_for_the_one_that_is_not_whole(self, root, capsys):
        with (root / "yard/video/000001.mkv").open("ab") as file:
            file.write(b"x")

        assert main(["sessions", "verify", str(root / "gate")]) == 0
        assert main(["sessions", "verify", str(root), "--no-decode"]) == 1
        output = capsys.readouterr().out
        assert "gate: good: 10 frames" in output
        assert "yard: NOT GOOD" in output
        assert "000001.mkv: has changed" in output

    def test_repair_says_what_it_did(self, root, capsys):
        cut_off(root / "gate")

        assert main(["sessions", "repair", str(root)]) == 0
        output = capsys.readouterr().out
        assert "gate: 10 frames, 0.9 s: closed the session" in output
        assert "yard: 10 frames, 0.9 s: nothing was cut off" in output
        assert main(["sessions", "verify", str(root), "--json"]) == 0

    def test_one_that_is_being_recorded_fails_alone(self, root, capsys):
        cut_off(root / "yard")
        with Recorder(root, "x", RecordingSettings(reserve_bytes=0), name="busy"):
            assert main(["sessions", "repair", str(root), "--json"]) == 1
        report = json.loads(capsys.readouterr().out)

        assert "is being recorded" in report["failed"][0]
        assert [session["name"] for session in report["sessions"]] == ["gate", "yard"]

    @pytest.mark.parametrize("action", ["verify", "repair", "replay"])
    def test_what_holds_no_session_is_an_error(self, tmp_path, capsys, action):
        assert main(["sessions", action, str(tmp_path)]) == 1
        assert capsys.readouterr().err.startswith(f"sitepose: {tmp_path}: is no session")
