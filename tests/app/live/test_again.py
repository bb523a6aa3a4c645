"""Live runs done again from their recordings, with real networks on a real video."""

from __future__ import annotations

import json
import threading
from functools import partial

import av
import pytest

from sitepose.app.cli.main import main
from sitepose.app.live import headless
from sitepose.app.live.again import RecordedRun, run_again
from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.headless import HeadlessRun, Recordings
from sitepose.app.sessions.recorder import RecordingSettings
from sitepose.core.errors import ConfigError, FormatError, SourceError
from sitepose.core.formats.poses_jsonl import read_poses

FRAMES = 20


@pytest.fixture(scope="module")
def encoded(clip, tmp_path_factory):
    """Return the street as H.264, which is recorded as it comes."""
    path = tmp_path_factory.mktemp("again") / "street.mp4"
    with av.open(str(clip)) as container, av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"g": "12", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for frame in container.decode(video=0):
            output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode())
    return path


@pytest.fixture
def record(config, tmp_path, fakes):
    """Records a live run until it has looked at some frames, and returns its session."""

    def run(location, chosen=config, **settings):
        sessions = tmp_path / "sessions"
        recordings = Recordings(root=sessions, settings=RecordingSettings(reserve_bytes=0, **settings))
        headless = HeadlessRun([(f"loop:{location}", {})], chosen, None, record=recordings)
        thread = threading.Thread(target=headless.run)
        thread.start()

        def lines():
            return sum(path.read_bytes().count(b"\n") for path in sessions.glob("*/poses.jsonl"))

        looked = fakes.until(lambda: lines() > FRAMES, 60)
        headless.stop()
        thread.join(20)
        assert (headless.failure, looked) == ("", True)
        return next(sessions.iterdir())

    return run


@pytest.fixture
def again(tmp_path, networks, capsys):
    """Does a session again, as a user would; returns the comparison."""

    def run(folder):
        assert (
            main(["sessions", "replay", str(folder), *networks[:4], "--output", str(tmp_path), "--json"]) == 0
        )
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def shop(fakes, monkeypatch):
    """Parts without weights, in place of the real networks."""
    found = fakes.Shop()
    monkeypatch.setattr(headless, "LiveEngine", partial(LiveEngine, load=found.load))
    yield found
    found.workers.close()


class TestReplay:
    @pytest.mark.slow
    def test_a_stream_recorded_as_it_came_gives_the_same_poses(self, record, encoded, again, tmp_path):
        folder = record(encoded)
        found = again(folder)
        recorded = [json.loads(line) for line in (folder / "poses.jsonl").read_text().splitlines()]
        written = [
            json.loads(line) for line in (tmp_path / folder.name / "poses.jsonl").read_text().splitlines()
        ]

        assert found["frames"] >= FRAMES - 1
        assert found["identical"] == found["frames"]
        assert found["recorded"] == found["same_ids"] > 0
        assert written[1:-1] == recorded[1:-1]

    @pytest.mark.slow
    def test_one_that_was_encoded_anew_gives_nearly_the_same(self, record, clip, again):
        found = again(record(clip))

        assert found["same"] > 0.9 * found["recorded"]
        assert found["median_px"] < 4
        assert found["within"] > 0.8
        assert found["pixels"] == "as recorded"

    def test_one_with_blurred_faces_says_so(self, record, encoded, shop, fakes, tmp_path):
        recorded = RecordedRun(record(encoded, fakes.config(), blur_faces=True))
        found = run_again(recorded, shop.load(fakes.config(), None, None), tmp_path / "again")
        header = read_poses(tmp_path / "again" / "poses.jsonl").header

        assert found.same == found.recorded
        assert found.pixels == "faces blurred"
        assert header.config["blurred"] is True

    def test_what_cannot_be_done_again_is_said_in_one_line(self, record, encoded, shop, fakes):
        folder = record(encoded, fakes.config(), poses_only=True)
        with pytest.raises(SourceError, match="holds poses without video"):
            next(RecordedRun(folder).frames())
        poses = folder / "poses.jsonl"
        lines = poses.read_text().splitlines(keepends=True)
        switch = json.dumps({"change": {"index": 7, "config": {}}}) + "\n"
        poses.write_text("".join([*lines[:5], switch, *lines[5:]]))
        with pytest.raises(ConfigError, match="parts were switched at frame 7; say what to run"):
            RecordedRun(folder).config({})
        poses.unlink()
        with pytest.raises(FormatError, match="was recorded without poses"):
            RecordedRun(folder)
