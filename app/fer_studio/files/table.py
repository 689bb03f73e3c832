"""The queue as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from fer_studio.files.job import NATIVE, Job, JobState, duration_text, split_problem
from fer_studio.theme import theme_of
from fer_studio.views.timeline_text import clock_text

FILE, STATE, RATE, LEFT, NEWS = range(5)
_HEADERS = ("File", "State", "Frames/s", "Time left", "Result")
_TIPS = (
    "The video, image or folder",
    "How far the analysis is",
    "Frames analysed a second",
    "At this rate",
    "Where the results are, or what went wrong and what to do",
)
_SHARE_ROLE = Qt.ItemDataRole.UserRole
JOB_ROLE = Qt.ItemDataRole.UserRole + 1
_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class QueueModel(QAbstractTableModel):
    """Rows are jobs; the window's thread changes a job and says so."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.jobs: list[Job] = []

    def rowCount(self, parent: _Index = _NOWHERE) -> int:  # noqa: N802
        """Jobs."""
        return 0 if parent.isValid() else len(self.jobs)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:  # noqa: N802
        """Columns."""
        return 0 if parent.isValid() else len(_HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Names of the columns."""
        if orientation is Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return _HEADERS[section]
            if role == Qt.ItemDataRole.ToolTipRole:
                return _TIPS[section]
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Of one cell."""
        job = self.jobs[index.row()]
        if role == Qt.ItemDataRole.DisplayRole or role == Qt.ItemDataRole.AccessibleTextRole:
            return cell_text(job, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(job, index.column())
        if role == _SHARE_ROLE:
            return job.share if job.state is JobState.RUNNING else None
        return job if role == JOB_ROLE else None

    def add(self, jobs: Sequence[Job]) -> None:
        """Appends jobs."""
        first = len(self.jobs)
        self.beginInsertRows(QModelIndex(), first, first + len(jobs) - 1)
        self.jobs.extend(jobs)
        self.endInsertRows()

    def remove(self, job: Job) -> None:
        """Takes a job out."""
        row = self.jobs.index(job)
        self.beginRemoveRows(QModelIndex(), row, row)
        del self.jobs[row]
        self.endRemoveRows()

    def tell(self, job: Job) -> None:
        """A job has changed."""
        row = self.jobs.index(job)
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(_HEADERS) - 1))


def cell_text(job: Job, column: int) -> str:
    """What a person reads in a column."""
    if column == FILE:
        if job.layout == NATIVE:
            return job.path.name
        part = f", {clock_text(job.span_s[0], 1)} to {clock_text(job.span_s[1], 1)}" if job.span_s else ""
        part += ", without excluded ranges" if job.excluded_s else ""
        return f"{job.path.name}  ({job.layout} columns{part})"
    if column == STATE:
        return _state_text(job)
    if column == RATE:
        return f"{job.rate_hz:.0f}" if math.isfinite(job.rate_hz) else ""
    if column == LEFT:
        return duration_text(job.left_s)
    if job.state is JobState.FAILED:
        return "; ".join(part for part in split_problem(job) if part)
    if job.state is JobState.CANCELLED and job.recording is not None and job.frames:
        again = "Retry begins anew" if job.is_partial else "Retry goes on from there"
        return f"{job.frames} frames are kept in {job.recording.name}; {again}"
    if job.is_over and job.recording is not None:
        return "; ".join([f"{job.frames} frames in {job.recording.parent.name}/{job.recording.name}", *job.notes])
    return ""


def _tip(job: Job, column: int) -> str:
    if column == FILE:
        return str(job.path)
    if column == NEWS and job.recording is not None and job.state is not JobState.FAILED:
        return str(job.recording)
    return cell_text(job, column)


def _state_text(job: Job) -> str:
    if job.state is not JobState.RUNNING:
        return job.state.value
    if not job.frames:
        return "opening"
    return f"{job.share:.0%}" if math.isfinite(job.share) else f"{job.frames} frames"


class StateDelegate(QStyledItemDelegate):
    """Draws the state: a bar while a job runs, else its word with a sign that needs no colour."""

    _SIGNS: ClassVar = {
        JobState.WAITING: "·",
        JobState.DONE: "✓",
        JobState.REUSED: "✓",
        JobState.FAILED: "✕",
        JobState.CANCELLED: "–",
    }

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """One cell."""
        self.initStyleOption(option, index)
        widget = option.widget
        job: Job = index.data(JOB_ROLE)
        share = index.data(_SHARE_ROLE)
        text, option.text = option.text, ""
        style = widget.style() if widget else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, widget)
        area = option.rect.adjusted(6, 0, -6, 0)
        if share is None:
            self._draw_text(painter, area, f"{self._SIGNS[job.state]}  {text}", job.state, option, widget)
        else:
            self._draw_bar(painter, area, share, text, widget)

    def _draw_text(
        self,
        painter: QPainter,
        area: QRect,
        text: str,
        state: JobState,
        option: QStyleOptionViewItem,
        widget: QWidget,
    ) -> None:
        theme = theme_of(widget)
        colour = {JobState.FAILED: theme.error, JobState.DONE: theme.good, JobState.REUSED: theme.good}.get(
            state, theme.text_dim
        )
        selected = option.state & QStyle.StateFlag.State_Selected
        painter.setPen(theme.text if selected else colour)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)

    def _draw_bar(self, painter: QPainter, area: QRect, share: float, text: str, widget: QWidget) -> None:
        theme = theme_of(widget)
        bar = area.adjusted(0, 5, 0, -5)
        painter.fillRect(bar, theme.track)
        if math.isfinite(share):
            painter.fillRect(QRect(bar.x(), bar.y(), round(bar.width() * share), bar.height()), QColor(theme.accent))
            self._bar_text(painter, bar, text, theme.text, theme.on_accent, round(bar.width() * share))
        else:
            self._bar_text(painter, bar, text, theme.text, theme.text, 0)

    def _bar_text(
        self, painter: QPainter, bar: QRect, text: str, outside: QColor, inside: QColor, filled_px: int
    ) -> None:
        for colour, part in (
            (inside, QRect(bar.x(), bar.y(), filled_px, bar.height())),
            (outside, bar.adjusted(filled_px, 0, 0, 0)),
        ):
            painter.save()
            painter.setClipRect(part)
            painter.setPen(colour)
            painter.drawText(bar, Qt.AlignmentFlag.AlignCenter, text)
            painter.restore()
