"""Light and dark: one style sheet and one palette from two small tables of colours."""

from __future__ import annotations

from string import Template

from qtpy.QtGui import QColor, QPalette

from sitepose.app.gui.model import Theme

COLORS: dict[Theme, dict[str, str]] = {
    "dark": {
        "ground": "#14171c",
        "panel": "#1b1f26",
        "raised": "#262c35",
        "line": "#363e4a",
        "ink": "#e8ebef",
        "soft": "#9da7b4",
        "faint": "#5a6472",
        "accent": "#4aa8ff",
        "accent_ink": "#08121d",
        "warn": "#5a3a12",
        "warn_ink": "#ffd9a0",
        "record": "#ff5a52",
        "record_ink": "#1d0605",
    },
    "light": {
        "ground": "#e9ecf0",
        "panel": "#ffffff",
        "raised": "#f2f4f7",
        "line": "#ccd3dc",
        "ink": "#1a1f26",
        "soft": "#586371",
        "faint": "#a3adb9",
        "accent": "#0b62c4",
        "accent_ink": "#ffffff",
        "warn": "#fff1d9",
        "warn_ink": "#6a3d00",
        "record": "#c8201a",
        "record_ink": "#ffffff",
    },
}
"""Every pair of ink and ground has a contrast of 4.5 at least (WCAG 2.1 AA); ``faint`` is for what is off."""

_SHEET = Template("""
* { font-size: 13px; }
QMainWindow, QDialog { background: $ground; }
QWidget { color: $ink; }
QToolTip { color: $ink; background: $raised; border: 1px solid $line; padding: 4px; }
QWidget#panel, QScrollArea#panel, QScrollArea#panel > QWidget > QWidget { background: $panel; border: 0; }
QScrollArea#panel { border-left: 1px solid $line; }
QLabel { background: transparent; }
QLabel#section { color: $soft; font-size: 11px; font-weight: bold; padding: 10px 0 2px 0; }
QLabel#soft, QLabel#caption { color: $soft; }
QLabel#caption { font-size: 11px; }
QLabel#figure { font-size: 20px; font-weight: bold; }
QFrame#tile { background: $raised; border-radius: 6px; }
QToolBar { background: $panel; border: 0; border-bottom: 1px solid $line; spacing: 2px; padding: 5px 8px; }
QToolBar::separator { background: $line; width: 1px; margin: 6px; }
QToolButton, QPushButton { background: $raised; border: 1px solid $line; border-radius: 5px;
    padding: 5px 11px; }
QToolButton#more { padding: 4px 8px; }
QToolBar QToolButton { background: transparent; border-color: transparent; padding: 4px 7px 4px 6px; }
QToolBar QToolButton#icon { padding: 4px 6px; }
QToolButton:hover, QPushButton:hover { border-color: $soft; }
QToolButton:checked { background: $accent; color: $accent_ink; border-color: $accent; }
QPushButton:default { background: $accent; color: $accent_ink; border-color: $accent; }
QPushButton:default:disabled { background: $raised; color: $faint; border-color: $line; }
QToolBar QToolButton:checked { background: $raised; color: $ink; border-color: $line;
    border-bottom: 2px solid $accent; }
QToolBar QToolButton#record:checked { background: $record; color: $record_ink; border-color: $record; }
QToolButton:disabled, QPushButton:disabled, QToolBar QToolButton:disabled { color: $faint; }
QMenu { background: $raised; border: 1px solid $line; padding: 4px; }
QMenu::item { padding: 6px 18px; border-radius: 4px; }
QMenu::item:selected { background: $accent; color: $accent_ink; }
QComboBox, QLineEdit, QAbstractSpinBox { background: $raised; border: 1px solid $line; border-radius: 5px;
    padding: 4px 7px; selection-background-color: $accent; selection-color: $accent_ink; }
QComboBox::drop-down { border: 0; width: 24px; }
QComboBox::down-arrow { image: none; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $line; selection-background-color: $accent;
    selection-color: $accent_ink; outline: 0; }
QCheckBox { border: 1px solid transparent; border-radius: 4px; padding: 2px; spacing: 7px; }
QCheckBox::indicator { width: 15px; height: 15px; border: 1px solid $soft; border-radius: 4px;
    background: $raised; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent; }
QListWidget { background: $raised; border: 1px solid $line; border-radius: 5px; padding: 2px; outline: 0; }
QListWidget::item { padding: 4px; border-radius: 4px; }
QListWidget::item:selected { background: $accent; color: $accent_ink; }
QTabWidget::pane { border: 0; }
QTabBar::tab { background: transparent; color: $soft; padding: 6px 12px; border: 1px solid transparent;
    border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: $ink; border-bottom-color: $accent; }
QTabBar::tab:selected:focus { border-color: $accent; border-radius: 4px; }
QToolButton:focus, QPushButton:focus, QComboBox:focus, QLineEdit:focus, QAbstractSpinBox:focus, QCheckBox:focus,
QListWidget:focus, QToolBar QToolButton:focus { border: 1px solid $accent; outline: 0; }
QToolButton:checked:focus, QToolBar QToolButton:checked:focus { border: 2px solid $ink; }
QPushButton:default:focus { border: 2px solid $ink; }
QLabel#preview { background: $panel; color: $soft; border: 1px solid $line; border-radius: 5px; }
QFrame#banner { background: $warn; border-bottom: 1px solid $line; }
QFrame#banner QLabel { color: $warn_ink; }
QLabel#remedy { font-weight: bold; }
QStatusBar { background: $panel; color: $soft; border-top: 1px solid $line; }
QStatusBar QLabel { color: $soft; padding: 3px 10px; }
QStatusBar::item { border: 0; }
QSlider { min-height: 22px; border: 1px solid transparent; border-radius: 4px; }
QSlider:focus { border-color: $accent; }
QSlider::groove:horizontal { height: 4px; background: $line; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::handle:horizontal { background: $accent; width: 14px; height: 14px; margin: -5px 0;
    border-radius: 7px; }
QScrollBar:vertical { background: transparent; width: 10px; }
QScrollBar::handle:vertical { background: $line; border-radius: 5px; min-height: 24px; }
QScrollBar::add-line, QScrollBar::sub-line { height: 0; }
""")


def style_sheet(theme: Theme) -> str:
    """Return the style sheet of the whole window."""
    return _SHEET.substitute(COLORS[theme])


def palette(theme: Theme) -> QPalette:
    """Return the colours of what no style sheet reaches: ticks, arrows, placeholders."""
    colors = {name: QColor(value) for name, value in COLORS[theme].items()}
    role = QPalette.ColorRole
    made = QPalette(colors["panel"])
    for which, name in (
        (role.Window, "ground"),
        (role.WindowText, "ink"),
        (role.Base, "raised"),
        (role.AlternateBase, "panel"),
        (role.Text, "ink"),
        (role.PlaceholderText, "soft"),
        (role.Button, "raised"),
        (role.ButtonText, "ink"),
        (role.Highlight, "accent"),
        (role.HighlightedText, "accent_ink"),
        (role.ToolTipBase, "raised"),
        (role.ToolTipText, "ink"),
        (role.Link, "accent"),
    ):
        made.setColor(which, colors[name])
    return made
