"""What lies between two streams of one camera, told from what moves in both."""

from __future__ import annotations

import av
import numpy as np
import pytest

from sitepose.app.sessions.alignment import Pictures, measure_offset, same_picture, small_picture
from sitepose.app.sessions.paired_poses import PairedPoses, scaled
from sitepose.core.structures import Frame, Poses


@pytest.fixture(scope="module")
def street(clip):
    """Return the small pictures of a real street, 25 a second."""
    with av.open(str(clip)) as container:
        return [small_picture(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def stream(pictures, stamps):
    kept = Pictures(60)
    for picture, stamp in zip(pictures, stamps, strict=True):
        kept.add(stamp, picture)
    return kept


def both(pictures, offset, *, every=1, jitter=0.0):
    """Return a whole main stream, and a sub stream of some of the pictures whose clock is off."""
    random = np.random.default_rng(0)
    stamps = np.arange(len(pictures)) / 25
    main = stream(pictures, stamps)
    chosen = np.arange(30, len(pictures) - 20, every)
    noisy = [pictures[n] * 0.9 + 10 + random.normal(0, 3, pictures[n].shape) for n in chosen]
    return main, stream(noisy, stamps[chosen] - offset + random.normal(0, jitter, len(chosen)))


class TestOffset:
    @pytest.mark.parametrize("offset", [0.0, 0.37, -1.234, 3.5])
    @pytest.mark.parametrize("every", [1, 5], ids=["every picture", "every fifth"])
    def test_it_is_found_between_the_pictures(self, street, offset, every):
        found = measure_offset(*both(street, offset, every=every))

        assert found.seconds == pytest.approx(offset, abs=0.004)
        assert 0.002 < found.uncertainty_s < 0.01
        assert found.correlation > 0.9

    def test_the_uncertainty_is_that_of_stamps_that_jitter(self, street):
        found = measure_offset(*both(street, 0.4, every=3, jitter=0.03))

        assert abs(found.seconds - 0.4) < 4 * found.uncertainty_s
        assert found.uncertainty_s < 0.03

    def test_nothing_is_said_where_nothing_moves(self, street):
        assert measure_offset(*both([street[0]] * 179, 0.4)) is None

    def test_nothing_is_said_of_another_scene(self, street, data):
        path = data / "videos" / "one-by-one-person-detection.mp4"
        with av.open(str(path)) as container:
            frames = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
            other = [small_picture(frame) for frame, _ in zip(frames, range(179), strict=False)]
        main, _ = both(street, 0.0)
        _, sub = both(other, 0.0)

        assert measure_offset(main, sub) is None
        assert not same_picture(main, sub)

    def test_nothing_is_said_of_what_repeats_itself(self, street):
        swaying = [street[n % 10] for n in range(179)]

        assert measure_offset(*both(swaying, 0.0)) is None

    @pytest.mark.parametrize("count", [0, 1, 5])
    def test_a_few_pictures_are_not_enough(self, street, count):
        main, _ = both(street, 0.0)

        assert measure_offset(main, stream(street[:count], range(count))) is None

    def test_the_same_scene_cut_otherwise_is_not_the_same_picture(self, street):
        main, sub = both(street, 0.0)
        cut = stream([np.roll(picture, 16, axis=1) for picture in street[:60]], range(60))

        assert same_picture(main, sub)
        assert not same_picture(main, cut)


class TestScaling:
    def test_centres_of_pixels_stay_centres(self):
        poses = Poses(
            keypoints=[[[0, 0], [319, 179]]],
            keypoint_scores=[[1, 1]],
            boxes=[[-0.5, -0.5, 319.5, 179.5]],
            box_scores=[1],
            scores=[1],
        )
        large = scaled(poses, (320, 180), (1280, 720))

        assert large.boxes.tolist() == [[-0.5, -0.5, 1279.5, 719.5]]
        assert large.keypoints.tolist() == [[[1.5, 1.5], [1277.5, 717.5]]]

    def test_nobody(self):
        assert len(scaled(Poses.empty(17), (320, 180), (640, 360))) == 0


class Listening:
    """A recorder that only remembers what it is told."""

    def __init__(self):
        self.warnings, self.notes = [], []

    def warn(self, text):
        self.warnings.append(text)

    def note(self, text):
        self.notes.append(text)


class TestPairedPoses:
    def test_streams_that_cannot_be_joined_are_told_of_once(self, make_stream):
        recorder, stream = Listening(), make_stream()
        joined = PairedPoses(recorder)
        joined.poses(Frame(np.zeros((48, 64, 3), np.uint8), 0, 0.5), Poses.empty(17))
        for packet in stream(40 * 30):
            joined.put(packet)
        joined.close()

        assert joined.offset is None
        assert recorder.warnings == [
            "no poses are recorded yet: nothing moves in both streams, or they show different things"
        ]
        assert recorder.notes == ["frames with poses that could not be found in the video: 1"]
