"""Box NMS: against a loop that does what the textbook says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.core.similarity import box_iou
from sitepose.plugins.detectors.box_nms import suppress_boxes

sides = st.floats(0, 20, width=16)
boxes_with_scores = st.lists(
    st.tuples(sides, sides, st.floats(1, 9, width=16), st.sampled_from([0.2, 0.5, 0.9])), max_size=25
)


def textbook(boxes, scores, nms_iou):
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= nms_iou for j in kept):
            kept.append(int(i))
    return kept


class TestSuppressBoxes:
    @given(people=boxes_with_scores, nms_iou=st.sampled_from([0.0, 0.31, 0.51, 0.83]))
    def test_keeps_what_the_textbook_keeps(self, people, nms_iou):
        table = np.array(people, np.float32).reshape(-1, 4)
        boxes = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:3]], axis=1)
        scores = table[:, 3].copy()
        assert suppress_boxes(boxes, scores, nms_iou=nms_iou).tolist() == textbook(boxes, scores, nms_iou)

    def test_removes_nobody_at_an_overlap_of_one(self):
        twins = np.float32([[0, 0, 4, 4], [0, 0, 4, 4]])
        assert suppress_boxes(twins, np.float32([0.5, 0.6]), nms_iou=1.0).tolist() == [1, 0]

    @pytest.mark.parametrize("nms_iou", [0.0, 0.5, 1.0])
    def test_nobody_stays_nobody(self, nms_iou):
        kept = suppress_boxes(np.empty((0, 4), np.float32), np.empty(0, np.float32), nms_iou=nms_iou)
        assert kept.shape == (0,)
        assert kept.dtype == np.int64
