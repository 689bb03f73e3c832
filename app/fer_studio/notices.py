"""Messages inside the window, in place of dialogs."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from fer_studio.theme import theme_of

#: What people read when they start the program for the first time.
FIRST_START = (
    "fer-studio shows what a face looks like: apparent expression, valence and arousal, and action units, "
    "frame by frame.",
    "Nothing leaves this machine: no picture, no number, no report of use.",
    "Apparent expression is not emotion: the program sees faces, not feelings.",
    "Inferring the emotions of people at work or in education is prohibited in the EU (AI Act, Art. 5(1)(f)).",
)

_STRIPE_PX = 4


class NoticeBar(QFrame):
    """A text with one button to act on it and one to take it away. Hidden until it has something to say."""

    acted = Signal()
    dismissed = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self._plain = ""
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.RichText)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._act = QPushButton()
        self._act.hide()
        self._act.clicked.connect(self.on_acted)
        self._dismiss = QPushButton("Close")
        self._dismiss.clicked.connect(self.on_dismissed)
        line = self.fontMetrics().height()
        row = QHBoxLayout(self)
        row.setContentsMargins(line + _STRIPE_PX, line // 2, line, line // 2)
        row.setSpacing(line // 2)
        row.addWidget(self._text, 1)
        row.addWidget(self._act, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._dismiss, 0, Qt.AlignmentFlag.AlignVCenter)
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._plain

    def say(self, text: str, *, action: str = "", dismiss: str = "Close") -> None:
        """Shows a text; ``action`` is the label of the button that emits ``acted``, none when empty."""
        lines = "".join(f"<p style='margin:3px 0'>{html.escape(line)}</p>" for line in text.splitlines())
        self._plain = text
        self._text.setText(lines)
        self._text.setAccessibleName(text)
        self._act.setText(action)
        self._act.setVisible(bool(action))
        self._dismiss.setText(dismiss)
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        """A stripe at its side, so that it is not taken for a part of the toolbar."""
        super().paintEvent(event)
        QPainter(self).fillRect(0, 0, _STRIPE_PX, self.height(), theme_of(self).accent)

    @Slot()
    def on_acted(self) -> None:
        """The person did what it proposes."""
        self.hide()
        self.acted.emit()

    @Slot()
    def on_dismissed(self) -> None:
        """The person has read it."""
        self.hide()
        self.dismissed.emit()
