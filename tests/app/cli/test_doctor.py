"""``sitepose doctor``: a table for people, and JSON for programs."""

from __future__ import annotations

import json

import pytest

from sitepose.app.cli.main import main
from sitepose.app.doctor import machine


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(machine, "DISK_TEST_BYTES", 1 << 20)


class TestDoctor:
    def test_looks_at_everything(self, tmp_path, capsys):
        main(["doctor", "--disk", str(tmp_path / "not" / "there"), "--json"])
        found = json.loads(capsys.readouterr().out)["findings"]

        assert {f["topic"] for f in found} == {
            "Python",
            "Live sources",
            "Cameras",
            "Window",
            "Networks",
            "Disk",
        }
        assert {f["verdict"] for f in found} <= {"good", "missing", "bad", "none"}
        assert all(f["remedy"] for f in found if f["verdict"] == "missing")
        assert not list(tmp_path.iterdir())

    def test_people_get_a_table(self, tmp_path, capsys):
        main(["doctor", "--disk", str(tmp_path)])
        output = capsys.readouterr().out

        assert "Live sources\n" in output
        assert "MB/s written and synced" in output or "GB/s" in output
