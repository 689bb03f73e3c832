"""The workspace Files: a queue of videos, images and folders that is measured while other things are looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QItemSelection, QModelIndex, QSettings, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent, QKeySequence, QPalette
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from fer_core.infer.engine import Engine
from fer_core.media.source import IMAGE_SUFFIXES, VIDEO_SUFFIXES, expand_inputs
from fer_studio.files.drop_page import DropPage
from fer_studio.files.job import NATIVE, Job, JobState, duration_text, split_problem
from fer_studio.files.job_count import chosen_jobs
from fer_studio.files.lanes import Lanes
from fer_studio.files.option_bar import OptionBar
from fer_studio.files.pace import QueuePace
from fer_studio.files.queue_thread import Order
from fer_studio.files.queue_view import QueueView
from fer_studio.files.recent import RecentButton, RecentRecordings
from fer_studio.files.table import JOB_ROLE, QueueModel
from fer_studio.outcome import Outcome

_TICK_MS = 200
_TABLE_LAYOUT = "layout/files table"


class FilesWorkspace(QWidget):
    """Queue, options and progress.

    Args:
        engine_factory: gives the network; called in a background thread.
        settings: where the choices of this workspace are remembered.
        parent: as usual.
    """

    open_recording = Signal(object, object)
    """Paths of a CSV and of its media: to be reviewed."""
    busy_changed = Signal(bool)
    """Whether the queue is being worked on."""

    def __init__(
        self, engine_factory: Callable[[], Engine], settings: QSettings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.model = QueueModel(self)
        self._settings = settings
        self._next_number = 1
        self._running: dict[int, Job] = {}
        self._review_at_once: Job | None = None
        self._closed = False
        self._pace = QueuePace()
        self._lanes = Lanes(engine_factory, self)
        self._lanes.placed.connect(self._on_placed)
        self._lanes.begun.connect(self._on_begun)
        self._lanes.ended.connect(self._on_ended)
        self._tick = QTimer(self, interval=_TICK_MS)
        self._tick.timeout.connect(self._on_tick)
        self.options = OptionBar(settings)
        self.recent = RecentRecordings(settings)
        self._build()
        self._update()

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All of the queue, in order."""
        return tuple(self.model.jobs)

    def add_paths(self, paths: Sequence[Path]) -> None:
        """Queues videos, images and folders; a folder of videos is its videos. What waits or runs is not added twice.

        A single input that meets an empty queue is opened for review as soon as it has rows.
        """
        was_idle = not self._running
        known = {job.path.absolute() for job in self.model.jobs if not job.is_over and job.layout == NATIVE}
        fresh = [path for path in expand_inputs(paths) if path.absolute() not in known]
        jobs = self._add(fresh, NATIVE)
        if was_idle and len(jobs) == 1:
            self._review_at_once = jobs[0]
        self._go_on()

    def add_layout(
        self,
        media: Path,
        layout: str,
        span_s: tuple[float, float] | None = None,
        excluded_s: tuple[tuple[float, float], ...] = (),
    ) -> None:
        """Queues another analysis of a medium whose results are written in the columns of another tool.

        Args:
            media: what is analysed.
            layout: the other tool.
            span_s: first and last time whose rows are written; None writes all.
            excluded_s: first and last times between which no rows are written.
        """
        self._add([media], layout, span_s, excluded_s)
        self._go_on()

    def shutdown(self) -> bool:
        """Ends all work, within two seconds; what was measured is kept. False when a thread did not end."""
        self._closed = True
        self._tick.stop()
        self._settings.setValue(_TABLE_LAYOUT, self._table.layout_state())
        return self._lanes.shutdown()

    def select_row(self, row: int) -> None:
        """Selects one job."""
        self._table.select_row(row)

    @Slot()
    def cancel_selected(self) -> None:
        """Ends what runs and keeps its rows; takes what waits out of the line."""
        for job in self._table.selected:
            if job.state is JobState.RUNNING:
                self._lanes.cancel(job.number)
            elif job.state is JobState.WAITING:
                job.state = JobState.CANCELLED
                self._tell(job)

    @Slot()
    def retry_selected(self) -> None:
        """Queues again what failed or was cancelled."""
        for job in self._table.selected:
            if job.state in (JobState.FAILED, JobState.CANCELLED):
                job.reset()
                self._tell(job)
        self._go_on()

    @Slot()
    def remove_selected(self) -> None:
        """Takes rows away; files stay."""
        for job in self._table.selected:
            if job.state is not JobState.RUNNING:
                self.model.remove(job)
        self._update()

    @Slot()
    def review_selected(self) -> None:
        """Opens the results of the selected file, also while they grow."""
        for job in self._table.selected[:1]:
            self._review(job)

    def _build(self) -> None:
        self._table = QueueView(self.model)
        self._table.restore_layout(self._settings.value(_TABLE_LAYOUT))
        self._table.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self._table.doubleClicked.connect(self._on_double_clicked)
        self._table.add_keys(
            {
                QKeySequence.StandardKey.Delete: (self.remove_selected, "Take the selected files out of the list"),
                Qt.Key.Key_Return: (self.review_selected, "Look at the results of the selected file"),
                Qt.Key.Key_F5: (self.retry_selected, "Queue the selected files again"),
                Qt.Key.Key_Escape: (self.cancel_selected, "Cancel the selected files"),
            }
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty_page())
        self._stack.addWidget(self._table)
        self._detail = QLabel()
        self._detail.setWordWrap(True)
        self._detail.setFrameShape(QFrame.Shape.StyledPanel)
        self._detail.setAutoFillBackground(True)
        self._detail.setBackgroundRole(QPalette.ColorRole.Base)
        self._detail.setMargin(self.fontMetrics().height() // 2)
        self._detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._detail.setAccessibleName("What became of the selected file")
        self._summary = QLabel()
        self._summary.setAccessibleName("Progress of the queue")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(10)
        layout.addLayout(self._buttons())
        layout.addWidget(self._stack, 1)
        layout.addWidget(self._detail)
        layout.addWidget(self.options)

    def _buttons(self) -> QHBoxLayout:
        def button(text: str, tip: str, slot: Callable[[], None]) -> QPushButton:
            made = QPushButton(text)
            made.setToolTip(tip)
            made.setAccessibleName(text.removesuffix(" …"))
            made.clicked.connect(slot)
            return made

        self._review_button = button(
            "Review", "Look at the results, also while they grow (Enter)", self.review_selected
        )
        self._cancel_button = button("Cancel", "Stop, and keep what is measured (Esc)", self.cancel_selected)
        self._retry_button = button("Retry", "Queue again; goes on where it was stopped (F5)", self.retry_selected)
        self._remove_button = button("Remove", "Take out of the list; files stay (Del)", self.remove_selected)
        self._folder_button = button("Show folder", "Open the folder with the results", self._on_show_folder)
        row = QHBoxLayout()
        row.addWidget(button("Add files …", "Videos and images", self._on_add_files))
        row.addWidget(button("Add folder …", "Its videos, or its images as one sequence", self._on_add_folder))
        recent = RecentButton(self.recent)
        recent.chosen.connect(self.open_recording)
        row.addWidget(recent)
        row.addSpacing(18)
        for made in (
            *(self._review_button, self._cancel_button, self._retry_button),
            *(self._remove_button, self._folder_button),
        ):
            row.addWidget(made)
        row.addStretch(1)
        row.addWidget(self._summary)
        return row

    def _empty_page(self) -> QWidget:
        page = DropPage(self.recent)
        page.files_wanted.connect(self._on_add_files)
        page.folder_wanted.connect(self._on_add_folder)
        page.recent_chosen.connect(self.open_recording)
        return page

    def _add(
        self,
        paths: Sequence[Path],
        layout: str,
        span_s: tuple[float, float] | None = None,
        excluded_s: tuple[tuple[float, float], ...] = (),
    ) -> list[Job]:
        jobs = [Job(self._next_number + i, path, layout, span_s, excluded_s) for i, path in enumerate(paths)]
        self._next_number += len(jobs)
        if jobs:
            self.model.add(jobs)
            if not self._table.selectionModel().hasSelection():
                self.select_row(len(self.model.jobs) - len(jobs))
        return jobs

    def _go_on(self) -> None:
        """Begins as many of the jobs that wait as there may be at the same time."""
        waiting = [job for job in self.model.jobs if job.state is JobState.WAITING]
        if waiting and not self._closed:
            most = chosen_jobs(self._settings)
            # A process of its own takes seconds to begin: not for a file that is alone.
            apart = most > 1 and len(waiting) + len(self._running) > 1
            for job in waiting[: max(most - len(self._running), 0)]:
                self._begin(job, apart=apart)
        self._update()

    def _begin(self, job: Job, *, apart: bool) -> None:
        if not self._tick.isActive():
            self._pace.restart()
            self._tick.start()
            self.busy_changed.emit(True)
        job.state = JobState.RUNNING
        job.frame_count = None
        self._running[job.number] = job
        options = replace(self.options.annotate_options(job.layout), span_s=job.span_s, excluded_s=job.excluded_s)
        self._lanes.submit(Order(job.number, job.path, options, self.options.folder, apart))

    @Slot(int, object)
    def _on_placed(self, number: int, recording: Path) -> None:
        if job := self._running.get(number):
            job.recording = recording

    @Slot(int, object)
    def _on_begun(self, number: int, frame_count: int | None) -> None:
        if job := self._running.get(number):
            job.frame_count = frame_count
            if job is self._review_at_once:
                self._review_at_once = None
                self._review(job)

    @Slot(int, object)
    def _on_ended(self, number: int, outcome: Outcome) -> None:
        job = self._running.pop(number)
        job.end(outcome)
        if outcome.measured_frames:
            self._pace.note(number, outcome.measured_frames)
        if job is self._review_at_once:
            self._review_at_once = None
            if job.state is not JobState.FAILED:
                self._review(job)
        self._tell(job)
        self._go_on()
        if not self._running:
            self._tick.stop()
            self.busy_changed.emit(False)

    @Slot()
    def _on_tick(self) -> None:
        for number, job in self._running.items():
            job.frames, job.elapsed_s = self._lanes.progress(number)
            self._pace.note(number, job.frames)
            self.model.tell(job)
        self._update()

    @Slot(QItemSelection, QItemSelection)
    def _on_selection_changed(self, now: QItemSelection, before: QItemSelection) -> None:
        del now, before
        self._update()

    @Slot(QModelIndex)
    def _on_double_clicked(self, index: QModelIndex) -> None:
        self._review(index.data(JOB_ROLE))

    @Slot()
    def _on_add_files(self) -> None:
        kinds = " ".join(f"*{suffix}" for suffix in sorted(VIDEO_SUFFIXES | IMAGE_SUFFIXES))
        names, _ = QFileDialog.getOpenFileNames(
            self, "Add videos and images", "", f"Videos and images ({kinds});;All files (*)"
        )
        self.add_paths([Path(name) for name in names])

    @Slot()
    def _on_add_folder(self) -> None:
        if name := QFileDialog.getExistingDirectory(self, "Add the videos or images of a folder"):
            self.add_paths([Path(name)])

    @Slot()
    def _on_show_folder(self) -> None:
        for job in self._table.selected[:1]:
            if job.recording is not None:
                QDesktopServices.openUrl(QUrl.fromLocalFile(str(job.recording.parent)))

    def _review(self, job: Job) -> None:
        if job.recording is not None and job.layout == NATIVE:
            self.open_recording.emit(job.recording, job.path)

    def _tell(self, job: Job) -> None:
        self.model.tell(job)
        self._update()

    def _update(self) -> None:
        """Buttons, the line about the selected file, and that about the queue."""
        jobs = self.model.jobs
        self._stack.setCurrentIndex(1 if jobs else 0)
        chosen = self._table.selected
        states = {job.state for job in chosen}
        self._review_button.setEnabled(any(j.recording and j.layout == NATIVE for j in chosen[:1]))
        self._folder_button.setEnabled(any(j.recording for j in chosen[:1]))
        self._cancel_button.setEnabled(bool(states & {JobState.WAITING, JobState.RUNNING}))
        self._retry_button.setEnabled(bool(states & {JobState.FAILED, JobState.CANCELLED}))
        self._remove_button.setEnabled(bool(states - {JobState.RUNNING}))
        self._detail.setText(_detail(chosen[0]) if len(chosen) == 1 else "")
        self._detail.setVisible(bool(self._detail.text()))
        self._summary.setText(_summary(jobs, self._pace))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Files are welcome."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Queues what was dropped."""
        event.acceptProposedAction()
        self.add_paths([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])


def _detail(job: Job) -> str:
    if job.state is not JobState.FAILED:
        return ""
    reason, remedy = split_problem(job)
    return f"{job.path}: {reason}." + (f"\nWhat to do: {remedy}." if remedy else "")


def _summary(jobs: Sequence[Job], pace: QueuePace) -> str:
    if not jobs:
        return ""
    over = sum(job.is_over for job in jobs)
    failed = sum(job.state is JobState.FAILED for job in jobs)
    parts = [f"{over} of {len(jobs)} finished" if over < len(jobs) else f"all {len(jobs)} finished"]
    if failed:
        parts.append(f"{failed} failed")
    if over < len(jobs) and math.isfinite(pace.rate_hz):
        parts.append(f"{pace.rate_hz:.0f} frames/s")
        if left := duration_text(pace.left_s(jobs)):
            parts.append(f"{left} left")
    return "  ·  ".join(parts)
