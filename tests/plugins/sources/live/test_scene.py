"""Cameras that are moved, refocused or switched to infrared; people who only walk by."""

from __future__ import annotations

import json

import av
import cv2
import numpy as np
import pytest

from sitepose.app.sessions.recorder import Recorder, RecordingSettings
from sitepose.plugins.sources.live.scene import LOOKS, SceneWatch

VIDEOS = [
    pytest.param("mot/TUD-Stadtmitte/TUD-Stadtmitte.mp4", 5, id="street"),
    pytest.param("videos/one-by-one-person-detection.mp4", 20, id="people one by one"),
    pytest.param("videos/store-aisle-detection.gif", 3, id="shop"),
    pytest.param("videos/classroom.gif", 3, id="classroom"),
]
"""Real videos from cameras that stand still, and every how many frames they are looked at."""

WIDTH = 960


@pytest.fixture(scope="module")
def looks(data):
    """Gives some frames of a real video."""
    known = {}

    def load(name, step):
        if name not in known:
            with av.open(str(data / name)) as container:
                frames = enumerate(container.decode(video=0))
                known[name] = [picture(frame) for n, frame in frames if n % step == 0]
        return known[name]

    return load


def picture(frame):
    """Return an RGB picture of at most ``WIDTH`` columns: larger ones take four times as long."""
    width = min(frame.width, WIDTH)
    return frame.to_ndarray(format="rgb24", width=width, height=round(frame.height * width / frame.width))


def shifted(image, share=0.04):
    across = round(image.shape[1] * share)
    matrix = np.float32([[1, 0, across], [0, 1, -across / 2]])
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


def blurred(image):
    return cv2.GaussianBlur(image, (0, 0), 2.5 * image.shape[1] / 640)


def grey(image):
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def infrared(image):
    """What is dark in daylight is not in infrared; the picture has a tint."""
    light = 30 + 190 * (image[..., 0] / 255) ** 0.6
    tinted = np.dstack([light, np.full_like(light, 133), np.full_like(light, 126)]).astype(np.uint8)
    return cv2.cvtColor(tinted, cv2.COLOR_YCrCb2RGB)


def dark(image):
    return (image * 0.3).astype(np.uint8)


def noisy(image):
    noise = np.random.default_rng(int(image[0, 0, 0])).normal(0, 10, image.shape)
    return np.clip(image * 0.5 + noise, 0, 255).astype(np.uint8)


def seen(images):
    """Return what a watch tells, each with the number of the look."""
    watch = SceneWatch()
    told = ((number, watch.look(image)) for number, image in enumerate(images))
    return [(number, change.kind, change.message) for number, change in told if change is not None]


def changed(images, change):
    """Return a video whose last two thirds are changed, and the number of the first changed picture."""
    images = images[:30]
    begin = len(images) // 3
    return images[:begin] + [change(image) for image in images[begin:]], begin


class TestSceneWatch:
    @pytest.mark.parametrize(("video", "step"), VIDEOS)
    def test_people_who_walk_by_are_no_change(self, looks, video, step):
        assert seen(looks(video, step)) == []

    @pytest.mark.parametrize(("video", "step"), VIDEOS)
    @pytest.mark.parametrize(
        ("change", "kind"),
        [
            pytest.param(shifted, "moved", id="moved"),
            pytest.param(np.fliplr, "moved", id="turned round"),
            pytest.param(blurred, "refocused", id="refocused"),
            pytest.param(grey, "infrared", id="grey"),
            pytest.param(infrared, "infrared", id="infrared"),
        ],
    )
    def test_each_change_is_told_once_when_it_has_lasted(self, looks, video, step, change, kind):
        images, begin = changed(looks(video, step), change)
        told = seen(images)

        assert [kind_ for _, kind_, _ in told] == [kind]
        assert begin + LOOKS - 1 <= told[0][0] <= begin + LOOKS + 2

    @pytest.mark.parametrize(("video", "step"), VIDEOS)
    @pytest.mark.parametrize("change", [dark, noisy, np.zeros_like], ids=["dusk", "noise", "night"])
    def test_light_is_no_change(self, looks, video, step, change):
        images = looks(video, step)[:30]
        third = len(images) // 3
        there_and_back = images[:third] + [change(image) for image in images[third:-third]] + images[-third:]

        assert seen(there_and_back) == []

    @pytest.mark.parametrize("change", [shifted, blurred, grey], ids=["moved", "refocused", "infrared"])
    def test_what_passes_is_no_change_and_what_comes_back_is_one_more(self, looks, change):
        images = looks(*VIDEOS[0].values)[:30]
        passing = [change(image) if 10 <= n < 10 + LOOKS - 1 else image for n, image in enumerate(images)]
        back = [change(image) if 10 <= n < 20 else image for n, image in enumerate(images)]

        assert seen(passing) == []
        assert len(seen(back)) == 2

    def test_it_says_how_far(self, looks):
        images, _ = changed(looks(*VIDEOS[0].values), shifted)
        ((_, _, message),) = seen(images)

        assert message == "the camera was moved: the picture is shifted by +26 pixels across and -13 down"

    def test_a_camera_that_sways_on_its_pole_is_not_moved(self, looks):
        images = looks(*VIDEOS[0].values)
        swaying = [np.roll(image, 4 * (n % 2), axis=1) for n, image in enumerate(images)]

        assert seen(swaying) == []

    @pytest.mark.parametrize(
        "size_wh", [(64, 48), (320, 240), (1920, 1080), (33, 500)], ids=["tiny", "small", "large", "narrow"]
    )
    def test_pictures_of_any_size_are_looked_at(self, size_wh):
        images = [np.random.default_rng(n).integers(0, 255, (*size_wh[::-1], 3), np.uint8) for n in range(6)]

        assert seen(images) == []

    def test_another_size_begins_anew(self, looks):
        images = looks(*VIDEOS[0].values)[:20]
        halved = [cv2.resize(shifted(image), None, fx=0.5, fy=0.5) for image in images]

        assert seen(images + halved) == []


@pytest.fixture
def turned(tmp_path, looks):
    """A file with a keyframe every half second, whose camera is moved after 1.5 s of 6."""
    path = tmp_path / "turned.mp4"
    image = looks(*VIDEOS[0].values)[0]
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=10, options={"g": "5", "preset": "ultrafast"})
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        for n in range(60):
            picture = shifted(image) if n >= 15 else image
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return path


class TestSources:
    @pytest.mark.parametrize(
        ("backend", "decode"),
        [
            pytest.param("gstreamer", True, id="decoded by GStreamer"),
            pytest.param("gstreamer", False, id="recorded only by GStreamer"),
            pytest.param("pyav", False, id="recorded only by PyAV"),
        ],
    )
    def test_a_camera_tells_that_it_was_moved_and_the_session_keeps_it(
        self, request, live, turned, tmp_path, wait_until, decode, backend
    ):
        if backend == "gstreamer":
            request.getfixturevalue("gstreamer")
        source = live(f"loop:{turned}", backend=backend, decode=decode, watch_s=0.4)
        with Recorder(tmp_path / "sessions", "gate", RecordingSettings(reserve_bytes=0)) as recorder:
            source.listen(recorder.source_event)
            source.attach(recorder)

            def moved():
                if decode:
                    next(source)
                return any(event.topic == "moved" for event in source.events)

            wait_until(moved)
            source.detach(recorder)
        lines = [json.loads(line) for line in (recorder.folder / "events.jsonl").read_text().splitlines()]
        (event,) = [line for line in lines if line["kind"] == "moved"]

        assert "shifted by +26 pixels across" in event["text"]
        assert 1.5 < event["timestamp"] < 6.0
