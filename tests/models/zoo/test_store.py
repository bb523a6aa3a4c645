"""The cache as a user meets it: fetched, found, damaged, mended, removed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import onnx
import pytest

from sitepose.core.errors import WeightsError
from sitepose.core.settings import check
from sitepose.models.zoo.card import ModelCard
from sitepose.models.zoo.store import cached, locate, pull, remove, sha256_of, verify

GRAPH = (
    b'{"signature": {"outputs": {"y": {"name": "y:0"}}}, "weightsManifest": [{"paths": ["m.bin"], "weights": '
    b'[{"name": "k", "shape": [], "dtype": "float32"}]}], "modelTopology": {"node": ['
    b'{"name": "x", "op": "Placeholder", "attr": {"shape": {"shape": {"dim": '
    b'[{"size": "1"}, {"size": "2"}, {"size": "2"}, {"size": "3"}]}}}},'
    b'{"name": "k", "op": "Const"}, {"name": "y", "op": "Mul", "input": ["x", "k"]}]}}'
)
"""The image times a number, as a TF.js graph model."""

WEIGHTS = b"\x00\x00\x00\x40"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def card(files, **more):
    table = {
        "name": "demo",
        "kind": "pose",
        "plugin": "heatmap",
        "summary": "s",
        "licence": "MIT",
        "publisher": "Somebody, https://a.org",
        "files": files,
        "input": {"size_wh": [2, 2]},
    }
    return check(ModelCard, table | more, where="card")


@pytest.fixture
def plain(web):
    """A card of one ONNX file whose hash is known."""
    address = web.offer("/demo.onnx", b"a network")
    return card([{"name": "demo.onnx", "sources": [address], "sha256": sha256(b"a network")}])


@pytest.fixture
def silent(web):
    """A card of one ONNX file whose publisher states no hash."""
    return card([{"name": "demo.onnx", "sources": [web.offer("/demo.onnx", b"first")]}])


@pytest.fixture
def foreign(web):
    """A card of a TF.js graph model."""
    files = {"m.json": GRAPH, "m.bin": WEIGHTS}
    rows = [
        {"name": name, "sources": [web.offer(f"/{name}", content)], "sha256": sha256(content)}
        for name, content in files.items()
    ]
    return card(rows, convert={"format": "tfjs", "outputs": {"scaled": "y"}})


def change(path, content):
    """Write a file so that even a coarse clock tells the difference."""
    path.write_bytes(content)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))


class TestLocate:
    def test_fetches_what_is_missing_and_finds_it_again(self, web, plain, cache):
        assert not cached(plain, cache=cache)
        path = locate(plain, cache=cache)
        assert path.read_bytes() == b"a network"
        assert locate(plain, cache=cache) == path
        assert cached(plain, cache=cache)
        assert len(web.requests) == 1

    def test_works_without_a_network_once_it_is_here(self, web, plain, cache):
        locate(plain, cache=cache)
        web.offers.clear()
        assert locate(plain, cache=cache).is_file()

    def test_offline_and_not_here_is_one_line_that_says_what_and_why(self, cache):
        unreachable = card([{"name": "demo.onnx", "sources": ["http://127.0.0.1:9/x"], "sha256": "0" * 64}])
        with pytest.raises(
            WeightsError, match=r"^cannot get demo\.onnx \(connect .* put it into .*\): .*cannot be reached"
        ) as caught:
            locate(unreachable, cache=cache)
        assert "\n" not in str(caught.value)

    def test_notices_damage_and_says_how_to_mend_it(self, plain, cache):
        path = locate(plain, cache=cache)
        change(path, b"a netwerk")
        with pytest.raises(WeightsError, match=r"demo\.onnx is damaged; .*sitepose models pull demo"):
            locate(plain, cache=cache)
        pull(plain, cache=cache)
        assert locate(plain, cache=cache).read_bytes() == b"a network"

    def test_of_a_file_touched_but_whole_is_fine(self, plain, cache):
        path = locate(plain, cache=cache)
        change(path, b"a network")
        assert locate(plain, cache=cache) == path

    def test_of_what_nobody_offers_says_how_to_bring_it(self, cache):
        brought = card([{"name": "demo.onnx", "sha256": sha256(b"mine")}])
        with pytest.raises(WeightsError, match=r"not offered for download; .*Somebody.* put it at") as caught:
            locate(brought, cache=cache)
        path = cache / "models" / "demo" / "demo.onnx"
        assert str(caught.value).endswith(str(path))
        path.parent.mkdir(parents=True)
        path.write_bytes(b"mine")
        assert locate(brought, cache=cache) == path

    def test_of_another_file_than_the_card_means_keeps_it(self, cache):
        brought = card([{"name": "demo.onnx", "sha256": sha256(b"mine")}])
        path = cache / "models" / "demo" / "demo.onnx"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"another export")
        with pytest.raises(WeightsError, match="not the file that the card demo means"):
            locate(brought, cache=cache)
        with pytest.raises(WeightsError):
            pull(brought, cache=cache)
        assert path.read_bytes() == b"another export"

    def test_from_many_threads_at_once(self, foreign, cache):
        path = locate(foreign, cache=cache)
        for stamp in path.parent.glob(".*.verified"):
            stamp.unlink()
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _: locate(foreign, cache=cache), range(64))) == {path}

    def test_in_a_folder_that_cannot_be_used_is_one_line(self, plain, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(WeightsError, match=r"cannot (use|keep) .*Not a directory"):
            locate(plain, cache=tmp_path / "file")


class TestFirstFetch:
    def test_is_recorded_and_later_ones_are_held_to_it(self, web, silent, cache):
        assert pull(silent, cache=cache)[0].sha256 == sha256(b"first")
        shutil.rmtree(cache / "models")
        web.offer("/demo.onnx", b"changed", tag='"2"')
        with pytest.raises(WeightsError, match=f"expected {sha256(b'first')} .*first fetch is recorded in"):
            locate(silent, cache=cache)

    def test_outlives_the_removal_of_the_model(self, web, silent, cache):
        pull(silent, cache=cache)
        remove(silent, cache=cache)
        web.offer("/demo.onnx", b"changed", tag='"2"')
        with pytest.raises(WeightsError, match="recorded"):
            pull(silent, cache=cache)

    def test_damage_is_noticed_without_a_published_hash(self, silent, cache):
        path = locate(silent, cache=cache)
        change(path, b"fisrt")
        with pytest.raises(WeightsError, match="damaged"):
            locate(silent, cache=cache)


class TestImport:
    def test_is_made_once(self, foreign, cache):
        path = locate(foreign, cache=cache)
        network = onnx.load(path)
        assert [output.name for output in network.graph.output] == ["scaled"]
        made = path.stat().st_mtime_ns
        assert locate(foreign, cache=cache) == path
        assert path.stat().st_mtime_ns == made

    def test_that_is_damaged_is_made_anew(self, foreign, cache):
        path = locate(foreign, cache=cache)
        good = path.read_bytes()
        change(path, good[:-1])
        assert locate(foreign, cache=cache).read_bytes() == good

    def test_of_another_recipe_replaces_it(self, foreign, cache):
        first = locate(foreign, cache=cache)
        recipe = foreign.convert.model_copy(update={"outputs": {"other": "y"}})
        second = locate(foreign.model_copy(update={"convert": recipe}), cache=cache)
        assert first != second
        assert not first.exists()

    def test_is_the_same_file_byte_for_byte(self, foreign, cache, tmp_path):
        first, second = locate(foreign, cache=cache), locate(foreign, cache=tmp_path / "other")
        assert first.name == second.name
        assert first.read_bytes() == second.read_bytes()

    def test_that_fails_is_one_line(self, web, cache):
        files = {"m.json": b"{}", "m.bin": b""}
        rows = [{"name": name, "sources": [web.offer(f"/{name}", data)]} for name, data in files.items()]
        with pytest.raises(WeightsError, match=r"m\.json is no complete TF\.js graph model"):
            locate(card(rows, convert={"format": "tfjs"}), cache=cache)

    def test_finding_it_again_loads_no_heavy_library(self, foreign, cache):
        locate(foreign, cache=cache)
        program = (
            "import sys; from pathlib import Path; from sitepose.models.zoo.card import ModelCard; "
            "from sitepose.models.zoo.store import locate; "
            "card = ModelCard.model_validate_json(sys.argv[1]); locate(card, cache=Path(sys.argv[2])); "
            "print([name for name in ('onnx', 'numpy', 'cv2', 'openvino') if name in sys.modules])"
        )
        command = [sys.executable, "-c", program, foreign.model_dump_json(), str(cache)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


class TestVerify:
    def test_reads_every_byte(self, foreign, cache):
        assert [state.state for state in verify(foreign, cache=cache)] == ["missing", "missing"]
        path = locate(foreign, cache=cache)
        assert [(state.name, state.state) for state in verify(foreign, cache=cache)] == [
            ("m.json", "ok"),
            ("m.bin", "ok"),
            (path.name, "ok"),
        ]
        weights = cache / "models" / "demo" / "m.bin"
        times = weights.stat()
        weights.write_bytes(b"\x00\x00\x80\x3f")
        os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
        path.write_bytes(b"")
        assert [state.state for state in verify(foreign, cache=cache)] == ["ok", "damaged", "damaged"]
        pull(foreign, cache=cache)
        assert {state.state for state in verify(foreign, cache=cache)} == {"ok"}

    def test_says_what_there_is_and_what_should_be(self, plain, cache):
        path = locate(plain, cache=cache)
        change(path, b"x")
        (state,) = verify(plain, cache=cache)
        assert (state.sha256, state.expected) == (sha256(b"x"), sha256(b"a network"))
        assert sha256_of(path) == state.sha256


class TestRemove:
    def test_frees_everything_of_a_model(self, foreign, cache):
        path = locate(foreign, cache=cache)
        sizes = sum(file.stat().st_size for file in path.parent.iterdir())
        assert remove(foreign, cache=cache) == sizes
        assert not path.parent.exists()
        assert not cached(foreign, cache=cache)

    def test_of_what_is_not_here_is_nothing(self, plain, cache):
        assert remove(plain, cache=cache) == 0


PULL = """
import sys
from pathlib import Path
from sitepose.models.zoo.card import ModelCard
from sitepose.models.zoo.store import locate
print(locate(ModelCard.model_validate_json(sys.argv[1]), cache=Path(sys.argv[2])))
"""


def test_processes_that_need_a_model_at_once_share_it(web, foreign, cache):
    command = [sys.executable, "-c", PULL, foreign.model_dump_json(), str(cache)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    paths = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert paths == {str(locate(foreign, cache=cache))}
    assert len(web.requests) == 2
    assert {state.state for state in verify(foreign, cache=cache)} == {"ok"}
