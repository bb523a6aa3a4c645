"""The pages of the dialog that asks for a source: one for each kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from sitepose.app.gui.views.widgets import ChoiceBox, TickBox

NO_CAMERA = "no camera found"

TEST_PATTERN = ("Test pattern", "test:")


@dataclass(frozen=True, slots=True)
class SourceWish:
    """What the user has chosen to open.

    Attributes:
        location: As on the command line, without login.
        settings: Login, transport, sub stream and trust of a network camera, or a pipeline.
    """

    location: str
    settings: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """A camera that is plugged in.

    Attributes:
        name: As it calls itself, with where it is.
        location: Its name that stays the same when it is plugged in again, where it has one.
    """

    name: str
    location: str


class Page(QWidget):
    """Fields for one kind of source, in rows with a name each."""

    picked = Signal()  # a source that may be shown at once

    def __init__(self, *rows: tuple[str, QWidget]) -> None:
        super().__init__()
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 12, 0, 0)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for label, widget in rows:
            layout.addRow(label, widget)
            if label:
                widget.setAccessibleName(label)

    def wish(self) -> SourceWish | None:
        """Return what was chosen; None where a field was left empty."""
        raise NotImplementedError


class CameraPage(Page):
    """The cameras that are plugged in, and the test pattern."""

    lookingWished = Signal()

    def __init__(self) -> None:
        self.camera = ChoiceBox()
        self._again = QPushButton("Look again")
        super().__init__(("Camera", self.camera), ("", self._again))
        self.camera.setMinimumContentsLength(24)
        self.camera.addItem("looking for cameras …", "")
        self.camera.addItem(*TEST_PATTERN)
        self.camera.activated.connect(lambda _: self.picked.emit())
        self._again.setAutoDefault(False)
        self._again.clicked.connect(lambda: self.lookingWished.emit())

    def wish(self) -> SourceWish | None:
        """Return the camera."""
        location = self.camera.currentData()
        return SourceWish(location) if location else None

    def show_looking(self) -> None:
        """Show that cameras are being looked for."""
        self._again.setEnabled(False)

    def show_cameras(self, found: Sequence[FoundCamera]) -> None:
        """Show what was found; what was chosen stays chosen."""
        self._again.setEnabled(True)
        chosen = self.camera.currentData()
        self.camera.clear()
        for camera in found:
            self.camera.addItem(camera.name, camera.location)
            self.camera.setItemData(self.camera.count() - 1, camera.location, Qt.ItemDataRole.ToolTipRole)
        if not found:
            self.camera.addItem(NO_CAMERA, "")
        self.camera.addItem(*TEST_PATTERN)
        self.camera.setCurrentIndex(max(0, self.camera.findData(chosen) if chosen else 0))


class NetworkPage(Page):
    """A network camera; user and password have fields of their own."""

    def __init__(self) -> None:
        self.url, self.sub = QLineEdit(), QLineEdit()
        self.user, self.password = QLineEdit(), QLineEdit()
        self.transport = ChoiceBox()
        self.any_certificate = TickBox("accept one that this computer does not trust")
        hint = soft(
            "The networks look at the sub stream, a smaller one of the same camera; the other is recorded."
        )
        super().__init__(
            ("Address", self.url),
            ("Sub stream", self.sub),
            ("", hint),
            ("User", self.user),
            ("Password", self.password),
            ("Transport", self.transport),
            ("Certificate", self.any_certificate),
        )
        self.url.setPlaceholderText("rtsp://192.168.1.20/stream1")
        self.sub.setPlaceholderText("if it has one: rtsp://192.168.1.20/stream2")
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.transport.addItems(["tcp", "udp"])

    def wish(self) -> SourceWish | None:
        """Return the camera."""
        url, sub = self.url.text().strip(), self.sub.text().strip()
        settings: dict[str, Any] = {"transport": self.transport.currentText()}
        if self.user.text():
            settings |= {"user": self.user.text(), "password": self.password.text()}
        if sub:
            settings["sub"] = sub
        if self.any_certificate.isChecked():
            settings["verify_tls"] = False
        return SourceWish(url, settings) if url else None


class FilePage(Page):
    """A video file or the folder of a session."""

    def __init__(self) -> None:
        self.path = QLineEdit()
        self.loop = TickBox("over and over, like a camera")
        buttons = QWidget()
        super().__init__(("Path", self.path), ("", buttons), ("", self.loop))
        file, folder = QPushButton("Video …"), QPushButton("Session …")
        file.clicked.connect(lambda: self._pick(QFileDialog.getOpenFileName(self, "Open a video")[0]))
        folder.clicked.connect(lambda: self._pick(QFileDialog.getExistingDirectory(self, "Open a session")))
        layout = QHBoxLayout(buttons)
        layout.setContentsMargins(0, 0, 0, 0)
        for button in (file, folder):
            button.setAutoDefault(False)
            layout.addWidget(button)

    def wish(self) -> SourceWish | None:
        """Return the recording."""
        path = self.path.text().strip()
        return SourceWish(f"loop:{path}" if self.loop.isChecked() else path) if path else None

    def _pick(self, path: str) -> None:
        if path:
            self.path.setText(path)
            self.picked.emit()


class PipelinePage(Page):
    """A GStreamer pipeline."""

    def __init__(self) -> None:
        self.pipeline = QLineEdit()
        hint = soft("A pipeline can do whatever GStreamer can: write files, open connections.")
        super().__init__(("Pipeline", self.pipeline), ("", hint))
        self.pipeline.setPlaceholderText("v4l2src device=/dev/video2 ! image/jpeg")

    def wish(self) -> SourceWish | None:
        """Return the pipeline."""
        pipeline = self.pipeline.text().strip()
        return SourceWish("", {"pipeline": pipeline}) if pipeline else None


def soft(text: str) -> QLabel:
    """Return a line of help below a field."""
    hint = QLabel(text)
    hint.setObjectName("soft")
    hint.setWordWrap(True)
    hint.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
    return hint
