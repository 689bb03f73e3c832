"""Owns the threads of the live view and connects them; knows no widget."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QThread, Signal, Slot

from fer_core.types import MediaInfo
from fer_studio.live.record_thread import RecordThread
from fer_studio.workers.analysis import AnalysisThread, EngineFactory, LiveResult
from fer_studio.workers.capture import (
    CameraOpener,
    CameraRequest,
    Captured,
    CaptureThread,
    OpenSource,
    open_live_source,
)
from fer_studio.workers.mailbox import Mailbox

if TYPE_CHECKING:
    from fer_core.infer.engine import Engine

#: All threads together get so long to end when the window closes.
CLOSE_S = 1.8
#: Threads that did not end in time. Qt aborts the program when such an object is destroyed.
_STRAGGLERS: list[QThread] = []


class LiveState(StrEnum):
    """Of the camera."""

    STOPPED = "stopped"
    OPENING = "opening"
    RUNNING = "running"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class LiveStats:
    """For the status bar."""

    camera_hz: float
    analysed_hz: float
    dropped: int
    """Pictures since the start of the camera that were not analysed, because a newer one was there."""


class LiveController(QObject):
    """Camera, analysis and recording. All methods belong to the window's thread and return at once."""

    state_changed = Signal(object)
    """:class:`LiveState`"""
    camera_opened = Signal(object)
    """:class:`~fer_core.types.MediaInfo`"""
    camera_failed = Signal(str, str, str)
    """Source, reason, remedy."""
    camera_ended = Signal()
    """A file that posed as a camera is over."""
    engine_ready = Signal(object)
    engine_failed = Signal(str)
    baseline_changed = Signal(object)
    """Tuple of face ids."""
    calibration_failed = Signal(str)
    recording_changed = Signal(bool)
    recording_saved = Signal(object)
    """:class:`~fer_studio.live.recording_files.RecordingPaths`"""
    recording_failed = Signal(str)

    def __init__(
        self,
        engine_factory: EngineFactory,
        parent: QObject | None = None,
        open_source: OpenSource = open_live_source,
    ) -> None:
        super().__init__(parent)
        self._engine_factory = engine_factory
        self._opener = CameraOpener(open_source)
        self._frames: Mailbox[Captured] = Mailbox()
        self._results: Mailbox[LiveResult] = Mailbox()
        self._capture: CaptureThread | None = None
        self._analysis: AnalysisThread | None = None
        self._recorder: RecordThread | None = None
        self._waiting: CameraRequest | None = None
        self._session = 0
        self._dropped_before = 0
        self._smooth_s = 0.0
        self._max_faces = 1
        self.engine: Engine | None = None
        self.info: MediaInfo | None = None
        self.state = LiveState.STOPPED

    # --- analysis

    def load(self, max_faces: int) -> None:
        """Loads the network in the background, anew when one is loaded or the settings have changed."""
        self._max_faces = max_faces
        if self._analysis is not None:
            self._analysis.stop()  # its end starts the next one
            return
        self._start_analysis()

    def set_smoothing(self, tau_s: float) -> None:
        """Of what is shown, seconds; 0 is off."""
        self._smooth_s = tau_s
        if self._analysis is not None:
            self._analysis.set_smoothing(tau_s)

    def calibrate(self, face_id: int) -> None:
        """Collects the neutral of a face; ``baseline_changed`` or ``calibration_failed`` follows."""
        if self._analysis is not None:
            self._analysis.calibrate(face_id)

    def reset_baselines(self) -> None:
        """Shows raw values again."""
        if self._analysis is not None:
            self._analysis.reset_baselines()

    # --- camera

    def start(self, request: CameraRequest) -> None:
        """Opens a camera; the present one is closed before, and its recording completed."""
        self.stop_recording()
        if self._capture is not None:
            self._waiting = request
            self._capture.stop()
            return
        self._session += 1
        self._frames.clear()
        self._results.clear()
        capture = CaptureThread(request, self._session, self._frames, self, self._opener)
        capture.opened.connect(self._on_opened)
        capture.failed.connect(self._on_camera_failed)
        capture.ended.connect(self._on_camera_ended)
        capture.finished.connect(self._on_capture_finished)
        self._capture = capture
        self._dropped_before = self._dropped()
        self._set_state(LiveState.OPENING)
        capture.start()

    def set_paused(self, paused: bool) -> None:
        """Keeps the camera open and measures nothing."""
        if self._capture is None or self.state not in (LiveState.RUNNING, LiveState.PAUSED):
            return
        self._capture.set_paused(paused)
        self._set_state(LiveState.PAUSED if paused else LiveState.RUNNING)

    def stop(self) -> None:
        """Ends the recording and closes the camera."""
        self._waiting = None
        self.stop_recording()
        if self._capture is not None:
            self._capture.stop()
        self._set_state(LiveState.STOPPED)

    # --- recording

    @property
    def recording(self) -> bool:
        """Whether frames are being written."""
        return self._recorder is not None

    def start_recording(self, folder: Path, options: dict[str, Any]) -> None:
        """Writes video and rows into a new folder in ``folder``; nothing happens without a running camera."""
        if self._recorder is not None or self.engine is None or self.info is None or self._analysis is None:
            return
        options = {"max_faces": self._max_faces, **options}
        recorder = RecordThread(folder, self.info, self.engine, options, self)
        recorder.saved.connect(self.recording_saved)
        recorder.failed.connect(self._on_recording_failed)
        recorder.finished.connect(self._on_recorder_finished)
        self._recorder = recorder
        recorder.start()
        self._analysis.record_to(recorder)
        self.recording_changed.emit(True)

    def mark(self, time_s: float, name: str) -> None:
        """Notes a moment, in the time of the camera, in what is being recorded."""
        if self._recorder is not None:
            self._recorder.mark(time_s, name)

    def stop_recording(self) -> None:
        """``recording_saved`` or ``recording_failed`` follows."""
        if self._recorder is None:
            return
        if self._analysis is not None and self._analysis.isRunning():
            self._analysis.record_to(None)
        else:
            self._recorder.finish()

    # --- what the window shows

    def take(self) -> LiveResult | None:
        """What is new since the last call. Before the network is loaded: the bare picture."""
        if self.engine is None:
            captured = self._frames.take()
            return LiveResult(captured, None) if self._is_current(captured) and captured else None
        shown = self._results.take()
        return shown if shown and self._is_current(shown.captured) else None

    def stats(self) -> LiveStats:
        """Figures of this moment."""
        capture, analysis = self._capture, self._analysis
        return LiveStats(
            camera_hz=capture.rate.rate_hz if capture else 0.0,
            analysed_hz=analysis.rate.rate_hz if analysis else 0.0,
            dropped=self._dropped() - self._dropped_before if capture else 0,
        )

    def shutdown(self, wait_s: float = CLOSE_S) -> bool:
        """Ends all threads; what is being recorded is completed. False when a thread did not end in time."""
        until_s = time.monotonic() + wait_s
        self._waiting = None
        recorder, threads = self._recorder, [t for t in (self._capture, self._analysis) if t is not None]
        for thread in threads:
            thread.stop()
        if recorder is not None:
            recorder.finish()
        ended = True
        for ending in (*threads, *([recorder] if recorder else [])):
            ending.finished.disconnect()
            if not ending.wait(max(0, round(1000 * (until_s - time.monotonic())))):
                ending.setParent(None)
                _STRAGGLERS.append(ending)
                ended = False
        self._capture = self._analysis = self._recorder = None
        self.state = LiveState.STOPPED
        return ended

    # --- slots

    @Slot(object)
    def _on_opened(self, info: MediaInfo) -> None:
        if self.sender() is not self._capture or self.state is not LiveState.OPENING:
            return
        self.info = info
        self.camera_opened.emit(info)
        self._set_state(LiveState.RUNNING)

    @Slot(str, str, str)
    def _on_camera_failed(self, source: str, reason: str, remedy: str) -> None:
        if self.sender() is self._capture and self._waiting is None and self.state is not LiveState.STOPPED:
            self.stop()
            self.camera_failed.emit(source, reason, remedy)

    @Slot()
    def _on_camera_ended(self) -> None:
        if self.sender() is self._capture and self._waiting is None and self.state is not LiveState.STOPPED:
            self.stop()
            self.camera_ended.emit()

    @Slot()
    def _on_capture_finished(self) -> None:
        if self._capture is not None:
            self._capture.deleteLater()
        self._capture = None
        request, self._waiting = self._waiting, None
        if request is not None:
            self.start(request)

    @Slot(object)
    def _on_engine_ready(self, engine: Engine) -> None:
        self.engine = engine
        self._frames.clear()
        self._dropped_before = self._dropped()
        self.engine_ready.emit(engine)

    @Slot(str)
    def _on_engine_failed(self, problem: str) -> None:
        self.engine = None
        self.engine_failed.emit(problem)

    @Slot()
    def _on_analysis_finished(self) -> None:
        analysis, self._analysis = self._analysis, None
        was_stopped = analysis is not None and analysis.stopped
        if analysis is not None:
            analysis.deleteLater()
        self.engine = None
        self.baseline_changed.emit(())  # what was subtracted ended with it
        if was_stopped:
            self._start_analysis()

    @Slot(str)
    def _on_recording_failed(self, problem: str) -> None:
        if self._analysis is not None:
            self._analysis.record_to(None)
        self.recording_failed.emit(problem)

    @Slot()
    def _on_recorder_finished(self) -> None:
        if self._recorder is not None:
            self._recorder.deleteLater()
        self._recorder = None
        self.recording_changed.emit(False)

    def _start_analysis(self) -> None:
        analysis = AnalysisThread(self._engine_factory, self._max_faces, self._frames, self._results, self)
        analysis.ready.connect(self._on_engine_ready)
        analysis.failed.connect(self._on_engine_failed)
        analysis.baseline_changed.connect(self.baseline_changed)
        analysis.calibration_failed.connect(self.calibration_failed)
        analysis.finished.connect(self._on_analysis_finished)
        self._analysis = analysis
        analysis.set_smoothing(self._smooth_s)
        analysis.start()

    def _dropped(self) -> int:
        """Pictures of this camera that were not measured, those while the network was loaded included."""
        return self._frames.dropped + (self._capture.skipped if self._capture else 0)

    def _is_current(self, captured: Captured | None) -> bool:
        return captured is not None and captured.session == self._session and self.state is not LiveState.STOPPED

    def _set_state(self, state: LiveState) -> None:
        if state is not self.state:
            self.state = state
            self.state_changed.emit(state)
