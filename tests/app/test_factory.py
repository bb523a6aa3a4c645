"""From a configuration to parts: side by side, in a fixed order, and nothing left open when one is missing."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from sitepose.app.choices import Choice
from sitepose.app.config import PartConfig
from sitepose.app.factory import PartLoader
from sitepose.core.errors import WeightsError
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import Capabilities, PluginSettings

MET_S = 20


def part(name, closed, *, meet=None, tell=None, fault=None, file=None):
    """Return the choice of a detector that waits for another, tells another, or fails, as it starts."""

    class Detector:
        capabilities = Capabilities()
        Settings = PluginSettings

        def __init__(self, settings, context):
            if meet is not None:
                meet.wait(MET_S)
            if tell is not None:
                tell.set()
            if fault is not None:
                raise fault

        def detect(self, frames):
            return []

        def close(self):
            closed.append(name)

    return Choice("detector", PartConfig(name=name, file=file), Detector, None, PluginSettings())


@pytest.fixture
def loader():
    with ExitStack() as closers:
        workers = Workers(1)
        closers.callback(workers.close)
        yield PartLoader(RuntimeOptions(), workers, None, closers)


class TestLoadAll:
    def test_parts_start_side_by_side(self, loader):
        meet, done = threading.Barrier(3), []
        choices = [part("one", [], meet=meet), part("two", [], meet=meet)]

        loaded = loader.load_all(choices, meanwhile=lambda: done.append(meet.wait(MET_S)))

        assert [type(found) for found in loaded] == [choice.plugin for choice in choices]
        assert len(done) == 1

    def test_models_are_reported_in_order_whoever_is_first(self, loader, tmp_path):
        files = [tmp_path / "slow.onnx", tmp_path / "quick.onnx"]
        for file in files:
            file.write_bytes(file.name.encode())
        quick_is_there = threading.Event()
        loader.load_all(
            [
                part("slow", [], meet=quick_is_there, file=files[0]),
                part("quick", [], tell=quick_is_there, file=files[1]),
            ]
        )

        assert [model.name for model in loader.models] == ["slow.onnx", "quick.onnx"]

    @pytest.mark.parametrize("broken", [0, 1], ids=["the first", "the second"])
    def test_one_that_fails_is_told_of_and_the_other_closed(self, loader, broken):
        closed = []
        choices = [
            part(str(n), closed, fault=WeightsError("bad file") if n == broken else None) for n in (0, 1)
        ]

        with pytest.raises(WeightsError, match="bad file"):
            loader.load_all(choices)
        loader.closers.close()

        assert closed == [str(1 - broken)]

    def test_of_two_faults_the_first_in_order_is_told(self, loader):
        second_failed = threading.Event()
        first = part("one", [], meet=second_failed, fault=WeightsError("first"))
        second = part("two", [], tell=second_failed, fault=RuntimeError("second"))

        with pytest.raises(WeightsError, match="first"):
            loader.load_all([first, second])
