"""The tool bar's icons: drawn with lines in the colours of the theme, sharp on every screen."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from sitepose.app.gui.model import Theme
from sitepose.app.gui.views.theme import COLORS

GRID = 20.0
"""Icons are drawn in a square of this width."""

GAP = 4.0
"""Between an icon and its word."""

RATIO = 3
"""Pixels for each logical one: enough for screens of three times the usual density."""

LINE = 1.6


def make_icon(name: str, theme: Theme) -> QIcon:
    """Return an icon in the colours of a theme; paler where its action cannot be used."""
    icon = QIcon()
    inks = {"record": "record", "stop": "record_ink"}
    for mode, color in ((QIcon.Mode.Normal, inks.get(name, "ink")), (QIcon.Mode.Disabled, "faint")):
        icon.addPixmap(_pixmap(name, COLORS[theme][color]), mode)
    return icon


def _pixmap(name: str, color: str) -> QPixmap:
    gap = 0.0 if name in WITHOUT_WORD else GAP
    pixmap = QPixmap(int((GRID + gap) * RATIO), int(GRID * RATIO))
    pixmap.fill(QColor(0, 0, 0, 0))
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(RATIO, RATIO)
    pen = QPen(QColor(color), LINE)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    DRAWINGS[name](painter)
    painter.end()
    pixmap.setDevicePixelRatio(RATIO)
    return pixmap


def _lines(painter: QPainter, *points: tuple[float, float]) -> None:
    painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in points]))


def _disc(painter: QPainter, x: float, y: float, radius: float) -> None:
    painter.setBrush(painter.pen().color())
    painter.drawEllipse(QPointF(x, y), radius, radius)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _open(painter: QPainter) -> None:
    painter.drawRoundedRect(QRectF(2.5, 5.5, 10.5, 9), 2, 2)
    _lines(painter, (13, 9), (17.5, 6.5), (17.5, 13.5), (13, 11))


def _record(painter: QPainter) -> None:
    painter.drawEllipse(QPointF(10, 10), 7, 7)
    _disc(painter, 10, 10, 3.4)


def _stop(painter: QPainter) -> None:
    painter.setBrush(painter.pen().color())
    painter.drawRoundedRect(QRectF(5.5, 5.5, 9, 9), 1, 1)


def _kept_video(painter: QPainter) -> None:
    painter.drawRoundedRect(QRectF(2.5, 4, 15, 12), 2, 2)
    painter.drawPolygon(QPolygonF([QPointF(8, 7), QPointF(13, 10), QPointF(8, 13)]))


def _kept_blurred(painter: QPainter) -> None:
    painter.drawRoundedRect(QRectF(2.5, 4, 15, 12), 2, 2)
    for x, y in ((7.3, 6), (10, 8.7), (7.3, 11.4)):
        painter.fillRect(QRectF(x, y, 2.7, 2.7), painter.pen().color())


def _mark(painter: QPainter) -> None:
    _lines(painter, (5, 17.5), (5, 3), (15, 3), (12.5, 6.5), (15, 10), (5, 10))


def _note(painter: QPainter) -> None:
    _lines(painter, (3.5, 16.5), (4.3, 12.7), (13.5, 3.5), (16.5, 6.5), (7.3, 15.7), (3.5, 16.5))


def _compare(painter: QPainter) -> None:
    painter.drawRoundedRect(QRectF(2.5, 4, 15, 12), 2, 2)
    _lines(painter, (10, 4), (10, 16))


def _boxes(painter: QPainter) -> None:
    for x, dx in ((3, 4), (17, -4)):
        for y, dy in ((3, 4), (17, -4)):
            _lines(painter, (x + dx, y), (x, y), (x, y + dy))


def _skeletons(painter: QPainter) -> None:
    _disc(painter, 10, 3.8, 1.6)
    _lines(painter, (4.5, 8), (10, 7), (15.5, 8))
    _lines(painter, (10, 7), (10, 12), (6.5, 17.5))
    _lines(painter, (10, 12), (13.5, 17.5))


def _labels(painter: QPainter) -> None:
    _lines(painter, (8, 3.5), (6, 16.5))
    _lines(painter, (14, 3.5), (12, 16.5))
    _lines(painter, (4, 7.5), (16.5, 7.5))
    _lines(painter, (3.5, 12.5), (16, 12.5))


def _trails(painter: QPainter) -> None:
    path = QPainterPath(QPointF(3, 16))
    path.cubicTo(QPointF(11, 17), QPointF(6, 6), QPointF(14, 5))
    painter.drawPath(path)
    _disc(painter, 15.5, 4.8, 1.6)


def _zoom(painter: QPainter) -> None:
    painter.drawEllipse(QPointF(8.5, 8.5), 5.5, 5.5)
    _lines(painter, (12.7, 12.7), (17, 17))


def _panel(painter: QPainter) -> None:
    painter.drawRoundedRect(QRectF(2.5, 4, 15, 12), 2, 2)
    _lines(painter, (12.5, 4), (12.5, 16))


def _theme(painter: QPainter) -> None:
    painter.drawEllipse(QPointF(10, 10), 6.5, 6.5)
    painter.setBrush(painter.pen().color())
    painter.drawPie(QRectF(3.5, 3.5, 13, 13), 90 * 16, 180 * 16)


def _help(painter: QPainter) -> None:
    path = QPainterPath(QPointF(6.5, 7))
    path.cubicTo(QPointF(6.5, 2), QPointF(13.5, 2), QPointF(13.5, 7))
    path.cubicTo(QPointF(13.5, 10), QPointF(10, 9.5), QPointF(10, 13))
    painter.drawPath(path)
    _disc(painter, 10, 16.5, 0.6)


WITHOUT_WORD = frozenset(("panel", "theme", "help"))
"""Icons that stand alone."""

DRAWINGS: dict[str, Callable[[QPainter], None]] = {
    "open": _open, "record": _record, "stop": _stop, "kept video": _kept_video,
    "kept blurred": _kept_blurred, "kept poses": _skeletons, "mark": _mark, "note": _note, "compare": _compare,
    "boxes": _boxes, "skeletons": _skeletons, "labels": _labels, "trails": _trails, "zoom": _zoom,
    "panel": _panel, "theme": _theme, "help": _help,
}  # fmt: skip
"""Each draws an icon, in a square of :data:`GRID`."""
