"""The dialogs: which source, which note, which keys."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from sitepose.app.gui.hotkeys import HOTKEYS


@dataclass(frozen=True, slots=True)
class SourceWish:
    """What the user has chosen to open.

    Attributes:
        location: As on the command line, without login.
        settings: Login and transport of a network camera, or a pipeline.
    """

    location: str
    settings: dict[str, Any] = field(default_factory=dict, repr=False)


class SourceDialog(QDialog):
    """Asks for a camera, a file, a session or a pipeline; user and password have fields of their own."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open a source")
        self.setMinimumWidth(460)
        self._tabs = QTabWidget()
        self._tabs.addTab(self._camera_page(), "Camera")
        self._tabs.addTab(self._network_page(), "Network camera")
        self._tabs.addTab(self._file_page(), "Video or session")
        self._tabs.addTab(self._pipeline_page(), "GStreamer")
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self._tabs)
        layout.addWidget(buttons)

    def wish(self) -> SourceWish | None:
        """Return what was chosen; None where a field was left empty."""
        page = self._tabs.currentIndex()
        if page == 0:
            return SourceWish(str(self._camera.currentData()))
        if page == 1:
            url = self._url.text().strip()
            settings: dict[str, Any] = {"transport": self._transport.currentText()}
            if self._user.text():
                settings |= {"user": self._user.text(), "password": self._password.text()}
            return SourceWish(url, settings) if url else None
        if page == 2:
            path = self._path.text().strip()
            return SourceWish(path) if path else None
        pipeline = self._pipeline.text().strip()
        return SourceWish("", {"pipeline": pipeline}) if pipeline else None

    def _camera_page(self) -> QWidget:
        self._camera = QComboBox()
        for name, location in local_cameras():
            self._camera.addItem(name, location)
        self._camera.addItem("Test pattern", "test:")
        return _page(("Camera", self._camera))

    def _network_page(self) -> QWidget:
        self._url = QLineEdit()
        self._url.setPlaceholderText("rtsp://192.168.1.20/stream1")
        self._user, self._password = QLineEdit(), QLineEdit()
        self._password.setEchoMode(QLineEdit.EchoMode.Password)
        self._transport = QComboBox()
        self._transport.addItems(["tcp", "udp"])
        return _page(
            ("Address", self._url),
            ("User", self._user),
            ("Password", self._password),
            ("Transport", self._transport),
        )

    def _file_page(self) -> QWidget:
        self._path = QLineEdit()
        file, folder = QPushButton("Video …"), QPushButton("Session …")
        file.clicked.connect(lambda: self._pick(QFileDialog.getOpenFileName(self, "Open a video")[0]))
        folder.clicked.connect(lambda: self._pick(QFileDialog.getExistingDirectory(self, "Open a session")))
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self._path, file, folder):
            layout.addWidget(widget)
        return _page(("Path", row))

    def _pipeline_page(self) -> QWidget:
        self._pipeline = QLineEdit()
        self._pipeline.setPlaceholderText("v4l2src device=/dev/video2 ! image/jpeg")
        hint = QLabel("A pipeline can do whatever GStreamer can: write files, open connections.")
        hint.setObjectName("soft")
        return _page(("Pipeline", self._pipeline), ("", hint))

    def _pick(self, path: str) -> None:
        if path:
            self._path.setText(path)


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
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(table)
        layout.addWidget(buttons)


def local_cameras() -> list[tuple[str, str]]:
    """Return the local cameras by names that stay the same, and where they are; none is a normal case."""
    found = {
        link.resolve(): link
        for link in sorted(Path("/dev/v4l/by-id").glob("*-index0"))
        if link.resolve().exists()
    }
    named = [(link.name.removesuffix("-video-index0"), str(link)) for link in found.values()]
    others = [path for path in sorted(Path("/dev").glob("video[0-9]*")) if not found]
    return named + [(path.name, str(path)) for path in others]


def _page(*rows: tuple[str, QWidget]) -> QWidget:
    page = QWidget()
    layout = QFormLayout(page)
    for label, widget in rows:
        layout.addRow(label, widget)
        widget.setAccessibleName(label)
    return page
