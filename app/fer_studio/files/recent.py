"""The recordings that were looked at last, to be opened again with one click."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QSettings, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

_KEY = "files/recent"
_MOST = 12


class Recent(NamedTuple):
    """Rows, and what they were measured from."""

    csv: Path
    media: Path | None

    @property
    def title(self) -> str:
        """What people know it by."""
        return self.media.name if self.media is not None else self.csv.name


class RecentRecordings:
    """The newest first, without those that are gone from the disk.

    Args:
        settings: where they are remembered; all parts of a window that share it share the list.
    """

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings

    def all(self) -> list[Recent]:
        """At most a dozen."""
        return [entry for entry in self._stored() if os.path.exists(entry.csv)]

    def add(self, csv: Path, media: Path | None) -> None:
        """Puts one on top."""
        newest = Recent(csv.absolute(), media.absolute() if media is not None else None)
        kept = [newest, *(entry for entry in self._stored() if entry.csv != newest.csv)][:_MOST]
        stored = [[str(entry.csv), str(entry.media) if entry.media is not None else ""] for entry in kept]
        self._settings.setValue(_KEY, json.dumps(stored))

    def _stored(self) -> list[Recent]:
        try:
            pairs = json.loads(str(self._settings.value(_KEY, "[]")))
            return [Recent(Path(csv), Path(media) if media else None) for csv, media in pairs]
        except (TypeError, ValueError):  # a file that somebody edited
            return []


class RecentButton(QToolButton):
    """A menu of them."""

    chosen = Signal(object, object)
    """Paths of the CSV and of its medium, which may be None."""

    def __init__(self, recordings: RecentRecordings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recordings = recordings
        self.setText("Recent")
        self.setAccessibleName("Recent recordings")
        self.setToolTip("Look at results again; nothing is measured anew")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(self.refresh)
        menu.triggered.connect(self._on_triggered)
        self.setMenu(menu)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Reads the list."""
        menu = self.menu()
        menu.clear()
        for entry in self._recordings.all():
            # "&" would underline the letter after it.
            action = menu.addAction(entry.title.replace("&", "&&"))
            action.setToolTip(str(entry.csv))
            action.setData(entry)
        if menu.isEmpty():
            menu.addAction("Nothing yet").setEnabled(False)

    @Slot(QAction)
    def _on_triggered(self, action: QAction) -> None:
        entry: Recent = action.data()
        self.chosen.emit(entry.csv, entry.media)
