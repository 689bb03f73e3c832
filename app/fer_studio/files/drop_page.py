"""What the queue shows while it is empty: where to drop files, and what was looked at last."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from fer_studio.files.recent import Recent, RecentRecordings
from fer_studio.views.drop_target import DropTarget, drop_title

_SHOWN = 5


class DropPage(DropTarget):
    """A target, two buttons and a short list."""

    files_wanted = Signal()
    folder_wanted = Signal()
    recent_chosen = Signal(object, object)
    """Paths of a CSV and of its medium, which may be None."""

    def __init__(self, recordings: RecentRecordings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recordings = recordings
        self._title = drop_title("Drop videos, images or folders here")
        text = QLabel(
            "Every frame gets its apparent expressions, valence, arousal and action units.\n"
            "Results are written beside your files as CSV, and nothing leaves this machine."
        )
        files, folder = QPushButton("Add files …"), QPushButton("Add folder …")
        files.setToolTip("Videos and images (Ctrl+O)")
        folder.setToolTip("Its videos, or its images as one sequence")
        files.clicked.connect(self.files_wanted)
        folder.clicked.connect(self.folder_wanted)
        buttons = QHBoxLayout()
        for made in (files, folder):
            made.setMinimumWidth(16 * self.fontMetrics().averageCharWidth())
            buttons.addWidget(made)
        line = self.fontMetrics().height()
        inner = QVBoxLayout(self)
        inner.setContentsMargins(2 * line, 2 * line, 2 * line, 2 * line)
        inner.setSpacing(line)
        inner.addStretch(1)
        for label in (self._title, text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            inner.addWidget(label)
        centred = QHBoxLayout()
        centred.addStretch(1)
        centred.addLayout(buttons)
        centred.addStretch(1)
        inner.addLayout(centred)
        self._recent = _RecentList(self)
        inner.addWidget(self._recent, 0, Qt.AlignmentFlag.AlignHCenter)
        inner.addStretch(1)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Reads what was looked at last."""
        self._recent.show_entries(self._recordings.all()[:_SHOWN])

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """The list may have grown meanwhile."""
        super().showEvent(event)
        self.refresh()


class _RecentList(QFrame):
    """Names and folders, one button each."""

    def __init__(self, page: DropPage) -> None:
        super().__init__(page)
        self._page = page
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._buttons: list[QPushButton] = []
        self._shown: list[Recent] = []
        self._heading = QLabel("Looked at last")
        self._heading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._column.addWidget(self._heading)

    def show_entries(self, entries: list[Recent]) -> None:
        """Replaces what was shown."""
        self.setVisible(bool(entries))
        if entries == self._shown:
            return
        self._shown = entries
        for button in self._buttons:
            self._column.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons = [self._button(number, entry) for number, entry in enumerate(entries)]

    def _button(self, number: int, entry: Recent) -> QPushButton:
        folder = _short((entry.media or entry.csv).parent)
        button = QPushButton(f"{entry.title}   ·   {folder}".replace("&", "&&"))
        button.setFlat(True)
        button.setToolTip(f"{entry.csv}: look at the results again; nothing is measured anew")
        button.setProperty("number", number)
        button.clicked.connect(self._on_clicked)
        self._column.addWidget(button)
        return button

    @Slot()
    def _on_clicked(self) -> None:
        entry = self._shown[int(self.sender().property("number"))]
        self._page.recent_chosen.emit(entry.csv, entry.media)


def _short(folder: Path) -> str:
    """The home folder as people write it."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)
