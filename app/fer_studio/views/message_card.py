"""A message with a remedy, shown in the window itself instead of a dialog."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget


class MessageCard(QFrame):
    """What is wrong, what helps, and a button to try again."""

    retry_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        self._text = QLabel(self)
        self._remedy = QLabel(self)
        self._retry = QPushButton("Try again", self)
        self._retry.clicked.connect(self.retry_requested)
        layout = QVBoxLayout(self)
        line = self.fontMetrics().height()
        layout.setContentsMargins(2 * line, line, 2 * line, line)
        layout.setSpacing(line // 2)
        for label in (self._text, self._remedy):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setTextFormat(Qt.TextFormat.PlainText)
            layout.addWidget(label)
        layout.addWidget(self._retry, alignment=Qt.AlignmentFlag.AlignHCenter)
        self.hide()

    def show_message(self, text: str, remedy: str, *, retry: bool, action: str = "Try again") -> None:
        """Replaces what was shown; ``action`` is what the button says, where there is one."""
        self._text.setText(text)
        self._remedy.setText(remedy)
        self._remedy.setVisible(bool(remedy))
        self._retry.setText(action)
        self._retry.setVisible(retry)
        self.setAccessibleName(text)
        self.setAccessibleDescription(remedy)
        self.show()
        self.raise_()

    def set_scale(self, scale: float) -> None:
        """Sizes of the texts, relative to the font of the window."""
        parent = self.parentWidget()
        base = self.font() if parent is None else parent.font()
        for label, factor, bold in ((self._text, 1.25, True), (self._remedy, 1.0, False), (self._retry, 1.0, False)):
            font = QFont(base)
            font.setPointSizeF(base.pointSizeF() * factor * scale)
            font.setBold(bold)
            label.setFont(font)
