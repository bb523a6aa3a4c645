"""A form for the settings of a part, made from the settings class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFormLayout,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from sitepose.app.gui.forms import WIDEST, FormField
from sitepose.app.gui.views.widgets import ChoiceBox, NumberBox, TickBox, WholeBox

DEFAULT = "default"
"""What an optional setting shows while it is left out."""


class SettingsForm(QWidget):
    """One row for each setting; it tells of a change when it is finished, not at every key."""

    changed = Signal(str, object)  # name of the setting, value; None takes it back

    def __init__(self) -> None:
        super().__init__()
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 2, 0, 0)
        self._layout.setVerticalSpacing(5)
        self._fields: Sequence[FormField] = ()
        self.editors: list[QWidget] = []

    def show_fields(self, fields: Sequence[FormField]) -> None:
        """Show these settings, in place of what was there."""
        if list(fields) == list(self._fields):
            return
        self._fields = list(fields)
        while self._layout.rowCount():
            self._layout.removeRow(0)
        self.editors = []
        for field in fields:
            editor = self._editor(field)
            self.editors.append(editor)
            editor.setToolTip(field.help)
            editor.setAccessibleName(field.label)
            editor.setAccessibleDescription(field.help)
            self._layout.addRow(field.label, editor)
            label = self._layout.labelForField(editor)
            if label is not None:
                label.setToolTip(field.help)

    def _editor(self, field: FormField) -> QWidget:
        if field.kind == "switch":
            return self._switch(field)
        if field.kind == "choice":
            return self._choice(field)
        if field.kind == "text" or (field.optional and field.kind in ("whole", "number")):
            return self._text(field)
        return self._number(field)

    def _switch(self, field: FormField) -> QWidget:
        box = TickBox()
        box.setChecked(bool(field.value))
        box.toggled.connect(lambda on: self.changed.emit(field.name, bool(on)))
        return box

    def _choice(self, field: FormField) -> QWidget:
        box = ChoiceBox()
        choices: list[Any] = [None, *field.choices] if field.optional else list(field.choices)
        for choice in choices:
            box.addItem(DEFAULT if choice is None else str(choice), choice)
        box.setCurrentIndex(choices.index(field.value) if field.value in choices else 0)
        box.activated.connect(lambda index: self.changed.emit(field.name, choices[index]))
        return box

    def _number(self, field: FormField) -> QWidget:
        if field.kind == "whole":
            box: Any = WholeBox()
            box.setRange(int(field.low), int(field.high))
        else:
            box = NumberBox()
            box.setDecimals(3)
            box.setRange(field.low, field.high)
            box.setSingleStep(0.05 if field.high <= 1 else 1.0 if field.high >= WIDEST else field.high / 50)
        box.setKeyboardTracking(False)
        box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)  # the arrow keys and the wheel do the same
        box.setValue(field.value)
        box.valueChanged.connect(lambda value: self.changed.emit(field.name, value))
        return box

    def _text(self, field: FormField) -> QWidget:
        line = QLineEdit("" if field.value is None else str(field.value))
        line.setPlaceholderText(DEFAULT)
        line.editingFinished.connect(lambda: self._text_finished(field, line.text().strip()))
        return line

    def _text_finished(self, field: FormField, text: str) -> None:
        shown = "" if field.value is None else str(field.value)
        if text == shown:
            return
        convert = {"whole": int, "number": float}.get(field.kind, str)
        try:
            value = convert(text) if text else None
        except ValueError:
            value = text  # the settings class says what is wrong with it
        self.changed.emit(field.name, value)
