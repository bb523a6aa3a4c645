"""``sitepose models`` as typed: what it prints, what it returns, and that its help is quick."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest

from sitepose.app.cli.main import main
from sitepose.models.zoo.card import card_names, load_card
from sitepose.models.zoo.data_cards import data_cards

TINYPOSE = "tinypose-256x192"


@pytest.fixture
def models(tmp_path, capsys):
    """Return a function that runs the command with a cache of its own; it gives exit status, output, errors."""

    def run(*words):
        status = main(["models", *words, "--cache", str(tmp_path)])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def brought(tmp_path, monkeypatch):
    """Put a file into the cache that the card of TinyPose is made to mean."""
    card = load_card(TINYPOSE)
    content = b"a network"
    file = card.files[0].model_copy(update={"sha256": hashlib.sha256(content).hexdigest()})
    replaced = card.model_copy(update={"files": (file,)})
    monkeypatch.setattr(
        "sitepose.models.zoo.card.load_card", lambda name: replaced if name == TINYPOSE else load_card(name)
    )
    path = tmp_path / "models" / TINYPOSE / file.name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


class TestList:
    def test_shows_every_card(self, models):
        status, out, _ = models("list")
        assert status == 0
        assert [line.split()[0] for line in out.splitlines()] == ["NAME", *card_names(), *data_cards()]

    def test_says_what_is_here_and_what_must_be_brought(self, models, brought):
        rows = {line.split()[0]: line for line in models("list")[1].splitlines()}
        assert "  yes  " in rows[TINYPOSE]
        assert "  no, bring it  " in rows["tinypose-128x96"]
        assert "  no, untried  " in rows["yolox-m"]

    def test_as_json_has_the_same(self, models, brought):
        rows = json.loads(models("list", "--json", "--kind", "pose")[1])["models"]
        assert {row["kind"] for row in rows} == {"pose"}
        assert [row["name"] for row in rows if row["cached"]] == [TINYPOSE]
        assert all(row["licence"] and row["publisher"] for row in rows)


class TestPullAndPath:
    def test_of_what_is_here_say_where(self, models, brought):
        status, out, _ = models("pull", TINYPOSE)
        assert (status, out.splitlines()[0]) == (0, f"{TINYPOSE}: {brought}")
        assert "in the cache" in out
        assert models("path", TINYPOSE) == (0, f"{brought}\n", "")

    def test_as_json(self, models, brought):
        (row,) = json.loads(models("pull", "--json", TINYPOSE)[1])["models"]
        assert (row["path"], row["files"][0]["source"]) == (str(brought), None)
        assert json.loads(models("path", "--json", TINYPOSE)[1]) == {TINYPOSE: str(brought)}

    def test_of_what_nobody_offers_is_one_line_and_status_1(self, models):
        status, out, error = models("pull", "tinypose")
        assert (status, out) == (1, "")
        assert error.startswith("sitepose: tinypose-256x192: tinypose_256x192.onnx is not offered for download")
        assert error.count("\n") == 1

    def test_of_an_unknown_model_is_a_hint_and_status_2(self, models):
        assert models("pull", "centrenet")[::2] == (
            2,
            "sitepose: unknown model 'centrenet'; did you mean 'centernet'?\n",
        )


class TestVerify:
    def test_without_names_reads_what_is_here(self, models, brought):
        status, out, error = models("verify")
        assert (status, error) == (0, "")
        assert out.splitlines()[1].split()[:3] == [TINYPOSE, brought.name, "ok"]

    def test_finds_damage(self, models, brought):
        brought.write_bytes(b"a netwerk")
        status, out, error = models("verify")
        assert status == 1
        assert " damaged " in out
        assert error == f"sitepose: fetch again: sitepose models pull {TINYPOSE}\n"

    def test_as_json_names_both_hashes(self, models, brought):
        brought.write_bytes(b"x")
        (row,) = json.loads(models("verify", "--json", TINYPOSE)[1])["files"]
        assert row["state"] == "damaged"
        assert row["sha256"] == hashlib.sha256(b"x").hexdigest() != row["expected"]

    def test_of_nothing_is_fine(self, models):
        assert models("verify")[0] == 0


class TestRemove:
    def test_frees_the_place(self, models, brought):
        assert models("remove", TINYPOSE) == (0, f"{TINYPOSE}: 0.0 MB freed\n", "")
        assert not brought.exists()
        assert json.loads(models("remove", "--json", TINYPOSE)[1]) == {"freed_bytes": {TINYPOSE: 0}}

    def test_takes_presets(self, models):
        assert list(json.loads(models("remove", "--json", "portable", "vtest.avi")[1])["freed_bytes"]) == [
            "centernet",
            "movenet-thunder",
            "vtest.avi",
        ]


def test_help_needs_no_heavy_library():
    program = (
        "import sys\nfrom sitepose.app.cli.main import main\n"
        "try:\n    main(['models', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('numpy', 'onnx', 'rich', 'pydantic', 'cv2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
