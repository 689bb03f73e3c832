"""A place that says: drop something here."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QWidget

from fer_studio.theme import theme_of

_RADIUS_PX = 10
_TITLE_SIZE = 1.6


class DropTarget(QWidget):
    """A dashed border around whatever is laid out in it."""

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        """The border."""
        del event
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.line, 2, Qt.PenStyle.DashLine))
        painter.setBrush(theme.surface)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), _RADIUS_PX, _RADIUS_PX)
        painter.end()


def drop_title(text: str) -> QLabel:
    """What may be dropped, in large letters."""
    title = QLabel(text)
    font = title.font()
    font.setPointSizeF(_TITLE_SIZE * font.pointSizeF())
    font.setBold(True)
    title.setFont(font)
    return title
