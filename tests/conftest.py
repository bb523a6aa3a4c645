"""Fixtures for every test."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


BINDINGS = {"pyqt5": "PyQt5", "pyqt6": "PyQt6", "pyside6": "PySide6"}

# Where several Qt bindings are installed, pytest-qt and the window must not choose different ones.
if binding := os.environ.get("QT_API") or next((api for api, name in BINDINGS.items() if find_spec(name)), ""):
    os.environ.setdefault("QT_API", binding)
    os.environ.setdefault("PYTEST_QT_API", binding)

# Some tests open OpenVINO without us; they must not set its telemetry going either.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real videos, images, labels and models; tests that need it skip where it is absent."""
    if not DATA.is_dir():
        pytest.skip("needs the real test data in ../shared/data, which is not part of the repository")
    return DATA


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Put logging back as it was: the command line configures it for a whole process."""
    logger = logging.getLogger("sitepose")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Waits for something to become true; fails when it does not."""

    def wait(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.02)

    return wait


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    """Fails a test that leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 3
    while left := [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]:
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: {[thread.name for thread in left]}")
        time.sleep(0.02)
