"""What pose networks put out, as keypoint candidates in pixels of their input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import FloatArray
from sitepose.models.flip import average_with_mirrored
from sitepose.models.heatmaps import Codec, Peaks, decode
from sitepose.models.runtimes.api import AnyArray
from sitepose.models.zoo.card import PoseSpec


class Head(Protocol):
    """Reads one kind of network output."""

    @property
    def max_peaks(self) -> int:
        """M, candidates per keypoint."""

    @property
    def output_names(self) -> tuple[str, ...] | None:
        """Outputs of the network to compute, in the order in which they are read; None for all."""

    def merge(self, outputs: Sequence[AnyArray], mirrored: Sequence[AnyArray]) -> tuple[AnyArray, ...]:
        """Average what the network said of people and of their mirror images."""

    def decode(self, outputs: Sequence[AnyArray]) -> Peaks:
        """Return the candidates of each person, in input pixels (centre of the first is 0)."""

    def spread(self, outputs: Sequence[AnyArray]) -> float | None:
        """Return the standard deviation of a response in input pixels; None where the outputs do not tell."""


class HeatmapHead:
    """One heatmap per keypoint, shape (P, K, H, W).

    Args:
        spec: How the network was trained.
        skeleton: Its keypoints.
        size_wh: Width and height of its input.
        codec: How peaks are placed between the cells.
        max_peaks: M, candidates per keypoint.
        floor: What a further candidate must exceed.
    """

    output_names: tuple[str, ...] | None = None

    def __init__(
        self,
        spec: PoseSpec,
        skeleton: Skeleton,
        size_wh: tuple[int, int],
        *,
        codec: Codec,
        max_peaks: int,
        floor: float,
    ) -> None:
        self._spec = spec
        self._skeleton = skeleton
        self._size_wh = size_wh
        self._codec = codec
        self.max_peaks = max_peaks
        self._floor = floor

    def merge(self, outputs: Sequence[AnyArray], mirrored: Sequence[AnyArray]) -> tuple[AnyArray, ...]:
        """Average both heatmaps."""
        flip, shift = self._skeleton.flip_indices, self._spec.flip_shift
        return (average_with_mirrored(outputs[0], mirrored[0], flip, shift=shift),)

    def decode(self, outputs: Sequence[AnyArray]) -> Peaks:
        """Return the peaks of each heatmap."""
        check_keypoints(outputs[0].shape, self._skeleton, "(N, {}, H, W)")
        peaks = decode(
            outputs[0], codec=self._codec, sigma=self._spec.sigma, max_peaks=self.max_peaks, floor=self._floor
        )
        return Peaks(peaks.positions * self._cell(outputs), peaks.scores)

    def spread(self, outputs: Sequence[AnyArray]) -> float:
        """Return the training target's sigma in input pixels."""
        return float(self._spec.sigma * self._cell(outputs).mean())

    def _cell(self, outputs: Sequence[AnyArray]) -> FloatArray:
        """Return the input pixels from one cell to the next in x and y; cell 0 lies on pixel 0."""
        cells = np.array(outputs[0].shape[:1:-1], np.float32)
        last = self._spec.geometry == "udp"
        return np.asarray((np.array(self._size_wh, np.float32) - last) / (cells - last), np.float32)


def check_keypoints(shape: Sequence[int], skeleton: Skeleton, form: str) -> None:
    """Refuse an output that does not have one row per keypoint.

    Raises:
        WeightsError: It has another number of axes or of keypoints.
    """
    expected = form.format(skeleton.num_keypoints)
    if len(shape) != expected.count(",") + 1 or shape[1] != skeleton.num_keypoints:
        raise WeightsError(
            f"the network's output has shape {tuple(shape)}, expected {expected} for {skeleton.name!r}"
        )
