"""Files from a web server that fails in every way that web servers do."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.fetch import Fetcher, Wanted, fetch_file
from sitepose.models.zoo.sources import parse_source

CONTENT = os.urandom(700_000)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


CONTENT_SHA256 = sha256(CONTENT)


@pytest.fixture
def fetch(cache, tmp_path):
    """Return a function that fetches into ``tmp_path/x.bin``, and does not wait between attempts."""

    def fetch_x(*sources, expected=CONTENT_SHA256, others=(), progress=None, name="x.bin"):
        wanted = Wanted(destination=tmp_path / name, sources=tuple(map(parse_source, sources)), sha256=expected)
        return Fetcher(cache, others=others, progress=progress, pause_s=0).fetch(wanted)

    return fetch_x


def left(folder):
    """Return what is in a folder beside the cache."""
    return sorted(path.name for path in folder.iterdir() if path.name != "cache")


class TestDownload:
    def test_brings_the_file_and_says_where_from(self, web, fetch, tmp_path):
        address = web.offer("/x.bin", CONTENT)
        fetched = fetch(address)
        assert fetched.path.read_bytes() == CONTENT
        assert (str(fetched.source), fetched.sha256) == (address, sha256(CONTENT))
        assert left(tmp_path) == [".x.bin.verified", "x.bin"]

    def test_is_not_repeated(self, web, fetch):
        address = web.offer("/x.bin", CONTENT)
        fetch(address)
        assert fetch(address).source is None
        assert len(web.requests) == 1

    def test_tells_its_progress(self, web, fetch):
        told = []
        fetch(web.offer("/x.bin", CONTENT), progress=lambda *news: told.append(news))
        assert told[-1] == ("x.bin", len(CONTENT), len(CONTENT))
        assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})

    @pytest.mark.parametrize(
        "tag", ['"1"', "", 'W/"1"'], ids=["entity tag", "no entity tag", "weak entity tag"]
    )
    def test_goes_on_where_it_broke_off(self, web, fetch, tag):
        address = web.offer("/x.bin", CONTENT, breaks=[300_000, 100_000], tag=tag)
        assert fetch(address).path.read_bytes() == CONTENT
        assert web.requests == [("/x.bin", 0), ("/x.bin", 300_000), ("/x.bin", 400_000)]

    def test_goes_on_with_the_part_of_an_earlier_run(self, web, fetch, tmp_path):
        address = web.offer("/x.bin", CONTENT, breaks=[200_000, 0, 0])
        with pytest.raises(WeightsError, match="ended after 200000 of 700000 bytes"):
            fetch(address)
        assert not (tmp_path / "x.bin").exists()
        assert fetch(address).path.read_bytes() == CONTENT
        assert web.requests[-1] == ("/x.bin", 200_000)

    def test_starts_anew_where_the_remote_file_has_changed(self, web, fetch):
        address = web.offer("/x.bin", b"another file" * 50_000, breaks=[100_000, 0, 0], tag='"old"')
        with pytest.raises(WeightsError):
            fetch(address)
        assert fetch(web.offer("/x.bin", CONTENT, tag='"new"')).path.read_bytes() == CONTENT

    def test_starts_anew_where_the_part_turns_out_to_be_of_another_file(self, web, fetch):
        address = web.offer("/x.bin", b"another file" * 50_000, breaks=[100_000, 0, 0], tag="")
        with pytest.raises(WeightsError):
            fetch(address)
        web.offer("/x.bin", CONTENT, tag="")
        assert fetch(address).path.read_bytes() == CONTENT

    def test_starts_anew_where_the_part_is_longer_than_the_file(self, web, fetch, tmp_path):
        (tmp_path / ".x.bin.part").write_bytes(bytes(len(CONTENT) + 5))
        assert fetch(web.offer("/x.bin", CONTENT)).path.read_bytes() == CONTENT

    def test_never_joins_parts_that_no_hash_could_check(self, web, fetch):
        address = web.offer("/x.bin", CONTENT, breaks=[200_000], tag="")
        assert fetch(address, expected=None).path.read_bytes() == CONTENT
        assert web.requests == [("/x.bin", 0), ("/x.bin", 0)]

    def test_waits_for_a_busy_server(self, web, fetch):
        address = web.offer("/x.bin", CONTENT, refusals=[503])
        assert fetch(address).path.read_bytes() == CONTENT

    def test_gives_up_where_nothing_arrives(self, web, fetch):
        address = web.offer("/x.bin", CONTENT, refusals=[503] * 9)
        with pytest.raises(WeightsError, match="the server says 503"):
            fetch(address)
        assert len(web.requests) == 2


class TestSeveralSources:
    def test_the_next_one_is_asked_where_one_fails(self, web, fetch):
        wrong = web.offer("/wrong.bin", b"something else")
        right = web.offer("/right.bin", CONTENT)
        fetched = fetch("http://127.0.0.1:9/nobody-listens", f"{web.address}/missing", wrong, right)
        assert str(fetched.source) == right
        assert fetched.path.read_bytes() == CONTENT

    def test_one_line_names_every_failure(self, web, fetch, tmp_path):
        wrong = web.offer("/wrong.bin", b"something else")
        with pytest.raises(WeightsError) as caught:
            fetch("http://127.0.0.1:9/nobody-listens", f"{web.address}/missing", wrong)
        message = str(caught.value)
        assert "\n" not in message
        for part in (
            "cannot get x.bin (",
            "nobody-listens: cannot be reached",
            "missing: the server says 404",
            f"sha256 is {sha256(b'something else')}, expected {sha256(CONTENT)}",
        ):
            assert part in message
        assert left(tmp_path) == []

    def test_without_any_source_it_says_so(self, fetch):
        with pytest.raises(WeightsError, match="its card names no source"):
            fetch()


class TestDamage:
    def test_of_the_file_here_is_mended(self, web, fetch, tmp_path):
        (tmp_path / "x.bin").write_bytes(CONTENT[:-1])
        assert fetch(web.offer("/x.bin", CONTENT)).path.read_bytes() == CONTENT

    def test_a_good_file_put_here_by_hand_is_taken(self, fetch, tmp_path):
        (tmp_path / "x.bin").write_bytes(CONTENT)
        assert fetch().sha256 == sha256(CONTENT)

    def test_public_function_does_the_same(self, web, cache, tmp_path):
        address = web.offer("/x.bin", CONTENT)
        fetched = fetch_file([address], sha256(CONTENT), tmp_path / "new" / "x.bin", cache=cache)
        assert fetched.path.read_bytes() == CONTENT


def archive(kind, members):
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as zipped:
            for name, content in members.items():
                zipped.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode=f"w:{kind}") as tar:
            for name, content in members.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class TestArchives:
    @pytest.mark.parametrize("kind", ["zip", "gz", "xz", ""], ids=["zip", "tar.gz", "tar.xz", "tar"])
    @pytest.mark.parametrize("member", ["a/b/x.onnx", "x.onnx"], ids=["whole path", "end of the path"])
    def test_give_one_member(self, web, fetch, cache, kind, member):
        content = archive(kind, {"a/readme": b"hello", "a/b/x.onnx": CONTENT, "a/b/zx.onnx": b"no"})
        address = web.offer("/archive", content)
        assert fetch(f"{address}!{member}").path.read_bytes() == CONTENT
        assert list((cache / "packages").iterdir()) == []

    def test_without_the_member_say_so(self, web, fetch):
        address = web.offer("/archive.zip", archive("zip", {"a": b"1"}))
        with pytest.raises(WeightsError, match="no such member"):
            fetch(f"{address}!b")

    def test_that_are_none_say_so(self, web, fetch, cache):
        address = web.offer("/archive.zip", b"<html>sorry</html>")
        with pytest.raises(WeightsError, match=r"cannot read archive\.zip"):
            fetch(f"{address}!b")
        assert list((cache / "packages").iterdir()) == []

    def test_give_what_others_want_of_them_on_the_way(self, web, fetch, tmp_path):
        address = web.offer("/archive.zip", archive("zip", {"x": CONTENT, "y": b"y", "z": b"damaged"}))
        others = [
            Wanted(
                destination=tmp_path / name, sources=(parse_source(f"{address}!{name}"),), sha256=sha256(good)
            )
            for name, good in {"y": b"y", "z": b"z", "missing": b""}.items()
        ]
        fetch(f"{address}!x", others=others)
        assert (tmp_path / "y").read_bytes() == b"y"
        assert left(tmp_path) == [".x.bin.verified", ".y.verified", "x.bin", "y"]

    def test_cannot_write_outside(self, web, fetch, tmp_path):
        address = web.offer("/archive.zip", archive("zip", {"../../evil": b"1", "x": CONTENT}))
        fetch(f"{address}!x")
        assert not list(tmp_path.parent.glob("**/evil"))


FETCH_ONE = """
import sys
from pathlib import Path
from sitepose.models.zoo.fetch import fetch_file
source, sha256, destination, cache = sys.argv[1:]
print(fetch_file([source], sha256, Path(destination), cache=Path(cache)).source is not None)
"""


class TestProcesses:
    def test_killed_in_the_middle_leaves_no_file_and_the_next_goes_on(self, web, fetch, cache, tmp_path):
        address = web.offer("/x.bin", CONTENT, breaks=[300_000], pause=threading.Event())
        arguments = [address, sha256(CONTENT), str(tmp_path / "x.bin"), str(cache)]
        process = subprocess.Popen([sys.executable, "-c", FETCH_ONE, *arguments])
        part = tmp_path / ".x.bin.part"
        deadline = time.monotonic() + 60
        while not part.is_file() or part.stat().st_size < 262_144:
            assert time.monotonic() < deadline, "the part never came"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        web.offers["/x.bin"].pause.set()
        assert not (tmp_path / "x.bin").exists()
        web.offers["/x.bin"].pause = None
        assert fetch(address).path.read_bytes() == CONTENT
        assert web.requests[-1][1] > 0

    def test_pulling_at_once_fetch_once(self, web, cache, tmp_path):
        address = web.offer("/x.bin", CONTENT)
        arguments = [address, sha256(CONTENT), str(tmp_path / "x.bin"), str(cache)]
        command = [sys.executable, "-c", FETCH_ONE, *arguments]
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        said = [process.communicate()[0].strip() for process in processes]
        assert sorted(said) == ["False", "False", "True"]
        assert len(web.requests) == 1
        assert (tmp_path / "x.bin").read_bytes() == CONTENT

    def test_threads_fetch_once_too(self, web, fetch):
        address = web.offer("/x.bin", CONTENT)
        with ThreadPoolExecutor(4) as pool:
            fetched = list(pool.map(lambda _: fetch(address), range(4)))
        assert sum(one.source is not None for one in fetched) == 1
        assert len(web.requests) == 1
