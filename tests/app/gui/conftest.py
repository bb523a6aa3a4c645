"""What the window's tests share: a guard against what is left behind, and pictures with people."""

from __future__ import annotations

import gc
import os
import threading
import time

import numpy as np
import pytest

from sitepose.app.live.results import LiveResult
from sitepose.app.live.views import LiveView
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Frame, Poses, TrackedFrame

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


PATIENCE_S = 20.0
"""How long a thread may take to end: on a busy machine a network is loaded for many seconds."""


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Fail a test that leaves a thread, a running timer or a visible top-level widget."""
    threads = set(threading.enumerate())
    yield
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and set(threading.enumerate()) - threads:
        time.sleep(0.01)
    assert [thread.name for thread in set(threading.enumerate()) - threads] == [], "threads left behind"
    assert _widgets_left() == [], "widgets left behind"


def _widgets_left():
    try:
        from qtpy.QtCore import QCoreApplication, QEvent
        from qtpy.QtWidgets import QApplication
    except ImportError:
        return []
    application = QApplication.instance()
    if application is None:
        return []
    QCoreApplication.sendPostedEvents(None, QEvent.DeferredDelete)
    application.processEvents()
    if _shown_or_ticking():  # perhaps nobody holds it any more: collecting takes long, so only then
        gc.collect()
        application.processEvents()
    return _shown_or_ticking()


def _shown_or_ticking():
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    left = [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()]
    for widget in QApplication.topLevelWidgets():
        left += [timer for timer in widget.findChildren(QTimer) if timer.isActive()]
    return left


@pytest.fixture
def qt(qapp):
    """Return the application, where there is a Qt binding."""
    return qapp


def people(count, *, seed=0, size=(640, 480)):
    """Return people standing side by side."""
    if count == 0:
        return Poses.empty(17)
    random = np.random.default_rng(seed)
    width = size[0] / count
    left = np.arange(count) * width
    boxes = np.stack([left, np.full(count, 20.0), left + width * 0.8, np.full(count, size[1] - 20.0)], axis=1)
    keypoints = boxes[:, None, :2] + random.uniform(0, 1, (count, 17, 2)) * (
        boxes[:, None, 2:] - boxes[:, None, :2]
    )
    return Poses(
        keypoints=keypoints,
        keypoint_scores=np.full((count, 17), 0.9),
        boxes=boxes,
        box_scores=np.full(count, 0.9),
        scores=np.full(count, 0.9),
        track_ids=np.arange(count) + 1,
    )


def view_of(count=3, *, source="cam", index=5, lane="A", size=(640, 480)):
    """Return what there is to show of a source with so many people; None has no poses at all."""
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    frame = Frame(image, index, index / 30, captured_at=time.monotonic(), source_id=source)
    if count is None:
        return LiveView(source, frame, {})
    tracked = TrackedFrame(frame, people(count, size=size))
    result = LiveResult(source, lane, tracked, load_skeleton("coco17"), time.monotonic())
    return LiveView(source, frame, {lane: result})


@pytest.fixture
def make_view():
    """Return what makes views."""
    return view_of
