"""Fixtures for every test."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


BINDINGS = {"pyqt5": "PyQt5", "pyqt6": "PyQt6", "pyside6": "PySide6"}

# Where several Qt bindings are installed, pytest-qt and the window must not choose different ones.
if binding := os.environ.get("QT_API") or next((api for api, name in BINDINGS.items() if find_spec(name)), ""):
    os.environ.setdefault("QT_API", binding)
    os.environ.setdefault("PYTEST_QT_API", binding)


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
