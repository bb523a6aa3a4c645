"""The list of keys."""

from __future__ import annotations

import html

from qtpy.QtCore import Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from sitepose.app.gui.hotkeys import HOTKEYS


class KeysDialog(QDialog):
    """The list of keys."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        rows = "".join(
            f"<tr><td style='padding: 3px 22px 3px 0'><b>{html.escape(key.keys)}</b></td>"
            f"<td style='padding: 3px 0'>{html.escape(key.does)}</td></tr>"
            for key in HOTKEYS
        )
        table = QLabel(f"<table>{rows}</table>")
        table.setTextFormat(Qt.TextFormat.RichText)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        for button in buttons.buttons():
            button.setIcon(QIcon())
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(table)
        layout.addWidget(buttons)
