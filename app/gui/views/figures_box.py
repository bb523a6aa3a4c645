"""The figures of the current source in one pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from sitepose.app.gui.figures import FiguresTable
from sitepose.app.gui.views.widgets import label

LONGEST = 240
"""Of a text in a table, in logical pixels; longer ones are cut in the middle, with all of it as a tip."""


class FiguresBox(QWidget):
    """Large figures above, then tables: latency by step, what became of the frames, what runs."""

    def __init__(self) -> None:
        super().__init__()
        self._tiles = [TileBox() for _ in range(3)]
        self._steps = Table(4)
        self._frames = Table(2)
        self._models = Table(2)
        tiles = QHBoxLayout()
        tiles.setSpacing(8)
        for tile in self._tiles:
            tiles.addWidget(tile, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(label("section", "Figures"))
        layout.addLayout(tiles)
        layout.addSpacing(4)
        layout.addWidget(self._steps)
        self._heads = label("section", "Frames"), label("section", "Networks")
        for head, table in zip(self._heads, (self._frames, self._models), strict=True):
            layout.addWidget(head)
            layout.addWidget(table)

    def show_table(self, table: FiguresTable) -> None:
        """Show these figures."""
        for box, tile in zip(self._tiles, table.tiles, strict=True):
            box.show_tile(tile.value, tile.caption)
        self._steps.show_rows(
            ("host latency, ms", "p50", "p95", "p99"),
            [(row.name, row.p50, row.p95, row.p99) for row in table.steps],
        )
        for head, rows in zip(self._heads, (table.frames, table.models), strict=True):
            head.setVisible(bool(rows))
        self._frames.show_rows((), [(row.name, row.count) for row in table.frames])
        self._models.show_rows((), [(row.name, row.used) for row in table.models])

    @property
    def texts(self) -> list[str]:
        """Every text that is shown, row by row."""
        tables = self._steps, self._frames, self._models
        return [text for box in self._tiles for text in box.texts] + [
            text for table in tables for text in table.texts
        ]


class TileBox(QFrame):
    """One large figure with what it is."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("tile")
        self._value, self._caption = label("figure"), label("caption")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 6, 6, 6)
        layout.setSpacing(0)
        layout.addWidget(self._value)
        layout.addWidget(self._caption)

    def show_tile(self, value: str, caption: str) -> None:
        """Show a figure."""
        self._value.setText(value)
        self._caption.setText(caption)
        self.setAccessibleName(f"{caption}: {value}")

    @property
    def texts(self) -> list[str]:
        """What is shown."""
        return [self._value.text(), self._caption.text()]


class Table(QWidget):
    """Rows of texts, the first column at the left. Labels are made once and written again.

    Args:
        columns: How many.
    """

    def __init__(self, columns: int) -> None:
        super().__init__()
        self._columns = columns
        self._cells: list[list[QLabel]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(0, 1)

    def show_rows(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show these rows, below a head where there is one."""
        wanted = [head, *rows] if head else list(rows)
        while len(self._cells) < len(wanted):
            self._add_row(soft=bool(head) and not self._cells)
        for cells, row in zip(self._cells, wanted, strict=False):
            for cell, text in zip(cells, row, strict=True):
                short = cell.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, LONGEST)
                cell.setText(short)
                cell.setToolTip(text if short != text else "")
                cell.setVisible(True)
        for cells in self._cells[len(wanted) :]:
            for cell in cells:
                cell.setText("")
                cell.setVisible(False)

    @property
    def texts(self) -> list[str]:
        """What is shown."""
        return [cell.toolTip() or cell.text() for cells in self._cells for cell in cells if cell.text()]

    def _add_row(self, *, soft: bool) -> None:
        cells = []
        for column in range(self._columns):
            cell = label("soft" if soft or not column else "")
            if column:
                cell.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(cell, len(self._cells), column)
            cells.append(cell)
        self._cells.append(cells)
