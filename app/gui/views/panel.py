"""The side panel: sources, the parts of each pipeline with their settings, figures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from sitepose.app.config import PRESETS
from sitepose.app.gui.figures import FiguresTable
from sitepose.app.gui.menu import PARTS, TITLES, Part
from sitepose.app.gui.model import SourceEntry
from sitepose.app.gui.view import PartChoice
from sitepose.app.gui.views.form import SettingsForm

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

WIDTH = 340


class PartBox(QWidget):
    """One part: what is chosen, and its settings behind a button."""

    chosen = Signal(str)
    settingChanged = Signal(str, object)

    def __init__(self, part: Part) -> None:
        super().__init__()
        self._box = QComboBox()
        self._box.setAccessibleName(TITLES[part])
        self._box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._box.activated.connect(lambda index: self.chosen.emit(self._box.itemData(index)))
        self._more = QToolButton()
        self._more.setText("⚙")
        self._more.setCheckable(True)
        self._more.setAccessibleName(f"Settings of the {TITLES[part]}")
        self._more.setToolTip("Settings")
        self._form = SettingsForm()
        self._form.setVisible(False)
        self._form.changed.connect(self.settingChanged)
        self._more.toggled.connect(self._form.setVisible)
        title = QLabel(TITLES[part])
        title.setObjectName("section")
        title.setBuddy(self._box)
        row = QHBoxLayout()
        row.addWidget(self._box)
        row.addWidget(self._more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(title)
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
        layout.setSpacing(4)
        layout.addWidget(self._preset_button())
        self.parts: dict[str, PartBox] = {}
        for part in PARTS:
            box = self.parts[part] = PartBox(part)
            box.chosen.connect(partial(self.partChosen.emit, part))
            box.settingChanged.connect(partial(self.settingChanged.emit, part))
            layout.addWidget(box)
        self.figures = FiguresBox()
        layout.addWidget(self.figures)
        layout.addStretch(1)

    def _preset_button(self) -> QPushButton:
        button = QPushButton("Preset")
        button.setAccessibleName("Preset: detector and pose network by purpose")
        menu = QMenu(button)
        for name, parts in PRESETS.items():
            action = menu.addAction(f"{name}   ({parts['detector']['name']}, {parts['pose']['name']})")
            action.triggered.connect(partial(self._on_preset, name))
        button.setMenu(menu)
        return button

    def _on_preset(self, name: str, _checked: bool = False) -> None:
        self.presetChosen.emit(name)


class FiguresBox(QWidget):
    """The figures of the current source in one pipeline."""

    def __init__(self) -> None:
        super().__init__()
        self._headline = _label("headline", wrap=True)
        self._age = _label("soft")
        self._drops = _label("soft", wrap=True)
        self._models = _label("soft", wrap=True)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(1)
        self._cells: list[list[QLabel]] = []
        self._add_row("host latency, ms", "p50", "p95", "p99", name="soft")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        title = _label("section")
        title.setText("Figures")
        for widget in (title, self._headline, self._age):
            layout.addWidget(widget)
        self._headline.setMinimumWidth(1)  # wraps in place of making the panel wider
        layout.addLayout(self._grid)
        for widget in (self._drops, self._models):
            layout.addWidget(widget)

    def show_table(self, table: FiguresTable) -> None:
        """Show these figures; rows are made once and written again."""
        self._headline.setText(table.headline)
        self._age.setText(table.age)
        self._drops.setText(table.drops)
        self._models.setText("\n".join(table.models))
        for number, row in enumerate(table.steps, start=1):
            values = (row.name, row.p50, row.p95, row.p99)
            if number == len(self._cells):
                self._add_row(*values, name="")
            for cell, value in zip(self._cells[number], values, strict=True):
                cell.setText(value)
        for cells in self._cells[len(table.steps) + 1 :]:
            for cell in cells:
                cell.setText("")

    def _add_row(self, *texts: str, name: str) -> None:
        cells = []
        for column, text in enumerate(texts):
            cell = _label(name)
            cell.setText(text)
            if column:
                cell.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(cell, len(self._cells), column)
            cells.append(cell)
        self._grid.setColumnStretch(0, 1)
        self._cells.append(cells)


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
        title = _label("section")
        title.setText("Sources")
        self._sources = QListWidget()
        self._sources.setAccessibleName("Sources")
        self._sources.setMaximumHeight(92)
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
            item.setToolTip(f"{source.state}: {source.message}")
            item.setData(Qt.ItemDataRole.UserRole, source.key)
            if source.key == current:
                self._sources.setCurrentRow(row)
        self._sources.blockSignals(False)

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


def _label(name: str, *, wrap: bool = False) -> QLabel:
    label = QLabel()
    label.setObjectName(name)
    label.setWordWrap(wrap)
    return label
