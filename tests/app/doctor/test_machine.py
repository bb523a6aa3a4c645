"""What is said of Python, networks and the disk; and that nothing that is broken ends it."""

from __future__ import annotations

import errno

from sitepose.app.cli.main import main
from sitepose.app.doctor import live, machine


class TestMachine:
    def test_a_check_that_breaks_ends_nothing(self, tmp_path, monkeypatch, capsys):
        def broken():
            raise RuntimeError("driver crashed")

        monkeypatch.setattr(live, "list_cameras", broken)

        assert main(["doctor", "--disk", str(tmp_path)]) == 1
        output = capsys.readouterr().out
        assert "RuntimeError: driver crashed" in output
        assert "Disk\n" in output

    def test_a_folder_that_cannot_be_written_is_named(self, tmp_path, findings, monkeypatch):
        def full(_folder):
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr(machine, "_measured", full)
        *_, speed = findings("Disk")

        assert speed.verdict == "bad"
        assert speed.detail == f"{tmp_path} cannot be written: Read-only file system"

    def test_codecs_that_are_not_there_are_named(self, tmp_path, findings, monkeypatch):
        monkeypatch.setitem(machine.CODECS, "writes H.264", ("nonsense", "w"))
        codecs = next(f for f in findings("Python") if f.name == "codecs of PyAV")

        assert codecs.verdict == "missing"
        assert codecs.detail == "none that writes H.264"
