"""The guard of these tests finds what is left behind; otherwise it would guard nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("qtpy", reason="needs a Qt binding: pip install 'sitepose[gui]'")

pytestmark = pytest.mark.gui

HERE = Path(__file__).parent

CASES = {
    "thread": (
        "threads left behind",
        "threading.Thread(target=threading.Event().wait, args=(6,), name='stray').start()",
    ),
    "window": ("widgets left behind", "LEFT.append(QWidget()); LEFT[-1].show()"),
    "timer": ("widgets left behind", "LEFT.append(QWidget()); QTimer(LEFT[-1]).start(1000)"),
    "nothing": ("", "timer = QTimer(); timer.start(5); timer.stop()"),
}
"""What a test leaves, and what it is told."""

HEAD = """
import threading
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

LEFT = []


@pytest.fixture(autouse=True)
def swept():
    LEFT.clear()
"""


@pytest.mark.slow
def test_whoever_leaves_something_behind_is_told(tmp_path):
    """One run for all of them: starting pytest takes most of the time."""
    guard = (HERE / "conftest.py").read_text(encoding="utf-8").replace("PATIENCE_S = 20.0", "PATIENCE_S = 0.3")
    (tmp_path / "conftest.py").write_text(guard, encoding="utf-8")
    body = "".join(f"\n\ndef test_{name}(qapp):\n    {code}\n" for name, (_, code) in CASES.items())
    (tmp_path / "test_left.py").write_text(HEAD + body, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rA",
            "-p",
            "no:cacheprovider",
            "-c",
            "/dev/null",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = set(re.findall(r"^ERROR .*::test_(\w+)", done.stdout, re.MULTILINE))

    assert told == {name for name, (message, _) in CASES.items() if message}, done.stdout
    assert all(message in done.stdout for message, _ in CASES.values())
