"""The signs on the buttons of the player, drawn in the colours of the theme."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF

from fer_studio.theme import Theme

#: Signs are drawn on a square of this many units.
_SIDE = 24.0
_DEVICE_PX = 96
"""Fine enough for 16 points at six times the density."""

_RIGHT = ((7, 4), (19, 12), (7, 20))
_SMALL_RIGHT = ((4, 6), (13, 12), (4, 18))


def icon(name: str, theme: Theme) -> QIcon:
    """The sign ``name``; names beginning with ``back_`` are their mirror images.

    Raises:
        KeyError: for a name that has no sign.
    """
    made = QIcon()
    for mode, colour in ((QIcon.Mode.Normal, theme.text), (QIcon.Mode.Disabled, theme.line)):
        made.addPixmap(_pixmap(name, colour, theme.accent), mode, QIcon.State.Off)
        made.addPixmap(_pixmap(name, theme.accent, theme.accent), mode, QIcon.State.On)
    return made


def _pixmap(name: str, colour: QColor, accent: QColor) -> QPixmap:
    pixmap = QPixmap(_DEVICE_PX, _DEVICE_PX)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(_DEVICE_PX / _SIDE, _DEVICE_PX / _SIDE)
    if name.startswith("back_"):
        painter.translate(_SIDE, 0)
        painter.scale(-1, 1)
        name = name.removeprefix("back_")
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    _SIGNS[name](painter, colour, accent)
    painter.end()
    return pixmap


def _polygon(painter: QPainter, points: Sequence[tuple[float, float]]) -> None:
    painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in points]))


def _play(painter: QPainter, colour: QColor, accent: QColor) -> None:
    del colour, accent
    _polygon(painter, _RIGHT)


def _pause(painter: QPainter, colour: QColor, accent: QColor) -> None:
    del colour, accent
    for left in (6, 14):
        painter.drawRect(QRectF(left, 4, 4, 16))


def _step(painter: QPainter, colour: QColor, accent: QColor) -> None:
    del colour, accent
    painter.drawRect(QRectF(4, 5, 2.5, 14))
    _polygon(painter, ((9, 5), (20, 12), (9, 19)))


def _change(painter: QPainter, colour: QColor, accent: QColor) -> None:
    """On to where the ribbon has another colour."""
    _polygon(painter, _SMALL_RIGHT)
    painter.setBrush(accent)
    painter.drawRect(QRectF(15, 7, 7, 10))
    del colour


def _mark(painter: QPainter, colour: QColor, accent: QColor) -> None:
    """On to a flag."""
    _polygon(painter, _SMALL_RIGHT)
    painter.drawRect(QRectF(15, 4, 1.8, 16))
    painter.setBrush(accent)
    _polygon(painter, ((16.8, 4), (23, 7), (16.8, 10)))
    del colour


def _loop(painter: QPainter, colour: QColor, accent: QColor) -> None:
    del accent
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, 2.2))
    painter.drawRoundedRect(QRectF(3, 7, 18, 11), 5, 5)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    _polygon(painter, ((10, 2.5), (16, 7), (10, 11.5)))


_SIGNS = {"play": _play, "pause": _pause, "step": _step, "change": _change, "mark": _mark, "loop": _loop}
