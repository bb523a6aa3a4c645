"""Text on a picture: beside people, never off the frame, never on one another where there is room."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from sitepose.app.rendering.palette import WHITE, Color, ink_on
from sitepose.app.rendering.style import Sizes, sizes_for
from sitepose.core.structures import FloatArray, ImageArray

FONT = cv2.FONT_HERSHEY_DUPLEX

HEADER_SHADE = 0.35
"""How much of the picture shines through behind the header."""

Place = tuple[int, int]


@dataclass(slots=True)
class Labels:
    """Writes the labels of one frame; remembers where there are some already."""

    image: ImageArray
    sizes: Sizes
    taken: list[tuple[int, int, int, int]] = field(default_factory=list)

    def write(self, text: str, box: FloatArray, color: Color) -> None:
        """Write a label at a person's box: above it, else wherever at the box there is room.

        Args:
            text: One line.
            box: ``xyxy``, shape (4,); it may reach beyond the frame.
            color: Of the ground that the text stands on.
        """
        width, height, baseline = text_size(text, self.sizes)
        for place in self._places(box, width, height):
            x, y = self._inside(place, width, height)
            if not any(_overlap((x, y, width, height), other) for other in self.taken):
                break
        else:
            x, y = self._inside(self._places(box, width, height)[0], width, height)
        self.taken.append((x, y, width, height))
        cv2.rectangle(self.image, (x, y), (x + width - 1, y + height - 1), color, -1)
        _put(
            self.image,
            text,
            (x + self.sizes.padding, y + height - self.sizes.padding - baseline),
            ink_on(color),
            self.sizes,
        )

    def _places(self, box: FloatArray, width: int, height: int) -> list[Place]:
        x1, y1, x2, y2 = (round(float(edge)) for edge in box)
        return [
            (x1, y1 - height),
            (x2 - width, y1 - height),
            (x1, y1),
            (x2 - width, y1),
            (x1, y2),
            (x2 - width, y2),
        ]

    def _inside(self, place: Place, width: int, height: int) -> Place:
        """Return the place nearest by at which all of the label is on the frame."""
        frame_height, frame_width = self.image.shape[:2]
        x, y = place
        return max(0, min(x, frame_width - width)), max(0, min(y, frame_height - height))


def draw_header(image: ImageArray, text: str, *, scale: float = 1.0) -> None:
    """Write a line into the top left corner of an RGB picture, on a darkened strip.

    Args:
        image: RGB, drawn upon.
        text: The line; what does not fit is cut off at the right.
        scale: Makes the letters larger or smaller; at 1 they follow the size of the picture.
    """
    sizes = sizes_for(image.shape[1], image.shape[0], scale)
    width, height, below = text_size(text, sizes)
    strip = image[:height, :width]
    np.copyto(strip, cv2.convertScaleAbs(strip, alpha=HEADER_SHADE))
    _put(image, text, (sizes.padding, height - sizes.padding - below), WHITE, sizes)


def text_size(text: str, sizes: Sizes) -> tuple[int, int, int]:
    """Return width and height of a padded label, and how deep its letters reach below the line, in pixels."""
    (width, height), baseline = cv2.getTextSize(text, FONT, sizes.font_scale, sizes.font_width)
    below = baseline if any(letter in "gjpqy,;()[]" for letter in text) else 0
    return width + 2 * sizes.padding, height + below + 2 * sizes.padding, below


def _put(image: ImageArray, text: str, place: Place, color: Color, sizes: Sizes) -> None:
    cv2.putText(image, text, place, FONT, sizes.font_scale, color, sizes.font_width, cv2.LINE_AA)


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
