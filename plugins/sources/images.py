"""Still images as a source: a folder, a pattern of file names, or one file."""

from __future__ import annotations

import glob
import logging
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from pydantic import Field

from sitepose.core.errors import SourceError
from sitepose.core.structures import Frame, ImageArray
from sitepose.plugins.api import PluginContext, SourceInfo
from sitepose.plugins.sources.base import IteratedSource, SpanSettings
from sitepose.plugins.sources.choose import IMAGE_SUFFIXES, is_image, natural_key

_log = logging.getLogger(__name__)

MAX_RATE_DENOMINATOR = 1001 * 1000
"""Enough to keep any frame rate of television or a camera exact as a fraction."""


class ImageFolder(IteratedSource):
    """The images of a folder in the order of their names (2 before 10), of a pattern, or one image.

    Each frame has the size of its image, turned upright by its EXIF orientation; 16 bits become 8, grey and
    palettes become RGB, transparency is ignored. ``index`` is the place in the sorted list and ``timestamp``
    that place divided by ``frame_rate``, so that an image which cannot be read leaves a gap. They have
    no ``pts``.

    Raises:
        SourceError: There are no images, or not one of them can be read.
    """

    class Settings(SpanSettings):
        """Which images (a folder, a pattern such as ``shots/*.jpg``, or one image), and at what rate."""

        frame_rate: float = Field(1.0, gt=0, le=1000)
        """Images per second, which the files themselves do not say."""

    def __init__(self, settings: Settings, context: PluginContext | None = None) -> None:
        del context  # networks are none of its business
        self._settings = settings
        self._rate = Fraction(settings.frame_rate).limit_denominator(MAX_RATE_DENOMINATOR)
        self._chosen = self._within_span(_find_images(settings.location))
        super().__init__(
            SourceInfo(
                source_id=Path(settings.location).name or Path(settings.location).absolute().name,
                size_wh=_first_size([path for _, path in self._chosen]),
                frame_rate=self._rate,
                frame_count=min(len(self._chosen), settings.max_frames or len(self._chosen)),
            )
        )

    def frames(self) -> Iterator[Frame]:
        """Yield the images that can be read."""
        return islice(self._readable(), self._settings.max_frames)

    def _readable(self) -> Iterator[Frame]:
        for index, path in self._chosen:
            image = read_image(path)
            if image is None:
                self.damaged += 1
                _log.warning("%s: cannot be read as an image, left out", path)
                continue
            yield Frame(
                image=image,
                index=index,
                timestamp=float(index / self._rate),
                captured_at=time.monotonic(),
                source_id=self.info.source_id,
                name=path.name,
            )

    def _within_span(self, paths: list[Path]) -> list[tuple[int, Path]]:
        start, end = self._settings.start_s, self._settings.end_s
        numbered = [
            (index, path)
            for index, path in enumerate(paths)
            if start <= index / self._rate and (end is None or index / self._rate < end)
        ]
        if not numbered:
            raise SourceError(f"{self._settings.location}: has no image {self._settings.span()}")
        return numbered


def read_image(path: Path) -> ImageArray | None:
    """Return an image file as RGB, shape (H, W, 3), upright; None where it cannot be read.

    OpenCV reads it, as most tools of the field do: the pixels of a JPEG depend on who decodes it.
    """
    try:
        # Read by us: OpenCV on its own does not take every file name on every system.
        data = np.fromfile(path, np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error) as error:
        _log.debug("%s: %s", path, error)
        return None
    if image is None:
        return None
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image), np.uint8)


def _find_images(location: str) -> list[Path]:
    path = Path(location)
    if path.is_dir():
        found = [entry for entry in path.iterdir() if is_image(entry) and entry.is_file()]
        if not found:
            raise SourceError(f"{location}: the folder has no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
        return sorted(found, key=natural_key)
    if path.is_file():
        return [path]
    found = [Path(name) for name in glob.glob(location, recursive=True) if Path(name).is_file()]
    if not found:
        raise SourceError(f"{location}: no such file or folder")
    return sorted(found, key=lambda file: (str(file.parent), natural_key(file)))


def _first_size(paths: list[Path]) -> tuple[int, int]:
    for path in paths:
        image = read_image(path)
        if image is not None:
            return image.shape[1], image.shape[0]
    only = f"{paths[0]}" if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    raise SourceError(f"{only}: cannot be read as an image")
