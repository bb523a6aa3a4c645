"""What the window says of itself is what the engine says: rates, latency, drops, device, disk."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("qtpy", reason="needs a Qt binding: pip install 'sitepose[gui]'")

from sitepose.app.gui.figures import DROPS, STEPS
from sitepose.app.gui.model import SessionModel
from sitepose.app.gui.views.application import Window, WindowWishes

pytestmark = pytest.mark.gui

KEY = "TUD-Stadtmitte.mp4"


@pytest.fixture
def window(qtbot, config, clip, tmp_path):
    """Return a window over a recording that stands still, all of whose frames are dealt with."""
    model = SessionModel()
    model.configs["A"] = config
    model.sessions = tmp_path / "not" / "yet"
    window = Window(model, WindowWishes([(str(clip), {})], threads=1))
    try:
        window.start()
        engine = window.controller._engine
        qtbot.waitUntil(lambda: engine.parts() is not None and engine.source(KEY) is not None, timeout=60_000)
        replay = engine.source(KEY)
        replay.seek_frame(0)  # on a busy machine it has come to its end before the networks were there
        replay.play()
        qtbot.waitUntil(lambda: engine.figures(KEY).inferred >= 5, timeout=60_000)
        replay.play(False)
        qtbot.waitUntil(lambda: engine.figures(KEY).waiting == 0)
        qtbot.waitUntil(lambda: window.view._recording.text() != "")
        yield window
    finally:
        window.close()


@pytest.mark.slow
def test_every_figure_is_the_engines(window, tmp_path):
    window.controller.tick()  # between this and the comparison no event is served
    frames_add_up_by_reason(window)
    every_step_has_its_percentiles(window)
    device_and_precision_are_what_the_library_reports(window)
    the_disk_is_that_of_the_sessions(window, tmp_path)


def frames_add_up_by_reason(window):
    engine = window.controller._engine
    figures = engine.figures(KEY)
    shown = window.view.panel.lanes["A"].figures
    rows = dict(zip(shown._frames.texts[::2], map(int, shown._frames.texts[1::2]), strict=True))

    assert rows.pop("captured") == figures.captured
    assert rows.pop("with poses") == figures.inferred
    assert rows.pop("waiting") == figures.waiting == 0
    assert rows == {DROPS[why]: count for why, count in figures.dropped.items() if count}
    assert figures.captured == figures.inferred + sum(rows.values())
    assert shown._tiles[2].texts == [f"{engine.view(KEY).age_s() * 1e3:.0f} ms", "pose age"]


def every_step_has_its_percentiles(window):
    recent = window.controller._engine.figures(KEY).recent
    texts = window.view.panel.lanes["A"].figures._steps.texts[4:]
    shown = {texts[at]: texts[at + 1 : at + 4] for at in range(0, len(texts), 4)}

    assert {"queue age", "detect", "pose", "pose-NMS", "track", "camera to pose"} <= set(shown)
    for step, found in recent.items():
        values = [f"{value:.1f}" for value in (found.p50_ms, found.p95_ms, found.p99_ms)]
        assert shown[STEPS.get(step, step)] == values


def device_and_precision_are_what_the_library_reports(window):
    models = window.controller._engine.parts().models
    used = [(model.name, model.runtime) for model in models]

    assert window.view.panel.lanes["A"].figures._models.texts == [
        text for name, real in used for text in (name, f"{real.library} · {real.device} · {real.precision}")
    ]
    assert all(real.precision == "fp32" for _, real in used)  # as was asked for


def the_disk_is_that_of_the_sessions(window, tmp_path):
    """Also before their folder is there."""
    disk = os.statvfs(tmp_path)
    said = float(window.view._recording.text().split(" GB")[0])

    assert said == pytest.approx(disk.f_bavail * disk.f_frsize / 1e9, abs=1.0)
