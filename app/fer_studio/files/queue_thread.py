"""A thread that works on the queue, with the command line's own annotator."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from fer_core.infer.engine import PROVIDERS, Engine
from fer_core.media.errors import MediaError
from fer_core.record.errors import RecordError
from fer_studio.file_run import FileAnnotator, unexpected
from fer_studio.files.placement import Reservations, results_folder
from fer_studio.jobs import SerialWorker, Task
from fer_studio.options import AnnotateOptions, Existing
from fer_studio.outcome import End, Outcome
from fer_studio.workers.abandon import Abandoned, call_abandonable
from fer_studio.workers.priority import give_way

_DEVICES = {provider: device for device, provider in PROVIDERS.items()}
#: After this long without an answer a job that should end is left behind (a file on a network that is gone).
_PATIENCE_S = 1.5


@dataclass(frozen=True, slots=True)
class Order:
    """One job for the thread."""

    number: int
    path: Path
    options: AnnotateOptions
    """Its ``out_dir``, ``existing``, ``device`` and ``model`` are set here."""
    folder: Path | None
    """For results; None is beside the input."""
    apart: bool = False
    """In a process of its own: Python lets the threads of one take turns, and the window would have to wait for its."""


class QueueThread(QThread):
    """Works on one order at a time. Signals are emitted in its thread.

    Args:
        engine_factory: gives the network; called for every order, in a helper thread.
        reservations: shared by all threads of a queue.
        parent: the owner, which stops it.
    """

    placed = Signal(int, object)
    """Number of the job and the path of its recording, which begins to grow."""
    begun = Signal(int, object)
    """Number, and the count of frames as the file states it or None."""
    ended = Signal(int, object)
    """Number and :class:`~fer_studio.outcome.Outcome`"""

    def __init__(
        self, engine_factory: Callable[[], Engine], reservations: Reservations, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("queue of files")
        self._engine_factory = engine_factory
        self._reservations = reservations
        self._worker: SerialWorker | None = None
        self._wake = threading.Condition()
        self._order: Order | None = None
        self._cancelled = False
        self._stop_s: float | None = None
        self._tally = _Tally(self, 0)

    @property
    def progress(self) -> tuple[int, float]:
        """Frames of the current order that are measured, and seconds since the first was begun; from any thread."""
        tally = self._tally
        return tally.frames, time.monotonic() - tally.first_s if tally.first_s else 0.0

    def submit(self, order: Order) -> None:
        """Gives it something to do; only while it has nothing."""
        with self._wake:
            self._order, self._cancelled = order, False
            self._tally = _Tally(self, order.number)
            self._wake.notify()

    def cancel(self) -> None:
        """Ends the current order at its next frame; rows measured so far stay."""
        self._cancelled = True

    def stop(self) -> None:
        """Asks the thread to end; returns at once. Then ``wait()``."""
        with self._wake:
            self._stop_s = time.monotonic()
            self._wake.notify()

    def run(self) -> None:
        """In its own thread."""
        give_way()
        while (order := self._take()) is not None:
            outcome = self._work(order)
            if self._stop_s is None:
                self.ended.emit(order.number, outcome)
        if self._worker is not None:
            self._worker.close()

    def _take(self) -> Order | None:
        with self._wake:
            while self._order is None and self._stop_s is None:
                self._wake.wait()
            order, self._order = self._order, None
            return None if self._stop_s is not None else order

    def _should_stop(self) -> bool:
        return self._cancelled or self._stop_s is not None

    def _should_give_up(self) -> bool:
        return self._stop_s is not None and time.monotonic() - self._stop_s > _PATIENCE_S

    def _work(self, order: Order) -> Outcome:
        try:
            engine = call_abandonable("the network", self._engine_factory, self._should_stop, lambda late: None)
            return call_abandonable(
                str(order.path), lambda: self._annotate(order, engine), self._should_give_up, lambda late: None
            )
        except Abandoned:
            return Outcome(order.path, End.INTERRUPTED)
        except (MediaError, RecordError) as error:
            return Outcome(order.path, End.FAILED, problem=str(error))
        except Exception as error:  # of the model or the device: their messages name the remedy
            return Outcome(order.path, End.FAILED, problem=_problem(order.path, error), trace=traceback.format_exc())

    def _annotate(self, order: Order, engine: Engine) -> Outcome:
        folder = results_folder(order.path, order.folder)
        options = replace(
            order.options,
            out_dir=folder,
            existing=Existing.OVERWRITE if order.options.is_partial else Existing.RESUME,
            device=_DEVICES[engine.provider],
            model=engine.path,
        )
        annotator = FileAnnotator(options, engine, None)
        with self._reservations.place(order.path, annotator) as outputs:
            self.placed.emit(order.number, outputs.recording)
            if not order.apart:
                return annotator.annotate(order.path, outputs, self._tally, self._should_stop)
            worker = self._worker_for(options)
            return worker.run(Task(order.number, order.path, outputs), self._tally, self._should_stop)

    def _worker_for(self, options: AnnotateOptions) -> SerialWorker:
        """The process of the order before, with its model in memory, when it was told the same."""
        if self._worker is None or self._worker.options != options:
            if self._worker is not None:
                self._worker.close()
            self._worker = SerialWorker(options)
        return self._worker


class _Tally:
    """The annotator's listener for one order. Its methods are called in a helper thread."""

    def __init__(self, thread: QueueThread, number: int) -> None:
        self._thread = thread
        self._number = number
        self.frames = 0
        self.first_s = 0.0

    def started(self, path: Path, frame_count: int | None) -> None:
        """The input is open."""
        self.first_s = time.monotonic()
        self._thread.begun.emit(self._number, frame_count)

    def advanced(self, path: Path, frames: int) -> None:
        """Further frames are measured."""
        self.frames += frames

    def finished(self, outcome: Outcome) -> None:
        """Told by :meth:`QueueThread.run`."""


def _problem(path: Path, error: Exception) -> str:
    from fer_core.infer.model_card import ModelError

    if isinstance(error, ModelError | ValueError | OSError):
        return f"the network cannot be used ({error}); choose another model or device in the settings"
    return unexpected(path, error)
