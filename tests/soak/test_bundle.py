"""The offline bundle: made, then installed by an ordinary user in a bare Debian without a network, and used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("version", "doctor", "networks", "a test source through GStreamer", "a run on that video", "done")

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="needs Debian")


def run(*words):
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class TestBundle:
    @pytest.mark.soak
    @pytest.mark.timeout(3600)
    @pytest.mark.skipif(os.getuid() != 0, reason="a bare Debian to try it in needs root rights")
    def test_is_installed_and_used_without_network_and_root_rights(self, tmp_path):
        run("scripts/bundle.sh", "--output", str(tmp_path), sys.executable)
        (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
        output = run("scripts/bundle-check.sh", str(folder))

        assert folder.with_name(f"{folder.name}.tar").stat().st_size > 100e6
        assert all(f"== {part}" in output for part in PARTS)

    def test_a_damaged_one_is_not_installed(self, tmp_path):
        bundle = tmp_path / "bundle"
        shutil.copytree(ROOT / "packaging" / "bundle", bundle)
        architecture = run("dpkg", "--print-architecture").strip()
        (bundle / "debs").mkdir()
        (bundle / "debs" / f"python3.11_3.11_{architecture}.deb").write_bytes(b"cut off")
        (bundle / "SHA256SUMS").write_text(f"{'0' * 64}  debs/python3.11_3.11_{architecture}.deb\n")
        done = subprocess.run(
            [bundle / "install.sh", tmp_path / "sitepose"], capture_output=True, text=True, check=False
        )

        assert done.returncode == 1
        assert "FAILED" in done.stdout + done.stderr
        assert not (tmp_path / "sitepose").exists()
