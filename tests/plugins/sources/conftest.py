"""Real video files, made on the spot, whose frames carry their number in their pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from sitepose.core.errors import SourceError
from sitepose.plugins.sources.video import VideoFile

BITS = 10
FRAME_RATE = 25


def numbered(number: int, size_wh: tuple[int, int] = (160, 96)) -> np.ndarray:
    """Return a picture whose columns are the bits of a number, black or white, on a ground that moves."""
    width, height = size_wh
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    image = np.stack([(x + 3 * number) % 256, (2 * y + number) % 256, (x + y) % 256], axis=2).astype(np.uint8)
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        image[: height // 2, left:right] = 255 * (number >> bit & 1)
    return image


def number_of(image: np.ndarray) -> int:
    """Return the number that a picture carries."""
    height, width = image.shape[:2]
    middles = [(2 * bit + 1) * width // (2 * BITS) for bit in range(BITS)]
    return sum(int(image[height // 4, x].mean() > 127) << bit for bit, x in enumerate(middles))


@pytest.fixture(name="numbered")
def numbered_fixture() -> Callable[..., np.ndarray]:
    return numbered


@pytest.fixture(name="number_of")
def number_of_fixture() -> Callable[[np.ndarray], int]:
    return number_of


@pytest.fixture
def encode(tmp_path) -> Callable[..., Path]:
    """Return a function that encodes pictures into a file of the test's own folder."""

    def encode_file(
        name: str,
        images: Iterable[np.ndarray] | int = 30,
        *,
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        pts: Sequence[int] | None = None,
        time_base: Fraction = Fraction(1, FRAME_RATE),
        size_wh: tuple[int, int] = (160, 96),
        options: dict[str, str] | None = None,
        container_options: dict[str, str] | None = None,
        prepare: Callable[[Any], None] = lambda stream: None,
        format: str | None = None,
    ) -> Path:
        path = tmp_path / name
        if isinstance(images, int):
            images = [numbered(i, size_wh) for i in range(images)]
        if codec == "libx264":
            options = {"preset": "ultrafast", "g": "12", "crf": "20", **(options or {})}
        with av.open(str(path), "w", format=format, options=container_options or {}) as container:
            stream = container.add_stream(codec, rate=FRAME_RATE, options=options or {})
            stream.width, stream.height, stream.pix_fmt = *size_wh, pix_fmt
            stream.codec_context.time_base = time_base
            stream.thread_count = 1
            prepare(stream)
            for place, image in enumerate(images):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pix_fmt)
                frame.pts = place if pts is None else pts[place]
                frame.time_base = time_base
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return encode_file


@pytest.fixture
def read() -> Callable[..., tuple[list[Any], SourceError | None]]:
    """Return a function that gives all frames of a video file, and the fault that came after them."""

    def read_file(path: Path, **settings: Any) -> tuple[list[Any], SourceError | None]:
        frames: list[Any] = []
        with VideoFile(VideoFile.Settings(location=str(path), **settings)) as source:
            try:
                frames.extend(source)
            except SourceError as error:
                return frames, error
        return frames, None

    return read_file
