"""Look-ahead written back into a finished file."""

from __future__ import annotations

import numpy as np

from sitepose.app.outputs.corrections import correct_poses
from sitepose.core.formats.poses_jsonl import PoseRecord, PosesHeader, PosesWriter, read_poses
from sitepose.core.structures import Poses


def person(track_id):
    return Poses(
        keypoints=np.ones((1, 1, 2)),
        keypoint_scores=np.ones((1, 1)),
        boxes=np.ones((1, 4)),
        box_scores=np.ones(1),
        scores=np.ones(1),
        track_ids=np.array([track_id]),
    )


def written(path, frames=5):
    header = PosesHeader(source="a", width=4, height=4, skeleton="s", keypoint_names=["nose"])
    with PosesWriter(path, header) as writer:
        for index in range(frames):
            writer.write(PoseRecord(index, index / 10, None, person(1)))
        writer.end(frames=frames, dropped=0)


class TestCorrectPoses:
    def test_only_the_named_frames_change(self, tmp_path):
        path = tmp_path / "poses.jsonl"
        written(path)

        assert correct_poses(path, [(1, person(7)), (4, person(8))]) == 2

        saved = read_poses(path)
        assert [record.poses.track_ids.tolist() for record in saved] == [[1], [7], [1], [1], [8]]
        assert saved.end is not None
        assert saved.end.frames == 5
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["poses.jsonl"]

    def test_nothing_to_correct_leaves_the_file_alone(self, tmp_path):
        path = tmp_path / "poses.jsonl"
        written(path)
        before = path.stat().st_mtime_ns

        assert correct_poses(path, []) == 0
        assert path.stat().st_mtime_ns == before
