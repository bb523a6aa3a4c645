"""Light and dark: one style sheet from two small palettes."""

from __future__ import annotations

from string import Template

from sitepose.app.gui.model import Theme

COLORS: dict[Theme, dict[str, str]] = {
    "dark": {
        "ground": "#16191e",
        "panel": "#1e2229",
        "raised": "#2a3039",
        "line": "#343b46",
        "ink": "#e6e9ed",
        "soft": "#9aa4b1",
        "accent": "#4aa8ff",
        "accent_ink": "#08121d",
        "warn": "#5a3a12",
        "warn_ink": "#ffd9a0",
        "record": "#ff5a52",
    },
    "light": {
        "ground": "#eef0f3",
        "panel": "#ffffff",
        "raised": "#f1f3f6",
        "line": "#cfd5dd",
        "ink": "#1a1f26",
        "soft": "#5b6673",
        "accent": "#0b62c4",
        "accent_ink": "#ffffff",
        "warn": "#fff1d9",
        "warn_ink": "#6a3d00",
        "record": "#c8201a",
    },
}
"""Every pair of ink and ground has a contrast of 4.5 at least (WCAG 2.1 AA)."""

_SHEET = Template("""
* { font-size: 13px; }
QMainWindow, QDialog { background: $ground; }
QWidget { color: $ink; }
QToolTip { color: $ink; background: $raised; border: 1px solid $line; padding: 4px; }
QWidget#panel, QScrollArea#panel, QScrollArea#panel > QWidget > QWidget { background: $panel; border: 0; }
QLabel { background: transparent; }
QLabel#section { color: $soft; font-size: 11px; font-weight: bold; padding-top: 10px; }
QLabel#soft { color: $soft; }
QLabel#headline { font-weight: bold; }
QToolBar { background: $panel; border: 0; border-bottom: 1px solid $line; spacing: 4px; padding: 5px 8px; }
QToolButton, QPushButton { background: $raised; border: 1px solid $line; border-radius: 5px;
    padding: 5px 11px; }
QToolBar QToolButton { background: transparent; border-color: transparent; }
QToolButton:hover, QPushButton:hover { border-color: $accent; }
QToolButton:checked { background: $accent; color: $accent_ink; border-color: $accent; }
QPushButton:default { background: $accent; color: $accent_ink; border-color: $accent; }
QToolBar::separator { background: $line; width: 1px; margin: 6px 6px; }
QToolBar QToolButton:checked { background: $raised; color: $ink; border-color: $line;
    border-bottom: 2px solid $accent; }
QMenu { background: $raised; border: 1px solid $line; }
QMenu::item { padding: 6px 18px; }
QMenu::item:selected { background: $accent; color: $accent_ink; }
QToolBar QToolButton:disabled { color: $soft; }
QToolBar QToolButton#record:checked { background: $record; color: white; border-color: $record; }
QToolButton:focus, QPushButton:focus, QComboBox:focus, QLineEdit:focus, QAbstractSpinBox:focus, QCheckBox:focus,
QSlider:focus, QTabBar:focus { border: 1px solid $accent; outline: 0; }
QToolButton:disabled, QPushButton:disabled { color: $soft; }
QComboBox, QLineEdit, QAbstractSpinBox { background: $raised; border: 1px solid $line; border-radius: 5px;
    padding: 4px 7px; selection-background-color: $accent; selection-color: $accent_ink; }
QComboBox::drop-down { border: 0; width: 18px; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $line; selection-background-color: $accent;
    selection-color: $accent_ink; }
QListWidget { background: $raised; border: 1px solid $line; border-radius: 5px; padding: 2px; }
QListWidget::item { padding: 4px; border-radius: 4px; }
QListWidget::item:selected { background: $accent; color: $accent_ink; }
QTabWidget::pane { border: 0; }
QTabBar::tab { background: transparent; color: $soft; padding: 6px 14px; border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: $ink; border-bottom-color: $accent; }
QLabel#preview { background: $ground; color: $soft; border: 1px solid $line; border-radius: 5px; }
QFrame#banner { background: $warn; border-bottom: 1px solid $line; }
QFrame#banner QLabel { color: $warn_ink; }
QFrame#line { background: $line; max-height: 1px; border: 0; }
QStatusBar { background: $panel; color: $soft; border-top: 1px solid $line; }
QStatusBar::item { border: 0; }
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
