"""Fixtures for the doctor: its look at the disk is short."""

from __future__ import annotations

import pytest

from sitepose.app.doctor import machine
from sitepose.app.doctor.machine import examine


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(machine, "DISK_TEST_BYTES", 1 << 20)


@pytest.fixture
def findings(tmp_path):
    """Gives what is said of a topic."""
    return lambda topic: [finding for finding in examine(tmp_path) if finding.topic == topic]
