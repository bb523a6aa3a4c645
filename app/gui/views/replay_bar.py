"""The controls of a recording: play, step, go to a frame, speed."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from sitepose.app.live.replay import Position


class ReplayBar(QWidget):
    """Hidden while the current source is no recording."""

    playToggled = Signal()
    stepped = Signal(int)
    sought = Signal(int)
    speedChanged = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._play = _button("▶", "Play or pause (Space)")
        self._play.clicked.connect(lambda: self.playToggled.emit())
        back, forward = _button("◀|", "One frame back (Left)"), _button("|▶", "One frame forward (Right)")
        back.clicked.connect(lambda: self.stepped.emit(-1))
        forward.clicked.connect(lambda: self.stepped.emit(1))
        slower, faster = _button("-", "Slower ([)"), _button("+", "Faster (])")
        slower.clicked.connect(lambda: self.speedChanged.emit(0.5))
        faster.clicked.connect(lambda: self.speedChanged.emit(2.0))
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName("Frame")
        self._slider.valueChanged.connect(self._on_value)
        self._time = QLabel()
        self._speed = QLabel()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 6, 10, 6)
        for widget in (back, self._play, forward, self._slider, self._time, slower, self._speed, faster):
            layout.addWidget(widget, 1 if widget is self._slider else 0)
        self.setVisible(False)

    def show_position(self, position: Position | None) -> None:
        """Show where a recording stands; None hides the controls."""
        self.setVisible(position is not None)
        if position is None:
            return
        self._play.setText("❚❚" if position.playing else "▶")
        self._time.setText(
            f"{clock(position.timestamp)} / {clock(position.duration)}   frame {position.number}"
        )
        self._speed.setText(f"{position.speed:g} x")
        if not self._slider.isSliderDown():
            self._slider.blockSignals(True)
            self._slider.setRange(0, position.count - 1)
            self._slider.setValue(position.number)
            self._slider.blockSignals(False)

    def _on_value(self, value: int) -> None:
        self.sought.emit(value)


def clock(seconds: float) -> str:
    """Return a time for people.

    >>> clock(3725.5)
    '1:02:05.50'
    >>> clock(4)
    '0:04.00'
    """
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    lead = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{lead}:{rest:05.2f}"


def _button(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button
