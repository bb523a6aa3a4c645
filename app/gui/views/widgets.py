"""Small widgets that several parts of the window share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QPainter, QPaintEvent, QPen, QPolygonF, QWheelEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QSpinBox,
    QStyle,
    QStyleOptionButton,
)

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget as _Widget
else:
    _Widget = object  # Qt takes one base class of its own, to which calls go on

ARROW = 4.0
"""Half the width of a choice box's arrow, in logical pixels."""


class _InUse(_Widget):
    """What the wheel changes only while it has the focus: whoever scrolls past must not exchange a network."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the panel unless this box is in use."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class ChoiceBox(_InUse, QComboBox):
    """A combo box with an arrow in the colour of its letters."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the box, and the arrow that a style sheet cannot paint without a file."""
        super().paintEvent(event)
        x, y = self.width() - 14.0, self.height() / 2
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().placeholderText().color(), 1.6))
        arrow = [
            QPointF(x - ARROW, y - ARROW / 2),
            QPointF(x, y + ARROW / 2),
            QPointF(x + ARROW, y - ARROW / 2),
        ]
        painter.drawPolyline(QPolygonF(arrow))
        painter.end()


class TickBox(QCheckBox):
    """A check box with a tick, which a style sheet cannot paint without a file."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the box, and the tick over it."""
        super().paintEvent(event)
        if not self.isChecked():
            return
        option = QStyleOptionButton()
        self.initStyleOption(option)
        box = QRectF(self.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, self))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().highlightedText().color(), 2))
        x, y, size = box.x(), box.y(), box.width()
        tick = [(0.24, 0.52), (0.43, 0.71), (0.77, 0.31)]
        painter.drawPolyline(QPolygonF([QPointF(x + size * dx, y + size * dy) for dx, dy in tick]))
        painter.end()


class WholeBox(_InUse, QSpinBox):
    """A whole number."""


class NumberBox(_InUse, QDoubleSpinBox):
    """A number."""

    def textFromValue(self, value: float) -> str:
        """Return a number without zeros that say nothing."""
        return f"{value:.3f}".rstrip("0").rstrip(".")


def label(name: str = "", text: str = "", *, wrap: bool = False) -> QLabel:
    """Return a label of a kind that the style sheet knows."""
    made = QLabel(text)
    made.setObjectName(name)
    made.setWordWrap(wrap)
    if wrap:
        made.setMinimumWidth(1)  # wraps in place of making the panel wider
    return made
