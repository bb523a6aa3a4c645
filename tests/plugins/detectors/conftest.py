"""Frames with a bright square of known place, and tiny networks that find it, in each detector's own format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnx.parser
import pytest

from sitepose.core.structures import Frame
from sitepose.models.runtimes.workers import Workers
from sitepose.models.zoo.card import InputSpec

GREY, WHITE = 114, 255

BALLAST = 2_000_000
"""Bytes of weights that do nothing, so that a network that is not given back shows in the process's memory."""

FIND_SQUARE = """
  above = Sub (plane, grey)
  share = Div (above, span)
  inside = Clip (share, zero, one)
  rows = ReduceSum (inside, axis_x)
  columns = ReduceSum (inside, axis_y)
  width = ReduceMax <axes = [1]> (rows)
  height = ReduceMax <axes = [2]> (columns)
  bare_mass = ReduceSum (rows, axis_y)
  mass = Max (bare_mass, tiny)
  weighted_columns = Mul (columns, xs)
  weighted_rows = Mul (rows, ys)
  sum_x = ReduceSum (weighted_columns, axis_x)
  sum_y = ReduceSum (weighted_rows, axis_y)
  x = Div (sum_x, mass)
  y = Div (sum_y, mass)
  center = Concat <axis = 2> (x, y)
  bare_size = Concat <axis = 2> (width, height)
  size = Max (bare_size, tiny)
  bare_brightness = ReduceMax <axes = [1, 2]> (inside)
  weighty = Mul (bare_brightness, ballast)
  brightness = ReduceMin <axes = [2]> (weighty)
  corner = Mul (cells, stride)
  away = Sub (center, corner)
  away2 = Mul (away, away)
  distance2 = ReduceSum (away2, axis_x)
  falling = Div (distance2, spread)
  near = Exp (falling)
  score = Mul (near, brightness)
"""
"""Graph text: centre and size of the square in input corners; for each cell a score falling with its distance.

``plane`` is the mean of the channels (N, H, W), ``center`` and ``size`` are (N, 1, 2), ``score`` (N, cells, 1).
"""

HEADS = {
    "yolox": (
        "float[N, C, 6] output",
        """
  position = Div (away, stride)
  shares = Div (size, stride)
  logs = Log (shares)
  zeros = Mul (position, zero)
  full_logs = Add (zeros, logs)
  nothing = Mul (score, zero)
  certain = Exp (nothing)
  output = Concat <axis = 2> (position, full_logs, score, certain)
""",
    ),
    "picodet": (
        "float[N, C, 4] boxes, float[N, 1, C] scores",
        """
  half = Mul (size, a_half)
  low = Sub (center, half)
  high = Add (center, half)
  box = Concat <axis = 2> (low, high)
  zeros = Mul (away, zero)
  wide_zeros = Concat <axis = 2> (zeros, zeros)
  boxes = Add (wide_zeros, box)
  scores = Transpose <perm = [0, 2, 1]> (score)
""",
    ),
    "centernet": (
        "float[N, 2, R, R] heatmap, float[N, 4, R, R] sides",
        """
  half = Mul (size, a_half)
  low = Sub (half, away)
  high = Add (half, away)
  flat_sides = Concat <axis = 2> (low, high)
  sides_first = Transpose <perm = [0, 2, 1]> (flat_sides)
  sides = Reshape (sides_first, sides_shape)
  nothing = Mul (score, zero)
  classes = Concat <axis = 2> (score, nothing)
  classes_first = Transpose <perm = [0, 2, 1]> (classes)
  heatmap = Reshape (classes_first, heatmap_shape)
""",
    ),
    "movenet_multipose": (
        "float[N, 1, 56] people",
        f"""
  y_share = Div (y, tall)
  x_share = Div (x, wide)
  height_share = Div (height, tall)
  width_share = Div (width, wide)
  half_height = Mul (height_share, a_half)
  half_width = Mul (width_share, a_half)
  ymin = Sub (y_share, half_height)
  xmin = Sub (x_share, half_width)
  ymax = Add (y_share, half_height)
  xmax = Add (x_share, half_width)
  keypoint = Concat <axis = 2> (y_share, x_share, brightness)
  people = Concat <axis = 2> ({"keypoint, " * 17} ymin, xmin, ymax, xmax, brightness)
""",
    ),
    "rtmdet": (
        "float[N, 1, 5] dets, int64[N, 1] labels",
        """
  half = Mul (size, a_half)
  low = Sub (center, half)
  high = Add (center, half)
  dets = Concat <axis = 2> (low, high, brightness)
  flat = Mul (sum_x, zero)
  number = Cast <to = 7> (flat)
  labels = Squeeze (number, axis_x)
""",
    ),
    "rtmo": (
        "float[N, 1, 5] dets, float[N, 1, 17, 3] keypoints",
        f"""
  half = Mul (size, a_half)
  low = Sub (center, half)
  high = Add (center, half)
  dets = Concat <axis = 2> (low, high, brightness)
  keypoint = Concat <axis = 2> (center, brightness)
  flat = Concat <axis = 2> ({", ".join(["keypoint"] * 17)})
  keypoints = Reshape (flat, keypoints_shape)
""",
    ),
    "yolo": (
        "float[N, 5, C] output0",
        """
  zeros = Mul (away, zero)
  everywhere = Add (zeros, center)
  sizes = Add (zeros, size)
  rows_of_cells = Concat <axis = 2> (everywhere, sizes, score)
  output0 = Transpose <perm = [0, 2, 1]> (rows_of_cells)
""",
    ),
    "yolo-pose": (
        "float[N, 56, C] output0",
        f"""
  zeros = Mul (away, zero)
  everywhere = Add (zeros, center)
  sizes = Add (zeros, size)
  keypoint = Concat <axis = 2> (everywhere, score)
  rows_of_cells = Concat <axis = 2> (everywhere, sizes, score, {", ".join(["keypoint"] * 17)})
  output0 = Transpose <perm = [0, 2, 1]> (rows_of_cells)
""",
    ),
}
"""Outputs and last nodes of each format. All cells tell one box, so a wrong grid shows as a second person;
keypoints are the square's centre."""

STRIDES = {
    "yolox": (8, 16, 32),
    "picodet": (8, 16, 32, 64),
    "centernet": (4,),
    "movenet_multipose": (32,),
    "rtmdet": (32,),
    "rtmo": (32,),
    "yolo": (8, 16, 32),
    "yolo-pose": (8, 16, 32),
}


def write_square_network(path: Path, head: str, spec: InputSpec) -> Path:
    """Write an ONNX file that finds a white square on grey 114, with the outputs of a detector's format."""
    outputs, last_nodes = HEADS[head]
    width, height = spec.size_wh
    shape = f"N, 3, {height}, {width}" if spec.layout == "nchw" else f"N, {height}, {width}, 3"
    axis = 1 if spec.layout == "nchw" else 3
    text = f"""<ir_version: 8, opset_import: ["": 17]>
square (float[{shape}] image) => ({outputs}) {{
  plane = ReduceMean <axes = [{axis}], keepdims = 0> (image)
{FIND_SQUARE}{last_nodes}}}"""
    model = onnx.parser.parse_model(text)
    for name, value in _constants(head, spec).items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    if head.startswith("yolo"):
        onnx.helper.set_model_props(model, _ultralytics_notes(head, spec))
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def _constants(head: str, spec: InputSpec) -> dict[str, np.ndarray]:
    width, height = spec.size_wh
    grids = [np.indices((height // s, width // s))[::-1].reshape(2, -1).T for s in STRIDES[head]]
    strides = np.concatenate([np.full((len(g), 1), s) for g, s in zip(grids, STRIDES[head], strict=True)])
    low, high = (np.mean((v * spec.scale - np.array(spec.mean)) / np.array(spec.std)) for v in (GREY, WHITE))
    floats: dict[str, object] = {
        "grey": low, "span": high - low, "zero": 0, "one": 1, "tiny": 1e-3, "a_half": 0.5, "spread": -2 * 64**2,
        "xs": (np.arange(width) + 0.5)[None, None], "ys": (np.arange(height) + 0.5)[None, :, None],
        "wide": width, "tall": height,
        "cells": np.concatenate(grids)[None], "stride": strides[None],
    }  # fmt: skip
    floats["ballast"] = np.ones((1, 1, BALLAST // 4))
    rows = height // STRIDES[head][0]
    ints = {
        "axis_x": [2], "axis_y": [1],
        "keypoints_shape": [-1, 1, 17, 3],
        "sides_shape": [-1, 4, rows, rows], "heatmap_shape": [-1, 2, rows, rows],
    }  # fmt: skip
    return {name: np.asarray(value, np.float32) for name, value in floats.items()} | {
        name: np.asarray(value, np.int64) for name, value in ints.items()
    }


def _ultralytics_notes(head: str, spec: InputSpec) -> dict[str, str]:
    """Return what Ultralytics' exporter writes into a file."""
    pose = {"task": "pose", "kpt_shape": "[17, 3]"} if head == "yolo-pose" else {"task": "detect"}
    return {"stride": "32", "batch": "1", "imgsz": str([*spec.size_wh]), "names": "{0: 'person'}"} | pose


def draw_square_frame(
    size_wh: tuple[int, int], square: tuple[int, int, int, int] | None, index: int = 0
) -> Frame:
    """Return a grey frame; its pixels left..right-1, top..bottom-1 are white where there is a square."""
    image = np.full((size_wh[1], size_wh[0], 3), GREY, np.uint8)
    if square is not None:
        left, top, right, bottom = square
        image[top:bottom, left:right] = WHITE
    return Frame(image=image, index=index, timestamp=index / 10, name=f"{index:06d}.png")


def torch_square(plugin, spec):
    """Return a plug-in whose PyTorch network is one that finds a square, with the outputs of its format."""
    import torch

    low, high = (np.mean((v * spec.scale - np.array(spec.mean)) / np.array(spec.std)) for v in (GREY, WHITE))

    class Square(torch.nn.Module):
        def __init__(self, head):
            super().__init__()
            self.head = head
            self.register_buffer("ballast", torch.ones(BALLAST // 4))

        def forward(self, batch):
            inside = ((batch.mean(1) - low) / (high - low)).clamp(0, 1)
            rows, columns = inside.sum(2), inside.sum(1)
            mass = rows.sum(1).clamp(min=1e-3)
            x = (columns * (torch.arange(columns.shape[1]) + 0.5)).sum(1) / mass
            y = (rows * (torch.arange(rows.shape[1]) + 0.5)).sum(1) / mass
            size = torch.stack([rows.amax(1), columns.amax(1)], 1).clamp(min=1e-3)
            brightness = inside.amax((1, 2)) * self.ballast.amin()
            return self.head(torch.stack([x, y], 1), size, brightness)

    def make_network(self, context):
        return Square(torch_head(plugin)(self))

    return type(plugin.__name__, (plugin,), {"make_network": make_network})


def likeness(center, brightness, places):
    """Return scores falling with the distance of places (A, 2) from a centre (N, 2), shape (N, A)."""
    distance2 = ((center[:, None] - places) ** 2).sum(2)
    return (-distance2 / (2 * 64**2)).exp() * brightness[:, None]


def efficientdet_head(detector):
    import torch

    from sitepose.plugins.detectors.efficientdet import anchor_boxes

    boxes = torch.from_numpy(anchor_boxes(detector.level, detector.input.size_wh))
    sides, middles = boxes[:, 2:] - boxes[:, :2], (boxes[:, :2] + boxes[:, 2:]) / 2
    width, height = detector.input.size_wh
    grids = [(height // stride, width // stride) for stride in (8, 16, 32, 64, 128)]

    def head(center, size, brightness):
        logits = likeness(center, brightness, middles).logit(1e-6)[..., None]
        offset = ((center[:, None] - middles) / sides).flip(2)
        logs = (size[:, None] / sides).log().flip(2)
        return [in_maps(table) for table in (logits.repeat(1, 1, 2), torch.cat([offset, logs], 2))]

    def in_maps(table):
        levels = table.split([9 * rows * columns for rows, columns in grids], 1)
        return [
            level.reshape(len(table), *grid, -1).permute(0, 3, 1, 2)
            for level, grid in zip(levels, grids, strict=True)
        ]

    return head


def centerpose_head(detector):
    import torch

    width, height = (side // 4 for side in detector.input.size_wh)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")

    def head(center, size, brightness):
        batch = len(center)
        x, y = (center[:, i, None, None] / 4 for i in range(2))
        # Labels of keypoints count from the centre of a pixel.
        x_of_keypoints, y_of_keypoints = x - 0.125, y - 0.125
        falling = (-((x - columns) ** 2 + (y - rows) ** 2) / 32).exp() * brightness[:, None, None]
        own = (columns == x.floor()) & (rows == y.floor())
        score = torch.where(own, brightness[:, None, None], falling * 0.9).logit(1e-6)[:, None]
        way = torch.stack([x_of_keypoints - columns, y_of_keypoints - rows], 1)
        return {
            "hm": score,
            "wh": (size / 4)[:, :, None, None].expand(batch, 2, height, width),
            "hps": way.repeat(1, 17, 1, 1),
            "reg": torch.stack([x - columns, y - rows], 1),
            "hm_hp": score.repeat(1, 17, 1, 1),
            "hp_offset": way,
        }

    return head


def transformers_head(detector):
    import torch

    width, height = detector.input.size_wh

    def head(center, size, brightness):
        whole = torch.tensor([width, height])
        boxes = torch.cat([center / whole, size / whole], 1)[:, None].repeat(1, 5, 1)
        logits = torch.stack([brightness, 1 - brightness], 1)[:, None].repeat(1, 5, 1).logit(1e-6)
        return SimpleNamespace(logits=logits, pred_boxes=boxes)

    return head


TORCH_HEADS = {
    "TransformersDetector": transformers_head,
    "CenterPoseDetector": centerpose_head,
    "EfficientDet": efficientdet_head,
}
"""Outputs of each format from centre (N, 2), size (N, 2) and brightness (N,), by the name of the base class."""


def torch_head(plugin):
    return next(TORCH_HEADS[base.__name__] for base in plugin.__mro__ if base.__name__ in TORCH_HEADS)


@pytest.fixture(scope="session")
def torch_square_plugin():
    return torch_square


@pytest.fixture(scope="module")
def one_worker() -> Iterator[Workers]:
    """For PyTorch: several of its threads on processors that others use too wait for each other."""
    with Workers(1) as workers:
        yield workers


@pytest.fixture(scope="session")
def square_network() -> Callable[[Path, str, InputSpec], Path]:
    return write_square_network


@pytest.fixture(scope="session")
def square_frame() -> Callable[..., Frame]:
    return draw_square_frame
