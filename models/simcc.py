"""SimCC: where a keypoint is in x and in y, as two rows of fine bins (arXiv 2107.03332)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sitepose.core.skeleton import Skeleton
from sitepose.models.heads import check_keypoints
from sitepose.models.heatmaps import Peaks
from sitepose.models.runtimes.api import AnyArray


class SimccHead:
    """Two outputs, shapes (P, K, bins in x) and (P, K, bins in y); one candidate per keypoint.

    The score is the lower one of the two maxima, as mmpose has it; rtmlib takes their mean, so thresholds
    do not carry over.

    Args:
        skeleton: The network's keypoints.
        size_wh: Width and height of its input.
    """

    max_peaks = 1
    output_names: tuple[str, ...] | None = None

    def __init__(self, skeleton: Skeleton, size_wh: tuple[int, int]) -> None:
        self._skeleton = skeleton
        self._size_wh = size_wh

    def merge(self, outputs: Sequence[AnyArray], mirrored: Sequence[AnyArray]) -> tuple[AnyArray, ...]:
        """Average both; the mirrored rows of x are read backwards."""
        flip = self._skeleton.flip_indices
        back = np.zeros_like(mirrored[0])
        # Bin i stands for pixel i / b, whose mirror image W - 1 - i / b has the bin W b - b - i.
        beyond = round(mirrored[0].shape[2] / self._size_wh[0]) - 1
        back[..., : back.shape[2] - beyond] = mirrored[0][:, flip, ::-1][..., beyond:]
        return (outputs[0] + back) / 2, (outputs[1] + mirrored[1][:, flip]) / 2

    def decode(self, outputs: Sequence[AnyArray]) -> Peaks:
        """Return the highest bin of each keypoint; nothing where it is not above 0."""
        across, down = outputs
        check_keypoints(across.shape, self._skeleton, "(N, {}, bins)")
        check_keypoints(down.shape, self._skeleton, "(N, {}, bins)")
        bins = np.stack([across.argmax(axis=2), down.argmax(axis=2)], axis=-1)
        pixels = bins * np.array(self._size_wh) / (across.shape[2], down.shape[2])
        scores = np.minimum(across.max(axis=2), down.max(axis=2))
        positions = np.where(scores[..., None] > 0, pixels, np.nan)
        return Peaks(
            positions[:, :, None].astype(np.float32), np.clip(scores, 0, 1)[:, :, None].astype(np.float32)
        )

    def spread(self, outputs: Sequence[AnyArray]) -> float | None:
        """Return None: a row of bins tells no radius."""
        return None
