"""Makes torchvision importable beside a PyTorch without CUDA.

The registry's torchvision is built for CUDA: beside a CPU build of PyTorch its compiled operators do not load,
and ``import torchvision`` fails on the first of them. What imports torchvision only for its Python parts (timm,
effdet, ultralytics) then works once the operators are declared and box NMS is there, from numpy.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
"""What torchvision 0.28 looks up while it is imported."""

_lock = Lock()


def prepare_torchvision() -> bool:
    """Declare torchvision's operators where its own do not load; call this before anything imports it.

    Returns:
        Whether they had to be declared: torchvision then has ``nms`` on the CPU, and no other operator.
    """
    import torch

    with _lock:
        if torch.version.cuda is not None or _has_operators():
            return _is_ours()
        library: Any = torch.library.Library("torchvision", "FRAGMENT")
        for schema in _SCHEMAS.values():
            library.define(schema)
        library.impl("nms", _nms_of_tensors, "CPU")
        import torchvision.ops.boxes

        torchvision.ops.boxes._assert_has_ops = _assert_has_nms
        # The operators live as long as the library object does; on the module they live as long as it.
        torchvision._sitepose_operators = library
        return True


def numpy_nms(boxes: Any, scores: Any, *, nms_iou: float) -> Any:
    """Return which boxes to keep, best first, by numpy: what ``torchvision.ops.nms`` does.

    Args:
        boxes: ``xyxy``, shape (P, 4).
        scores: Shape (P,).
        nms_iou: A box that overlaps a better one by more is dropped.

    >>> numpy_nms(np.float32([[0, 0, 4, 4], [0, 0, 4, 5]]), np.float32([0.5, 0.9]), nms_iou=0.5)
    array([1])
    """
    order = np.argsort(-scores, kind="stable")
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.clip(high - low, 0, None).prod(axis=1)
        order = rest[~(shared > nms_iou * (areas[best] + areas[rest] - shared))]
    return np.array(kept, np.int64)


def has_deformable_convolution() -> bool:
    """Return whether torchvision is here with its compiled deformable convolution."""
    if find_spec("torchvision") is None or prepare_torchvision():
        return False
    import torch
    import torchvision  # noqa: F401  (loads the operators)

    return hasattr(torch.ops.torchvision, "deform_conv2d")


def _has_operators() -> bool:
    """Return whether torchvision's compiled operators are here or can be loaded."""
    import torch

    if torch._C._dispatch_has_kernel_for_dispatch_key("torchvision::nms", "CPU") if _is_declared() else False:
        return True
    spec = find_spec("torchvision")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for file in (file for folder in folders for file in sorted(Path(folder).glob("_C*.so"))):
        try:
            torch.ops.load_library(str(file))
        except (OSError, RuntimeError):
            return False
        return True
    return False


def _is_declared() -> bool:
    import torch

    return "torchvision::nms" in torch._C._dispatch_get_all_op_names()


def _is_ours() -> bool:
    return hasattr(sys.modules.get("torchvision"), "_sitepose_operators")


def _nms_of_tensors(dets: Any, scores: Any, iou_threshold: float) -> Any:
    import torch

    return torch.from_numpy(numpy_nms(dets.detach().numpy(), scores.detach().numpy(), nms_iou=iou_threshold))


def _assert_has_nms() -> None:
    """Stand in for torchvision's check; a named function, since effdet compiles what calls it."""
