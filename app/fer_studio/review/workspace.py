"""The workspace Review: a recording played beside everything that was measured on it."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QSettings, Qt, Signal, Slot
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSplitter,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fer_core.record.spans import Span
from fer_studio.files.recent import RecentButton, RecentRecordings
from fer_studio.labels import Labels
from fer_studio.live.side_panel import SidePanel
from fer_studio.marks import Mark, MarkKind, marks_path
from fer_studio.notices import NoticeBar
from fer_studio.review.commands import ReviewCommands
from fer_studio.review.elided_label import ElidedLabel
from fer_studio.review.export_bar import ExportBar
from fer_studio.review.find_media import find_media
from fer_studio.review.follower import Follower
from fer_studio.review.habits import Habits
from fer_studio.review.marks_panel import MarksPanel
from fer_studio.review.player import Player
from fer_studio.review.presenter import Presenter
from fer_studio.review.statistics_panel import StatisticsPanel
from fer_studio.review.transport import TransportBar
from fer_studio.session import Recording
from fer_studio.terms import baseline_words
from fer_studio.theme import theme_of
from fer_studio.views.timeline import Timeline
from fer_studio.views.video_view import VideoView

_WIDE_SHARE, _PANEL_SHARE = 66, 34
_VIDEO_SHARE, _TIMELINE_SHARE = 70, 30
_LEAST_TIMELINE_PX = 150
_PANEL_LAYOUT = "layout/review panel"


class ReviewWorkspace(QWidget):
    """Player, views of the selected face, statistics, marks, export and timeline.

    Args:
        labels: of the model; a recording brings its own.
        settings: where layout and recent recordings are remembered.
        timeline: one that is made already; it takes as long as all the rest.
        parent: as usual.
    """

    layout_requested = Signal(object, str, object, object)
    """Path of a medium, name of a layout, start and end in seconds or None for all, and what of it is left out: to be
    analysed again, and written in the columns of another tool."""

    def __init__(
        self, labels: Labels, settings: QSettings, timeline: Timeline | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._recent = RecentRecordings(self._settings)
        self._shown = False
        self._csv: Path | None = None
        self._media: Path | None = None
        self.video = VideoView(labels)
        self.panel = SidePanel(labels)
        self.timeline = timeline or Timeline(labels)
        self.player = Player(self)
        self.follower = Follower(self)
        self.presenter = Presenter(self.video, self.panel, self)
        self.statistics = StatisticsPanel(self.timeline.marks)
        self.marks = MarksPanel(self.timeline.marks)
        self.exports = ExportBar(self.timeline)
        self.notice = NoticeBar("message of the review")
        self.commands = ReviewCommands(self, self.player, self.follower, self.timeline, self.presenter)
        self.transport = TransportBar(self.commands.of_player)
        self.marks.set_actions(self.commands.of_marks)
        self.commands.draw_signs(theme_of(self))
        self._lay_out()
        self._connect()
        self._habits = Habits(
            settings,
            self.transport,
            self.timeline,
            {"loop": self.commands.looping, **self._view_switches},
            self,
        )
        self.close_recording()

    @property
    def recording(self) -> Recording | None:
        """What is reviewed, as far as it is read."""
        return self.follower.recording

    @Slot(object, object)
    def open(self, csv: Path, media: Path | None) -> None:
        """Reviews a native CSV, which may still grow, with its medium; without one the rows alone."""
        self.close_recording()
        self._csv, self._media = csv, media
        self.commands.set_open(True)
        self.setFocus()  # else Space would press the first button of the tab
        self._recent.add(csv, media)
        self.timeline.marks.bind(marks_path(csv))
        self.follower.open(csv)
        self.exports.set_recording(csv, media)
        self._title.setText(f"{csv.name}: reading")
        if media is not None and os.path.exists(media):
            self.player.open(media)
        else:
            name = media.name if media is not None else f"the medium of {csv.name}"
            self.video.message(
                f"{name} was not found", "Find it to see its pictures; its rows are below.", retry=True, action="Find …"
            )

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
        self.commands.set_open(False)
        self.notice.hide()
        self._title.setText("")
        self.transport.show_place(0, 0, 0.0, 0.0)
        self.video.message("Nothing to review yet", "Analyse a file under Files, record under Live, or open a CSV.")

    def shutdown(self) -> bool:
        """Ends playing, reading and exporting within two seconds; False when a thread did not end."""
        if self._shown:
            for name, splitter in self._splitters.items():
                self._settings.setValue(f"layout/{name}", splitter.saveState())
            self._settings.setValue(_PANEL_LAYOUT, self.panel.layout_state())
        return all([self.player.shutdown(), self.follower.shutdown(), self.exports.shutdown()])

    # --- building

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        """Dark or light."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "commands"):
            self.commands.draw_signs(theme_of(self))

    def _lay_out(self) -> None:
        self._title = ElidedLabel()
        self._title.setAccessibleName("Recording")
        tabs = QTabWidget()
        tabs.setDocumentMode(True)
        tabs.addTab(self.panel, "Face")
        tabs.addTab(self.statistics, "Statistics")
        tabs.addTab(self.marks, "Marks")
        seen = QWidget()
        column = QVBoxLayout(seen)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.video, 1)
        column.addWidget(self.transport)
        self.timeline.setMinimumHeight(_LEAST_TIMELINE_PX)
        self.timeline.setContentsMargins(8, 2, 4, 0)
        # The panel has the whole height: beside a timeline over all the width its rows would be cramped.
        down = _splitter(Qt.Orientation.Vertical, seen, self.timeline, _VIDEO_SHARE, _TIMELINE_SHARE)
        across = _splitter(Qt.Orientation.Horizontal, down, tabs, _WIDE_SHARE, _PANEL_SHARE)
        self.addActions(self.exports.keyed_actions)
        self._splitters = {"review down": down, "review across": across}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setSpacing(2)
        layout.addLayout(self._top_row())
        layout.addWidget(self.notice)
        layout.addWidget(across, 1)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """The first time, now that their room is known, the parts take the shares that they had or should have."""
        super().showEvent(event)
        if self._shown:
            return
        self._shown = True
        self._splitters["review across"].setSizes([_WIDE_SHARE * self.width(), _PANEL_SHARE * self.width()])
        for name, splitter in self._splitters.items():
            state = self._settings.value(f"layout/{name}")
            if isinstance(state, QByteArray):
                splitter.restoreState(state)
        state = self._settings.value(_PANEL_LAYOUT)
        if isinstance(state, QByteArray):
            self.panel.restore_layout(state)

    def _top_row(self) -> QHBoxLayout:
        opener = QPushButton("Open CSV …")
        opener.setToolTip("Review results that are on the disk")
        opener.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the player
        opener.clicked.connect(self._on_open)
        recent = RecentButton(self._recent)
        recent.chosen.connect(self.open)
        row = QHBoxLayout()
        row.setContentsMargins(12, 6, 12, 4)
        row.setSpacing(8)
        for widget in (opener, recent, self.exports.button, self._view_button()):
            row.addWidget(widget)
        row.addSpacing(8)
        row.addWidget(self._title, 1)
        row.addWidget(self.exports, 1)
        return row

    def _view_button(self) -> QToolButton:
        menu = QMenu(self)
        self._view_switches: dict[str, QAction] = {}
        for name, text, slot, on in (
            ("boxes", "Boxes", self._on_show_boxes, True),
            ("axes", "Pose axes", self._on_show_axes, False),
        ):
            action = self._view_switches[name] = menu.addAction(text)
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
        self.commands.speed_stepped.connect(self.transport.change_speed)
        self.transport.speed_chosen.connect(self.player.set_speed)
        self.transport.volume_chosen.connect(self.player.sound.set_volume)
        self.timeline.cursor_moved.connect(self.commands.go_to)
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
        self.video.message("The pictures cannot be shown", problem, retry=True, action="Find another file …")

    @Slot(object)
    def _on_recording_begun(self, recording: Recording) -> None:
        selected_s, cursor_s, face_id = self.timeline.selection_s, self.timeline.cursor_s, self.timeline.face_id
        labels = Labels(recording.expressions, recording.action_units)
        self.video.set_labels(labels)
        self.panel.set_labels(labels)
        self.presenter.set_recording(recording)
        self.timeline.set_recording(recording)
        if face_id is not None or len(self.player.time_s):  # read again: where the person was stays
            self.timeline.cursor_s = cursor_s
            self.timeline.selection_s = selected_s
        if face_id is not None:
            self.timeline.face_id = face_id

    @Slot(bool)
    def _on_recording_grown(self, ended: bool) -> None:
        recording = self.recording
        if recording is None:
            return
        self.timeline.refresh()
        self._choose_face(self.timeline.face_id)
        faces = len(recording.faces())
        parts = [
            self._media.name if self._media else self._csv.name if self._csv else "",
            f"{len(recording)} frames",
            f"{faces} face{'s' * (faces != 1)}",
            baseline_words(min(recording.baseline_shares().values(), default=0.0)),
            "" if ended else "still being analysed",
        ]
        self._title.setText("  ·  ".join(part for part in parts if part))
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
        self.commands.show_playing(playing, theme_of(self))

    def _show_place(self) -> None:
        frames = len(self.player.time_s)
        self.transport.show_place(
            max(self.player.index, 0), frames, self.player.position_s, self.player.clock.range_s[1] if frames else 0.0
        )

    # --- what the person wants

    @Slot(object)
    def _on_selection_changed(self, span: tuple[float, float] | None) -> None:
        self.commands.show_selection(span)
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
        self.commands.go_to(mark.start_s)
        if mark.kind is not MarkKind.POINT:
            self.timeline.selection_s = (mark.start_s, mark.end_s)

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

    @Slot(str, object, object)
    def _on_layout_requested(self, layout: str, span_s: Span | None, excluded_s: tuple[Span, ...]) -> None:
        if self._media is not None:
            self.layout_requested.emit(self._media, layout, span_s, excluded_s)


def _splitter(
    orientation: Qt.Orientation, first: QWidget, second: QWidget, first_share: int, second_share: int
) -> QSplitter:
    splitter = QSplitter(orientation)
    splitter.setChildrenCollapsible(False)
    for widget, share in ((first, first_share), (second, second_share)):
        splitter.addWidget(widget)
        splitter.setStretchFactor(splitter.count() - 1, share)
    splitter.setSizes([10 * first_share, 10 * second_share])
    return splitter
