"""The flip test: a network sees each person mirrored too, and both answers are averaged."""

from __future__ import annotations

import numpy as np

from sitepose.core.structures import FloatArray, IntArray
from sitepose.models.runtimes.api import AnyArray


def mirror(batch: AnyArray, *, layout: str = "nchw") -> AnyArray:
    """Return a batch of images seen in a mirror.

    Args:
        batch: Shape (N, C, H, W), or (N, H, W, C).
        layout: ``nchw`` or ``nhwc``.
    """
    return np.ascontiguousarray(batch[..., ::-1] if layout == "nchw" else batch[:, :, ::-1])


def mirror_heatmaps(heatmaps: FloatArray, flip_indices: IntArray, *, shift: bool) -> FloatArray:
    """Return the heatmaps of mirrored images as those of the images themselves.

    Args:
        heatmaps: Shape (N, K, H, W).
        flip_indices: For each keypoint the one that it becomes in the mirror, shape (K,).
        shift: Move by one cell to the right, for networks trained with the biased geometry: cell j stands for
            input pixel ``stride * j`` there, so that the mirrored grid lies almost one cell further left.
    """
    back = heatmaps[:, flip_indices, :, ::-1]
    if not shift:
        return back
    shifted = back.copy()
    shifted[..., 1:] = back[..., :-1]
    return shifted


def average_with_mirrored(
    heatmaps: FloatArray, mirrored: FloatArray, flip_indices: IntArray, *, shift: bool
) -> FloatArray:
    """Return the mean of what the network said of people and of their mirror images, shape (N, K, H, W)."""
    return np.asarray((heatmaps + mirror_heatmaps(mirrored, flip_indices, shift=shift)) / 2, np.float32)
