"""The offline run on a real video: complete, deterministic, and readable whatever happens."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import time

import pytest

from sitepose.app.api import process_video, track_video
from sitepose.app.run import VideoRun
from sitepose.core.errors import PipelineError
from sitepose.core.formats.poses_jsonl import read_poses


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Dawdling:
    """A part that does what another one does, after a pause of random length."""

    def __init__(self, part, method, seed):
        self._part = part
        self._random = random.Random(seed)
        setattr(self, method, self._late(getattr(part, method)))

    def __getattr__(self, name):
        return getattr(self._part, name)

    def _late(self, function):
        def late(*arguments):
            time.sleep(self._random.random() * 0.03)
            return function(*arguments)

        return late


class Failing(Dawdling):
    """A part that raises at its n-th call."""

    def __init__(self, part, method, calls):
        self._left = calls
        super().__init__(part, method, 0)

    def _late(self, function):
        def fail(*arguments):
            self._left -= 1
            if self._left < 0:
                raise RuntimeError("out of luck")
            return function(*arguments)

        return fail


class TestVideoRun:
    def test_every_frame_has_its_line_between_header_and_end(self, clip, config, parts, tmp_path):
        report = VideoRun(str(clip), tmp_path, config, parts).run()

        written = lines(tmp_path / "poses.jsonl")
        assert report.status == "done"
        assert written[0]["schema"] == "sitepose.poses/1"
        assert [line["index"] for line in written[1:-1]] == list(range(25))
        assert written[-1] == {"end": True, "frames": 25, "dropped": 0}
        assert sum(len(line["people"]) for line in written[1:-1]) == report.people > 25
        assert report.tracks == len({p["track_id"] for line in written[1:-1] for p in line["people"]})

    def test_the_report_says_what_was_really_used(self, clip, config, parts, tmp_path):
        VideoRun(str(clip), tmp_path, config, parts).run()

        report = json.loads((tmp_path / "run.json").read_text())
        assert [model["runtime"]["precision"] for model in report["models"]] == ["fp32", "fp32"]
        assert all(len(model["sha256"]) == 64 for model in report["models"])
        assert report["frames"] == 25
        assert {"decode", "detect", "pose", "nms", "track", "write"} <= set(report["stages"])

    def test_the_same_input_gives_the_same_bytes_whatever_the_timing(self, clip, config, parts, tmp_path):
        late = dataclasses.replace(
            parts,
            detector=Dawdling(parts.detector, "detect", 1),
            estimator=Dawdling(parts.estimator, "estimate", 2),
            tracker=Dawdling(parts.tracker, "update", 3),
        )
        for name, run_parts in (("a", parts), ("b", parts), ("late", late)):
            VideoRun(str(clip), tmp_path / name, config, run_parts).run()

        first = (tmp_path / "a" / "poses.jsonl").read_bytes()
        assert first == (tmp_path / "b" / "poses.jsonl").read_bytes()
        assert first == (tmp_path / "late" / "poses.jsonl").read_bytes()

    def test_a_stage_that_fails_keeps_every_frame_before(self, clip, config, parts, tmp_path):
        broken = dataclasses.replace(parts, tracker=Failing(parts.tracker, "update", 10))

        report = VideoRun(str(clip), tmp_path, config, broken).run()

        assert report.status == "failed"
        assert report.error == "track failed at frame 10: RuntimeError: out of luck"
        assert len(list(read_poses(tmp_path / "poses.jsonl"))) == 10

    def test_nothing_says_the_end_of_a_run_that_failed(self, clip, config, parts, tmp_path):
        broken = dataclasses.replace(parts, detector=Failing(parts.detector, "detect", 3))
        VideoRun(str(clip), tmp_path, config, broken).run()

        saved = read_poses(tmp_path / "poses.jsonl")
        list(saved)
        assert saved.end is None

    def test_a_video_cut_in_the_middle_keeps_its_good_frames(self, clip, config, parts, tmp_path):
        cut = tmp_path / "cut.mkv"
        remuxed(clip, cut)
        cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 10])

        report = VideoRun(str(cut), tmp_path / "out", config, parts).run()

        frames = len(list(read_poses(tmp_path / "out" / "poses.jsonl")))
        assert report.status == "failed"
        assert "ends in the middle" in report.error
        assert 5 < frames < 25

    def test_nothing_of_an_earlier_run_is_left_beside_the_new_poses(self, clip, config, parts, tmp_path):
        much = {"save_candidates": True, "overlay": True, "formats": ("mot", "openpose")}
        output = config.output.model_copy(update=much)
        VideoRun(str(clip), tmp_path, config.model_copy(update={"output": output}), parts).run()
        (tmp_path / "notes.txt").write_text("of somebody")
        (tmp_path / "coco.json").write_text("of somebody")
        broken = dataclasses.replace(parts, detector=Failing(parts.detector, "detect", 3))

        VideoRun(str(clip), tmp_path, config, broken).run()

        left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
        assert left == {"poses.jsonl", "run.json", "notes.txt", "coco.json"}
        assert json.loads((tmp_path / "run.json").read_text())["status"] == "failed"

    def test_a_run_that_is_killed_is_not_taken_for_the_finished_one_before(self, clip, config, parts, tmp_path):
        VideoRun(str(clip), tmp_path, config, parts).run()
        seen = []

        def look(_work):
            seen.append((tmp_path / "run.json").exists())

        VideoRun(str(clip), tmp_path, config, parts, listener=look).run()

        assert seen == [False] * 25


class TestExports:
    def test_formats_are_written_at_the_end(self, clip, config, parts, tmp_path):
        output = config.output.model_copy(update={"formats": ("coco", "mot")})

        report = VideoRun(str(clip), tmp_path, config.model_copy(update={"output": output}), parts).run()

        assert {"poses", "coco", "mot", "report"} == set(report.paths)
        assert len(json.loads((tmp_path / "coco.json").read_text())) == report.people


class TestPython:
    def test_track_video_yields_what_the_command_line_writes(self, clip, config, parts, tmp_path):
        VideoRun(str(clip), tmp_path, config, parts).run()

        saved = list(read_poses(tmp_path / "poses.jsonl"))
        tracked = list(track_video(clip, config=config))

        assert [t.frame.index for t in tracked] == [record.index for record in saved]
        assert [t.poses.track_ids.tolist() for t in tracked] == [r.poses.track_ids.tolist() for r in saved]

    def test_leaving_early_closes_everything(self, clip, config):
        frames = track_video(clip, config=config)
        next(frames)
        frames.close()

    def test_process_video_raises_what_went_wrong(self, tmp_path, config):
        (tmp_path / "text.mp4").write_text("not a video at all")

        with pytest.raises(PipelineError, match=r"text\.mp4"):
            process_video(tmp_path / "text.mp4", tmp_path / "out", config=config)


def remuxed(source, target):
    """Copy the packets of a video into a container that can be cut anywhere."""
    import av

    if target.suffix == source.suffix:
        shutil.copy(source, target)
        return
    with av.open(str(source)) as container, av.open(str(target), "w") as copy:
        stream = copy.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
