"""Tiny networks that find a bright square, in the format of each pose head."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from sitepose.core.structures import Frame
from sitepose.models.zoo.card import ModelCard

KEYPOINTS = 17
STRIDE = 4

BLACK_NOISE = 1e-4
"""What a normalised black pixel may be above black, by rounding."""

CENTROID = """
  gray = ReduceMean <axes = [1], keepdims = 0> (image)
  above = Sub (gray, black)
  plane = Relu (above)
  rows = ReduceSum (plane, axis_x)
  columns = ReduceSum (plane, axis_y)
  bare_mass = ReduceSum (rows, axis_y)
  mass = Max (bare_mass, tiny)
  weighted_columns = Mul (columns, xs)
  weighted_rows = Mul (rows, ys)
  sum_x = ReduceSum (weighted_columns, axis_x)
  sum_y = ReduceSum (weighted_rows, axis_y)
  x = Div (sum_x, mass)
  y = Div (sum_y, mass)
"""
"""Graph text: centre of what is bright, ``x`` and ``y`` (N, 1, 1) in input pixels."""

GAUSSIAN = """
  away_x = Sub (cells_x, {x})
  away_y = Sub (cells_y, {y})
  far_x = Mul (away_x, away_x)
  far_y = Mul (away_y, away_y)
  far = Add (far_x, far_y)
  falling = Mul (far, fall)
"""
"""Graph text: ``falling`` (N, H, W), minus the squared distance in cells over twice sigma squared."""

HEADS = {
    "heatmap": (
        "float[N, 17, {h}, {w}] heatmaps",
        """
  cell_x = Div (x, step_x)
  cell_y = Div (y, step_y)
"""
        + GAUSSIAN.format(x="cell_x", y="cell_y")
        + """
  one_map = Exp (falling)
  flat = Unsqueeze (one_map, axis_1)
  heatmaps = Mul (flat, copies)
""",
    ),
    "movenet": (
        "float[N, 17, {h}, {w}] kpt_heatmap, float[N, 34, {h}, {w}] kpt_regress, float[N, 1, {h}, {w}] center,"
        " float[N, 34, {h}, {w}] kpt_offset",
        """
  edge_x = Add (x, half)
  edge_y = Add (y, half)
  cell_x = Div (edge_x, step_x)
  cell_y = Div (edge_y, step_y)
  inner_x = Sub (cell_x, half)
  inner_y = Sub (cell_y, half)
"""
        + GAUSSIAN.format(x="inner_x", y="inner_y")
        + """
  logit = Add (falling, height)
  center = Unsqueeze (logit, axis_1)
  kpt_heatmap = Mul (center, copies)
  full = Mul (falling, zero)
  bare_dx = Sub (cell_x, cells_x)
  bare_dy = Sub (cell_y, cells_y)
  dx = Add (bare_dx, full)
  dy = Add (bare_dy, full)
  flat_dx = Unsqueeze (dx, axis_1)
  flat_dy = Unsqueeze (dy, axis_1)
  way = Concat <axis = 1> (flat_dy, flat_dx)
  kpt_offset = Tile (way, repeats)
  kpt_regress = Identity (kpt_offset)
""",
    ),
    "simcc": (
        "float[N, 17, {bw}] simcc_x, float[N, 17, {bh}] simcc_y",
        """
  away_x = Sub (bins_x, x)
  away_y = Sub (bins_y, y)
  far_x = Mul (away_x, away_x)
  far_y = Mul (away_y, away_y)
  falling_x = Mul (far_x, fall)
  falling_y = Mul (far_y, fall)
  row_x = Exp (falling_x)
  row_y = Exp (falling_y)
  simcc_x = Mul (row_x, row_copies)
  simcc_y = Mul (row_y, row_copies)
""",
    ),
}
"""Outputs and last nodes of each head; all keypoints are at the centre of what is bright."""


def write_square_pose_network(path: Path, card: ModelCard) -> Path:
    """Write an ONNX file that places every keypoint at the centre of what is bright, in a card's format."""
    assert card.pose is not None
    outputs, nodes = HEADS[card.pose.head]
    width, height = card.input.size_wh
    outputs = outputs.format(h=height // STRIDE, w=width // STRIDE, bh=2 * height, bw=2 * width)
    model = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 17]>
square (float[N, 3, {height}, {width}] image) => ({outputs}) {{
{CENTROID}{nodes}}}"""
    )
    for name, value in _constants(card).items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def _constants(card: ModelCard) -> dict[str, np.ndarray]:
    width, height = card.input.size_wh
    columns, rows = width // STRIDE, height // STRIDE
    last = int(card.pose.geometry == "udp") if card.pose else 0
    black = -np.mean(np.array(card.input.mean) / np.array(card.input.std)) + BLACK_NOISE
    floats = {
        "black": black, "tiny": 1e-3, "zero": 0, "half": 0.5, "height": 6.0, "fall": -1 / (2 * 2.0**2),
        "xs": np.arange(width)[None, None], "ys": np.arange(height)[None, :, None],
        "cells_x": np.arange(columns)[None, None], "cells_y": np.arange(rows)[None, :, None],
        "step_x": (width - last) / (columns - last), "step_y": (height - last) / (rows - last),
        "bins_x": np.arange(2 * width)[None, None] / 2, "bins_y": np.arange(2 * height)[None, None] / 2,
        "copies": np.ones((1, KEYPOINTS, 1, 1)), "row_copies": np.ones((1, KEYPOINTS, 1)),
    }  # fmt: skip
    ints = {"axis_x": [2], "axis_y": [1], "axis_1": [1], "repeats": [1, KEYPOINTS, 1, 1]}
    return {name: np.asarray(value, np.float32) for name, value in floats.items()} | {
        name: np.asarray(value, np.int64) for name, value in ints.items()
    }


def draw_soft_square(center: tuple[float, float], size_wh: tuple[int, int] = (640, 480)) -> Frame:
    """Return a black frame with a white square of 40 pixels, its edges soft over 16."""
    axes = []
    for middle, length in zip(center, size_wh, strict=True):
        outside = np.abs(np.arange(length) - middle) - 20
        axes.append(np.clip(0.5 - outside / 16, 0, 1))
    gray = (np.outer(axes[1], axes[0]) * 255).round().astype(np.uint8)
    return Frame(image=np.repeat(gray[:, :, None], 3, axis=2), index=0, timestamp=0.0)


@pytest.fixture(scope="session")
def square_pose_network() -> Callable[[Path, ModelCard], Path]:
    return write_square_pose_network


@pytest.fixture(scope="session")
def soft_square() -> Callable[..., Frame]:
    return draw_soft_square
