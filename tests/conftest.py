"""Fixtures for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real videos, images, labels and models; tests that need it skip where it is absent."""
    if not DATA.is_dir():
        pytest.skip("needs the real test data in ../shared/data, which is not part of the repository")
    return DATA
