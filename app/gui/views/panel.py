"""The side panel: sources, the parts of each pipeline with their settings, figures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QSizePolicy,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from sitepose.app.config import PRESETS
from sitepose.app.gui.menu import PARTS, TITLES, Part
from sitepose.app.gui.model import SourceEntry
from sitepose.app.gui.view import PartChoice
from sitepose.app.gui.views.figures_box import FiguresBox
from sitepose.app.gui.views.form import SettingsForm
from sitepose.app.gui.views.widgets import ChoiceBox, label

STATES = {
    "playing": "●",
    "connecting": "◌",
    "opening": "◌",
    "reconnecting": "↻",
    "stalled": "▲",
    "failed": "✕",
    "ended": "■",
}
"""Shapes, not colours, say how a source is."""

WIDTH = 392

ROW, MOST_ROWS = 26, 5
"""Of the list of sources: height of a row in logical pixels, and how many are shown at once."""

OWN_CHOICE = "own choice"
"""What the presets' box shows while the parts are none of them."""

TITLE_WIDTH = 96
"""Of the words before the choice boxes, in logical pixels."""


class PartBox(QWidget):
    """One part: what is chosen, and its settings behind a button."""

    chosen = Signal(str)
    settingChanged = Signal(str, object)

    def __init__(self, part: Part) -> None:
        super().__init__()
        self._box = ChoiceBox()
        self._box.setAccessibleName(TITLES[part])
        self._box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._box.activated.connect(lambda index: self.chosen.emit(self._box.itemData(index)))
        self._more = QToolButton()
        self._more.setText("⚙")
        self._more.setObjectName("more")
        self._more.setCheckable(True)
        self._more.setAccessibleName(f"Settings of the {TITLES[part]}")
        self._more.setToolTip("Settings")
        self._form = SettingsForm()
        self._form.setVisible(False)
        self._form.changed.connect(self.settingChanged)
        self._more.toggled.connect(self._form.setVisible)
        title = label("soft", TITLES[part])
        title.setFixedWidth(TITLE_WIDTH)
        title.setBuddy(self._box)
        row = QHBoxLayout()
        row.setSpacing(6)
        for widget in (title, self._box, self._more):
            row.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self._form)

    def show_choice(self, choice: PartChoice) -> None:
        """Show what there is, what is chosen, and its settings."""
        if self._box.count() != len(choice.options):
            self._box.clear()
            for option in choice.options:
                self._box.addItem(option.name + ("  (not installed)" if option.problem else ""), option.name)
                tip = option.problem or option.summary
                self._box.setItemData(self._box.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        index = self._box.findData(choice.chosen)
        if index < 0:  # a file of the user's own, named on the command line
            self._box.addItem(choice.chosen, choice.chosen)
            index = self._box.count() - 1
        self._box.setCurrentIndex(index)
        self._more.setEnabled(bool(choice.fields))
        self._form.show_fields(choice.fields)
        for before, after in pairwise((self._more, *self._form.editors)):
            QWidget.setTabOrder(before, after)

    def open_settings(self) -> None:
        """Show the settings."""
        self._more.setChecked(True)


class LaneBox(QWidget):
    """One pipeline: a preset, four parts, and its figures."""

    partChosen = Signal(str, str)
    settingChanged = Signal(str, str, object)
    presetChosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(6)
        self._preset = ChoiceBox()
        layout.addLayout(self._preset_row())
        self.parts: dict[str, PartBox] = {}
        for part in PARTS:
            box = self.parts[part] = PartBox(part)
            box.chosen.connect(partial(self.partChosen.emit, part))
            box.settingChanged.connect(partial(self.settingChanged.emit, part))
            layout.addWidget(box)
        self.figures = FiguresBox()
        layout.addWidget(self.figures)
        layout.addStretch(1)

    def show_preset(self, name: str) -> None:
        """Show which preset the parts are; empty where they are none."""
        self._preset.setCurrentIndex(max(0, self._preset.findData(name)))

    def _preset_row(self) -> QHBoxLayout:
        self._preset.setAccessibleName("Preset: detector and pose network by purpose")
        self._preset.addItem(OWN_CHOICE, "")
        for name, parts in PRESETS.items():
            self._preset.addItem(name, name)
            tip = f"{parts['detector']['name']} and {parts['pose']['name']}"
            self._preset.setItemData(self._preset.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self._preset.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._preset.activated.connect(self._on_preset)
        title = label("soft", "Preset")
        title.setFixedWidth(TITLE_WIDTH)
        title.setBuddy(self._preset)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(title)
        row.addWidget(self._preset)
        return row

    def _on_preset(self, index: int) -> None:
        name = self._preset.itemData(index)
        if name:
            self.presetChosen.emit(name)


class SidePanel(QScrollArea):
    """Sources above, one tab for each pipeline below."""

    sourceSelected = Signal(str)
    partChosen = Signal(str, str, str)  # lane, part, name
    settingChanged = Signal(str, str, str, object)
    presetChosen = Signal(str, str)

    def __init__(self, lanes: Sequence[str]) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAccessibleName("Side panel")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedWidth(WIDTH)
        inside = QWidget()
        inside.setObjectName("panel")
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(14, 4, 14, 14)
        title = label("section", "Sources")
        self._sources = QListWidget()
        self._sources.setAccessibleName("Sources")
        self._sources.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._sources.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._sources.setFixedHeight(_height(1))
        self._sources.currentRowChanged.connect(self._on_row)
        title.setBuddy(self._sources)
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)
        self._tabs.tabBar().setDrawBase(False)
        self.lanes: dict[str, LaneBox] = {}
        for lane in lanes:
            box = self.lanes[lane] = LaneBox()
            box.partChosen.connect(partial(self.partChosen.emit, lane))
            box.settingChanged.connect(partial(self.settingChanged.emit, lane))
            box.presetChosen.connect(partial(self.presetChosen.emit, lane))
            self._tabs.addTab(box, f"Pipeline {lane}")
        for widget in (title, self._sources, self._tabs):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.setWidget(inside)
        self.show_compare(False)

    def show_sources(self, sources: Sequence[SourceEntry], current: str) -> None:
        """Show what is open, and how it is."""
        self._sources.blockSignals(True)
        while self._sources.count() > len(sources):
            self._sources.takeItem(self._sources.count() - 1)
        for row, source in enumerate(sources):
            item = self._sources.item(row)
            if item is None:
                item = QListWidgetItem()
                self._sources.addItem(item)
            item.setText(f"{STATES.get(source.state, '◌')}  {source.key}")
            item.setToolTip(f"{source.key}\n{source.state}: {source.message}")
            item.setData(Qt.ItemDataRole.UserRole, source.key)
            if source.key == current:
                self._sources.setCurrentRow(row)
        self._sources.blockSignals(False)
        self._sources.setFixedHeight(_height(len(sources)))

    def show_compare(self, compare: bool) -> None:
        """Show the second pipeline's tab, or hide it."""
        for index in range(1, self._tabs.count()):
            if hasattr(self._tabs, "setTabVisible"):
                self._tabs.setTabVisible(index, compare)
        self._tabs.tabBar().setVisible(compare)
        if not compare:
            self._tabs.setCurrentIndex(0)

    def _on_row(self, row: int) -> None:
        item = self._sources.item(row)
        if item is not None:
            self.sourceSelected.emit(item.data(Qt.ItemDataRole.UserRole))


def _height(rows: int) -> int:
    """Return how high the list of sources is; more than a few are scrolled."""
    return ROW * min(max(rows, 1), MOST_ROWS) + 8
