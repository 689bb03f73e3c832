"""Pictures of what rarely changes in a view, kept so that a frame costs only what moves."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QWidget

#: Events after which kept pictures are out of date.
NEW_PICTURES = (
    QEvent.Type.DevicePixelRatioChange,
    QEvent.Type.FontChange,
    QEvent.Type.PaletteChange,
    QEvent.Type.Resize,
    QEvent.Type.StyleChange,
)


def picture_of(widget: QWidget, paint: Callable[[QPainter], None]) -> QPixmap:
    """A transparent picture of a widget's size, in the pixels of its screen, painted by a function."""
    ratio = widget.devicePixelRatioF()
    picture = QPixmap(widget.size() * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    paint(painter)
    painter.end()
    return picture
