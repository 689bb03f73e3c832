"""Horizontal bars for values from 0 to 1, with labels, numbers and history lines: the common part of two views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QAccessible,
    QColor,
    QFont,
    QFontMetricsF,
    QHelpEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from fer_core.types import Affect, Floats
from fer_studio.terms import explain
from fer_studio.theme import Theme, theme_of
from fer_studio.views.pictures import NEW_PICTURES, picture_of
from fer_studio.views.sparkline import History

#: Heights and widths in lines of text of the widget's font.
_ROW_LINES = 1.3
_COMFORTABLE_ROW_LINES = 1.7
_MAX_TEXT_SCALE = 2.2
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_PADS_LINES = 1.7
_MIN_TRACK_LINES = 5.0
#: In sorted order a bar climbs only when it is clearly ahead: noise must not make rows dance.
_SORT_MARGIN = 0.02


@dataclass(frozen=True)
class Row:
    """What never changes about a bar."""

    label: str
    tooltip: str
    colour: QColor | None = None
    """None: the theme's fill."""


@dataclass(frozen=True)
class _Cell:
    """Where a bar is drawn, in widget pixels."""

    whole: QRectF
    label: QRectF
    track: QRectF
    number: QRectF


class BarChart(QWidget):
    """Bars in one or more columns; text grows with the room it has, and is never below the widget's font.

    Args:
        rows: top to bottom, column by column.
        name: what a screen reader calls it.
        label_on_bar: labels are written on the bars instead of beside them, which leaves narrow columns a bar.
        max_columns: columns beyond the first are used only where one is too short.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        name: str,
        *,
        label_on_bar: bool = False,
        max_columns: int = 1,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._label_on_bar = label_on_bar
        self._max_columns = max_columns
        self._sorted = False
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._set_rows(rows)

    def _set_rows(self, rows: Sequence[Row]) -> None:
        self._rows = tuple(rows)
        self._order = list(range(len(rows)))
        self._values: Floats | None = None
        self._raw: Floats | None = None
        self._history = History(len(rows))
        self._forget_layout()

    def _forget_layout(self) -> None:
        """Size, font, colours or rows have changed."""
        self._layout: tuple[list[_Cell], QFont] | None = None
        self._ground: QPixmap | None = None
        self._names: QPixmap | None = None
        self._lines: tuple[int, QPixmap] | None = None
        self.updateGeometry()
        self.update()

    @property
    def order(self) -> tuple[int, ...]:
        """Indices of the rows, from the top."""
        return tuple(self._order)

    def clear(self) -> None:
        """Forgets values and history: another face or another recording."""
        self._values = self._raw = None
        self._history.clear()
        self._set_order(list(range(len(self._rows))))
        self.update()

    def show_affect(
        self, affect: Affect | None, corrected: Affect | None = None, *, time_s: float | None = None
    ) -> None:
        """Shows ``corrected`` (baseline subtracted) where given, with the raw value as a tick.

        Args:
            affect: None without a usable face.
            corrected: None without a baseline.
            time_s: of the media, places the sample on the history line. Without it, a sample counts as 1/30 s later.

        Raises:
            ValueError: when the model gives another number of values than there are bars.
        """
        raw = None if affect is None else self._values_of(affect)
        if corrected is None:
            self._show(raw, None, time_s)
        else:
            self._show(self._values_of(corrected), raw, time_s)

    def _values_of(self, affect: Affect) -> Floats:
        """(R,) in 0..1, what the bars stand for."""
        raise NotImplementedError

    def _show(self, values: Floats | None, raw: Floats | None, time_s: float | None) -> None:
        """Values (R,) in 0..1, or None without a usable face; ``raw`` is marked with a tick where it is given."""
        for array in (values, raw):
            if array is not None and array.shape != (len(self._rows),):
                raise ValueError(
                    f"{self.accessibleName()}: got values of shape {array.shape} for {len(self._rows)} bars; "
                    "make the view with the labels of the loaded model"
                )
        self._values, self._raw = values, raw
        self._history.append(time_s, values)
        if self._sorted and values is not None:
            self._set_order(_sorted(self._order, values))
        if QAccessible.isActive():
            self.setAccessibleDescription(self.describe())
        self.update()

    def describe(self) -> str:
        """All bars in words."""
        if self._values is None:
            return "no usable face"
        return ", ".join(f"{self._rows[i].label} {self._values[i]:.1f}" for i in self._order)

    def _set_sorted(self, on: bool) -> None:
        self._sorted = on
        order = list(range(len(self._rows)))
        self._set_order(_sorted(order, self._values) if on and self._values is not None else order)
        self.update()

    def _set_order(self, order: list[int]) -> None:
        if order != self._order:
            self._order = order
            self._names = None
            self._lines = None

    # Geometry

    def _column_width(self) -> float:
        """The least width of a column in the widget's font."""
        metrics = QFontMetricsF(self.font())
        label = max((metrics.horizontalAdvance(row.label) for row in self._rows), default=0.0)
        beside_label = _PADS_LINES + (0.0 if self._label_on_bar else _MIN_TRACK_LINES)
        return label + metrics.horizontalAdvance("0.00") + metrics.height() * beside_label

    def _text_scale(self, columns: int) -> float:
        """How large text may be, relative to the widget's font; below 1 only where rows would overlap."""
        line = QFontMetricsF(self.font()).height()
        row_px = self.height() / max(1, -(-len(self._rows) // columns))
        room = min(row_px / (line * _COMFORTABLE_ROW_LINES), self.width() / columns / self._column_width())
        return max(min(room, _MAX_TEXT_SCALE), min(1.0, row_px / line))

    def _columns(self) -> int:
        """As many as make text largest; the fewest of those."""
        fitting = max(1, min(self._max_columns, int(self.width() / self._column_width())))
        return max(range(1, fitting + 1), key=self._text_scale)

    def sizeHint(self) -> QSize:  # noqa: N802
        """One comfortable column."""
        line = QFontMetricsF(self.font()).height()
        width = self._column_width() + (0 if self._label_on_bar else 3 * line)
        return QSize(int(width), int(len(self._rows) * line * _COMFORTABLE_ROW_LINES))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As many columns as are allowed, rows as tight as they can be read."""
        line = QFontMetricsF(self.font()).height()
        rows = -(-len(self._rows) // self._max_columns)
        return QSize(int(self._column_width() * self._max_columns) + 1, int(rows * line * _ROW_LINES) + 1)

    def _cells(self) -> tuple[list[_Cell], QFont]:
        """A cell for each place from the top of the first column on, and the font that fits."""
        if self._layout is None:
            self._layout = self._laid_out()
        return self._layout

    def _laid_out(self) -> tuple[list[_Cell], QFont]:
        columns = self._columns()
        per_column = max(1, -(-len(self._rows) // columns))
        gap = self.fontMetrics().height() * 0.5
        width = (self.width() - gap * (columns - 1)) / columns
        height = self.height() / per_column
        font = QFont(self.font())
        font.setPointSizeF(max(1.0, font.pointSizeF() * self._text_scale(columns)))
        metrics = QFontMetricsF(font)
        height = min(height, metrics.height() * 2.4)
        number_w = metrics.horizontalAdvance("0.00")
        label_w = max((metrics.horizontalAdvance(row.label) for row in self._rows), default=0.0)
        cells = []
        for place in range(len(self._rows)):
            column, row = divmod(place, per_column)
            whole = QRectF(column * (width + gap), row * height, width, height)
            inset = max(1.0, (height - metrics.height() * 1.15) / 2)
            inner = whole.adjusted(0, inset, 0, -inset)
            number = QRectF(inner.right() - number_w, inner.top(), number_w, inner.height())
            track = inner.adjusted(0, 0, -number_w - metrics.height() * 0.4, 0)
            if self._label_on_bar:
                label = track.adjusted(metrics.height() * 0.4, 0, 0, 0)
            else:
                label = QRectF(inner.left(), inner.top(), label_w, inner.height())
                track.setLeft(label.right() + metrics.height() * 0.5)
            cells.append(_Cell(whole, label, track, number))
        return cells, font

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Empty bars and names from pictures kept for this size, and between them what moves."""
        del event
        theme = theme_of(self)
        cells, font = self._cells()
        if self._ground is None:
            self._ground = picture_of(self, lambda painter: self._paint_tracks(painter, theme, cells))
        if self._names is None:
            self._names = picture_of(self, lambda painter: self._paint_names(painter, theme, cells, font))
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._ground)
        self._paint_fills(painter, theme, cells)
        painter.drawPixmap(0, 0, self._lines_now(theme, cells))
        painter.drawPixmap(0, 0, self._names)
        self._paint_numbers(painter, theme, cells, font)
        painter.end()

    def _paint_tracks(self, painter: QPainter, theme: Theme, cells: list[_Cell]) -> None:
        for cell in cells:
            painter.fillRect(cell.track, theme.track)

    def _paint_names(self, painter: QPainter, theme: Theme, cells: list[_Cell], font: QFont) -> None:
        painter.setFont(font)
        painter.setPen(theme.text)
        for cell, index in zip(cells, self._order, strict=True):
            painter.drawText(cell.label, _LEFT, self._rows[index].label)

    def _paint_fills(self, painter: QPainter, theme: Theme, cells: list[_Cell]) -> None:
        if self._values is None:
            return
        tick_w = max(2.0, self.fontMetrics().height() / 6)
        for cell, index in zip(cells, self._order, strict=True):
            fill = QRectF(cell.track)
            fill.setWidth(fill.width() * min(1.0, max(0.0, float(self._values[index]))))
            painter.fillRect(fill, self._rows[index].colour or theme.fill)
            if self._raw is not None:
                x = cell.track.left() + cell.track.width() * min(1.0, max(0.0, float(self._raw[index])))
                tick = QRectF(x - tick_w / 2, cell.track.center().y(), tick_w, cell.track.height() / 2)
                painter.fillRect(tick, theme.text)

    def _lines_now(self, theme: Theme, cells: list[_Cell]) -> QPixmap:
        """The history lines, drawn again only when they have a new point: they cost as much as all the rest."""
        revision = self._history.revision
        if self._lines is None or self._lines[0] != revision:
            self._lines = revision, picture_of(self, lambda painter: self._paint_history(painter, theme, cells))
        return self._lines[1]

    def _paint_history(self, painter: QPainter, theme: Theme, cells: list[_Cell]) -> None:
        areas = [QRectF()] * len(cells)
        for cell, index in zip(cells, self._order, strict=True):
            areas[index] = cell.track.adjusted(0, 2, 0, -2)
        colour = QColor(theme.text_dim)
        colour.setAlphaF(0.5 if self._label_on_bar else 0.8)
        painter.setPen(QPen(colour, max(1.0, self.fontMetrics().height() / 14)))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPath(self._history.path(areas))

    def _paint_numbers(self, painter: QPainter, theme: Theme, cells: list[_Cell], font: QFont) -> None:
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        down = (metrics.ascent() - metrics.descent()) / 2
        for cell, index in zip(cells, self._order, strict=True):
            value = None if self._values is None else float(self._values[index])
            painter.setPen(theme.text if value is not None and value >= 0.5 else theme.text_dim)
            # By its baseline, because a text placed in a rectangle takes twice the time.
            base = QPointF(cell.number.left(), cell.number.center().y() + down)
            painter.drawText(base, "   –" if value is None else f"{value:.2f}")

    # Events

    def event(self, event: QEvent) -> bool:
        """Tooltips say what the bar under the pointer means; another size or theme needs other pictures."""
        if event.type() in NEW_PICTURES:
            self._forget_layout()
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.tooltip_at(event.pos()), self)
            return True
        return super().event(event)

    def tooltip_at(self, point: QPoint) -> str:
        """What the bar at a point of the widget means; empty beside the bars."""
        cells, _ = self._cells()
        for cell, index in zip(cells, self._order, strict=True):
            if cell.whole.contains(point):
                lines = [self._rows[index].tooltip]
                if self._values is not None and self._raw is not None:
                    lines.append(f"Raw {self._raw[index]:.2f}, baseline subtracted {self._values[index]:.2f}.")
                return "\n".join([*lines, explain("history")])
        return ""


def _sorted(order: list[int], values: Floats) -> list[int]:
    """Highest first; the present order as long as no bar is clearly above one that stands before it."""
    lowest_above = float("inf")
    for index in order:
        if values[index] > lowest_above + _SORT_MARGIN:
            return sorted(order, key=lambda i: -values[i])
        lowest_above = min(lowest_above, float(values[index]))
    return order
