"""The export menu, and the line that says how an export goes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QMenu, QProgressBar, QPushButton, QToolButton, QWidget

from fer_core.media.errors import MediaError
from fer_core.media.source import ANNOTATED_SUFFIX
from fer_core.record.errors import RecordError
from fer_core.record.spans import Span
from fer_studio.dialogs.save_file import ask_target
from fer_studio.marks import Marks, excluded_spans
from fer_studio.options import LAYOUTS
from fer_studio.review.elided_label import ElidedLabel
from fer_studio.review.export import export_rows, export_summary, export_video
from fer_studio.review.plots import export_plots
from fer_studio.views.timeline import Timeline
from fer_studio.window_words import in_the_window
from fer_studio.workers.tasks import Task, Tasks, Work

_LAYOUT_NAMES = {"openface": "OpenFace", "pyfeat": "Py-Feat", "facereader": "FaceReader"}
_PERCENT = 100


class ExportBar(QWidget):
    """One export at a time, in the background."""

    layout_requested = Signal(str, object, object)
    """Name of a layout, start and end of the wanted rows in seconds or None for all, and the excluded ranges, a tuple:
    the person wants them in the columns of another tool, which needs the medium to be analysed again."""
    exported = Signal(object)
    """Path of what was written."""

    def __init__(self, timeline: Timeline, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._timeline = timeline
        self._tasks = Tasks(self)
        self._task: Task | None = None
        self._target = Path()
        self._csv: Path | None = None
        self._media: Path | None = None
        self.button = QToolButton()
        self.button.setText("Export")
        self.button.setToolTip("Write rows, figures, video or plots for other programs")
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self.button.setMenu(self._menu)
        self._build_menu()
        self._text = ElidedLabel()
        self._text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._text.setAccessibleName("State of the export")
        self._bar = QProgressBar(maximum=_PERCENT)
        self._bar.setAccessibleName("Progress of the export")
        self._bar.setFixedWidth(160)
        self._cancel = QPushButton("Cancel export")
        self._cancel.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the player
        self._cancel.clicked.connect(self._on_cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._text, 1)
        row.addWidget(self._bar)
        row.addWidget(self._cancel)
        self._say("")
        timeline.selection_changed.connect(self._on_selection_changed)
        self.set_recording(None, None)

    @property
    def text(self) -> str:
        """What the line says."""
        return self._text.text()

    def set_recording(self, csv: Path | None, media: Path | None) -> None:
        """What is exported; the medium is None when it was not found."""
        self._csv, self._media = csv, media
        self.button.setEnabled(csv is not None)
        self._rows_action.setEnabled(csv is not None)
        for action in self._media_actions:
            action.setEnabled(media is not None and os.path.exists(media))
        self._video_action.setEnabled(media is not None and os.path.isfile(media))
        self._on_selection_changed()

    def shutdown(self) -> bool:
        """Ends an export that runs; False when it did not in time."""
        return self._tasks.shutdown()

    def export_rows(self, target: Path, span: Span | None) -> None:
        """Starts writing rows, without those in excluded ranges."""
        csv, excluded = self._csv, excluded_spans(self._marks())
        if csv is not None:
            self._start(target, lambda control: export_rows(csv, target, span, excluded, control))

    def export_summary(self, target: Path) -> None:
        """Starts writing figures of each face and each marked range."""
        csv, marks = self._csv, self._marks()
        if csv is not None:
            self._start(target, lambda control: export_summary(csv, target, marks, control))

    def export_video(self, target: Path) -> None:
        """Starts writing the annotated video."""
        csv, media = self._csv, self._media
        if csv is not None and media is not None:
            self._start(target, lambda control: export_video(csv, media, target, control))

    def export_plots(self, target: Path) -> None:
        """Writes the plots as they are in view, at once."""
        try:
            export_plots(self._timeline, target)
        except RecordError as error:
            self._say(in_the_window(str(error)))
        else:
            self._say(f"{target} is written")
            self.exported.emit(target)

    def _build_menu(self) -> None:
        add = self._menu.addAction
        self._rows_action = add("All rows as CSV …")
        self._rows_action.triggered.connect(self._on_all_rows)
        self._selection_action = add("Rows of the selection as CSV …")
        self._selection_action.triggered.connect(self._on_selected_rows)
        add("Summary per face and marked range as CSV …").triggered.connect(self._on_summary)
        self._menu.addSeparator()
        self._video_action = add("Annotated video with sound …")
        self._video_action.triggered.connect(self._on_video)
        self.keyed_actions = [self._rows_action, self._video_action]
        """To be added to the workspace, so that the keys work wherever the focus is in it."""
        for action, keys, tip in zip(
            self.keyed_actions,
            ("Ctrl+E", "Ctrl+Shift+E"),
            ("Export all rows", "Export an annotated video"),
            strict=True,
        ):
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.setToolTip(tip)
        self._menu.addSeparator()
        add("Plots in view as PNG …").triggered.connect(self._on_png)
        add("Plots in view as SVG …").triggered.connect(self._on_svg)
        self._menu.addSeparator()
        others = self._menu.addMenu("Columns of another tool (analyses the file again)")
        others.setToolTip("Some of these columns, such as landmarks, are not in the recording")
        self._part = others.addAction("Only the selection")
        self._part.setCheckable(True)
        others.addSeparator()
        self._media_actions: list[QAction] = []
        for layout in LAYOUTS:
            if layout in _LAYOUT_NAMES:
                action = others.addAction(_LAYOUT_NAMES[layout])
                action.setData(layout)
                self._media_actions.append(action)
        others.triggered.connect(self._on_layout)

    def _marks(self) -> Marks:
        return self._timeline.marks.marks

    def _start(self, target: Path, work: Work) -> None:
        if self._task is not None:
            self._say("one export at a time: wait for the other one, or cancel it")
            return
        self._target = target
        self._task = self._tasks.make(f"export {target.name}", work)
        self._task.progressed.connect(self._on_progressed)
        self._task.succeeded.connect(self._on_succeeded)
        self._task.failed.connect(self._on_failed)
        self._task.cancelled.connect(self._on_cancelled)
        self._say(f"writing {target.name}", running=True)
        self._tasks.start(self._task)

    def _say(self, text: str, *, running: bool = False) -> None:
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self._bar.setVisible(running)
        self._bar.setValue(0)
        self._cancel.setVisible(running)

    def _ask(self, title: str, suffix: str, kinds: str) -> Path | None:
        if self._csv is None:
            return None
        try:
            return ask_target(self, title, self._csv.with_name(self._csv.stem + suffix), kinds)
        except FileExistsError as error:
            self._say(str(error))
            return None

    def _ask_then(self, title: str, suffix: str, kinds: str, act: Callable[[Path], None]) -> None:
        target = self._ask(title, suffix, kinds)
        if target is not None:
            act(target)

    @Slot()
    def _on_all_rows(self) -> None:
        if target := self._ask("Write all rows", ".export.csv", "CSV (*.csv)"):
            self.export_rows(target, None)

    @Slot()
    def _on_selected_rows(self) -> None:
        if target := self._ask("Write the rows of the selection", ".selection.csv", "CSV (*.csv)"):
            self.export_rows(target, self._timeline.selection_s)

    @Slot()
    def _on_summary(self) -> None:
        self._ask_then("Write the summary", ".summary.csv", "CSV (*.csv)", self.export_summary)

    @Slot()
    def _on_video(self) -> None:
        self._ask_then("Write the annotated video", ANNOTATED_SUFFIX, "Video (*.mp4 *.mov)", self.export_video)

    @Slot()
    def _on_png(self) -> None:
        self._ask_then("Write the plots", ".png", "PNG (*.png)", self.export_plots)

    @Slot()
    def _on_svg(self) -> None:
        self._ask_then("Write the plots", ".svg", "SVG (*.svg)", self.export_plots)

    @Slot(QAction)
    def _on_layout(self, action: QAction) -> None:
        if action is not self._part:
            span_s = self._timeline.selection_s if self._part.isChecked() else None
            self.layout_requested.emit(str(action.data()), span_s, tuple(excluded_spans(self._marks())))

    @Slot()
    def _on_selection_changed(self) -> None:
        selected = self._timeline.selection_s is not None
        self._selection_action.setEnabled(selected)
        self._part.setEnabled(selected)
        self._part.setChecked(self._part.isChecked() and selected)

    @Slot()
    def _on_cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    @Slot(float, str)
    def _on_progressed(self, share: float, text: str) -> None:
        del text
        self._bar.setMaximum(_PERCENT if math.isfinite(share) else 0)
        self._bar.setValue(round(_PERCENT * share) if math.isfinite(share) else 0)

    @Slot(object)
    def _on_succeeded(self, result: object) -> None:
        self._task = None
        note = f"; not all of it: {result}" if isinstance(result, str) else ""
        self._say(f"{self._target} is written{note}")
        self.exported.emit(self._target)

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        self._task = None
        known = isinstance(error, RecordError | MediaError)
        self._say(
            in_the_window(str(error))
            if known
            else f"{self._target}: cannot be written ({type(error).__name__}: {error})"
        )

    @Slot()
    def _on_cancelled(self) -> None:
        self._task = None
        self._say("export cancelled; nothing was written")
