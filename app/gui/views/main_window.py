"""The main window: setters for the controller, signals for the user's wishes."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QByteArray, Qt, QTimer, Signal
from qtpy.QtGui import QCloseEvent, QResizeEvent
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QMainWindow,
    QVBoxLayout,
    QWidget,
)

from sitepose.app.gui.figures import FiguresTable
from sitepose.app.gui.following import Following
from sitepose.app.gui.model import Banner, Layers, SourceEntry, Theme
from sitepose.app.gui.recorded import Kept
from sitepose.app.gui.screen import Picture, Screen
from sitepose.app.gui.view import PartChoice, RecordingState
from sitepose.app.gui.views.banner import BannerBar
from sitepose.app.gui.views.keys_dialog import KeysDialog
from sitepose.app.gui.views.panel import SidePanel
from sitepose.app.gui.views.replay_bar import ReplayBar
from sitepose.app.gui.views.source_dialog import SourceDialog
from sitepose.app.gui.views.theme import palette, style_sheet
from sitepose.app.gui.views.tiles import Tiles
from sitepose.app.gui.views.tools import Tools
from sitepose.app.gui.views.video import VideoPane
from sitepose.app.live.replay import Position
from sitepose.app.live.views import LANES

TICK_MS = 500
"""How often figures are shown."""


class MainWindow(QMainWindow):
    """Video in the middle, the side panel at the right, messages above, controls of a recording below."""

    wished = Signal(str)  # name of a hotkey's action that the window does not do itself
    sourceWished = Signal(object)
    noteWritten = Signal(str)
    keptChosen = Signal(str)
    personClicked = Signal(str, str, object)  # source, lane, track id or None
    frameSought = Signal(int)
    speedChanged = Signal(float)
    stepped = Signal(int)
    ticked = Signal()
    closing = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Sitepose")
        self.resize(1280, 780)
        self.panel = SidePanel(LANES)
        self.banner = BannerBar()
        self.replay = ReplayBar()
        self.tiles = Tiles()
        self.tools = Tools()
        self.addToolBar(self.tools)
        self.addActions(list(self.tools.by_name.values()))
        self._build()
        self._recording = QLabel()
        self._recorded = ""
        self.statusBar().addPermanentWidget(self._recording)
        self._connect()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.ticked)
        self._timer.start(TICK_MS)

    @property
    def panes(self) -> list[VideoPane]:
        """What is shown, from left to right, row by row."""
        return self.tiles.panes

    def show_screens(self, screens: Sequence[Screen], titles: Sequence[str]) -> None:
        """Show these panes, in this order, and no others."""
        self.tiles.show_screens(screens, titles)

    def show_picture(self, screen: Screen, picture: Picture) -> None:
        """Show the newest picture of a pane."""
        self.tiles.show_picture(screen, picture)

    def show_sources(self, sources: Sequence[SourceEntry], current: str) -> None:
        """Show what is open, and how it is."""
        self.panel.show_sources(sources, current)
        self.tiles.show_messages({source.key: source.message for source in sources})
        self.setWindowTitle(f"{current} - Sitepose" if current else "Sitepose")

    def show_part(self, lane: str, choice: PartChoice) -> None:
        """Show a part of a lane: what there is, what is chosen, its settings."""
        self.panel.lanes[lane].parts[choice.part].show_choice(choice)

    def show_preset(self, lane: str, name: str) -> None:
        """Show which preset the parts of a lane are; empty where they are none."""
        self.panel.lanes[lane].show_preset(name)

    def show_figures(self, lane: str, table: FiguresTable) -> None:
        """Show the figures of the current source."""
        self.panel.lanes[lane].figures.show_table(table)

    def show_status(self, text: str) -> None:
        """Show what happens just now."""
        self.statusBar().showMessage(text)

    def show_banner(self, banner: Banner | None) -> None:
        """Show a message across the window, or take it away."""
        self.banner.show_banner(banner)

    def show_compare(self, compare: bool) -> None:
        """Show whether two pipelines are compared."""
        self.tools.by_name["compare"].setChecked(compare)
        self.panel.show_compare(compare)

    def show_following(self, following: Following, *, zoom: bool) -> None:
        """Show whom the user follows, and whether they are large."""
        self.tools.by_name["zoom"].setChecked(zoom)
        self.tiles.show_following(following)

    def show_layers(self, layers: Layers) -> None:
        """Draw these layers."""
        self.tools.show_layers(layers)
        self.tiles.show_layers(layers)

    def show_theme(self, theme: Theme) -> None:
        """Be light or dark."""
        application = QApplication.instance()
        if application is not None:
            application.setPalette(palette(theme))  # dialogs and menus are windows of their own
        self.setStyleSheet(style_sheet(theme))
        self.tools.show_theme(theme)
        self.tools.fit(self.width(), anew=True)

    def show_recording(self, state: RecordingState) -> None:
        """Show whether, and what, is recorded."""
        self.tools.show_recording(state.seconds)
        self._recorded = state.line
        self._fit_recording()

    def show_kept(self, kept: Kept) -> None:
        """Show what recordings keep, from the next one on."""
        self.tools.show_kept(kept)
        self.tools.fit(self.width(), anew=True)

    def show_replay(self, position: Position | None) -> None:
        """Show the controls of a recording, or hide them."""
        self.replay.show_position(position)

    def place(self) -> bytes:
        """Return size and place of the window."""
        return bytes(self.saveGeometry().data())

    def go_to(self, place: bytes) -> None:
        """Take a size and place that :meth:`place` has returned."""
        self.restoreGeometry(QByteArray(place))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out the words of the tool bar where there is no room for them."""
        super().resizeEvent(event)
        self.tools.fit(self.width())
        self._fit_recording()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell that the window goes, before it does."""
        self._timer.stop()
        self.closing.emit()
        super().closeEvent(event)

    def _fit_recording(self) -> None:
        """Leave half of the line at the bottom to what happens just now; the tip has the rest."""
        metrics = self._recording.fontMetrics()
        shown = metrics.elidedText(self._recorded, Qt.TextElideMode.ElideLeft, self.width() // 2)
        self._recording.setText(shown)
        self._recording.setToolTip(self._recorded if shown != self._recorded else "")

    def _build(self) -> None:
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.banner)
        middle.addWidget(self.tiles, 1)
        middle.addWidget(self.replay)
        whole = QWidget()
        layout = QHBoxLayout(whole)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(middle, 1)
        layout.addWidget(self.panel)
        self.setCentralWidget(whole)

    def _connect(self) -> None:
        self.tools.wished.connect(self._on_wish)
        self.tools.keptChosen.connect(self.keptChosen)
        self.tiles.opening.connect(lambda: self._on_wish("open"))
        self.tiles.personClicked.connect(self.personClicked)
        self.replay.playToggled.connect(lambda: self.wished.emit("pause"))
        self.replay.stepped.connect(self.stepped)
        self.replay.sought.connect(self.frameSought)
        self.replay.speedChanged.connect(self.speedChanged)
        self.banner.dismissed.connect(lambda: self.wished.emit("unfollow"))

    def _on_wish(self, name: str) -> None:
        own = {
            "open": self._ask_source,
            "kept": self.tools.choose_kept,
            "note": self._ask_note,
            "help": self._show_keys,
            "panel": lambda: self.panel.setVisible(not self.panel.isVisible()),
            "fullscreen": lambda: self.showNormal() if self.isFullScreen() else self.showFullScreen(),
            "quit": self.close,
        }
        if name in own:
            own[name]()
        else:
            self.wished.emit(name)

    def _ask_source(self) -> None:
        dialog = SourceDialog(self)
        if dialog.exec_() == QDialog.DialogCode.Accepted and (wish := dialog.wish()) is not None:
            self.sourceWished.emit(wish)
        dialog.deleteLater()

    def _ask_note(self) -> None:
        text, accepted = QInputDialog.getText(self, "Note", "What happens at this moment?")
        if accepted:
            self.noteWritten.emit(text)

    def _show_keys(self) -> None:
        dialog = KeysDialog(self)
        dialog.exec_()
        dialog.deleteLater()
