"""When to record: motion, people, time of day; and how much the disk takes."""

from __future__ import annotations

import hashlib
import os
import threading
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.app.sessions.disk import DiskPolicy, look_at_disk, parse_size, show_duration, show_size
from sitepose.app.sessions.schedule import parse_schedule
from sitepose.app.sessions.syncing import Syncer
from sitepose.app.sessions.triggers import Gate, Motion, People
from sitepose.core.errors import ConfigError
from sitepose.core.structures import Detections, Frame

BACKGROUND = np.tile(np.linspace(30, 200, 640).astype(np.uint8)[None, :, None], (360, 1, 3))


def frame(image, timestamp=0.0):
    return Frame(image, index=0, timestamp=timestamp)


def with_person(x):
    image = BACKGROUND.copy()
    image[200:300, x : x + 30] = 255
    return image


def noisy(seed, image=BACKGROUND):
    noise = np.random.default_rng(seed).normal(0, 8, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


class TestMotion:
    def test_a_person_who_walks_in_is_seen(self):
        motion = Motion()
        still = [motion(frame(BACKGROUND)) for _ in range(5)]

        assert not any(still)
        assert [motion(frame(with_person(100 + 20 * n))) for n in range(5)] == [True] * 5

    def test_noise_and_light_are_not(self):
        motion = Motion()

        assert not any(motion(frame(noisy(seed))) for seed in range(10))
        assert not motion(frame(np.clip(BACKGROUND.astype(int) + 80, 0, 255).astype(np.uint8)))
        assert not motion(frame(np.clip(BACKGROUND.astype(int) + 80, 0, 255).astype(np.uint8)))

    def test_what_stands_still_becomes_background(self):
        motion = Motion()
        motion(frame(BACKGROUND))
        seen = [motion(frame(with_person(100))) for _ in range(80)]

        assert seen[0]
        assert not seen[-1]

    def test_what_was_long_ago_is_no_background(self):
        motion = Motion()
        motion(frame(BACKGROUND, timestamp=1.0))

        assert not motion(frame(with_person(100), timestamp=3600.0))
        assert motion(frame(with_person(400), timestamp=3600.2))

    def test_another_size_begins_anew(self):
        motion = Motion()
        motion(frame(BACKGROUND))

        assert not motion(frame(np.zeros((600, 640, 3), np.uint8)))


class TestPeople:
    @pytest.mark.parametrize(
        ("scores", "seen"),
        [
            pytest.param([], False, id="nobody"),
            pytest.param([0.2], False, id="a doubtful person"),
            pytest.param([0.2, 0.9], True, id="somebody"),
        ],
    )
    def test_somebody_must_be_found(self, scores, seen):
        class Detector:
            def detect(self, frames):
                return [Detections(np.zeros((len(scores), 4)), np.array(scores, np.float32)) for _ in frames]

        assert People(Detector())(frame(BACKGROUND)) is seen


class TestGate:
    @given(
        seen=st.lists(st.booleans(), max_size=60),
        tail=st.floats(0.5, 10),
    )
    def test_is_open_from_the_first_until_the_tail_after_the_last(self, seen, tail):
        seconds = iter(range(len(seen)))
        gate = Gate(tail, lambda: float(next(seconds)))
        opened = [gate(now) for now in seen]

        for n, is_open in enumerate(opened):
            assert is_open == any(seen[k] and n < k + tail for k in range(n + 1))


class TestSchedule:
    @pytest.mark.parametrize(
        ("text", "moment", "active"),
        [
            pytest.param("", "2025-03-01 12:00", True, id="none is always"),
            pytest.param("07:00-19:00", "2025-03-01 07:00", True, id="begin"),
            pytest.param("07:00-19:00", "2025-03-01 19:00", False, id="end"),
            pytest.param("mon-fri 07:00-19:00", "2025-03-01 12:00", False, id="Saturday"),
            pytest.param("mon-fri 07:00-19:00, sat 10:00-14:00", "2025-03-01 12:00", True, id="second entry"),
            pytest.param("fri-mon 07:00-19:00", "2025-03-02 12:00", True, id="over the weekend"),
            pytest.param("fri 22:00-06:00", "2025-03-01 05:59", True, id="the night after Friday"),
            pytest.param("fri 22:00-06:00", "2025-02-28 05:59", False, id="the night before Friday"),
            pytest.param("00:00-24:00", "2025-03-01 23:59", True, id="the whole day"),
        ],
    )
    def test_says_when(self, text, moment, active):
        assert parse_schedule(text).active(datetime.fromisoformat(moment)) is active

    @pytest.mark.parametrize(
        "text", ["7-19", "mon-xyz 07:00-19:00", "25:00-26:00", "07:60-08:00", "07:00-07:00", "x"]
    )
    def test_what_cannot_be_read_is_an_error(self, text):
        with pytest.raises(ConfigError, match="schedule"):
            parse_schedule(text)


class TestDisk:
    def test_says_how_long_it_lasts(self, tmp_path):
        free = look_at_disk(tmp_path, DiskPolicy(reserve_bytes=0), bytes_per_second=None).free_bytes
        policy = DiskPolicy(reserve_bytes=free // 2)

        assert look_at_disk(tmp_path, policy, bytes_per_second=free / 1e5).seconds_left == pytest.approx(
            5e4, rel=0.1
        )
        assert look_at_disk(tmp_path, policy, bytes_per_second=free / 100).verdict == "low"
        assert look_at_disk(tmp_path, DiskPolicy(reserve_bytes=2 * free), bytes_per_second=1).verdict == "stop"

    @pytest.mark.parametrize("text", ["", "GB", "-1", "1 XB", "1e9"])
    def test_a_size_that_is_none_is_an_error(self, text):
        with pytest.raises(ConfigError, match="size"):
            parse_size(text)

    @given(size=st.integers(0, 10**15), seconds=st.floats(0, 1e8))
    def test_everything_can_be_shown(self, size, seconds):
        assert show_size(size)
        assert show_duration(seconds)


class TestSyncer:
    def test_syncs_what_was_touched_and_hashes_what_is_finished(self, tmp_path, monkeypatch):
        synced, hashes = [], []
        fsync = os.fsync
        monkeypatch.setattr(
            os,
            "fsync",
            lambda descriptor: (synced.append(os.readlink(f"/proc/self/fd/{descriptor}")), fsync(descriptor)),
        )
        syncer = Syncer(lambda error: None)
        with (tmp_path / "a").open("w+b") as a, (tmp_path / "b").open("w+b") as b:
            for file in (a, b):
                syncer.watch(file.fileno())
            a.write(b"data")
            a.flush()
            syncer.touched(a.fileno())
            syncer.retire(a.fileno(), hashes.append)
        syncer.close()

        assert hashes == [hashlib.sha256(b"data").hexdigest()]
        assert str(tmp_path / "a") in synced
        assert str(tmp_path / "b") not in synced

    def test_a_disk_that_refuses_is_reported(self, tmp_path, monkeypatch, caplog):
        def refuse(_descriptor):
            raise OSError(5, "Input/output error")

        reported = threading.Event()
        with (tmp_path / "a").open("wb") as file:
            syncer = Syncer(lambda error: reported.set())
            syncer.watch(file.fileno())
            monkeypatch.setattr(os, "fsync", refuse)
            syncer.touched(file.fileno())
            syncer.close()

        assert reported.is_set()
        assert "refuses" in caplog.text
