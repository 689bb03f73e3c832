"""What the workspace shows before there is a photograph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from fer_studio.views.drop_target import DropTarget, drop_title


class StartPage(DropTarget):
    """A target to drop on, a button for each way to get a photograph, and the photograph of last time.

    Args:
        actions: the ways.
        last: the file that was used last.
        parent: as usual.
    """

    last_wanted = Signal(object)
    """Path."""

    def __init__(self, actions: Sequence[QAction], last: Path | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._last = last
        title = drop_title("Drop a photograph of a neutral face here")
        text = QLabel(
            "Then point or draw in the valence-arousal plane, or choose an expression, and the face shows it.\n"
            "Best: seen from the front, relaxed, lips closed, at least 150 pixels wide. Nothing leaves this machine."
        )
        line = self.fontMetrics().height()
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * line, 2 * line, 2 * line, 2 * line)
        column.setSpacing(line)
        column.addStretch(1)
        for label in (title, text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            column.addWidget(label)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for action in actions:
            button = QPushButton(action.text())
            button.setToolTip(action.toolTip())
            button.clicked.connect(action.trigger)
            buttons.addWidget(button)
        buttons.addStretch(1)
        column.addLayout(buttons)
        if last is not None:
            again = QPushButton(f"Open {last.name} again".replace("&", "&&"))
            again.setFlat(True)
            again.setToolTip(str(last))
            again.clicked.connect(self._on_last)
            column.addWidget(again, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)

    @Slot()
    def _on_last(self) -> None:
        self.last_wanted.emit(self._last)
