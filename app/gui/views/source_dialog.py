"""The dialog that asks for a source, and shows it before it is opened."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from sitepose.app.gui.preview import Preview
from sitepose.app.gui.views.wakeup import Wakeup
from sitepose.app.gui.views.widgets import ChoiceBox, TickBox

PREVIEW = QSize(320, 180)
"""Size of the preview, in logical pixels."""

WIDTH = 430
"""Of the fields, in logical pixels."""

NO_CAMERA = "no camera found"


@dataclass(frozen=True, slots=True)
class SourceWish:
    """What the user has chosen to open.

    Attributes:
        location: As on the command line, without login.
        settings: Login and transport of a network camera, or a pipeline.
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


class SourceDialog(QDialog):
    """Asks for a camera, a file, a session or a pipeline; user and password have fields of their own.

    Cameras are looked for, and previews are opened, beside the window's thread.

    Args:
        parent: The window.
        look: Finds the cameras.
    """

    def __init__(
        self, parent: QWidget | None = None, look: Callable[[], list[FoundCamera]] | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open a source")
        self._look = look or local_cameras
        self._wakeup = Wakeup(self._on_news)
        ratio = self.devicePixelRatioF()
        size = round(PREVIEW.width() * ratio), round(PREVIEW.height() * ratio)
        self._preview = Preview(size, self._wakeup.ask)
        self._found: list[FoundCamera] | None = None
        self._accepting = self._done = False
        self._tabs = QTabWidget()
        self._tabs.addTab(self._camera_page(), "Camera")
        self._tabs.addTab(self._network_page(), "Network camera")
        self._tabs.addTab(self._file_page(), "Video or session")
        self._tabs.addTab(self._pipeline_page(), "GStreamer")
        self._tabs.tabBar().setUsesScrollButtons(False)
        self._tabs.setMinimumWidth(WIDTH)
        self._tabs.currentChanged.connect(self._on_page)
        self._buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        for button in self._buttons.buttons():
            button.setIcon(QIcon())
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        upper = QHBoxLayout()
        upper.setSpacing(16)
        upper.addWidget(self._tabs, 1)
        upper.addLayout(self._preview_column())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 14)
        layout.setSpacing(12)
        layout.addLayout(upper)
        layout.addWidget(self._buttons)
        self._camera.setFocus()
        self.look_again()

    def wish(self) -> SourceWish | None:
        """Return what was chosen; None where a field was left empty."""
        page = self._tabs.currentIndex()
        if page == 0:
            location = self._camera.currentData()
            return SourceWish(location) if location else None
        if page == 1:
            url = self._url.text().strip()
            settings: dict[str, Any] = {"transport": self._transport.currentText()}
            if self._user.text():
                settings |= {"user": self._user.text(), "password": self._password.text()}
            return SourceWish(url, settings) if url else None
        if page == 2:
            path = self._path.text().strip()
            return SourceWish(f"loop:{path}" if self._loop.isChecked() else path) if path else None
        pipeline = self._pipeline.text().strip()
        return SourceWish("", {"pipeline": pipeline}) if pipeline else None

    def look_again(self) -> None:
        """Look for cameras; what is found is shown when it is there."""
        self._again.setEnabled(False)
        threading.Thread(target=self._find, name="look for cameras", daemon=True).start()

    def preview(self) -> None:
        """Show what is chosen."""
        wish = self.wish()
        if wish is None:
            self._preview.stop()
        else:
            self._preview.show(wish.location, **wish.settings)
        self._on_news()

    def accept(self) -> None:
        """Close the preview first: many cameras serve one program only."""
        self._accepting = True
        self._buttons.setEnabled(False)
        self._preview.stop()
        self._on_news()

    def done(self, result: int) -> None:
        """End the preview, however the dialog ends."""
        self._done = True
        self._preview.stop()
        super().done(result)

    def _camera_page(self) -> QWidget:
        self._camera = ChoiceBox()
        self._camera.setMinimumContentsLength(24)
        self._camera.addItem("looking for cameras …", "")
        self._camera.addItem("Test pattern", "test:")
        self._camera.activated.connect(lambda _: self.preview())
        self._again = QPushButton("Look again")
        self._again.setAutoDefault(False)
        self._again.clicked.connect(lambda: self.look_again())
        return _page(("Camera", self._camera), ("", self._again))

    def _network_page(self) -> QWidget:
        self._url = QLineEdit()
        self._url.setPlaceholderText("rtsp://192.168.1.20/stream1")
        self._user, self._password = QLineEdit(), QLineEdit()
        self._password.setEchoMode(QLineEdit.EchoMode.Password)
        self._transport = ChoiceBox()
        self._transport.addItems(["tcp", "udp"])
        return _page(
            ("Address", self._url),
            ("User", self._user),
            ("Password", self._password),
            ("Transport", self._transport),
        )

    def _file_page(self) -> QWidget:
        self._path = QLineEdit()
        self._loop = TickBox("over and over, like a camera")
        file, folder = QPushButton("Video …"), QPushButton("Session …")
        file.clicked.connect(lambda: self._pick(QFileDialog.getOpenFileName(self, "Open a video")[0]))
        folder.clicked.connect(lambda: self._pick(QFileDialog.getExistingDirectory(self, "Open a session")))
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        for button in (file, folder):
            button.setAutoDefault(False)
            layout.addWidget(button)
        return _page(("Path", self._path), ("", row), ("", self._loop))

    def _pipeline_page(self) -> QWidget:
        self._pipeline = QLineEdit()
        self._pipeline.setPlaceholderText("v4l2src device=/dev/video2 ! image/jpeg")
        hint = QLabel("A pipeline can do whatever GStreamer can: write files, open connections.")
        hint.setObjectName("soft")
        hint.setWordWrap(True)
        hint.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        return _page(("Pipeline", self._pipeline), ("", hint))

    def _preview_column(self) -> QVBoxLayout:
        self._screen = QLabel("no preview")
        self._screen.setObjectName("preview")
        self._screen.setFixedSize(PREVIEW)
        self._screen.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._says = QLabel()
        self._says.setObjectName("soft")
        self._says.setFixedSize(PREVIEW.width(), 2 * self._says.fontMetrics().lineSpacing() + 4)
        self._says.setWordWrap(True)
        self._says.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._try = QPushButton("Preview")
        self._try.setAutoDefault(False)
        self._try.clicked.connect(lambda: self.preview())
        column = QVBoxLayout()
        column.setSpacing(8)
        for widget in (self._screen, self._says, self._try):
            column.addWidget(widget)
        column.addStretch(1)
        return column

    def _pick(self, path: str) -> None:
        if path:
            self._path.setText(path)
            self.preview()

    def _on_page(self, _page: int) -> None:
        self._preview.stop()
        self._on_news()

    def _find(self) -> None:
        self._found = self._look()
        self._wakeup.ask()

    def _on_news(self) -> None:
        """Show what has come from other threads."""
        if self._done:
            return
        if self._accepting:
            if self._preview.idle:
                super().accept()
            return
        if self._found is not None:
            found, self._found = self._found, None
            self._show_cameras(found)
        self._show_picture()
        self._says.setText(self._preview.message)
        self._says.setToolTip(self._preview.message)

    def _show_cameras(self, found: list[FoundCamera]) -> None:
        self._again.setEnabled(True)
        chosen = self._camera.currentData()
        self._camera.clear()
        for camera in found:
            self._camera.addItem(camera.name, camera.location)
            self._camera.setItemData(self._camera.count() - 1, camera.location, Qt.ItemDataRole.ToolTipRole)
        if not found:
            self._camera.addItem(NO_CAMERA, "")
        self._camera.addItem("Test pattern", "test:")
        self._camera.setCurrentIndex(max(0, self._camera.findData(chosen) if chosen else 0))
        if found and self._tabs.currentIndex() == 0:
            self.preview()

    def _show_picture(self) -> None:
        pixels = self._preview.picture
        if pixels is None:
            self._screen.setPixmap(QPixmap())
            self._screen.setText("" if self._preview.message else "no preview")
            return
        height, width = pixels.shape[:2]
        image = QImage(pixels.data, width, height, pixels.strides[0], QImage.Format.Format_RGB32)
        pixmap = QPixmap.fromImage(image)
        pixmap.setDevicePixelRatio(self.devicePixelRatioF())
        self._screen.setPixmap(pixmap)


def local_cameras() -> list[FoundCamera]:
    """Return the local cameras; none is a normal case."""
    try:
        from sitepose.plugins.sources.live.cameras import list_cameras
    except ImportError:  # V4L2 is Linux's
        return []
    return [FoundCamera(f"{camera.name} ({camera.device})", camera.stable) for camera in list_cameras()]


def _page(*rows: tuple[str, QWidget]) -> QWidget:
    page = QWidget()
    layout = QFormLayout(page)
    layout.setContentsMargins(0, 12, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    for label, widget in rows:
        layout.addRow(label, widget)
        if label:
            widget.setAccessibleName(label)
    return page
