"""Compiled networks that are kept: the same results in less time, whatever state the folder is in."""

from __future__ import annotations

import os

import numpy as np
import pytest

from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.runtimes.compiled import make_room
from sitepose.models.runtimes.factory import open_session


@pytest.fixture
def opened(network, workers, images):
    """Opens the network with a folder for compiled ones, and returns what it gives."""
    path = network()

    def run(folder, precision="fp32"):
        options = RuntimeOptions(library="openvino", precision=precision, compiled=folder)
        session = open_session(path, options=options, workers=workers)
        outputs = session.run(images)
        session.close()
        return outputs

    return run


def same(first, second):
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


class TestKept:
    def test_the_second_time_gives_the_same_bits_without_compiling(self, opened, tmp_path):
        plain = opened(None)
        first = opened(tmp_path / "deep" / "kept")
        (blob,) = (tmp_path / "deep" / "kept").iterdir()
        written = blob.stat().st_mtime_ns
        second = opened(tmp_path / "deep" / "kept")

        assert same(plain, first)
        assert same(first, second)
        assert [blob] == list((tmp_path / "deep" / "kept").iterdir())
        assert blob.stat().st_mtime_ns == written

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5], ids=["empty", "a few bytes", "half of it"])
    def test_a_file_that_was_cut_off_is_made_anew(self, opened, tmp_path, share):
        whole = opened(tmp_path)
        (blob,) = tmp_path.glob("*.blob")
        content = blob.read_bytes()
        blob.chmod(0o644)
        blob.write_bytes(content[: int(share * len(content))])

        assert same(opened(tmp_path), whole)
        assert next(tmp_path.glob("*.blob")).stat().st_size == len(content)

    def test_a_folder_that_cannot_be_made_costs_only_time(self, opened, tmp_path):
        (tmp_path / "file").touch()

        assert same(opened(tmp_path / "file" / "kept"), opened(None))


class TestMakeRoom:
    def test_what_was_not_used_for_longest_goes(self, tmp_path):
        for number, used in enumerate([30, 10, 20, 40]):
            (tmp_path / f"{number}.blob").write_bytes(bytes(100))
            os.utime(tmp_path / f"{number}.blob", (used, 5))
        (tmp_path / "mine.txt").write_bytes(bytes(1000))
        make_room(tmp_path, keep_bytes=250)

        assert sorted(path.name for path in tmp_path.iterdir()) == ["0.blob", "3.blob", "mine.txt"]

    def test_without_a_folder_there_is_none(self):
        assert make_room(None) is None
