"""A message across the window, with what to do about it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout

from sitepose.app.gui.model import Banner


class BannerBar(QFrame):
    """Hidden while there is nothing to say."""

    dismissed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("banner")
        self.setAccessibleName("Message")
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._remedy = QLabel()
        self._remedy.setWordWrap(True)
        self._remedy.setObjectName("remedy")
        close = QToolButton()
        close.setText("✕")
        close.setAccessibleName("Close the message")
        close.clicked.connect(lambda: self.dismissed.emit())
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self._text)
        words.addWidget(self._remedy)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 7, 8, 7)
        layout.addLayout(words, 1)
        layout.addWidget(close)
        self.setVisible(False)

    @property
    def text(self) -> str:
        """What is said."""
        return f"{self._text.text()} {self._remedy.text()}".strip()

    def show_banner(self, banner: Banner | None) -> None:
        """Say something, or nothing."""
        self.setVisible(banner is not None)
        if banner is not None:
            self._text.setText(f"⚠  {banner.text}")
            self._remedy.setText(banner.remedy)
            self._remedy.setVisible(bool(banner.remedy))
