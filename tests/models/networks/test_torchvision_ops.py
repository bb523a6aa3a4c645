"""torchvision beside a PyTorch without CUDA."""

import importlib
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.models.networks.torchvision_ops import numpy_nms, prepare_torchvision

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'sitepose[torch]'")

places = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 12), st.sampled_from([0.2, 0.5, 0.9]))


def greedy(boxes, scores, nms_iou):
    """Do it as the definition says, one pair at a time."""
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(overlap(boxes[i], boxes[j]) <= nms_iou for j in kept):
            kept.append(int(i))
    return kept


def overlap(a, b):
    width, height = (min(a[k + 2], b[k + 2]) - max(a[k], b[k]) for k in (0, 1))
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


class TestNumpyNms:
    @given(people=st.lists(places, max_size=20), nms_iou=st.sampled_from([0.13, 0.31, 0.51, 0.83]))
    def test_keeps_what_the_definition_keeps(self, people, nms_iou):
        table = np.array(people, np.float32).reshape(-1, 4)
        boxes = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:3]], axis=1)
        assert numpy_nms(boxes, table[:, 3], nms_iou=nms_iou).tolist() == greedy(boxes, table[:, 3], nms_iou)


@pytest.fixture
def torchvision():
    if find_spec("torchvision") is None:
        pytest.skip("needs torchvision")
    prepare_torchvision()
    return importlib.import_module("torchvision")


class TestPrepareTorchvision:
    def test_torchvision_has_box_nms(self, torchvision):
        boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 5], [9, 9, 12, 12]])
        kept = torchvision.ops.nms(boxes, torch.tensor([0.5, 0.9, 0.7]), 0.5)
        assert kept.tolist() == [1, 2]

    def test_torchvision_has_box_nms_by_class(self, torchvision):
        boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 5]])
        scores, classes = torch.tensor([0.5, 0.9]), torch.tensor([0, 1])
        assert torchvision.ops.batched_nms(boxes, scores, classes, 0.5).tolist() == [1, 0]

    def test_asking_twice_gives_the_same_answer(self, torchvision):
        assert prepare_torchvision() == prepare_torchvision()

    def test_a_cuda_build_is_left_alone(self, torchvision):
        code = (
            "import torch; torch.version.cuda = '13.0'\n"
            "from sitepose.models.networks.torchvision_ops import prepare_torchvision\n"
            "print(prepare_torchvision(), 'torchvision::nms' in torch._C._dispatch_get_all_op_names())"
        )
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert answer.stdout.split() == ["False", "False"]
