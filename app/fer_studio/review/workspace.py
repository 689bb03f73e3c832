"""The workspace Review: a recording played beside everything that was measured on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSplitter,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fer_studio.labels import Labels
from fer_studio.live.side_panel import SidePanel
from fer_studio.marks import Mark, MarkKind, marks_path
from fer_studio.notices import NoticeBar
from fer_studio.review.export_bar import ExportBar
from fer_studio.review.find_media import find_media
from fer_studio.review.follower import Follower
from fer_studio.review.marks_panel import MarksPanel
from fer_studio.review.navigation import change_times, mark_times, nearest_after, nearest_before
from fer_studio.review.player import Player
from fer_studio.review.presenter import Presenter
from fer_studio.review.statistics_panel import StatisticsPanel
from fer_studio.review.transport import TransportBar
from fer_studio.session import Recording
from fer_studio.views.timeline import Timeline
from fer_studio.views.video_view import VideoView

_SKIP_S = 1.0
_PANEL_SHARE, _VIDEO_SHARE = 2, 5
_TIMELINE_PX, _LEAST_TIMELINE_PX = 230, 150


class ReviewWorkspace(QWidget):
    """Player, views of the selected face, statistics, marks, export and timeline.

    Args:
        labels: of the model; a recording brings its own.
        parent: as usual.
    """

    layout_requested = Signal(object, str)
    """Path of a medium and name of a layout: to be analysed again, and written in the columns of another tool."""

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._csv: Path | None = None
        self._media: Path | None = None
        self.video = VideoView(labels)
        self.panel = SidePanel(labels)
        self.timeline = Timeline(labels)
        self.player = Player(self)
        self.follower = Follower(self)
        self.presenter = Presenter(self.video, self.panel, self)
        self.statistics = StatisticsPanel(self.timeline.marks)
        self.marks = MarksPanel(self.timeline.marks)
        self.exports = ExportBar(self.timeline)
        self.notice = NoticeBar("message of the review")
        self._make_actions()
        self._lay_out()
        self._connect()
        self.close_recording()

    @property
    def recording(self) -> Recording | None:
        """What is reviewed, as far as it is read."""
        return self.follower.recording

    def open(self, csv: Path, media: Path | None) -> None:
        """Reviews a native CSV, which may still grow, with its medium; without one the rows alone."""
        self.close_recording()
        self._csv, self._media = csv, media
        self.timeline.marks.bind(marks_path(csv))
        self.follower.open(csv)
        self.exports.set_recording(csv, media)
        self._title.setText(f"{csv.name}: reading")
        if media is not None and media.exists():
            self.player.open(media)
        else:
            name = media.name if media is not None else f"the medium of {csv.name}"
            self.video.message(f"{name} was not found", "Find it to see its pictures; its rows are below.", retry=True)

    @Slot()
    def close_recording(self) -> None:
        """Shows nothing."""
        self._csv = self._media = None
        self.player.close()
        self.follower.close()
        self.presenter.clear()
        self.timeline.set_recording(None)
        self.timeline.marks.bind(None)
        self.exports.set_recording(None, None)
        self.statistics.set_source(None, None, None)
        self.notice.hide()
        self._title.setText("")
        self.transport.show_place(0, 0, 0.0, 0.0)
        self.video.message("Nothing to review yet", "Analyse a file under Files, record under Live, or open a CSV.")

    def shutdown(self) -> bool:
        """Ends playing, reading and exporting within two seconds; False when a thread did not end."""
        return all([self.player.shutdown(), self.follower.shutdown(), self.exports.shutdown()])

    # --- building

    def _make_actions(self) -> None:
        add = self._action
        self._play = add("Play", "Space", "Play or pause", self.player.toggle)
        back = add("◂|", "Left", "One frame back", self._on_step_back)
        on = add("|▸", "Right", "One frame on", self._on_step_on)
        add("Back", "Shift+Left", "One second back", self._on_skip_back)
        add("On", "Shift+Right", "One second on", self._on_skip_on)
        add("Start", "Home", "To the start", self._on_to_start)
        add("End", "End", "To the end", self._on_to_end)
        add("Slower", "[", "Play slower", self._on_slower)
        add("Faster", "]", "Play faster", self._on_faster)
        previous_change = add("◂ change", "P", "To the expression before", self._on_previous_change)
        next_change = add("change ▸", "N", "To the next expression", self._on_next_change)
        previous_mark = add("◂ mark", "Ctrl+Left", "To the mark before", self._on_previous_mark)
        next_mark = add("mark ▸", "Ctrl+Right", "To the next mark", self._on_next_mark)
        self._loop = add("Loop", "L", "Repeat the selection, or all", self._on_loop, checkable=True)
        marker = add("Mark", "M", "Set a marker at the cursor", self._on_add_marker)
        self._range = add("Range", "R", "Make the selection a range with its own statistics", self._on_add_range)
        self._exclude = add("Exclude", "X", "Leave the selection out of statistics and exports", self._on_exclude)
        add("Deselect", "Esc", "Forget the selection", self._on_deselect)
        add("Zoom in", "Ctrl++", "Timeline: closer", self.timeline.zoom_in)
        add("Zoom out", "Ctrl+-", "Timeline: further", self.timeline.zoom_out)
        add("Show all", "Ctrl+0", "Timeline: the whole recording", self.timeline.show_all)
        stack = self.timeline.marks.undo_stack
        for action, keys in (
            (stack.createUndoAction(self), QKeySequence.StandardKey.Undo),
            (stack.createRedoAction(self), QKeySequence.StandardKey.Redo),
        ):
            action.setShortcut(keys)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self.addAction(action)
        self.transport = TransportBar(
            [
                *(self._play, back, on, self._loop, None),
                *(previous_change, next_change, None, previous_mark, next_mark),
            ]
        )
        self.marks.set_actions((marker, self._range, self._exclude))

    def _action(
        self, text: str, keys: str, tip: str, slot: Callable[[], object], *, checkable: bool = False
    ) -> QAction:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{tip} ({keys})")
        action.setCheckable(checkable)
        action.triggered.connect(slot)
        self.addAction(action)
        return action

    def _lay_out(self) -> None:
        self._title = QLabel()
        self._title.setAccessibleName("Recording")
        opener = QPushButton("Open CSV …")
        opener.setToolTip("Review results that are on the disk")
        opener.clicked.connect(self._on_open)
        top = QHBoxLayout()
        top.setContentsMargins(8, 4, 8, 0)
        for widget in (opener, self._view_button(), self.exports.button, self._title):
            top.addWidget(widget)
        top.addStretch(1)
        top.addWidget(self.exports)
        tabs = QTabWidget()
        tabs.setDocumentMode(True)
        tabs.addTab(self.panel, "Face")
        tabs.addTab(self.statistics, "Statistics")
        tabs.addTab(self.marks, "Marks")
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.video, 1)
        column.addWidget(self.transport)
        across = QSplitter(Qt.Orientation.Horizontal)
        across.addWidget(left)
        across.addWidget(tabs)
        across.setStretchFactor(0, _VIDEO_SHARE)
        across.setStretchFactor(1, _PANEL_SHARE)
        down = QSplitter(Qt.Orientation.Vertical)
        down.addWidget(across)
        down.addWidget(self.timeline)
        down.setStretchFactor(0, 1)
        down.setStretchFactor(1, 0)
        self.timeline.setMinimumHeight(_LEAST_TIMELINE_PX)
        down.setSizes([2 * _TIMELINE_PX, _TIMELINE_PX])
        for splitter in (across, down):
            splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addWidget(self.notice)
        layout.addWidget(down, 1)

    def _view_button(self) -> QToolButton:
        menu = QMenu(self)
        for text, slot, on in (
            ("Boxes", self._on_show_boxes, True),
            ("Pose axes", self._on_show_axes, False),
        ):
            action = menu.addAction(text)
            action.setCheckable(True)
            action.setChecked(on)
            action.toggled.connect(slot)
        button = QToolButton()
        button.setText("View")
        button.setToolTip("What is drawn over the picture")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(menu)
        return button

    def _connect(self) -> None:
        self.player.opened.connect(self._on_media_opened)
        self.player.frame_shown.connect(self.presenter.show_frame)
        self.player.position_changed.connect(self._on_position_changed)
        self.player.state_changed.connect(self._on_state_changed)
        self.player.failed.connect(self._on_media_failed)
        self.player.sound.problem_changed.connect(self.transport.show_sound)
        self.follower.begun.connect(self._on_recording_begun)
        self.follower.grown.connect(self._on_recording_grown)
        self.follower.failed.connect(self._on_problem)
        self.transport.speed_chosen.connect(self.player.set_speed)
        self.transport.volume_chosen.connect(self.player.sound.set_volume)
        self.timeline.cursor_moved.connect(self._on_cursor_moved)
        self.timeline.selection_changed.connect(self._on_selection_changed)
        self.timeline.face_selected.connect(self._on_face_selected)
        self.timeline.marks.problem_found.connect(self._on_problem)
        self.video.face_selected.connect(self._on_face_selected)
        self.video.retry_requested.connect(self._on_find_media)
        self.panel.face_chosen.connect(self._on_face_selected)
        self.marks.mark_chosen.connect(self._on_mark_chosen)
        self.exports.layout_requested.connect(self._on_layout_requested)
        self.notice.dismissed.connect(self.notice.hide)

    # --- what the media and the rows say

    @Slot(object)
    def _on_media_opened(self, info: object) -> None:
        del info
        self.video.clear_message()
        self.player.set_speed(self.transport.speed)
        self._on_selection_changed(self.timeline.selection_s)

    @Slot(str)
    def _on_media_failed(self, problem: str) -> None:
        self.video.message("The pictures cannot be shown", problem, retry=True)

    @Slot(object)
    def _on_recording_begun(self, recording: Recording) -> None:
        selected_s, cursor_s = self.timeline.selection_s, self.timeline.cursor_s
        labels = Labels(recording.expressions, recording.action_units)
        self.video.set_labels(labels)
        self.panel.set_labels(labels)
        self.presenter.set_recording(recording)
        self.timeline.set_recording(recording)
        if len(self.player.time_s):  # read again: where the person was stays
            self.timeline.cursor_s = cursor_s
            self.timeline.selection_s = selected_s

    @Slot(bool)
    def _on_recording_grown(self, ended: bool) -> None:
        recording = self.recording
        if recording is None:
            return
        self.timeline.refresh()
        self._choose_face(self.timeline.face_id)
        faces = len(recording.faces())
        state = "" if ended else "  ·  still being analysed"
        self._title.setText(
            f"{self._media.name if self._media else self._csv.name if self._csv else ''}  ·  {len(recording)} frames"
            f"  ·  {faces} face{'s' * (faces != 1)}{state}"
        )
        self.presenter.refresh()

    @Slot(str)
    def _on_problem(self, problem: str) -> None:
        self.notice.say(problem)

    @Slot(float)
    def _on_position_changed(self, time_s: float) -> None:
        self.timeline.cursor_s = time_s
        self.presenter.show_rows(self.player.index)
        self._show_place()

    @Slot(bool)
    def _on_state_changed(self, playing: bool) -> None:
        self._play.setText("Pause" if playing else "Play")

    def _show_place(self) -> None:
        frames = len(self.player.time_s)
        self.transport.show_place(
            max(self.player.index, 0), frames, self.player.position_s, self.player.clock.range_s[1] if frames else 0.0
        )

    # --- what the person wants

    def _go_to(self, time_s: float | None) -> None:
        if time_s is None:
            return
        if len(self.player.time_s):
            # Rows hold six decimals; without this the frame before would be found where they were rounded down.
            self.player.seek(time_s + 1e-6)
        elif self.recording is not None:
            self.timeline.cursor_s = time_s
            position = self.recording.position_at(time_s)
            if position is not None:
                self.presenter.show_rows(int(self.recording.frame[position]))

    @Slot(float)
    def _on_cursor_moved(self, time_s: float) -> None:
        self._go_to(time_s)

    @Slot(object)
    def _on_selection_changed(self, span: tuple[float, float] | None) -> None:
        for action in (self._range, self._exclude):
            action.setEnabled(span is not None)
        self._on_loop()
        self.statistics.set_source(self.recording, self.timeline.face_id, span)

    @Slot(int)
    def _on_face_selected(self, face_id: int) -> None:
        self._choose_face(face_id)

    def _choose_face(self, face_id: int | None) -> None:
        if self.recording is None or (face_id is not None and face_id not in self.recording.faces()):
            return
        self.timeline.face_id = face_id
        self.video.selected_face = face_id
        self.presenter.choose_face(face_id)
        self.statistics.set_source(self.recording, face_id, self.timeline.selection_s)

    @Slot(object)
    def _on_mark_chosen(self, mark: Mark) -> None:
        self._go_to(mark.start_s)
        if mark.kind is not MarkKind.POINT:
            self.timeline.selection_s = (mark.start_s, mark.end_s)

    @Slot()
    def _on_step_back(self) -> None:
        self.player.step(-1)

    @Slot()
    def _on_step_on(self) -> None:
        self.player.step(1)

    @Slot()
    def _on_skip_back(self) -> None:
        self._go_to(self.timeline.cursor_s - _SKIP_S)

    @Slot()
    def _on_skip_on(self) -> None:
        self._go_to(self.timeline.cursor_s + _SKIP_S)

    @Slot()
    def _on_to_start(self) -> None:
        self.player.step(-len(self.player.time_s))

    @Slot()
    def _on_to_end(self) -> None:
        self.player.step(len(self.player.time_s))

    @Slot()
    def _on_slower(self) -> None:
        self.transport.change_speed(-1)

    @Slot()
    def _on_faster(self) -> None:
        self.transport.change_speed(1)

    @Slot()
    def _on_previous_change(self) -> None:
        self._go_to(nearest_before(self._changes(), self.timeline.cursor_s))

    @Slot()
    def _on_next_change(self) -> None:
        self._go_to(nearest_after(self._changes(), self.timeline.cursor_s))

    @Slot()
    def _on_previous_mark(self) -> None:
        self._go_to(nearest_before(mark_times(self.timeline.marks.marks), self.timeline.cursor_s))

    @Slot()
    def _on_next_mark(self) -> None:
        self._go_to(nearest_after(mark_times(self.timeline.marks.marks), self.timeline.cursor_s))

    def _changes(self) -> list[float]:
        if self.recording is None or self.timeline.face_id is None:
            return []
        return [float(t) for t in change_times(self.recording, self.timeline.face_id)]

    @Slot()
    def _on_loop(self) -> None:
        span = self.timeline.selection_s or self.player.clock.range_s
        self.player.set_loop(span if self._loop.isChecked() else None)

    @Slot()
    def _on_add_marker(self) -> None:
        if self.recording is not None:
            self.timeline.marks.add(MarkKind.POINT, self.timeline.cursor_s)

    @Slot()
    def _on_add_range(self) -> None:
        if self.timeline.selection_s is not None:
            self.timeline.marks.add(MarkKind.RANGE, *self.timeline.selection_s)

    @Slot()
    def _on_exclude(self) -> None:
        if self.timeline.selection_s is not None:
            self.timeline.marks.add(MarkKind.EXCLUDED, *self.timeline.selection_s)

    @Slot()
    def _on_deselect(self) -> None:
        self.timeline.selection_s = None

    @Slot(bool)
    def _on_show_boxes(self, on: bool) -> None:
        self.video.show_boxes = on

    @Slot(bool)
    def _on_show_axes(self, on: bool) -> None:
        self.video.show_axes = on

    @Slot()
    def _on_open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open results", "", "Results (*.csv)")
        if name:
            self.open(Path(name), find_media(Path(name)))

    @Slot()
    def _on_find_media(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Find the video of these results")
        if name and self._csv is not None:
            self._media = Path(name)
            self.exports.set_recording(self._csv, self._media)
            self.player.open(self._media)

    @Slot(str)
    def _on_layout_requested(self, layout: str) -> None:
        if self._media is not None:
            self.layout_requested.emit(self._media, layout)
