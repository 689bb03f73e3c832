"""How far fitting is, and a button to end it."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

_PERCENT = 100


class ProgressRow(QWidget):
    """Hidden while nothing is done."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = QLabel()
        self._text.setAccessibleName("What is being done")
        self._bar = QProgressBar(maximum=_PERCENT)
        self._bar.setAccessibleName("Progress of fitting")
        cancel = QPushButton("Cancel")
        cancel.setToolTip("Keep the photograph that was there")
        cancel.clicked.connect(self.cancelled)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.addWidget(self._text)
        row.addWidget(self._bar, 1)
        row.addWidget(cancel)
        self.hide()

    @property
    def text(self) -> str:
        """What is being done."""
        return self._text.text()

    @Slot()
    def begin(self) -> None:
        """Something is being done."""
        self.tell(0.0, "fitting the face")
        self.show()

    @Slot(float, str)
    def tell(self, share: float, text: str) -> None:
        """How far, 0..1, and what."""
        self._text.setText(f"{text} …")
        self._bar.setValue(round(_PERCENT * share))
