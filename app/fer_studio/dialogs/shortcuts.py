"""All keys of the window, read off its actions, so that the list is never out of date."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from PySide6.QtCore import QEvent
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFrame, QTextBrowser, QVBoxLayout, QWidget

from fer_studio.theme import theme_of


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A key and what it does."""

    where: str
    """The part of the window in which it works."""
    keys: str
    what: str


#: What views handle themselves.
_OF_VIEWS = (
    Shortcut("Picture", "1 ... 9", "Select the face with this number"),
    Shortcut("Picture", "Click", "Select this face"),
    Shortcut("Picture", "Tab", "Select the next face to the right"),
    Shortcut("Queue", "Double click", "Look at the results of this file"),
    Shortcut("Marks", "Double click", "On a name: change it; beside it: go there"),
    Shortcut("Timeline", "Drag", "Move the cursor"),
    Shortcut("Timeline", "Shift+Drag", "Select a part"),
    Shortcut("Timeline", "Shift+Click", "Forget the selection"),
    Shortcut("Timeline", "Wheel", "Zoom"),
    Shortcut("Timeline", "Ctrl+Wheel", "Move along"),
    Shortcut("Timeline", "Right drag", "Move along"),
    Shortcut("Plane of Synthesis", "Click", "Show this point"),
    Shortcut("Plane of Synthesis", "Drag", "Draw a path; the face follows"),
    Shortcut("Plane of Synthesis", "Shift+Click", "Add a corner to the path"),
    Shortcut("Plane of Synthesis", "Arrows", "Move the point, with Ctrl in small steps"),
    Shortcut("Plane of Synthesis", "Home", "Back to neutral"),
    Shortcut("Plane of Synthesis", "Enter", "Add the point to the path"),
    Shortcut("Plane of Synthesis", "Del", "Take the path away"),
    Shortcut("Photograph", "Hold C", "See the original; also by pressing the picture"),
)


def shortcuts_of(parts: Sequence[tuple[str, QWidget]]) -> list[Shortcut]:
    """The keys of the actions and shortcuts of parts of the window, each with its title, and those of the views."""
    found: dict[Shortcut, None] = {}
    widgets = [part for _, part in parts]
    for where, part in parts:
        for action in part.actions():
            for sequence in action.shortcuts():
                keys = _native(sequence)
                what = action.toolTip().removesuffix(f" ({keys})").split(". ")[0]
                found[Shortcut(where, keys, what)] = None
        for shortcut in part.findChildren(QShortcut):
            if shortcut.whatsThis() and _innermost(shortcut, widgets) is part:
                found[Shortcut(where, _native(shortcut.key()), shortcut.whatsThis())] = None
    return [*found, *_OF_VIEWS]


class ShortcutsDialog(QDialog):
    """All of them on one page, in two columns."""

    def __init__(self, shortcuts: list[Shortcut], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard and mouse")
        page = QTextBrowser()
        page.setAccessibleName("keyboard shortcuts")
        page.setFrameShape(QFrame.Shape.NoFrame)
        self._page, self._shortcuts = page, shortcuts
        self._fill()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(page)
        column.addWidget(buttons)
        character, line = self.fontMetrics().averageCharWidth(), self.fontMetrics().height()
        self.resize(165 * character, 40 * line)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        """Dark or light: the colours of the keys are part of the text."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "_shortcuts"):
            self._fill()

    def _fill(self) -> None:
        self._page.setHtml(self._columns(self._shortcuts))

    def _columns(self, shortcuts: list[Shortcut]) -> str:
        """Whole parts side by side, about as many rows on the left as on the right."""
        parts = [(where, list(keys)) for where, keys in groupby(shortcuts, lambda shortcut: shortcut.where)]
        left, right = "", ""
        rows = 0
        for where, keys in parts:
            if 2 * rows + len(keys) < len(shortcuts):
                left += self._part(where, keys)
            else:
                right += self._part(where, keys)
            rows += len(keys)
        return f"<table width='100%'><tr><td width='50%'>{left}</td><td width='50%'>{right}</td></tr></table>"

    def _part(self, where: str, shortcuts: list[Shortcut]) -> str:
        theme = theme_of(self)
        key_style = f"background-color:{theme.track.name()}; white-space:nowrap"
        rows = "".join(
            f"<tr><td style='padding:1px 10px 1px 0'><span style='{key_style}'>&nbsp;{html.escape(shortcut.keys)}"
            f"&nbsp;</span></td><td style='padding:1px 0'>{html.escape(shortcut.what)}</td></tr>"
            for shortcut in shortcuts
        )
        heading = f"<h4 style='margin:10px 0 2px 0; color:{theme.accent.name()}'>{html.escape(where)}</h4>"
        return f"{heading}<table>{rows}</table>"


def _innermost(shortcut: QShortcut, parts: Sequence[QWidget]) -> QWidget | None:
    """The part that holds it; the window holds them all."""
    holder = shortcut.parent()
    while holder is not None and holder not in parts:
        holder = holder.parent()
    return holder if isinstance(holder, QWidget) else None


def _native(sequence: QKeySequence) -> str:
    return sequence.toString(QKeySequence.SequenceFormat.NativeText)
