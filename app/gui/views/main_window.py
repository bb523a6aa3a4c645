"""The main window: setters for the controller, signals for the user's wishes."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QByteArray, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QCloseEvent, QKeySequence, QResizeEvent
from qtpy.QtWidgets import (
    QAction,
    QApplication,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QMainWindow,
    QPushButton,
    QSizePolicy,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from sitepose.app.gui.figures import FiguresTable
from sitepose.app.gui.following import Following
from sitepose.app.gui.hotkeys import HOTKEYS
from sitepose.app.gui.model import Banner, Layers, SourceEntry, Theme
from sitepose.app.gui.screen import Picture, Screen
from sitepose.app.gui.view import PartChoice, RecordingState
from sitepose.app.gui.views.banner import BannerBar
from sitepose.app.gui.views.icons import DRAWINGS, WITHOUT_WORD, make_icon
from sitepose.app.gui.views.keys_dialog import KeysDialog
from sitepose.app.gui.views.panel import SidePanel
from sitepose.app.gui.views.replay_bar import ReplayBar, clock
from sitepose.app.gui.views.source_dialog import SourceDialog, SourceWish
from sitepose.app.gui.views.theme import palette, style_sheet
from sitepose.app.gui.views.video import VideoPane
from sitepose.app.live.engine import FIRST, SECOND
from sitepose.app.live.replay import Position

TICK_MS = 500
"""How often figures are shown."""

ICON = QSize(24, 20)

TOOLS = (
    "open", "record", "mark", "note", "|", "compare", "|",
    "boxes", "skeletons", "labels", "trails", "|", "zoom",
)  # fmt: skip
"""The tool bar; a bar is a gap."""

NAMES = {
    "open": "Open", "record": "Record", "mark": "Mark", "note": "Note", "compare": "Compare A | B",
    "boxes": "Boxes", "skeletons": "Skeletons", "labels": "Ids", "trails": "Trails", "zoom": "Zoom",
}  # fmt: skip
"""What the tool bar calls its actions."""

CHECKABLE = ("record", "compare", "boxes", "skeletons", "labels", "trails", "zoom")


class MainWindow(QMainWindow):
    """Video in the middle, the side panel at the right, messages above, controls of a recording below."""

    wished = Signal(str)  # name of a hotkey's action that the window does not do itself
    sourceWished = Signal(object)
    noteWritten = Signal(str)
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
        self.panes: list[VideoPane] = []
        self.panel = SidePanel((FIRST, SECOND))
        self.banner = BannerBar()
        self.replay = ReplayBar()
        self._layers = Layers()
        self._theme: Theme = "dark"
        self._recorded = False
        self._following = Following()
        self._build()
        self._actions = self._make_actions()
        self._tools = self._make_tools()
        self._tools_width = 0
        self._without_words()
        self._recording = QLabel()
        self.statusBar().addPermanentWidget(self._recording)
        self.replay.playToggled.connect(lambda: self.wished.emit("pause"))
        self.replay.stepped.connect(self.stepped)
        self.replay.sought.connect(self.frameSought)
        self.replay.speedChanged.connect(self.speedChanged)
        self.banner.dismissed.connect(lambda: self.wished.emit("unfollow"))
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.ticked)
        self._timer.start(TICK_MS)

    def show_screens(self, screens: Sequence[Screen], titles: Sequence[str]) -> None:
        """Show these panes, in this order, and no others."""
        old = {pane.screen: pane for pane in self.panes}
        self.panes = [
            old[screen] if screen in old else self._new_pane(screen, title)
            for screen, title in zip(screens, titles, strict=True)
        ]
        for pane in (pane for pane in old.values() if pane not in self.panes):
            self._tiles.removeWidget(pane)
            pane.setParent(None)
            pane.deleteLater()
        columns = 1 if len(self.panes) < 2 else 2 if len(self.panes) <= 4 else 3 if len(self.panes) <= 9 else 4
        for number, pane in enumerate(self.panes):
            self._tiles.addWidget(pane, number // columns, number % columns)
            pane.show_layers(self._layers)
        self._empty.setVisible(not self.panes)

    def show_picture(self, screen: Screen, picture: Picture) -> None:
        """Show the newest picture of a pane."""
        for pane in self.panes:
            if pane.screen is screen:
                pane.show_picture(picture)

    def show_sources(self, sources: Sequence[SourceEntry], current: str) -> None:
        """Show what is open, and how it is."""
        self.panel.show_sources(sources, current)
        messages = {source.key: source.message for source in sources}
        for pane in self.panes:
            pane.show_message(messages.get(pane.screen.source, ""))
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
        self._actions["compare"].setChecked(compare)
        self.panel.show_compare(compare)

    def show_following(self, following: Following, *, zoom: bool) -> None:
        """Show whom the user follows, and whether they are large."""
        self._following = following
        self._actions["zoom"].setChecked(zoom)
        for pane in self.panes:
            pane.show_following(following.track_id(pane.screen.source, pane.screen.lane))

    def show_layers(self, layers: Layers) -> None:
        """Draw these layers."""
        self._layers = layers
        for name in ("boxes", "skeletons", "labels", "trails"):
            self._actions[name].setChecked(getattr(layers, name))
        for pane in self.panes:
            pane.show_layers(layers)

    def show_theme(self, theme: Theme) -> None:
        """Be light or dark."""
        application = QApplication.instance()
        if application is not None:
            application.setPalette(palette(theme))  # dialogs and menus are windows of their own
        self.setStyleSheet(style_sheet(theme))
        self._theme = theme
        for name, action in self._actions.items():
            if name in DRAWINGS:
                action.setIcon(make_icon(name, theme))
        self._show_record_icon()

    def show_recording(self, state: RecordingState) -> None:
        """Show whether, and what, is recorded."""
        on = state.seconds is not None
        if on != self._actions["record"].isChecked() or on != self._recorded:
            self._recorded = on
            self._actions["record"].setChecked(on)
            self._show_record_icon()
        self._actions["record"].setText(clock(state.seconds or 0)[:-3] if on else NAMES["record"])
        for name in ("mark", "note"):
            self._actions[name].setEnabled(on)
        self._recording.setText(state.line)

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
        self._fit_tools()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell that the window goes, before it does."""
        self._timer.stop()
        self.closing.emit()
        super().closeEvent(event)

    def _build(self) -> None:
        video = QWidget()
        self._tiles = QGridLayout(video)
        self._tiles.setContentsMargins(0, 0, 0, 0)
        self._tiles.setSpacing(2)
        self._empty = self._invitation()
        self._tiles.addWidget(self._empty, 0, 0, Qt.AlignmentFlag.AlignCenter)
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.banner)
        middle.addWidget(video, 1)
        middle.addWidget(self.replay)
        whole = QWidget()
        layout = QHBoxLayout(whole)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(middle, 1)
        layout.addWidget(self.panel)
        self.setCentralWidget(whole)

    def _invitation(self) -> QPushButton:
        """Return what is shown while nothing is open."""
        button = QPushButton("Open a camera, a video or a session   (O)")
        button.setDefault(True)
        button.clicked.connect(lambda: self._on_action("open"))
        return button

    def _make_actions(self) -> dict[str, QAction]:
        actions = {}
        for key in HOTKEYS:
            action = QAction(NAMES.get(key.action) or key.does, self)
            action.setShortcut(QKeySequence(key.keys))
            action.setToolTip(f"{key.does} ({key.keys})")
            action.setCheckable(key.action in CHECKABLE)
            action.triggered.connect(lambda _checked=False, name=key.action: self._on_action(name))
            self.addAction(action)
            actions[key.action] = action
        return actions

    def _make_tools(self) -> QToolBar:
        bar = QToolBar("Tools")
        bar.setMovable(False)
        bar.setIconSize(ICON)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        for name in TOOLS:
            if name == "|":
                bar.addSeparator()
            else:
                bar.addAction(self._actions[name])
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(gap)
        for name in ("panel", "theme", "help"):
            bar.addAction(self._actions[name])
        record = bar.widgetForAction(self._actions["record"])
        if isinstance(record, QToolButton):
            record.setObjectName("record")
        for name, action in self._actions.items():
            button = bar.widgetForAction(action)
            if isinstance(button, QToolButton):
                button.setAccessibleName(action.toolTip())
                button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                if name in WITHOUT_WORD:
                    button.setObjectName("icon")
        self.addToolBar(bar)
        return bar

    def _show_record_icon(self) -> None:
        self._actions["record"].setIcon(make_icon("stop" if self._recorded else "record", self._theme))

    def _fit_tools(self) -> None:
        words = self._tools.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        if words:
            self._tools_width = self._tools.sizeHint().width()
        room = self.width() >= self._tools_width
        if room != words:
            style = Qt.ToolButtonStyle
            self._tools.setToolButtonStyle(style.ToolButtonTextBesideIcon if room else style.ToolButtonIconOnly)
            self._without_words()

    def _without_words(self) -> None:
        """Show the icon alone of tools that have no word."""
        for name in WITHOUT_WORD:
            button = self._tools.widgetForAction(self._actions[name])
            if isinstance(button, QToolButton):
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)

    def _new_pane(self, screen: Screen, title: str) -> VideoPane:
        pane = VideoPane(screen, title)
        pane.personClicked.connect(self.personClicked)
        pane.show_following(self._following.track_id(screen.source, screen.lane))
        return pane

    def _on_action(self, name: str) -> None:
        own = {
            "open": self._ask_source,
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
        if dialog.exec_() == QDialog.DialogCode.Accepted:
            wish: SourceWish | None = dialog.wish()
            if wish is not None:
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
