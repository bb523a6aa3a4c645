"""Looking for people in a part of the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sitepose.app.pipeline.region import RegionDetector
from sitepose.core.errors import ConfigError
from sitepose.core.structures import Detections, Frame
from sitepose.plugins.api import Capabilities


class BrightSpot:
    """A detector of the bright part of a picture."""

    capabilities = Capabilities()

    def detect(self, frames):
        found = []
        for frame in frames:
            y, x = np.nonzero(frame.image[..., 0] > 127)
            if len(x) == 0:
                found.append(Detections.empty())
            else:
                box = [[x.min() - 0.5, y.min() - 0.5, x.max() + 0.5, y.max() + 0.5]]
                found.append(Detections(box, [1.0]))
        return found

    def close(self):
        self.closed = True


@pytest.fixture
def frame():
    """Return a picture with a bright square whose edges are at 20, 10 and 30, 25."""
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:25, 20:30] = 255
    return Frame(image, 0, 0.0)


@pytest.fixture
def mask(tmp_path):
    def write(picture):
        path = tmp_path / "mask.png"
        cv2.imwrite(str(path), picture)
        return path

    return write


class TestRegionDetector:
    def test_boxes_stay_in_pixels_of_the_whole_frame(self, frame):
        found = RegionDetector(BrightSpot(), (15, 5, 30, 30), None).detect([frame])

        assert found[0].boxes.tolist() == [[19.5, 9.5, 29.5, 24.5]]

    def test_what_is_outside_is_not_seen(self, frame):
        assert len(RegionDetector(BrightSpot(), (40, 0, 10, 10), None).detect([frame])[0]) == 0

    def test_a_region_beyond_the_border_is_cut_there(self, frame):
        assert len(RegionDetector(BrightSpot(), (10, 5, 500, 500), None).detect([frame])[0]) == 1

    def test_a_region_outside_the_frame_is_one_line(self, frame):
        with pytest.raises(ConfigError, match="--roi 60,0,5,5 lies outside the frame of 60x40"):
            RegionDetector(BrightSpot(), (60, 0, 5, 5), None).detect([frame])

    @pytest.mark.parametrize(("row", "people"), [(24, 1), (10, 0)], ids=["at the feet", "at the head"])
    def test_people_count_where_they_stand(self, frame, mask, row, people):
        white_at = np.zeros((40, 60), np.uint8)
        white_at[row, :] = 255

        found = RegionDetector(BrightSpot(), None, mask(white_at)).detect([frame])

        assert len(found[0]) == people

    def test_a_mask_of_another_size_is_one_line(self, frame, mask):
        with pytest.raises(ConfigError, match="--mask is 10x20, expected the frame's size 60x40"):
            RegionDetector(BrightSpot(), None, mask(np.zeros((20, 10), np.uint8))).detect([frame])

    def test_a_mask_that_is_no_picture_is_one_line(self, tmp_path):
        (tmp_path / "mask.png").write_text("no picture")

        with pytest.raises(ConfigError, match="not a picture"):
            RegionDetector(BrightSpot(), None, tmp_path / "mask.png")
