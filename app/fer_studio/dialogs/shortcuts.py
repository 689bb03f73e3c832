"""All keys of the window, read off its actions, so that the list is never out of date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

#: Keys that views handle themselves.
_VIEW_KEYS = ("1 ... 9", "Select the face with this number")


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A key and what it does."""

    where: str
    """The part of the window in which it works."""
    keys: str
    what: str


def shortcuts_of(parts: Sequence[tuple[str, QWidget]]) -> list[Shortcut]:
    """The keys of the actions and shortcuts of parts of the window, each with its title."""
    found: dict[Shortcut, None] = {}
    for where, part in parts:
        for action in part.actions():
            for sequence in action.shortcuts():
                keys = _native(sequence)
                what = action.toolTip().removesuffix(f" ({keys})").split(". ")[0]
                found[Shortcut(where, keys, what)] = None
        for shortcut in part.findChildren(QShortcut):
            if shortcut.whatsThis():
                found[Shortcut(where, _native(shortcut.key()), shortcut.whatsThis())] = None
    return [*found, Shortcut("Picture", *_VIEW_KEYS)]


class ShortcutsDialog(QDialog):
    """A table of them."""

    def __init__(self, shortcuts: list[Shortcut], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard")
        table = QTableWidget(len(shortcuts), 3)
        table.setAccessibleName("keyboard shortcuts")
        table.setHorizontalHeaderLabels(["Where", "Key", "What it does"])
        table.verticalHeader().hide()
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setShowGrid(False)
        table.setWordWrap(True)
        for row, shortcut in enumerate(shortcuts):
            for column, text in enumerate((shortcut.where, shortcut.keys, shortcut.what)):
                item = QTableWidgetItem(text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                table.setItem(row, column, item)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        table.resizeRowsToContents()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column_layout = QVBoxLayout(self)
        column_layout.addWidget(table)
        column_layout.addWidget(buttons)
        width = 110 * self.fontMetrics().averageCharWidth()
        self.resize(width, min(640, 28 * (len(shortcuts) + 4)))


def _native(sequence: QKeySequence) -> str:
    return sequence.toString(QKeySequence.SequenceFormat.NativeText)
