from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Detections, Frame
from sitepose.models import estimator as module
from sitepose.models.crops import Crops
from sitepose.models.estimator import CropEstimator, box_radii, candidates_from_detections
from sitepose.models.heads import HeatmapHead
from sitepose.models.heatmaps import encode
from sitepose.models.preprocessing import CropWriter
from sitepose.models.runtimes.api import RuntimeInfo
from sitepose.models.zoo.card import InputSpec, PoseSpec

COCO17 = load_skeleton("coco17")
SIZE = (96, 128)
RAMP = np.arange(200)
"""Brightness of the test picture: red tells the column, green the row."""


class PlaceNetwork:
    """A network that sees where it is: keypoint k is at the pixel with red 100 + k and green 80 + k."""

    info = RuntimeInfo(
        library="test", version="1", device="CPU", precision="fp32", streams=1, threads_per_stream=1
    )
    input_names = ("image",)
    input_shapes = ((None, 3, SIZE[1], SIZE[0]),)
    output_names = ("heatmaps",)

    def __init__(self):
        self.batches = []
        self.closed = 0

    def run(self, batch):
        self.batches.append(len(batch))
        maps = np.zeros((len(batch), 17, 32, 24), np.float32)
        for i, crop in enumerate(batch):
            for k in range(17):
                away = np.abs(crop[0] - 100 - k) + np.abs(crop[1] - 80 - k)
                y, x = np.unravel_index(away.argmin(), away.shape)
                maps[i, k] = encode(np.float32([x, y]) / 4, size_wh=(24, 32), sigma=2)
        return (maps,)

    def close(self):
        self.closed += 1


@pytest.fixture
def network():
    return PlaceNetwork()


@pytest.fixture
def frame():
    image = np.zeros((200, 200, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = RAMP, RAMP[:, None], 7
    return Frame(image=image, index=0, timestamp=0.0)


def estimator_of(network, *, flip=False, max_peaks=1, codec="dark"):
    head = HeatmapHead(PoseSpec(), COCO17, SIZE, codec=codec, max_peaks=max_peaks, floor=0.1)
    writer = CropWriter(InputSpec(size_wh=SIZE, fit="crop"), padding=1.25)
    return CropEstimator(network, writer, head, COCO17, flip=flip)


def people(*boxes, **more):
    return Detections(boxes=np.float32(boxes).reshape(-1, 4), scores=np.linspace(0.9, 0.5, len(boxes)), **more)


PLACES = np.stack([100 + np.arange(17), 80 + np.arange(17)], axis=1)
BOX = (70, 40, 150, 140)


class TestCropEstimator:
    def test_gives_each_person_the_keypoints_in_frame_pixels(self, network, frame):
        found = estimator_of(network).estimate([frame], [people(BOX, (60, 50, 140, 120))])[0]
        assert found.keypoints.shape == (2, 17, 1, 2)
        np.testing.assert_allclose(found.keypoints[0, :, 0], PLACES, atol=1.0)
        np.testing.assert_allclose(found.keypoints[1, :, 0], PLACES, atol=1.0)
        np.testing.assert_allclose(found.scores, 1, atol=0.07)

    def test_radii_are_the_response_s_sigma_in_frame_pixels(self, network, frame):
        found = estimator_of(network).estimate([frame], [people(BOX)])[0]
        # Sigma 2 cells of 4 input pixels; the crop spans 1.25 * 106.7 = 133.3 frame pixels in height.
        np.testing.assert_allclose(found.radii, 2 * 4 * 133.33 / 128, rtol=1e-3)

    def test_hands_on_what_the_detector_knew(self, network, frame):
        detections = people(BOX, BOX, track_ids=[4, 9], from_tracks=[True, False])
        found = estimator_of(network).estimate([frame], [detections])[0]
        np.testing.assert_array_equal(found.boxes, detections.boxes)
        np.testing.assert_array_equal(found.box_scores, detections.scores)
        assert found.track_ids.tolist() == [4, 9]
        assert found.from_tracks.tolist() == [True, False]

    def test_nobody_is_a_normal_case(self, network, frame):
        found = estimator_of(network, max_peaks=3).estimate([frame], [Detections.empty()])[0]
        assert found.keypoints.shape == (0, 17, 3, 2)
        assert network.batches == []

    def test_no_frames_give_nothing(self, network):
        assert estimator_of(network).estimate([], []) == []

    def test_frames_without_their_detections_are_refused(self, network, frame):
        with pytest.raises(ValueError, match="zip"):
            estimator_of(network).estimate([frame], [])

    def test_batches_hold_people_of_one_frame_alone(self, network, frame):
        estimator_of(network).estimate([frame, frame, frame], [people(BOX, BOX), people(), people(BOX)])
        assert network.batches == [2, 1]

    def test_a_crowd_goes_in_several_batches_with_the_same_result(self, network, frame, monkeypatch):
        crowd = people(*([BOX, (60, 50, 140, 120), (80, 60, 130, 130)] * 3))
        whole = estimator_of(network).estimate([frame], [crowd])[0]
        monkeypatch.setattr(module, "MAX_BATCH", 4)
        parts = estimator_of(network).estimate([frame], [crowd])[0]
        assert network.batches == [9, 4, 4, 1]
        np.testing.assert_array_equal(whole.keypoints, parts.keypoints)
        np.testing.assert_array_equal(whole.radii, parts.radii)

    def test_the_flip_test_finds_the_same_places(self, frame):
        class Symmetric(PlaceNetwork):
            """Sees the brightest spot of blue: the same in the mirror."""

            def run(self, batch):
                self.batches.append(len(batch))
                spots = [np.unravel_index(crop[2].argmax(), crop[2].shape)[::-1] for crop in batch]
                places = np.repeat(np.float32(spots)[:, None] / 4, 17, axis=1)
                return (encode(places.reshape(-1, 17, 2), size_wh=(24, 32), sigma=2),)

        image = frame.image.copy()
        image[90, 110, 2] = 255
        bright = Frame(image=image, index=0, timestamp=0.0)
        network = Symmetric()
        found = estimator_of(network, flip=True).estimate([bright], [people(BOX)])[0]
        assert network.batches == [2]
        np.testing.assert_allclose(found.keypoints[0, :, 0], np.tile([110, 90], (17, 1)), atol=1.5)

    @pytest.mark.parametrize("box", [(np.nan,) * 4, (0, 0, np.inf, 5)], ids=["NaN", "infinite"])
    def test_a_box_that_is_none_gives_no_keypoints_and_harms_nobody(self, network, frame, box):
        alone = estimator_of(network).estimate([frame], [people(BOX)])[0]
        found = estimator_of(network).estimate([frame], [people(box, BOX)])[0]
        assert np.isnan(found.keypoints[0]).all()
        assert (found.scores[0] == 0).all()
        np.testing.assert_array_equal(found.keypoints[1], alone.keypoints[0])

    def test_closes_its_network(self, network):
        estimator_of(network).close()
        assert network.closed == 1


class TestCandidatesFromDetections:
    def test_have_one_candidate_and_a_radius_from_the_box(self):
        keypoints = np.random.default_rng(0).random((2, 17, 2)).astype(np.float32)
        detections = people(BOX, (0, 0, 30, 64), keypoints=keypoints, keypoint_scores=np.full((2, 17), 0.5))
        found = candidates_from_detections(detections, COCO17)
        np.testing.assert_array_equal(found.keypoints[:, :, 0], keypoints)
        np.testing.assert_array_equal(found.scores, 0.5)
        np.testing.assert_allclose(found.radii[1], 2.5)

    def test_of_nobody_are_nobody(self):
        assert candidates_from_detections(Detections.empty(), COCO17).keypoints.shape == (0, 17, 1, 2)

    def test_of_boxes_alone_are_refused(self):
        with pytest.raises(ValueError, match="boxes alone"):
            candidates_from_detections(people(BOX), COCO17)

    def test_of_other_keypoints_are_refused(self):
        detections = people(BOX, keypoints=np.zeros((1, 14, 2)), keypoint_scores=np.zeros((1, 14)))
        with pytest.raises(ValueError, match="gives 14 keypoints, expected 17 of 'coco17'"):
            candidates_from_detections(detections, COCO17)


def test_a_box_s_radius_is_that_of_the_usual_heatmap(network, frame):
    from_heatmap = estimator_of(network).estimate([frame], [people(BOX)])[0].radii[0, 0, 0]
    scale = 64 / 32  # the usual heatmap is 64 cells high, this network's 32
    np.testing.assert_allclose(box_radii(np.float32([BOX])) * scale, from_heatmap, rtol=1e-4)


def test_crops_can_be_taken_in_parts():
    crops = Crops(np.zeros((3, 2)), np.ones((3, 2)), SIZE)
    assert len(crops[1:5]) == 2
