"""The list of keys."""

from __future__ import annotations

import html
from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from sitepose.app.gui.hotkeys import HOTKEYS, Hotkey


class KeysDialog(QDialog):
    """The list of keys."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        half = (len(HOTKEYS) + 1) // 2
        columns = QHBoxLayout()
        columns.setSpacing(36)
        for keys in (HOTKEYS[:half], HOTKEYS[half:]):
            table = QLabel(_table(keys))
            table.setTextFormat(Qt.TextFormat.RichText)
            table.setAlignment(Qt.AlignmentFlag.AlignTop)
            columns.addWidget(table)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        for button in buttons.buttons():
            button.setIcon(QIcon())
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 16, 22, 14)
        layout.setSpacing(14)
        layout.addLayout(columns)
        layout.addWidget(buttons)


def _table(keys: Sequence[Hotkey]) -> str:
    rows = "".join(
        f"<tr><td style='padding: 3px 22px 3px 0'><b>{html.escape(key.keys)}</b></td>"
        f"<td style='padding: 3px 0'>{html.escape(key.does)}</td></tr>"
        for key in keys
    )
    return f"<table>{rows}</table>"
