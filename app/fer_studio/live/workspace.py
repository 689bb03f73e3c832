"""The live workspace: shows the newest picture with its results and how they came about, and passes on what the
person wants."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.types import MediaInfo
from fer_studio.labels import Labels
from fer_studio.live.camera_choice import CameraChoice
from fer_studio.live.camera_finder import CameraLister, list_cameras
from fer_studio.live.camera_picker import CameraPicker
from fer_studio.live.controller import LiveController, LiveState
from fer_studio.live.indicators import StatusLine
from fer_studio.live.live_timeline import LiveTimeline
from fer_studio.live.messages import LiveMessages
from fer_studio.live.selection import FaceSelection
from fer_studio.live.side_panel import SidePanel
from fer_studio.live.toolbar import LiveToolbar
from fer_studio.notices import NoticeBar
from fer_studio.settings import Preferences, Settings
from fer_studio.views.video_view import VideoView
from fer_studio.workers.analysis import EngineFactory, LiveResult
from fer_studio.workers.capture import CameraRequest, OpenSource, open_live_source

if TYPE_CHECKING:
    from fer_core.infer.engine import Engine
    from fer_studio.live.recording_files import RecordingPaths

#: Short against a frame, so that a result waits little; a tick without news costs microseconds.
DISPLAY_PERIOD_MS = 8
STATUS_PERIOD_MS = 500
#: The light goes out when nothing was measured for so long.
LIGHT_OUT_S = 1.5
_LATENCY_MEMORY = 0.1
"""Share of the newest picture in the shown latency."""


class LiveWorkspace(QWidget):
    """Toolbar, video, side panel, timeline and status line around a :class:`LiveController`."""

    analysing_changed = Signal(bool)
    engine_ready = Signal(object)
    recording_opened = Signal(object, object)
    """CSV and video of a recording that just ended, to be reviewed."""

    def __init__(
        self,
        engine_factory: EngineFactory,
        settings: Settings,
        asked: CameraChoice | None = None,
        parent: QWidget | None = None,
        *,
        open_source: OpenSource = open_live_source,
        lister: CameraLister = list_cameras,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._asked = asked
        self._latency_ms: float | None = None
        self._faces = 0
        self._lit = False
        self._measured_s = 0.0
        self._baseline_faces: tuple[int, ...] = ()
        self.controller = LiveController(engine_factory, self, open_source)
        self.selection = FaceSelection()
        labels = Labels(EXPRESSIONS, ACTION_UNITS)  # until the model says otherwise
        self.toolbar = LiveToolbar(settings.preferences)
        self.cameras = CameraPicker(self.toolbar, settings, asked, lister, self)
        self.video = VideoView(labels)
        self.panel = SidePanel(labels)
        self.timeline = LiveTimeline(labels)
        self.notice = NoticeBar("message of the live view")
        self.messages = LiveMessages(self.video, self.notice, self)
        self.status = StatusLine()
        self._lay_out()
        self._connect()
        self._apply_view(settings.preferences)
        self.controller.set_smoothing(settings.preferences.smooth_s)
        self._display_timer = QTimer(self)
        self._display_timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._display_timer.setInterval(DISPLAY_PERIOD_MS)
        self._display_timer.timeout.connect(self._on_display)
        self._status_timer = QTimer(self)
        self._status_timer.setInterval(STATUS_PERIOD_MS)
        self._status_timer.timeout.connect(self._on_status)
        self.messages.camera_off()

    def begin(self) -> None:
        """Loads the network and looks for cameras; to be called when the window can be seen."""
        self._on_load_requested()
        self.cameras.refresh()
        if self._asked is not None:
            self.start()

    @Slot()
    def start(self) -> None:
        """Opens the chosen camera."""
        choice = self.cameras.pick()
        if choice is None:
            self.messages.no_camera()
        else:
            self._open(choice)

    @Slot(object)
    def _open(self, choice: CameraChoice) -> None:
        width_px, height_px = self.toolbar.resolution
        self._forget_faces()
        self.messages.camera_opening(choice.name)
        self.controller.start(CameraRequest(choice.spec, width_px or None, height_px or None, None, choice.loop))

    def shutdown(self) -> bool:
        """Ends everything; what is being recorded is completed. False when a thread did not end in time."""
        self._display_timer.stop()
        self._status_timer.stop()
        self._settings.save_layout("live", self._splitter.saveState())
        self._settings.save_layout("live panel", self.panel.layout_state())
        self._settings.save_layout("live timeline", self._rows.saveState())
        return all([self.controller.shutdown(), self.cameras.shutdown()])

    # --- building

    def _lay_out(self) -> None:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.video, 1)
        column.addWidget(self.notice)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(left)
        self._splitter.addWidget(self.panel)
        self._splitter.setStretchFactor(0, 5)
        self._splitter.setStretchFactor(1, 3)
        state = self._settings.layout("live")
        if not state.isEmpty():
            self._splitter.restoreState(state)
        self.panel.restore_layout(self._settings.layout("live panel"))
        self._rows = QSplitter(Qt.Orientation.Vertical)
        self._rows.setChildrenCollapsible(False)
        self._rows.addWidget(self._splitter)
        self._rows.addWidget(self.timeline)
        self._rows.setStretchFactor(0, 1)
        state = self._settings.layout("live timeline")
        if not state.isEmpty():
            self._rows.restoreState(state)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.toolbar)
        outer.addWidget(self._rows, 1)
        outer.addWidget(self.status)
        self.addActions(self.toolbar.keyboard_actions())
        mark = QAction("Mark", self, shortcut=QKeySequence("M"))
        mark.setToolTip("Mark this moment in the timeline, and in what is recorded")
        mark.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        mark.triggered.connect(self._on_mark)
        self.addAction(mark)

    def _connect(self) -> None:
        bar, control, cameras = self.toolbar, self.controller, self.cameras
        cameras.listed.connect(self._on_listed)
        cameras.none_found.connect(self._on_no_camera)
        cameras.missing.connect(self.messages.camera_missing)
        cameras.failed.connect(self.messages.list_failed)
        cameras.found_again.connect(self._open)
        bar.camera_chosen.connect(self._on_camera_chosen)
        bar.resolution_chosen.connect(self._on_resolution_chosen)
        bar.start_stop_requested.connect(self._on_start_stop)
        bar.pause_toggled.connect(self._on_pause)
        bar.record_toggled.connect(self._on_record)
        bar.neutral_requested.connect(self._on_neutral)
        bar.neutral_reset_requested.connect(self._on_neutral_reset)
        bar.smoothing_changed.connect(self._on_smoothing)
        bar.view_changed.connect(self._on_view_changed)
        control.state_changed.connect(self._on_state)
        control.camera_opened.connect(self._on_opened)
        control.camera_failed.connect(self._on_camera_failed)
        control.camera_ended.connect(self._on_camera_ended)
        control.engine_ready.connect(self._on_engine_ready)
        control.engine_failed.connect(self._on_engine_failed)
        control.baseline_changed.connect(self._on_baseline)
        control.calibration_failed.connect(self.messages.calibration_failed)
        control.recording_changed.connect(self._on_recording_changed)
        control.recording_saved.connect(self._on_saved)
        control.recording_failed.connect(self.messages.recording_failed)
        self.video.face_selected.connect(self._on_face_chosen)
        self.video.retry_requested.connect(self._on_retry)
        self.panel.face_chosen.connect(self._on_face_chosen)
        self.timeline.face_selected.connect(self._on_face_chosen)
        self.timeline.mark_pressed.connect(self._on_mark)
        self.messages.review_requested.connect(self.recording_opened)
        self.messages.load_requested.connect(self._on_load_requested)
        self._settings.changed.connect(self._on_settings)

    # --- the picture

    @Slot()
    def _on_display(self) -> None:
        shown = self.controller.take()
        if shown is None:
            return
        result = shown.result
        if result is not None:
            self._show_values(shown)
            self._faces = len(result.faces)
        self.video.show_frame(shown.captured.frame.image_rgb_u8, result)
        latency_ms = 1e3 * (time.perf_counter() - shown.captured.taken_s)
        before_ms = latency_ms if self._latency_ms is None else self._latency_ms
        self._latency_ms = before_ms + _LATENCY_MEMORY * (latency_ms - before_ms)

    def _show_values(self, shown: LiveResult) -> None:
        result = shown.result
        assert result is not None
        before = self.selection.face_id
        face = self.selection.update(result)
        selected = self.selection.face_id
        self.video.selected_face = selected
        self.panel.show_face(selected, face, result.time_s, [f.face.face_id for f in result.faces])
        self.timeline.add(result)
        self.toolbar.show_calibration(shown.calibration)
        self._measured_s = time.perf_counter()
        self._light(True)
        if selected != before:
            self._show_selected()

    @Slot()
    def _on_status(self) -> None:
        running = self.controller.state in (LiveState.RUNNING, LiveState.PAUSED)
        stats = self.controller.stats()
        if time.perf_counter() - self._measured_s > LIGHT_OUT_S:
            self._light(False)
        self.status.show_stats(stats if running else None, self._latency_ms, self._faces)

    def _light(self, on: bool) -> None:
        lit = on and self.controller.state is LiveState.RUNNING
        if lit != self._lit:
            self._lit = lit
            self.analysing_changed.emit(lit)

    # --- the person

    @Slot()
    def _on_start_stop(self) -> None:
        if self.controller.state is LiveState.STOPPED:
            self.start()
        else:
            self.controller.stop()

    @Slot()
    def _on_camera_chosen(self) -> None:
        choice = self.cameras.pick()
        if choice is not None and self.controller.state is not LiveState.STOPPED:
            self._open(choice)

    @Slot()
    def _on_resolution_chosen(self) -> None:
        width_px, height_px = self.toolbar.resolution
        self._settings.change(width_px=width_px, height_px=height_px)
        if self.cameras.wanted is not None and self.controller.state is not LiveState.STOPPED:
            self._open(self.cameras.wanted)

    @Slot()
    def _on_retry(self) -> None:
        if self.cameras.wanted is not None:
            self.messages.camera_sought(self.cameras.wanted.name)
            self.cameras.seek()

    @Slot(bool)
    def _on_pause(self, paused: bool) -> None:
        self.controller.set_paused(paused)

    @Slot(bool)
    def _on_record(self, on: bool) -> None:
        if not on:
            self.controller.stop_recording()
            return
        options = {"camera": self.cameras.wanted.name if self.cameras.wanted else ""}
        self.controller.start_recording(self._settings.preferences.recordings_path, options)
        self._show_state()

    @Slot()
    def _on_neutral(self) -> None:
        if self.selection.face_id is not None:
            self.controller.calibrate(self.selection.face_id)

    @Slot()
    def _on_neutral_reset(self) -> None:
        self.controller.reset_baselines()

    @Slot(float)
    def _on_smoothing(self, seconds: float) -> None:
        self.controller.set_smoothing(seconds)
        self._settings.change(smooth_s=seconds)

    @Slot()
    def _on_view_changed(self) -> None:
        self._settings.change(**self.toolbar.view_options())

    @Slot(int)
    def _on_face_chosen(self, face_id: int) -> None:
        self.selection.choose(face_id)
        self.video.selected_face = face_id
        self._show_selected()

    @Slot()
    def _on_mark(self) -> None:
        mark = self.timeline.mark()
        if mark is not None:
            self.controller.mark(mark.start_s, mark.name)

    @Slot(object, object)
    def _on_settings(self, before: Preferences, now: Preferences) -> None:
        self._apply_view(now)
        self.toolbar.set_view_options(now)
        if (before.model, before.device, before.max_faces) != (now.model, now.device, now.max_faces):
            self.controller.stop_recording()
            self._on_load_requested()

    def _apply_view(self, preferences: Preferences) -> None:
        self.video.mirror = preferences.mirror
        self.video.show_boxes = preferences.show_boxes
        self.video.show_mesh = preferences.show_mesh
        self.video.show_axes = preferences.show_axes
        self.timeline.setVisible(preferences.show_timeline)
        self.panel.expressions.sorted_by_value = preferences.sorted_bars
        if self.panel.plane.trail_s != preferences.trail_s:  # setting it forgets the trail
            self.panel.plane.trail_s = preferences.trail_s

    # --- the controller

    @Slot(object)
    def _on_state(self, state: LiveState) -> None:
        if state is LiveState.STOPPED:
            self._display_timer.stop()
            self._status_timer.stop()
            self._forget_faces()
            self.video.show_frame(None, None)
            self.messages.camera_off()
        else:
            self._display_timer.start()
            self._status_timer.start()
        if state is LiveState.PAUSED:
            self.toolbar.show_calibration(None)
        if state is not LiveState.RUNNING:
            self._light(False)
        self._on_status()
        self._show_state()

    @Slot(object)
    def _on_opened(self, info: MediaInfo) -> None:
        self.messages.camera_runs()
        self.timeline.begin()  # not before: of another camera, pictures may still come while it is being closed
        self.status.setToolTip(f"{info.name}, {info.width_px} x {info.height_px}")

    @Slot(str, str, str)
    def _on_camera_failed(self, source: str, reason: str, remedy: str) -> None:
        self.messages.camera_failed(source, reason, remedy)
        self.cameras.refresh()

    @Slot()
    def _on_camera_ended(self) -> None:
        self.messages.clip_ended()

    @Slot(object)
    def _on_engine_ready(self, engine: Engine) -> None:
        labels = Labels(engine.card.expressions, engine.card.action_units)
        self.video.set_labels(labels)
        self.panel.set_labels(labels)
        self.timeline.begin(labels)
        self._forget_faces()
        self.status.message.setText("")
        self.status.show_device(engine.provider, engine.threads)
        self.engine_ready.emit(engine)
        self._show_state()

    @Slot(str)
    def _on_engine_failed(self, problem: str) -> None:
        self.status.message.setText("")
        self.status.show_device("", 0)
        self._light(False)
        self.messages.network_failed(problem)
        self._show_state()

    @Slot()
    def _on_load_requested(self) -> None:
        self.status.message.setText("loading the network ...")
        self.controller.load(self._settings.preferences.max_faces)

    @Slot(object)
    def _on_baseline(self, faces: tuple[int, ...]) -> None:
        self._baseline_faces = faces
        self.panel.show_baselines(faces)
        self.status.show_baselines(faces)
        self._show_state()

    @Slot(bool)
    def _on_recording_changed(self, recording: bool) -> None:
        self.status.message.setText("recording" if recording else "")
        self._show_state()

    @Slot(object)
    def _on_saved(self, paths: RecordingPaths) -> None:
        self.messages.recording_saved(paths)
        if self._settings.preferences.review_recordings:
            self.recording_opened.emit(paths.csv, paths.video)

    # --- cameras

    @Slot()
    def _on_listed(self) -> None:
        self._show_state()

    @Slot()
    def _on_no_camera(self) -> None:
        if self.controller.state is LiveState.STOPPED:
            self.messages.no_camera()

    # --- common

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """Digits select faces wherever the focus is."""
        if event.text().isdecimal():
            self.video.keyPressEvent(event)
        else:
            super().keyPressEvent(event)

    def _forget_faces(self) -> None:
        self.selection.reset()
        self.panel.clear()
        self.toolbar.show_calibration(None)
        self._latency_ms = None
        self._faces = 0

    def _show_selected(self) -> None:
        self.timeline.select(self.selection.face_id)
        self._show_state()

    def _show_state(self) -> None:
        self.toolbar.show_state(
            self.controller.state,
            ready=self.controller.engine is not None,
            recording=self.controller.recording,
            face=self.selection.face_id is not None,
            baseline=bool(self._baseline_faces),
        )
