"""The valence-arousal plane as something to point at and to draw in."""

from __future__ import annotations

from math import atan2, cos, dist, pi, sin

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QApplication, QWidget

from fer_core.types import Floats
from fer_studio.session import Doubles
from fer_studio.terms import explain
from fer_studio.theme import Theme
from fer_studio.views.polylines import add_line
from fer_studio.views.va_plane import VaPlane

STEP, FINE_STEP = 0.05, 0.01
#: Points of a drawing lie at least this far apart, in units of valence and arousal.
_LEAST_STEP = 0.02
_HOW = (
    "Click for a point, drag to draw a path; the face follows. Shift+click adds a corner to the path.\n"
    "Arrow keys move the point (with Ctrl in small steps), Home is neutral, Enter adds the point to the path,\n"
    "Delete takes the path away."
)
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}

Points = list[tuple[float, float]]


class VaPad(VaPlane):
    """A click, or an arrow key, asks for a point; dragging draws a path, and the face follows while it is drawn."""

    point_asked = Signal(float, float)
    """By the person: valence, arousal. Comes with every movement of the pointer."""
    drawing_ended = Signal()
    """The point has come to rest: the pointer was let go, a key was pressed, or a drawing was given up."""
    path_changed = Signal()
    """By the person: :attr:`path` is another one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._asked: tuple[float, float] | None = (0.0, 0.0)
        self._path: Points = []
        self._drawing: Points = []
        self._pressed: QPointF | None = None
        self._before: list[Points] = []
        self._dimmed = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName("Valence and arousal to show")
        self.setToolTip("\n".join((_HOW, explain("valence"), explain("arousal"))))
        self._changed()

    @property
    def point(self) -> tuple[float, float] | None:
        """What is asked for now; None while an expression is. Setting it does not emit."""
        return self._asked

    @point.setter
    def point(self, point: tuple[float, float] | None) -> None:
        self._asked = point
        self._changed()

    @property
    def path(self) -> Floats | None:
        """(N, 2) in the order of drawing, N >= 2; None when there is none. Setting it does not emit."""
        return np.array(self._path, np.float32) if len(self._path) > 1 else None

    @path.setter
    def path(self, path: Floats | None) -> None:
        self._path = [] if path is None else [(float(v), float(a)) for v, a in path]
        self._changed()

    @property
    def dimmed(self) -> bool:
        """Whether the path is not what plays."""
        return self._dimmed

    @dimmed.setter
    def dimmed(self, dimmed: bool) -> None:
        self._dimmed = dimmed
        self.update()

    def describe(self) -> str:
        """Point and path in words."""
        point = "an expression" if self._asked is None else super().describe()
        return f"{point}, a path of {len(self._path)} points" if self._path else point

    @property
    def can_undo(self) -> bool:
        """Whether the person has changed the path."""
        return bool(self._before)

    def undo_path(self) -> None:
        """The path as it was before the person changed it last."""
        if self._before:
            self._path = self._before.pop()
            self._told()

    def add_corner(self, point: tuple[float, float]) -> None:
        """Goes straight on to a point; a path that was not there begins at the present one."""
        path = self._path or [self._asked or (0.0, 0.0)]
        longer = path if path[-1] == point else [*path, point]
        if longer != self._path:
            self._change(longer)

    def clear_path(self) -> None:
        """Takes the path away."""
        if self._path:
            self._change([])

    # Painting

    def _paint_course(self, painter: QPainter, theme: Theme) -> None:
        points = self._drawing or self._path
        if len(points) > 1:
            self._paint_path(painter, theme, np.array(points))
        if self.hasFocus():
            painter.setPen(QPen(theme.accent, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _paint_path(self, painter: QPainter, theme: Theme, points: Doubles) -> None:
        plane = self._plane()
        x = plane.center().x() + points[:, 0] * (plane.width() / 2)
        y = plane.center().y() - points[:, 1] * (plane.height() / 2)
        line = QFontMetricsF(self._text_font()).height()
        colour = QColor(theme.accent)
        colour.setAlphaF(0.35 if self._dimmed and not self._drawing else 0.9)
        pen = QPen(colour, line * 0.16)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.BevelJoin)  # rounded joins take twice the time
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        course = QPainterPath()
        add_line(course, x, y)
        painter.drawPath(course)
        painter.setBrush(theme.surface)
        painter.drawEllipse(QPointF(x[0], y[0]), line * 0.28, line * 0.28)
        if not self._drawing:
            _paint_arrow(painter, colour, x, y, line * 0.75)

    # What the person does

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        """A point, at once; or a corner of the path."""
        if event.button() is not Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
            return
        here = self.to_va(event.position())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.add_corner(here)
            self._ask(here)
            self.drawing_ended.emit()
        else:
            self._pressed = event.position()
            self._drawing = []
            self._ask(here)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        """Draws."""
        if self._pressed is None:
            super().mouseMoveEvent(event)
            return
        here = event.position()
        if not self._drawing:
            if (here - self._pressed).manhattanLength() < QApplication.startDragDistance():
                return
            self._drawing = [self.to_va(self._pressed)]
        now = self.to_va(here)
        if dist(now, self._drawing[-1]) >= _LEAST_STEP:
            self._drawing.append(now)
        self._ask(now)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        """What was drawn is the path."""
        if self._pressed is None or event.button() is not Qt.MouseButton.LeftButton:
            super().mouseReleaseEvent(event)
            return
        self._pressed = None
        drawn, self._drawing = self._drawing, []
        if len(drawn) > 1:
            self._change(drawn)
        self.drawing_ended.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """Everything that the mouse can do, and giving up a drawing."""
        key = Qt.Key(event.key())
        at = self._asked or (0.0, 0.0)
        if key in _ARROWS:
            step = FINE_STEP if event.modifiers() & Qt.KeyboardModifier.ControlModifier else STEP
            v, a = (round(min(1.0, max(-1.0, x + step * d)), 2) for x, d in zip(at, _ARROWS[key], strict=True))
            self._ask((v, a))
            self.drawing_ended.emit()
        elif key is Qt.Key.Key_Home:
            self._ask((0.0, 0.0))
            self.drawing_ended.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.add_corner(at)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.clear_path()
        elif key is Qt.Key.Key_Escape and self._drawing:
            self._pressed, self._drawing = None, []
            self.update()
            self.drawing_ended.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        """A frame shows where the keys go."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        """And no longer."""
        super().focusOutEvent(event)
        self.update()

    def _ask(self, point: tuple[float, float]) -> None:
        self.point = point
        self.point_asked.emit(*point)

    def _change(self, path: Points) -> None:
        self._before.append(self._path)
        self._path = path
        self._told()

    def _told(self) -> None:
        self._changed()
        self.path_changed.emit()


def _paint_arrow(painter: QPainter, colour: QColor, x: Doubles, y: Doubles, length: float) -> None:
    """Where the path ends; its direction is that of the last bit that is long enough to have one."""
    tip = QPointF(x[-1], y[-1])
    far = np.flatnonzero(np.hypot(x - x[-1], y - y[-1]) > length)
    back = far[-1] if len(far) else 0
    angle = atan2(y[-1] - y[back], x[-1] - x[back])
    head = QPainterPath(tip)
    for side in (-1, 1):
        away = angle + pi + side * 0.42
        head.lineTo(tip.x() + length * cos(away), tip.y() + length * sin(away))
    head.closeSubpath()
    painter.fillPath(head, colour)
