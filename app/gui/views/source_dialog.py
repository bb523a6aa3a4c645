"""The dialog that asks for a source, and shows it before it is opened."""

from __future__ import annotations

import threading
from collections.abc import Callable

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from sitepose.app.gui.preview import Preview
from sitepose.app.gui.views.source_pages import (
    CameraPage,
    FilePage,
    FoundCamera,
    NetworkPage,
    Page,
    PipelinePage,
    SourceWish,
)
from sitepose.app.gui.views.wakeup import Wakeup

PREVIEW = QSize(320, 180)
"""Size of the preview, in logical pixels."""

WIDTH = 430
"""Of the fields, in logical pixels."""


class SourceDialog(QDialog):
    """Asks for a camera, a file, a session or a pipeline.

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
        self.camera, self.network, self.file = CameraPage(), NetworkPage(), FilePage()
        self.pipeline = PipelinePage()
        self.tabs = self._make_tabs()
        self._buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        for button in self._buttons.buttons():
            button.setIcon(QIcon())
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        upper = QHBoxLayout()
        upper.setSpacing(16)
        upper.addWidget(self.tabs, 1)
        upper.addLayout(self._preview_column())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 14)
        layout.setSpacing(12)
        layout.addLayout(upper)
        layout.addWidget(self._buttons)
        self.camera.camera.setFocus()
        self.look_again()

    def wish(self) -> SourceWish | None:
        """Return what was chosen; None where a field was left empty."""
        page = self.tabs.currentWidget()
        return page.wish() if isinstance(page, Page) else None

    def look_again(self) -> None:
        """Look for cameras; what is found is shown when it is there."""
        self.camera.show_looking()
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

    def _make_tabs(self) -> QTabWidget:
        tabs = QTabWidget()
        tabs.addTab(self.camera, "Camera")
        tabs.addTab(self.network, "Network camera")
        tabs.addTab(self.file, "Video or session")
        tabs.addTab(self.pipeline, "GStreamer")
        for page in (self.camera, self.network, self.file, self.pipeline):
            page.picked.connect(lambda: self.preview())
        self.camera.lookingWished.connect(lambda: self.look_again())
        tabs.tabBar().setUsesScrollButtons(False)
        tabs.setMinimumWidth(WIDTH)
        tabs.currentChanged.connect(self._on_page)
        return tabs

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
            self.camera.show_cameras(found)
            if found and self.tabs.currentWidget() is self.camera:
                self.preview()
        self._show_picture()
        self._says.setText(self._preview.message)
        self._says.setToolTip(self._preview.message)

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
