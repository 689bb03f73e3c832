"""The thread that measures: newest picture in, newest result out."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QThread, Signal

from fer_core.types import Frame, FrameResult
from fer_studio.live.analyser import LiveAnalyser
from fer_studio.quiet import ignore_library_warnings, quiet_native_stderr
from fer_studio.workers.abandon import Abandoned, call_abandonable
from fer_studio.workers.capture import Captured
from fer_studio.workers.libraries import load_libraries
from fer_studio.workers.mailbox import Mailbox
from fer_studio.workers.meter import RateMeter
from fer_studio.workers.priority import give_way

if TYPE_CHECKING:
    from fer_core.infer.baseline import Baseline
    from fer_core.infer.engine import Engine
    from fer_studio.live.record_thread import RecordThread

_POLL_S = 0.2
_WARM_UP_SHAPE = (480, 640, 3)

EngineFactory = Callable[[], "Engine"]


@dataclass(frozen=True, slots=True)
class LiveResult:
    """A picture and what is shown of it."""

    captured: Captured
    result: FrameResult | None
    """None while the network is not there yet."""
    calibration: float | None = None
    """0..1 while a neutral face is collected."""


class AnalysisThread(QThread):
    """Loads the network, then measures until :meth:`stop`. Lives as long as the window, over many cameras.

    The pipeline is used in this thread alone. Wishes (smoothing, baseline, recording) are queued and carried out
    between two frames.
    """

    ready = Signal(object)
    """:class:`~fer_core.infer.engine.Engine`: pictures are measured from now on."""
    failed = Signal(str)
    """The network cannot be loaded, or broke off; the thread has ended."""
    baseline_changed = Signal(object)
    """Tuple of the face ids that have one."""
    calibration_failed = Signal(str)

    def __init__(
        self,
        engine_factory: EngineFactory,
        max_faces: int,
        inbox: Mailbox[Captured],
        outbox: Mailbox[LiveResult],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("analysis")
        self.rate = RateMeter()
        self._engine_factory = engine_factory
        self._max_faces = max_faces
        self._inbox = inbox
        self._outbox = outbox
        self._stop = threading.Event()
        self._wishes: queue.SimpleQueue[Callable[[LiveAnalyser], None]] = queue.SimpleQueue()
        self._recorder: RecordThread | None = None
        self._session = 0
        self._baselines: Mapping[int, Baseline] = {}

    @property
    def stopped(self) -> bool:
        """Whether it was asked to end."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Asks it to end; returns at once. Then ``wait()``."""
        self._stop.set()
        self._inbox.wake()

    def set_smoothing(self, tau_s: float) -> None:
        """Time constant of what is shown; 0 is off. What is recorded is never smoothed."""
        self._wish(lambda analyser: analyser.set_smoothing(tau_s))

    def calibrate(self, face_id: int) -> None:
        """Collects the neutral of a face for some seconds; ends with one of the signals."""
        self._wish(lambda analyser: analyser.calibrate(face_id))

    def reset_baselines(self) -> None:
        """Subtracts nothing any more."""
        self._wish(LiveAnalyser.reset_baselines)

    def record_to(self, recorder: RecordThread | None) -> None:
        """From the next frame on; None ends it, and completes the recording that was."""
        self._wish(partial(self._set_recorder, recorder))

    def run(self) -> None:
        """In its own thread."""
        give_way()
        try:
            analyser = call_abandonable("loading the network", self._load, self._stop.is_set, LiveAnalyser.close)
        except Abandoned:
            return
        except Exception as error:  # ModelError, ValueError of the device, ImportError of a library
            self.failed.emit(str(error) or type(error).__name__)
            return
        self.ready.emit(analyser.pipeline.engine)
        try:
            self._measure(analyser)
        except Exception as error:
            self.failed.emit(f"The analysis stopped ({type(error).__name__}: {error}); start it again.")
        finally:
            self._set_recorder(None, analyser)
            analyser.close()

    def _load(self) -> LiveAnalyser:
        load_libraries()
        from fer_core.infer.pipeline import Pipeline

        ignore_library_warnings()
        engine = self._engine_factory()
        # MediaPipe's graphs open, and write their noise, until the first frame is through.
        with quiet_native_stderr():
            pipeline = Pipeline(engine, max_faces=self._max_faces)
            pipeline.process(Frame(0, 0.0, np.zeros(_WARM_UP_SHAPE, np.uint8)))
        side_px = engine.card.geometry.size_px
        engine.affects([np.zeros((side_px, side_px, 3), np.uint8)])
        return LiveAnalyser(pipeline)

    def _measure(self, analyser: LiveAnalyser) -> None:
        while not self._stop.is_set():
            captured = self._inbox.wait(_POLL_S)
            while not self._wishes.empty():
                self._wishes.get()(analyser)
            if captured is None:
                self._tell_baselines(analyser)
                continue
            if captured.session != self._session:
                self._session = captured.session
                analyser.reset()
            analysed = analyser.process(captured.frame)
            self.rate.tick()
            self._tell_baselines(analyser)
            if analysed.calibration_problem is not None:
                self.calibration_failed.emit(analysed.calibration_problem)
            self._outbox.put(LiveResult(captured, analysed.shown, analysed.calibration))
            if self._recorder is not None:
                self._recorder.offer(captured.frame, analysed.measured, self._stop.is_set)

    def _tell_baselines(self, analyser: LiveAnalyser) -> None:
        before, now = self._baselines, analyser.baselines
        if now is before or not (now or before):
            return
        self._baselines = now
        self.baseline_changed.emit(tuple(sorted(now)))
        self._keep_baselines({face_id: made for face_id, made in now.items() if before.get(face_id) is not made})

    def _keep_baselines(self, baselines: Mapping[int, Baseline]) -> None:
        if self._recorder is not None:
            for face_id, baseline in baselines.items():
                self._recorder.keep_baseline(face_id, baseline)

    def _set_recorder(self, recorder: RecordThread | None, analyser: LiveAnalyser) -> None:
        before, self._recorder = self._recorder, recorder
        if before is not None:
            before.finish()
        self._keep_baselines(analyser.baselines)

    def _wish(self, wish: Callable[[LiveAnalyser], None]) -> None:
        self._wishes.put(wish)
        self._inbox.wake()
