"""Figures of the selected face over the selection, or over all."""

from __future__ import annotations

import math
from typing import NamedTuple

from PySide6.QtCore import QEvent, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QShowEvent
from PySide6.QtWidgets import QHeaderView, QLabel, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from fer_core.record.spans import Span
from fer_core.record.summary import FaceSummary
from fer_studio.labels import unit_code, unit_name
from fer_studio.marks import excluded_spans
from fer_studio.review.share_delegate import COLOUR_ROLE, SHARE_ROLE, ShareDelegate
from fer_studio.review.statistics import face_statistics, time_in_span_s
from fer_studio.session import Recording
from fer_studio.terms import baseline_words, explain, explain_expression, explain_unit
from fer_studio.theme import expression_colour, theme_of
from fer_studio.views.mark_editor import MarkEditor
from fer_studio.views.timeline_text import clock_text

_WAIT_MS = 150


class StatisticsPanel(QWidget):
    """Time shares, mean and deviation, base rates; computed when they can be seen."""

    def __init__(self, editor: MarkEditor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editor = editor
        self._recording: Recording | None = None
        self._face_id: int | None = None
        self._span: Span | None = None
        self._title = QLabel()
        self._title.setAccessibleName("What the figures are of")
        self._title.setWordWrap(True)
        self._table = QTableWidget(0, 2)
        self._table.setAccessibleName("Statistics")
        self._table.setTabKeyNavigation(False)  # Tab leaves the table; arrows move in it
        self._table.horizontalHeader().hide()
        self._table.verticalHeader().hide()
        self._table.setItemDelegateForColumn(1, ShareDelegate(self._table))
        self._table.setFrameShape(QTableWidget.Shape.NoFrame)
        self._table.setShowGrid(False)
        self._table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self._table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self._title)
        layout.addWidget(self._table, 1)
        self._size_rows()
        self._due = QTimer(self, singleShot=True, interval=_WAIT_MS)
        self._due.timeout.connect(self.refresh)
        editor.marks_changed.connect(self.schedule)

    def set_source(self, recording: Recording | None, face_id: int | None, span: Span | None) -> None:
        """What to compute."""
        self._recording, self._face_id, self._span = recording, face_id, span
        self.schedule()

    @Slot()
    def schedule(self) -> None:
        """Something changed; figures follow in a moment when they can be seen."""
        if self.isVisible():
            self._due.start()

    @Slot()
    def refresh(self) -> None:
        """Computes now."""
        recording, face_id = self._recording, self._face_id
        if recording is None or face_id is None or face_id not in recording.faces():
            self._title.setText("No face to show figures of.")
            self._table.setRowCount(0)
            return
        excluded = excluded_spans(self._editor.marks)
        figures = face_statistics(recording, face_id, self._span, excluded, corrected=True)
        length_s = time_in_span_s(recording, self._span, excluded)
        where = "the selection" if self._span else "the whole recording"
        start_s, end_s = self._span or (-math.inf, math.inf)
        inside = sum(left_s <= end_s and right_s >= start_s for left_s, right_s in excluded)
        left_out = f", without {inside} excluded range{'s' * (inside != 1)}" if inside else ""
        baseline = baseline_words(recording.baseline_shares().get(face_id, 0.0))
        self._title.setText(
            f"Face {face_id} over {where}{left_out}{f', {baseline}' * bool(baseline)}\n"
            f"measured in {clock_text(figures.time_ok_s)} of {clock_text(length_s)} ({figures.frames_ok} frames)"
        )
        self._fill(figures)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Bars have the colours of the theme, and rows the height of the text."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "_due"):
            self.schedule()
        elif event.type() is QEvent.Type.FontChange and hasattr(self, "_due"):
            self._size_rows()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Seen again."""
        super().showEvent(event)
        self._due.start()

    def _size_rows(self) -> None:
        self._table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 7)

    def _fill(self, figures: FaceSummary) -> None:
        rows = [_Row("Share of time", tip=explain("apparent expression"))]
        rows += [
            _Row(name.capitalize(), _percent(share), explain_expression(name), share, expression_colour(name))
            for name, share in figures.expression_share.items()
        ]
        rows += [
            _Row("Mean ± standard deviation"),
            _Row("Valence", _spread(figures.valence_mean, figures.valence_sd), explain("valence")),
            _Row("Arousal", _spread(figures.arousal_mean, figures.arousal_sd), explain("arousal")),
            _Row("Action units: share of time present", tip=explain("action unit")),
        ]
        fill = theme_of(self).fill
        rows += [
            _Row(f"{unit_code(unit)} {unit_name(unit)}".rstrip(), _percent(rate), explain_unit(unit), rate, fill)
            for unit, rate in figures.au_rate.items()
        ]
        self._table.clearSpans()
        self._table.setRowCount(len(rows))
        for place, row in enumerate(rows):
            self._show(place, row)

    def _show(self, place: int, row: _Row) -> None:
        name, value = QTableWidgetItem(row.name), QTableWidgetItem(row.value)
        for column, item in enumerate((name, value)):
            item.setToolTip(row.tip)
            self._table.setItem(place, column, item)
        if not row.value:
            font = name.font()
            font.setBold(True)
            name.setFont(font)
            self._table.setSpan(place, 0, 1, 2)
        value.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if math.isfinite(row.share):
            value.setData(SHARE_ROLE, row.share)
            value.setData(COLOUR_ROLE, row.colour)


class _Row(NamedTuple):
    """A heading has no value."""

    name: str
    value: str = ""
    tip: str = ""
    share: float = math.nan
    """Drawn as a bar when it is finite."""
    colour: QColor | None = None


def _percent(share: float) -> str:
    return f"{share:.1%}" if math.isfinite(share) else "–"


def _spread(mean: float, deviation: float) -> str:
    return f"{mean:+.3f} ± {deviation:.3f}" if math.isfinite(mean) else "–"
