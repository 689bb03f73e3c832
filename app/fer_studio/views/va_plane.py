"""The valence-arousal plane with a fading trail.

Drawn with QPainter: axes, circle and words never move, so they are painted once per size, and a frame costs one picture
and a few lines. Words lie at the angles that Russell, "A circumplex model of affect" (1980), found.
"""

from __future__ import annotations

from math import cos, isfinite, radians, sin, sqrt

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QAccessible, QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from fer_studio.terms import explain
from fer_studio.theme import Theme, theme_of
from fer_studio.views.pictures import NEW_PICTURES, picture_of
from fer_studio.views.polylines import add_line
from fer_studio.views.sparkline import History

DEFAULT_TRAIL_S = 10.0
_TRAIL_BINS = 120
#: The trail is drawn in so many pieces, each fainter and thinner than the next.
_FADE_STEPS = 6

#: Word and angle in degrees from pleasant, counter-clockwise; the first are kept where room is short.
_WORDS = (
    ("happy", 8.0),
    ("sad", 207.5),
    ("angry", 99.0),
    ("astonished", 69.8),
    ("relaxed", 318.0),
    ("afraid", 116.0),
    ("bored", 241.9),
    ("delighted", 24.9),
    ("sleepy", 271.9),
    ("distressed", 138.0),
    ("glad", 349.0),
    ("miserable", 188.7),
)
_WORD_RADIUS = 0.75
_WORD_SCALE = 0.88
#: Lines of text that the view is high and wide when text has the size of the window's font; text grows with the view.
_LINES_HIGH = 18
_LINES_WIDE = 26
_MAX_TEXT_SCALE = 2.2
_CENTRE = Qt.AlignmentFlag.AlignCenter


class VaPlane(QWidget):
    """Valence to the right, arousal upwards, both -1..1, neutral in the middle."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trail_s = DEFAULT_TRAIL_S
        self._history = History(2, DEFAULT_TRAIL_S, _TRAIL_BINS)
        self._fitted: tuple[QSize, QFont, QRectF] | None = None
        self._ground: QPixmap | None = None
        self._trail: tuple[int, QPixmap] | None = None
        self.setAccessibleName("Valence and arousal")
        self.setToolTip("\n".join(explain(term) for term in ("valence", "arousal", "trail")))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def trail_s(self) -> float:
        """Seconds until a point has faded; 0 shows no trail. Setting it forgets the present trail.

        Raises:
            ValueError: when set to a negative number.
        """
        return self._trail_s

    @trail_s.setter
    def trail_s(self, seconds: float) -> None:
        if not (isfinite(seconds) and seconds >= 0):
            raise ValueError(f"trail_s is {seconds}; give 0 or more seconds")
        self._trail_s = seconds
        self._history.span_s = seconds
        self.update()

    @property
    def point(self) -> tuple[float, float] | None:
        """Valence and arousal of the current point; None before the first and in a gap."""
        _, values = self._history.samples()
        if not len(values) or np.isnan(values[-1, 0]):
            return None
        return float(values[-1, 0]), float(values[-1, 1])

    def show_point(self, time_s: float, valence: float, arousal: float) -> None:
        """The newest point, in media time; a time before the last one starts the trail anew."""
        self._history.append(time_s, (valence, arousal))
        self._changed()

    def show_gap(self, time_s: float) -> None:
        """No usable face at this time: the trail is interrupted and goes on fading."""
        self._history.append(time_s, None)
        self._changed()

    def clear(self) -> None:
        """Forgets the trail: another face or another recording."""
        self._history.clear()
        self._changed()

    def _changed(self) -> None:
        if QAccessible.isActive():
            self.setAccessibleDescription(self.describe())
        self.update()

    def describe(self) -> str:
        """The current point in words."""
        point = self.point
        return "no usable face" if point is None else f"valence {point[0]:+.1f}, arousal {point[1]:+.1f}"

    # Geometry

    def sizeHint(self) -> QSize:  # noqa: N802
        """Room for the words."""
        line = self.fontMetrics().height()
        return QSize(24 * line, 18 * line)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Axes can still be read, words are left out."""
        line = self.fontMetrics().height()
        return QSize(16 * line, 9 * line)

    def _fit(self) -> tuple[QSize, QFont, QRectF]:
        """The size of the widget, and what follows from it; kept, because every part of a frame asks for it."""
        if self._fitted is None or self._fitted[0] != self.size():
            lines = min(self.height() / _LINES_HIGH, self.width() / _LINES_WIDE) / self.fontMetrics().height()
            font = QFont(self.font())
            font.setPointSizeF(font.pointSizeF() * max(1.0, min(_MAX_TEXT_SCALE, lines)))
            metrics = QFontMetricsF(font)
            words = max(metrics.horizontalAdvance("negative"), metrics.horizontalAdvance("positive"))
            aside, above = words + metrics.height(), metrics.height() * 1.3
            side = max(1.0, min(self.width() - 2 * aside, self.height() - 2 * above))
            plane = QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
            self._fitted = self.size(), font, plane
        return self._fitted

    def _text_font(self) -> QFont:
        """The widget's font, larger where there is room."""
        return QFont(self._fit()[1])

    def _plane(self) -> QRectF:
        """The square from -1 to 1, between the names of the axes."""
        return self._fit()[2]

    def to_widget(self, valence: float, arousal: float) -> QPointF:
        """Where a point is drawn, in widget pixels; beyond -1..1 at the edge."""
        plane = self._plane()
        v, a = min(1.0, max(-1.0, valence)), min(1.0, max(-1.0, arousal))
        return QPointF(plane.center().x() + v * plane.width() / 2, plane.center().y() - a * plane.height() / 2)

    def to_va(self, place: QPointF) -> tuple[float, float]:
        """Valence and arousal at a place of the widget, within -1..1."""
        plane = self._plane()
        valence = (place.x() - plane.center().x()) / (plane.width() / 2)
        arousal = (plane.center().y() - place.y()) / (plane.height() / 2)
        return min(1.0, max(-1.0, valence)), min(1.0, max(-1.0, arousal))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Ground, trail, point, numbers."""
        del event
        theme, plane = theme_of(self), self._plane()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._ground_now(theme, plane))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_course(painter, theme)
        point = self.point
        if point is not None:
            self._paint_point(painter, theme, point)
        self._paint_numbers(painter, theme, plane, point)
        painter.end()

    def _paint_course(self, painter: QPainter, theme: Theme) -> None:
        """What lies under the point: here the trail."""
        if self._trail_s > 0:
            painter.drawPixmap(0, 0, self._trail_now(theme))
            self._paint_newest(painter, theme)

    def _trail_now(self, theme: Theme) -> QPixmap:
        """The trail but for its newest piece, drawn again only when it has a new sample: it is what costs most."""
        revision = self._history.revision
        if self._trail is None or self._trail[0] != revision:
            self._trail = revision, picture_of(self, lambda painter: self._paint_trail(painter, theme))
        return self._trail[1]

    def _paint_trail(self, painter: QPainter, theme: Theme) -> None:
        ages_s, values = self._history.samples()
        ages_s, values = ages_s[:-1], values[:-1]
        if len(ages_s) < 2:
            return
        plane = self._plane()
        valence, arousal = np.clip(values, -1.0, 1.0).T
        x = plane.center().x() + valence * (plane.width() / 2)
        y = plane.center().y() - arousal * (plane.height() / 2)
        edges_s = np.linspace(self._trail_s, 0.0, _FADE_STEPS + 1)
        ends = np.searchsorted(-ages_s, -edges_s)  # ages fall along the array
        for step in range(_FADE_STEPS):
            piece = slice(max(0, ends[step] - 1), ends[step + 1])
            painter.setPen(self._trail_pen(theme, (step + 1) / _FADE_STEPS))
            path = QPainterPath()
            add_line(path, x[piece], y[piece])
            painter.drawPath(path)

    def _paint_newest(self, painter: QPainter, theme: Theme) -> None:
        _, values = self._history.samples()
        if len(values) > 1 and np.isfinite(values[-2:]).all():
            painter.setPen(self._trail_pen(theme, 1.0))
            painter.drawLine(self.to_widget(*values[-2]), self.to_widget(*values[-1]))

    def _trail_pen(self, theme: Theme, freshness: float) -> QPen:
        """Fainter and thinner as ``freshness`` falls from 1 to 0."""
        colour = QColor(theme.accent)
        colour.setAlphaF(0.08 + 0.82 * freshness**1.5)
        pen = QPen(colour, QFontMetricsF(self._text_font()).height() * (0.06 + 0.14 * freshness))
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        pen.setJoinStyle(Qt.PenJoinStyle.BevelJoin)  # rounded joins take twice the time
        return pen

    def _paint_point(self, painter: QPainter, theme: Theme, point: tuple[float, float]) -> None:
        line = QFontMetricsF(self._text_font()).height()
        place = self.to_widget(*point)
        # A dot in a ring: the word behind it can still be read.
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.accent, line * 0.1))
        painter.drawEllipse(place, line * 0.5, line * 0.5)
        painter.setBrush(theme.accent)
        painter.setPen(QPen(theme.surface, line * 0.1))
        painter.drawEllipse(place, line * 0.28, line * 0.28)

    def _paint_numbers(self, painter: QPainter, theme: Theme, plane: QRectF, point: tuple[float, float] | None) -> None:
        """In the upper right corner, outside the circle."""
        font = self._text_font()
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        painter.setPen(theme.text)
        valence, arousal = ("–", "–") if point is None else (f"{point[0]:+.2f}", f"{point[1]:+.2f}")
        corner = QRectF(plane.center().x(), 0, self.width() - plane.center().x(), metrics.height())
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for row, text in enumerate((f"valence {valence}", f"arousal {arousal}")):
            painter.drawText(corner.translated(0, row * metrics.height()), right, text)

    def _ground_now(self, theme: Theme, plane: QRectF) -> QPixmap:
        if self._ground is None:
            self._ground = picture_of(self, lambda painter: self._paint_ground(painter, theme, plane))
        return self._ground

    def _paint_ground(self, painter: QPainter, theme: Theme, plane: QRectF) -> None:
        self._paint_axes(painter, theme, plane)
        self._paint_words(painter, theme, plane)

    def _forget_pictures(self) -> None:
        self._fitted = self._ground = self._trail = None
        self.update()

    def _paint_axes(self, painter: QPainter, theme: Theme, plane: QRectF) -> None:
        font = self._text_font()
        centre, metrics = plane.center(), QFontMetricsF(font)
        painter.setPen(QPen(theme.line, max(1.0, metrics.height() / 14)))
        painter.setBrush(theme.surface)
        painter.drawEllipse(plane)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawLine(QPointF(plane.left(), centre.y()), QPointF(plane.right(), centre.y()))
        painter.drawLine(QPointF(centre.x(), plane.top()), QPointF(centre.x(), plane.bottom()))
        faint = QPen(theme.track, max(1.0, metrics.height() / 14))
        painter.setPen(faint)
        painter.drawEllipse(centre, plane.width() / 4, plane.height() / 4)
        painter.setFont(font)
        painter.setPen(theme.text_dim)
        height, gap = metrics.height(), metrics.height() * 0.4
        beside = QRectF(0, centre.y() - height / 2, plane.left() - gap, height)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(beside, middle | Qt.AlignmentFlag.AlignRight, "negative")
        beside.moveLeft(plane.right() + gap)
        painter.drawText(beside, middle | Qt.AlignmentFlag.AlignLeft, "positive")
        painter.drawText(QRectF(plane.left(), plane.top() - height * 1.15, plane.width(), height), _CENTRE, "excited")
        painter.drawText(QRectF(plane.left(), plane.bottom() + height * 0.15, plane.width(), height), _CENTRE, "calm")

    def _paint_words(self, painter: QPainter, theme: Theme, plane: QRectF) -> None:
        font = self._text_font()
        font.setPointSizeF(font.pointSizeF() * _WORD_SCALE)
        metrics = QFontMetricsF(font)
        colour = QColor(theme.text_dim)
        colour.setAlphaF(0.75)
        painter.setFont(font)
        painter.setPen(colour)
        for word, place in place_words(plane, metrics):
            painter.drawText(place, _CENTRE, word)

    def event(self, event: QEvent) -> bool:
        """Another screen, size, theme or font needs other pictures."""
        if event.type() in NEW_PICTURES:
            self._forget_pictures()
        return super().event(event)


def place_words(plane: QRectF, metrics: QFontMetricsF) -> list[tuple[str, QRectF]]:
    """The words that fit into the circle without touching it, each other or an axis, and where."""
    centre, clear, radius = plane.center(), metrics.height() * 0.2, plane.width() / 2
    placed: list[tuple[str, QRectF]] = []
    for word, angle_deg in _WORDS:
        x, y = (_WORD_RADIUS * radius * part for part in (cos(radians(angle_deg)), -sin(radians(angle_deg))))
        area = QRectF(0, 0, metrics.horizontalAdvance(word), metrics.height())
        area.moveCenter(QPointF(x, y))
        # A word moves off an axis and into the circle; its angle was never exact.
        if area.top() < clear and area.bottom() > -clear:
            area.moveTop(clear) if y > 0 else area.moveBottom(-clear)
        half_chord = sqrt(max(0.0, radius**2 - max(abs(area.top()), abs(area.bottom())) ** 2)) - clear
        nearest, farthest = clear, half_chord - area.width()
        if farthest < nearest:
            continue
        if x > 0:
            area.moveLeft(min(max(area.left(), nearest), farthest))
        else:
            area.moveRight(-min(max(-area.right(), nearest), farthest))
        area.translate(centre)
        around = area.adjusted(-clear, 0, clear, 0)
        if not any(around.intersects(other) for _, other in placed):
            placed.append((word, area))
    return placed
