"""Which source a location on the command line is for. Nothing heavy is imported here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

SourceKind = Literal["video", "images", "synthetic"]

SYNTHETIC = "synthetic"
"""The location of the test pattern."""

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".tif", ".tiff", ".webp", ".jp2", ".ppm", ".pgm", ".pbm", ".pnm")
)
"""File names that are taken for still images; a GIF is a video."""


def source_kind(location: str) -> SourceKind:
    """Return the built-in source that opens a location: a folder or image, the test pattern, else a video.

    >>> source_kind("clip.mp4"), source_kind("shots/*.jpg"), source_kind("synthetic")
    ('video', 'images', 'synthetic')
    """
    path = Path(location)
    if location == SYNTHETIC and not path.exists():
        return "synthetic"
    if is_image(path) or path.is_dir():
        return "images"
    return "video"


def is_image(path: Path) -> bool:
    """Return whether a file's name is that of a still image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def natural_key(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Return a key that sorts names as people count: 2 before 10.

    >>> sorted(map(Path, ["b10.jpg", "b2.jpg", "B1.jpg", "b02.jpg"]), key=natural_key)[:2]
    [PosixPath('B1.jpg'), PosixPath('b02.jpg')]
    """
    parts = re.split(r"(\d+)", path.name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part], path.name
