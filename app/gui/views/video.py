"""A pane of video with people painted over it."""

from __future__ import annotations

from collections.abc import Iterator

from qtpy.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QTextOption
from qtpy.QtWidgets import QSizePolicy, QWidget

from sitepose.app.gui.model import Layers
from sitepose.app.gui.screen import Picture, Screen
from sitepose.app.gui.views.people import PeoplePainter, person_at

SMALLEST = QSize(160, 90)

GROUND = QColor(14, 16, 20)
INK = QColor(235, 238, 242)
SOFT_INK = QColor(150, 158, 168)
STRIP = QColor(10, 12, 16, 170)
MARGIN = 16
"""Beside a message, in logical pixels."""

OLD_S = 0.5
"""Poses older than this are said to be old."""


class VideoPane(QWidget):
    """Shows the newest picture of a screen. It keeps the picture's array for as long as it shows it.

    Args:
        screen: What it shows.
        title: Written in the corner.
    """

    personClicked = Signal(str, str, object)  # source, lane, track id or None
    painted = Signal()

    def __init__(self, screen: Screen, title: str) -> None:
        super().__init__()
        self.screen = screen
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(SMALLEST)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.show_title(title)
        self._picture: Picture | None = screen.picture
        self._image: QImage | None = None
        self._layers = Layers()
        self._followed: int | None = None
        self._message = "waiting for the first picture"
        self._held()

    def show_title(self, title: str) -> None:
        """Write this in the corner."""
        self._title = title
        self.setObjectName(f"video {title}")
        self.setAccessibleName(f"Video of {title}")
        self.update()

    def show_picture(self, picture: Picture) -> None:
        """Show a picture."""
        self._picture = picture
        self._held()
        self.update()

    def show_layers(self, layers: Layers) -> None:
        """Draw these layers."""
        self._layers = layers
        self.update()

    def show_following(self, track_id: int | None) -> None:
        """Fade everybody but this person; None fades nobody."""
        self._followed = track_id
        self.update()

    def show_message(self, text: str) -> None:
        """Say this while there is no picture."""
        self._message = text
        if self._picture is None:
            self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Have pictures made in the new size."""
        ratio = self.devicePixelRatioF()
        self.screen.resize(round(self.width() * ratio), round(self.height() * ratio))
        if self.screen.picture is not None:
            self.show_picture(self.screen.picture)
        super().resizeEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Follow whoever was clicked."""
        if self._picture is None:
            return
        ratio = self.devicePixelRatioF()
        place = (_place_of(event) - self._origin()) * ratio
        person = person_at(self._picture, place.x(), place.y())
        self.personClicked.emit(self.screen.source, self.screen.lane, person)

    def changeEvent(self, event: QEvent) -> None:
        """Paint anew when the theme changes."""
        super().changeEvent(event)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint picture and people."""
        painter = QPainter(self)
        picture, image = self._picture, self._image
        if picture is None or image is None:
            painter.fillRect(self.rect(), GROUND)
            painter.setPen(SOFT_INK)
            room = QRectF(self.rect().adjusted(MARGIN, 0, -MARGIN, 0))
            painter.drawText(room, self._message, _centred())
        else:
            ratio = self.devicePixelRatioF()
            origin = self._origin()
            size = QRectF(origin.x(), origin.y(), image.width() / ratio, image.height() / ratio)
            for bar in _around(self.rect(), size.toAlignedRect()):
                painter.fillRect(bar, GROUND)
            painter.drawImage(size, image)
            painter.save()
            painter.setClipRect(size)
            painter.translate(origin)
            painter.scale(1 / ratio, 1 / ratio)
            PeoplePainter(painter, picture, ratio).paint(self._layers, self._followed)
            painter.restore()
        self._paint_title(painter)
        painter.end()
        self.painted.emit()

    def _paint_title(self, painter: QPainter) -> None:
        text = self._title
        if self._followed is not None:
            text += f"   following {self._followed}"
        if self._picture is not None and self._picture.age_s > OLD_S:
            text += f"   poses are {self._picture.age_s:.1f} s old"
        width = painter.fontMetrics().horizontalAdvance(text) + 20
        strip = QRectF(8, 8, width, painter.fontMetrics().height() + 8)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(STRIP)
        painter.drawRoundedRect(strip, 5, 5)
        painter.setPen(INK)
        painter.drawText(strip, Qt.AlignmentFlag.AlignCenter, text)

    def _held(self) -> None:
        """Lay an image over the picture's array, without copying it."""
        if self._picture is None:
            return
        pixels = self._picture.pixels
        height, width = pixels.shape[:2]
        self._image = QImage(pixels.data, width, height, pixels.strides[0], QImage.Format.Format_RGB32)

    def _origin(self) -> QPointF:
        """Return where the picture's top left corner is, in logical pixels."""
        if self._image is None:
            return QPointF(0, 0)
        ratio = self.devicePixelRatioF()
        width, height = self._image.width() / ratio, self._image.height() / ratio
        return QPointF(round((self.width() - width) / 2), round((self.height() - height) / 2))


def _centred() -> QTextOption:
    option = QTextOption(Qt.AlignmentFlag.AlignCenter)
    option.setWrapMode(QTextOption.WrapMode.WordWrap)
    return option


def _around(whole: QRect, inner: QRect) -> Iterator[QRect]:
    """Yield what lies above, below and beside a rectangle, each with a pixel of it."""
    yield QRect(0, 0, whole.width(), inner.top() + 1)
    yield QRect(0, inner.bottom(), whole.width(), whole.height() - inner.bottom())
    yield QRect(0, 0, inner.left() + 1, whole.height())
    yield QRect(inner.right(), 0, whole.width() - inner.right(), whole.height())


def _place_of(event: QMouseEvent) -> QPointF:
    """Return where a click was; Qt 5 and 6 call it differently."""
    return event.position() if hasattr(event, "position") else event.localPos()
