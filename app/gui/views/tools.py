"""The tool bar, and every action of the window with its key."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QAction, QActionGroup, QMenu, QSizePolicy, QToolBar, QToolButton, QWidget

from sitepose.app.gui.hotkeys import HOTKEYS
from sitepose.app.gui.model import Layers, Theme
from sitepose.app.gui.recorded import KEPT_CHOICES, Kept, kept_choice
from sitepose.app.gui.views.icons import DRAWINGS, WITHOUT_WORD, make_icon
from sitepose.app.gui.views.replay_bar import clock

ICON = QSize(24, 20)

TOOLS = (
    "open", "record", "kept", "mark", "note", "|", "compare", "|",
    "boxes", "skeletons", "labels", "trails", "|", "zoom",
)  # fmt: skip
"""The tool bar; a bar is a gap."""

AT_THE_RIGHT = ("panel", "theme", "help")

NAMES = {
    "open": "Open", "record": "Record", "mark": "Mark", "note": "Note", "compare": "Compare",
    "boxes": "Boxes", "skeletons": "Skeletons", "labels": "Ids", "trails": "Trails", "zoom": "Zoom",
}  # fmt: skip
"""What the tool bar calls its actions."""

CHECKABLE = ("record", "compare", "boxes", "skeletons", "labels", "trails", "zoom")

WITH_WORDS = Qt.ToolButtonStyle.ToolButtonTextBesideIcon
ICONS_ALONE = Qt.ToolButtonStyle.ToolButtonIconOnly


class Tools(QToolBar):
    """Setters for what is on, signals for what is wished. Remembers what the icons show.

    Attributes:
        by_name: Every action of the window, also those without a button.
    """

    wished = Signal(str)  # name of a hotkey's action
    keptChosen = Signal(str)

    def __init__(self) -> None:
        super().__init__("Tools")
        self.setMovable(False)
        self.setIconSize(ICON)
        self.setToolButtonStyle(WITH_WORDS)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self._theme: Theme = "dark"
        self._recorded = False
        self._kept: Kept = "video"
        self._width = 0
        self.by_name = self._make_actions()
        self._menu, self._choices = self._make_menu()
        self._add_buttons()
        self._without_words()

    def show_theme(self, theme: Theme) -> None:
        """Draw every icon in the colours of a theme."""
        self._theme = theme
        for name, action in self.by_name.items():
            if name in DRAWINGS:
                action.setIcon(make_icon(name, theme))
        self._show_icons()

    def show_recording(self, seconds: float | None) -> None:
        """Show for how long it has been recorded; None while nothing is."""
        on = seconds is not None
        record = self.by_name["record"]
        if on != record.isChecked() or on != self._recorded:
            self._recorded = on
            record.setChecked(on)
            self._show_icons()
            self._without_words()
        record.setText(clock(seconds or 0)[:-3] if on else NAMES["record"])
        for name in ("mark", "note"):
            self.by_name[name].setEnabled(on)

    def show_kept(self, kept: Kept) -> None:
        """Show what recordings keep."""
        self._kept = kept
        self._choices[kept].setChecked(True)
        choice = kept_choice(kept)
        self.by_name["kept"].setText(f"{choice.word}  ▾")
        self.by_name["kept"].setToolTip(f"What recordings keep (Shift+R). {choice.says}")
        self._show_icons()

    def show_layers(self, layers: Layers) -> None:
        """Show which layers are drawn."""
        for name in ("boxes", "skeletons", "labels", "trails"):
            self.by_name[name].setChecked(getattr(layers, name))

    def choose_kept(self) -> None:
        """Open the menu of what recordings keep."""
        button = self.widgetForAction(self.by_name["kept"])
        self._menu.setActiveAction(self._choices[self._kept])
        self._menu.popup(button.mapToGlobal(button.rect().bottomLeft()))

    def fit(self, width: int, *, anew: bool = False) -> None:
        """Leave out the words where there is no room for them.

        Args:
            width: What there is, in logical pixels.
            anew: Whether the words, or their letters, are others than before.
        """
        if anew:
            self.setToolButtonStyle(WITH_WORDS)
            self._without_words()
        words = self.toolButtonStyle() == WITH_WORDS
        if words:
            self._width = self.sizeHint().width()
        room = width >= self._width
        if room != words:
            self.setToolButtonStyle(WITH_WORDS if room else ICONS_ALONE)
            self._without_words()

    def _make_actions(self) -> dict[str, QAction]:
        actions = {}
        for key in HOTKEYS:
            action = QAction(NAMES.get(key.action) or key.does, self)
            action.setShortcut(QKeySequence(key.keys))
            action.setToolTip(f"{key.does} ({key.keys})")
            action.setCheckable(key.action in CHECKABLE)
            action.triggered.connect(lambda _checked=False, name=key.action: self.wished.emit(name))
            actions[key.action] = action
        return actions

    def _make_menu(self) -> tuple[QMenu, dict[Kept, QAction]]:
        menu, group = QMenu(self), QActionGroup(self)
        choices: dict[Kept, QAction] = {}
        for choice in KEPT_CHOICES:
            action = choices[choice.kept] = QAction(choice.says, group)
            action.setCheckable(True)
            action.triggered.connect(lambda _checked=False, kept=choice.kept: self.keptChosen.emit(kept))
            menu.addAction(action)
        return menu, choices

    def _add_buttons(self) -> None:
        for name in TOOLS:
            if name == "|":
                self.addSeparator()
            else:
                self.addAction(self.by_name[name])
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(gap)
        for name in AT_THE_RIGHT:
            self.addAction(self.by_name[name])
        for name, action in self.by_name.items():
            button = self.widgetForAction(action)
            if isinstance(button, QToolButton):
                button.setAccessibleName(action.toolTip())
                button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                button.setObjectName("record" if name == "record" else "icon" if name in WITHOUT_WORD else "")

    def _show_icons(self) -> None:
        """Show the icons that say what is on."""
        self.by_name["record"].setIcon(make_icon("stop" if self._recorded else "record", self._theme))
        self.by_name["kept"].setIcon(make_icon(f"kept {self._kept}", self._theme))

    def _without_words(self) -> None:
        """Show the icon alone of tools that have no word; for how long it has been recorded always has room."""
        styles = dict.fromkeys(WITHOUT_WORD, ICONS_ALONE)
        styles["record"] = WITH_WORDS if self._recorded else self.toolButtonStyle()
        for name, style in styles.items():
            button = self.widgetForAction(self.by_name[name])
            if isinstance(button, QToolButton):
                button.setToolButtonStyle(style)
