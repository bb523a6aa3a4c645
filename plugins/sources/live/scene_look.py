"""What a picture says of the camera that took it, apart from who is in it: where edges are, and how steep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from sitepose.core.structures import ImageArray

Floats = NDArray[np.float32]
Picture = TypeVar("Picture", ImageArray, Floats)

VIEW_WIDTH = 320
"""Pixels, or a little more, of the picture in which the background is compared."""

VIEW_TILE = 40
"""Pixels of a piece of that picture: a piece with somebody in it says nothing, the others do."""

VIEW_STILL = 3
"""Pixels of that picture, 1 % of its width, by which a camera on a pole may sway."""

SAME_VIEW = 0.3
"""Pieces that must be where they were: with people walking it is 0.7 at the least, of another view 0.1."""

VIEW_TEXTURE = 6.0
"""Deviation of the edges of a piece below which it is as good as empty."""

VIEW_PEAK = 0.1
"""Share of the correlation that must lie in one place, of 1 for equal pieces."""

FEWEST_PIECES = 4
"""Pieces with something in them below which a picture says nothing: it is dark."""

FOCUS_WIDTH = 640
"""Pixels, or more, of the picture in which the width of edges is measured."""

FOCUS_TILE = 64
"""Pixels of a piece of that picture."""

FOCUS_COARSE = 4
"""The width of an edge is told from its steepness in pictures of this ratio of sizes."""

FOCUS_EDGE = 4.0
"""Grey levels per pixel below which an edge in the coarse picture is too weak to be measured."""

FOCUS_BEST = 40
"""Steepness of a piece is that of its 40th best pixel, 1 %: less would be noise, more would be no edge."""

SOBEL = 8
"""What the edge filter gives for one grey level per pixel."""

COLOUR_WIDTH = 80
"""Pixels, or a little more, of the picture whose colours are measured."""

COLOURFUL, COLOURLESS = 6.0, 1.5
"""Distance from the usual colour of the picture, of 255: of its 10th part with the most colour where it is in
colour; of its 33rd part where it is not."""


@dataclass(frozen=True, eq=False, slots=True)
class SceneLook:
    """What is measured in a picture.

    Attributes:
        grey: At ``VIEW_WIDTH``.
        edges: Strength of edges in it.
        steepness: Of the best edges of each piece, against the coarse picture; NaN where there are none.
        colourful: Whether the picture has colours; None between yes and no.
        size_wh: Of the frame.
    """

    grey: Floats
    edges: Floats
    steepness: Floats
    colourful: bool | None
    size_wh: tuple[int, int]

    @property
    def textured(self) -> NDArray[np.bool_]:
        """Which pieces hold something."""
        return np.asarray(_pieces(self.edges, VIEW_TILE).std((1, 2)) > VIEW_TEXTURE)

    @property
    def dark(self) -> bool:
        """Whether there is too little to be seen for anything to be told."""
        return bool(self.textured.sum() < FEWEST_PIECES)

    def same_view(self, other: SceneLook) -> bool:
        """Return whether another picture shows the same background in the same place."""
        textured = self.textured | other.textured
        if not textured.any():
            return False
        spectra = [np.fft.rfft2(_windowed(_pieces(look.edges, VIEW_TILE)[textured])) for look in (self, other)]
        cross = spectra[0] * spectra[1].conj()
        peaks = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-9), s=(VIEW_TILE, VIEW_TILE))
        place = peaks.reshape(len(peaks), -1).argmax(1)
        rows, columns = (np.minimum(at, VIEW_TILE - at) for at in np.divmod(place, VIEW_TILE))
        still = (np.hypot(rows, columns) <= VIEW_STILL) & (peaks.max((1, 2)) > VIEW_PEAK)
        return bool(still.mean() >= SAME_VIEW)

    def shift_to(self, other: SceneLook) -> tuple[float, float] | None:
        """Return how far another picture is shifted, in pixels of the frame; None where it is not only that."""
        height, width = self.edges.shape
        window = cv2.createHanningWindow((width, height), cv2.CV_32F)
        (x, y), _ = cv2.phaseCorrelate(self.edges, other.edges, window)
        moved = replace(self, edges=np.roll(self.edges, (round(y), round(x)), (0, 1)))
        scale = self.size_wh[0] / width
        return (x * scale, y * scale) if moved.same_view(other) else None

    def steeper_in(self, other: SceneLook) -> float | None:
        """Return how many times as steep edges are in another picture; None where too few can be measured."""
        ratios = other.steepness / self.steepness
        ratios = ratios[np.isfinite(ratios)]
        return float(np.median(ratios)) if len(ratios) >= FEWEST_PIECES else None

    def blurred(self, pixels: float) -> SceneLook:
        """Return it with blurred edges, by so many pixels of ``grey``."""
        return replace(self, edges=_edges(cv2.GaussianBlur(self.grey, (0, 0), pixels)))

    def blended(self, other: SceneLook, share: float) -> SceneLook:
        """Return it with some of another picture in it."""
        steepness = self.steepness + share * (other.steepness - self.steepness)
        return replace(
            self,
            grey=self.grey + share * (other.grey - self.grey),
            edges=self.edges + share * (other.edges - self.edges),
            steepness=np.where(np.isnan(steepness), other.steepness, steepness),
            colourful=self.colourful if other.colourful is None else other.colourful,
        )


def look_at(image: ImageArray) -> SceneLook:
    """Measure an RGB picture, shape (H, W, 3)."""
    colours = _reduced(image, image.shape[1] // FOCUS_WIDTH)
    fine = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY).astype(np.float32)
    view = _reduced(fine, fine.shape[1] // VIEW_WIDTH)
    return SceneLook(
        grey=view,
        edges=_edges(view),
        steepness=_steepness(_edges(fine), _edges(_reduced(fine, FOCUS_COARSE))),
        colourful=_colourful(colours),
        size_wh=(image.shape[1], image.shape[0]),
    )


def _steepness(fine: Floats, coarse: Floats) -> Floats:
    """Return steepness piece by piece; a ratio of two, so that neither light nor contrast matter."""
    best, best_coarse = FOCUS_BEST, max(1, FOCUS_BEST // FOCUS_COARSE**2)
    near = _pieces(fine, FOCUS_TILE).reshape(-1, FOCUS_TILE**2)
    far = _pieces(coarse, FOCUS_TILE // FOCUS_COARSE).reshape(-1, (FOCUS_TILE // FOCUS_COARSE) ** 2)
    count = min(len(near), len(far))
    top = np.partition(near[:count], -best, axis=1)[:, -best]
    top_coarse = np.partition(far[:count], -best_coarse - 1, axis=1)[:, -best_coarse - 1]
    strong = (top_coarse > FOCUS_EDGE * SOBEL) & (top > 0)
    return np.where(strong, top / np.where(strong, top_coarse, 1), np.nan).astype(np.float32)


def _colourful(image: ImageArray) -> bool | None:
    small = _reduced(image, image.shape[1] // COLOUR_WIDTH)
    chroma = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.float32)
    # From the usual colour, not from grey: pictures in infrared may be tinted.
    distance = np.linalg.norm(chroma - np.median(chroma, (0, 1)), axis=2)
    if np.percentile(distance, 90) > COLOURFUL:
        return True
    return False if np.percentile(distance, 97) < COLOURLESS else None


def _reduced(picture: Picture, factor: int) -> Picture:
    """Return a picture so many times smaller; a whole number is ten times as fast as any other."""
    if factor <= 1:
        return picture
    rows, columns = picture.shape[0] // factor, picture.shape[1] // factor
    whole = picture[: rows * factor, : columns * factor]
    return cast("Picture", cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA))


def _edges(grey: Floats) -> Floats:
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _pieces(picture: Floats, size: int) -> Floats:
    """Return a picture's square pieces, shape (N, size, size), without the rest at right and bottom."""
    rows, columns = picture.shape[0] // size, picture.shape[1] // size
    whole = picture[: rows * size, : columns * size].reshape(rows, size, columns, size)
    return whole.swapaxes(1, 2).reshape(-1, size, size)


def _windowed(pieces: Floats) -> Floats:
    ramp = np.hanning(VIEW_TILE).astype(np.float32)
    return np.asarray((pieces - pieces.mean((1, 2), keepdims=True)) * np.outer(ramp, ramp), np.float32)
