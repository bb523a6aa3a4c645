"""Saved candidates: every number comes back, in parts that a kill does not spoil."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitepose.core.errors import FormatError, RecordingError
from sitepose.core.formats import candidates as module
from sitepose.core.formats.candidates import CandidatesWriter, read_candidates
from sitepose.core.structures import PoseCandidates


def some(people, peaks=2, seed=0, *, track_ids=None):
    rng = np.random.default_rng(seed)
    keypoints = rng.normal(0, 300, (people, 17, peaks, 2)).astype(np.float32)
    keypoints[rng.random((people, 17, peaks)) < 0.2] = np.nan
    return PoseCandidates(
        keypoints=keypoints,
        scores=rng.random((people, 17, peaks)),
        radii=rng.random((people, 17, peaks)),
        boxes=rng.normal(0, 300, (people, 4)),
        box_scores=rng.random(people),
        track_ids=track_ids,
        from_tracks=rng.random(people) < 0.5,
    )


def assert_same(one, other):
    assert one.track_ids is other.track_ids is None
    for spec in dataclasses.fields(PoseCandidates):
        if spec.name == "track_ids":
            continue
        assert np.array_equal(getattr(one, spec.name), getattr(other, spec.name), equal_nan=True), spec.name


class TestRoundTrip:
    @given(people=st.lists(st.integers(0, 3), max_size=12), per_part=st.integers(1, 5), seed=st.integers(0, 9))
    @settings(max_examples=30)
    def test_reading_gives_back_every_number(self, people, per_part, seed, tmp_path_factory):
        folder = tmp_path_factory.mktemp("candidates")
        frames = [(3 * i, some(count, seed=seed + i)) for i, count in enumerate(people)]
        with pytest.MonkeyPatch.context() as patch, CandidatesWriter(folder) as writer:
            patch.setattr(module, "FRAMES_PER_PART", per_part)
            for index, candidates in frames:
                writer.write(index, candidates)
        assert len(list(folder.iterdir())) == -(-len(frames) // per_part)
        read = list(read_candidates(folder)) if frames else []
        for (index, candidates), (read_index, read_back) in zip(frames, read, strict=True):
            assert index == read_index
            assert_same(candidates, read_back)

    def test_fewer_peaks_are_filled_up_with_missing_ones(self, tmp_path):
        with CandidatesWriter(tmp_path) as writer:
            writer.write(0, some(2, peaks=1))
            writer.write(1, some(1, peaks=3))
        (_, first), (_, second) = read_candidates(tmp_path)
        assert first.keypoints.shape == (2, 17, 3, 2)
        assert np.isnan(first.keypoints[:, :, 1:]).all()
        assert (first.scores[:, :, 1:] == 0).all()
        assert_same(second, some(1, peaks=3))

    def test_track_ids_come_back_where_there_were_some(self, tmp_path):
        with CandidatesWriter(tmp_path) as writer:
            writer.write(0, some(2, track_ids=[4, 9]))
            writer.write(1, some(1))
        (_, first), (_, second) = read_candidates(tmp_path)
        assert first.track_ids.tolist() == [4, 9]
        assert second.track_ids is None

    def test_the_same_candidates_give_the_same_bytes(self, tmp_path):
        for name in "ab":
            with CandidatesWriter(tmp_path / name) as writer:
                writer.write(0, some(2))
        contents = [(tmp_path / name / "candidates-0000.npz").read_bytes() for name in "ab"]
        assert contents[0] == contents[1]


class TestParts:
    def test_a_part_is_complete_when_it_is_large(self, tmp_path, monkeypatch):
        monkeypatch.setattr(module, "BYTES_PER_PART", 10_000)
        with CandidatesWriter(tmp_path) as writer:
            for index in range(10):
                writer.write(index, some(5, seed=index))
        assert len(list(tmp_path.iterdir())) > 2
        assert [index for index, _ in read_candidates(tmp_path)] == list(range(10))

    def test_a_killed_run_is_read_up_to_its_last_complete_part(self, tmp_path, monkeypatch):
        monkeypatch.setattr(module, "FRAMES_PER_PART", 2)
        writer = CandidatesWriter(tmp_path)
        for index in range(5):
            writer.write(index, some(1))
        (tmp_path / "candidates-0002.npz.part").write_bytes(b"half")
        assert [index for index, _ in read_candidates(tmp_path)] == [0, 1, 2, 3]

    def test_parts_of_an_earlier_run_are_removed_and_other_files_stay(self, tmp_path, monkeypatch):
        monkeypatch.setattr(module, "FRAMES_PER_PART", 1)
        with CandidatesWriter(tmp_path) as writer:
            for index in range(3):
                writer.write(index, some(1))
        (tmp_path / "notes.txt").write_text("mine")
        with CandidatesWriter(tmp_path) as writer:
            writer.write(7, some(1))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["candidates-0000.npz", "notes.txt"]


class TestErrors:
    def test_a_folder_without_parts_is_one_clear_line(self, tmp_path):
        for folder in (tmp_path, tmp_path / "missing"):
            with pytest.raises(
                FormatError, match=r"no candidates-0000\.npz; expected a folder that --save-candid"
            ):
                list(read_candidates(folder))

    def test_a_missing_part_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setattr(module, "FRAMES_PER_PART", 1)
        with CandidatesWriter(tmp_path) as writer:
            for index in range(3):
                writer.write(index, some(1))
        (tmp_path / "candidates-0001.npz").unlink()
        with pytest.raises(FormatError, match=r"candidates-0001\.npz is missing"):
            list(read_candidates(tmp_path))

    @given(cut=st.integers(0, 10_000), flip=st.integers(0, 10_000))
    @settings(max_examples=60)
    def test_a_damaged_part_is_a_format_error_or_is_read(self, cut, flip, tmp_path_factory):
        folder = tmp_path_factory.mktemp("damaged")
        with CandidatesWriter(folder) as writer:
            writer.write(0, some(2))
        path = folder / "candidates-0000.npz"
        content = bytearray(path.read_bytes())
        content[flip % len(content)] ^= 0xFF
        path.write_bytes(content[: len(content) - cut % len(content)])
        try:
            list(read_candidates(folder))
        except FormatError as error:
            assert "candidates-0000.npz" in str(error)  # noqa: PT017

    def test_a_place_that_cannot_be_written_is_one_clear_line(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(RecordingError, match="cannot be written: "):
            CandidatesWriter(tmp_path / "file")
