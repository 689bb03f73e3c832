"""Figures of the selected face over the selection, or over all."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHeaderView, QLabel, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from fer_core.record.summary import FaceSummary
from fer_studio.labels import unit_code, unit_name
from fer_studio.marks import excluded_spans
from fer_studio.review.statistics import Span, face_statistics, time_in_span_s
from fer_studio.session import Recording
from fer_studio.terms import explain
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
        self._table = QTableWidget(0, 2)
        self._table.setAccessibleName("Statistics")
        self._table.horizontalHeader().hide()
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self._table.setShowGrid(False)
        self._table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self._table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self._title)
        layout.addWidget(self._table, 1)
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
        figures = face_statistics(recording, face_id, self._span, excluded)
        length_s = time_in_span_s(recording, self._span, excluded)
        where = "the selection" if self._span else "the whole recording"
        left_out = f", without {len(excluded)} excluded" if excluded else ""
        self._title.setText(
            f"Face {face_id} over {where}{left_out}\n"
            f"measured in {clock_text(figures.time_ok_s)} of {clock_text(length_s)} ({figures.frames_ok} frames)"
        )
        self._fill(figures)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Seen again."""
        super().showEvent(event)
        self._due.start()

    def _fill(self, figures: FaceSummary) -> None:
        rows: list[tuple[str, str, str]] = [("Share of time", "", explain("apparent expression"))]
        rows += [(f"  {name}", _percent(share), "") for name, share in figures.expression_share.items()]
        rows += [
            ("Mean ± standard deviation", "", ""),
            ("  valence", _spread(figures.valence_mean, figures.valence_sd), explain("valence")),
            ("  arousal", _spread(figures.arousal_mean, figures.arousal_sd), explain("arousal")),
            ("Action units: share of time present", "", explain("action unit")),
        ]
        rows += [
            (f"  {unit_code(unit)} {unit_name(unit)}".rstrip(), _percent(rate), "")
            for unit, rate in figures.au_rate.items()
        ]
        self._table.setRowCount(len(rows))
        for row, (name, value, tip) in enumerate(rows):
            for column, text in enumerate((name, value)):
                item = QTableWidgetItem(text)
                item.setToolTip(tip)
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                elif not value:
                    font = item.font()
                    font.setBold(True)
                    item.setFont(font)
                self._table.setItem(row, column, item)


def _percent(share: float) -> str:
    return f"{share:.1%}" if math.isfinite(share) else "–"


def _spread(mean: float, deviation: float) -> str:
    return f"{mean:+.3f} ± {deviation:.3f}" if math.isfinite(mean) else "–"
