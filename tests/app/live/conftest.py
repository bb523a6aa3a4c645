"""Small real parts for the live pipeline's tests: sources paced by the test, networks without weights."""

from __future__ import annotations

import queue
import sys
import threading
import time

import numpy as np
import pytest

from sitepose.app.config import RunConfig
from sitepose.app.live.parts import LiveParts, Loaded
from sitepose.core.errors import PluginError
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Detections, Frame, PoseCandidates, Poses
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import Capabilities


@pytest.fixture
def fakes():
    """Return this module: what the tests of the live pipeline are made of."""
    return sys.modules[__name__]


COCO17 = load_skeleton("coco17")
HALPE = load_skeleton("crowdpose14")


def picture(index, *, key="cam", width=64, height=48):
    return Frame(
        np.full((height, width, 3), index % 256, np.uint8),
        index,
        index / 30,
        captured_at=time.monotonic(),
        source_id=key,
    )


class Camera:
    """Gives what the test puts in; closing it ends the iteration."""

    def __init__(self, key="cam"):
        self.key = key
        self.closed = threading.Event()
        self.frames = queue.SimpleQueue()
        self.sent = 0

    def send(self, count=1, **shape):
        for _ in range(count):
            self.frames.put(picture(self.sent, key=self.key, **shape))
            self.sent += 1

    def end(self):
        self.frames.put(None)

    def fail(self, error):
        self.frames.put(error)

    def __iter__(self):
        return self

    def __next__(self):
        item = self.frames.get()
        if item is None:
            raise StopIteration
        if isinstance(item, Exception):
            raise item
        return item

    def close(self):
        self.closed.set()
        self.frames.put(None)


class Detector:
    """Finds one person who fills the frame; can be slow, and can fail."""

    def __init__(self, *, gate=None, delay_s=0.0):
        self.capabilities = Capabilities(thread_safe=True)
        self.gate = gate
        self.delay_s = delay_s
        self.error = None
        self.seen = []
        self.closed = 0

    def detect(self, frames):
        if self.gate is not None:
            self.gate.acquire()
        time.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        self.seen += [(frame.source_id, frame.index) for frame in frames]
        return [Detections(np.float32([[0, 0, *frame.size_wh]]), np.float32([0.9])) for frame in frames]

    def close(self):
        self.closed += 1


class Estimator:
    """Puts every keypoint into the middle of the box."""

    def __init__(self, skeleton=COCO17):
        self.capabilities = Capabilities(skeleton=skeleton, thread_safe=True)
        self.closed = 0

    def estimate(self, frames, detections):
        del frames
        return [self._of(found) for found in detections]

    def _of(self, found):
        people, keypoints = len(found), self.capabilities.skeleton.num_keypoints
        middle = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        return PoseCandidates(
            keypoints=np.broadcast_to(middle[:, None, None], (people, keypoints, 1, 2)),
            scores=np.full((people, keypoints, 1), 0.8, np.float32),
            radii=np.ones((people, keypoints, 1), np.float32),
            boxes=found.boxes,
            box_scores=found.scores,
        )

    def close(self):
        self.closed += 1


class Tracker:
    """Numbers people by the time that the tracker has been at work; remembers its resets."""

    needs_pixels = False

    def __init__(self):
        self.frames = 0
        self.resets = 0

    def update(self, frame, poses):
        self.frames += 1
        return poses.replace(track_ids=np.arange(len(poses), dtype=np.int64))

    def finish(self):
        return ()

    def reset(self):
        self.resets += 1


def config(detector="one", pose="point", tracker="count"):
    return RunConfig.model_validate(
        {"detector": {"name": detector}, "pose": {"name": pose}, "tracker": {"name": tracker}}
    )


class FakeParts(LiveParts):
    """Parts whose trackers are ours."""

    __slots__ = ()

    def new_tracker(self):
        return Tracker()


class Shop:
    """Loads parts by name, as the test has put them on the shelf; counts what was opened and closed."""

    def __init__(self, **detectors):
        self.detectors = {"one": Detector()} | detectors
        self.skeletons = {"point": COCO17, "other": HALPE}
        self.workers = Workers(1)
        self.loaded = []
        self.delay_s = 0.0

    def load(self, wanted, old, progress):
        del progress
        time.sleep(self.delay_s)
        if wanted.detector.name not in self.detectors:
            raise PluginError(f"detector {wanted.detector.name!r} cannot start: it is broken")
        same = old is not None and old.config.detector == wanted.detector
        detector = old.detector if same else self._open(self.detectors[wanted.detector.name])
        skeleton = self.skeletons[wanted.pose.name]
        same = old is not None and old.config.pose == wanted.pose
        pose = old.pose if same else self._open(Estimator(skeleton))
        return FakeParts(wanted, detector, pose, pose.plugin, _suppress, skeleton, self.workers)

    def open_parts(self):
        return self.loaded

    def _open(self, plugin):
        part = Loaded(plugin)
        part._closers.callback(plugin.close)
        part._closers.callback(self.loaded.remove, part)
        self.loaded.append(part)
        return part


def _suppress(candidates):
    return Poses(
        keypoints=candidates.keypoints[:, :, 0],
        keypoint_scores=candidates.scores[:, :, 0],
        boxes=candidates.boxes,
        box_scores=candidates.box_scores,
        scores=candidates.box_scores,
    )


def until(condition, timeout_s=5.0):
    """Wait until something is so, and return whether it is."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.005)
    return bool(condition())
