"""Draws a share of time as a bar with its number, in a cell of a table."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from fer_studio.theme import theme_of

SHARE_ROLE = Qt.ItemDataRole.UserRole
"""0..1, or None for a cell of text."""
COLOUR_ROLE = Qt.ItemDataRole.UserRole + 1
_NUMBER = "100.0 %"


class ShareDelegate(QStyledItemDelegate):
    """Bar on the left, number on the right; cells without a share are drawn as ever."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """One cell."""
        super().paint(painter, option, index)
        share = index.data(SHARE_ROLE)
        if share is None:
            return
        area = option.rect.adjusted(0, 4, -option.fontMetrics.horizontalAdvance(_NUMBER) - 8, -4)
        painter.fillRect(area, theme_of(option.widget).track)
        filled = QRect(area.x(), area.y(), round(area.width() * share), area.height())
        painter.fillRect(filled, index.data(COLOUR_ROLE))
