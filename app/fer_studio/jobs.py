"""``--jobs``, and several jobs of the window: processes, each annotating one input at a time.

Every worker has its own model, tracker and input. It hears from its parent through one pipe: a task while it waits, or
the wish to stop while it works; the end of the pipe means that the parent is gone. A worker that dies takes only its
input with it: a new one goes on with the next.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import cast

from fer_core.infer.baseline import Baseline
from fer_core.infer.engine import Engine
from fer_studio.file_run import FileAnnotator
from fer_studio.options import AnnotateOptions
from fer_studio.outcome import End, Listener, Outcome
from fer_studio.outputs import Outputs
from fer_studio.quiet import ignore_library_warnings

_POLL_S = 0.2
_REPORT_S = 0.1
#: A worker finishes its frame and its files when it is told to stop; after so long it is ended.
_STOP_TIMEOUT_S = 20.0
_KILL_TIMEOUT_S = 0.5


@dataclass(frozen=True, slots=True)
class Task:
    """An input and where it goes."""

    number: int
    path: Path
    outputs: Outputs


@dataclass(frozen=True, slots=True)
class _Started:
    frame_count: int | None


@dataclass(frozen=True, slots=True)
class _Advanced:
    frames: int


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    task: Task


def run_jobs(
    tasks: Sequence[Task],
    options: AnnotateOptions,
    baseline: Baseline | None,
    listener: Listener,
    should_stop: Callable[[], bool],
) -> dict[int, Outcome]:
    """Outcomes by number of the task; tasks that were not begun when it was stopped are left out."""
    pending = deque(tasks)
    workers: dict[Connection, _Worker] = {}
    outcomes: dict[int, Outcome] = {}
    stop_until_s: float | None = None
    try:
        while workers or (pending and stop_until_s is None):
            if stop_until_s is None and should_stop():
                stop_until_s = time.monotonic() + _STOP_TIMEOUT_S
                for connection in workers:
                    _send(connection, None)
            while stop_until_s is None and pending and len(workers) < options.jobs:
                connection, worker = _start(pending.popleft(), options, baseline)
                workers[connection] = worker
            if stop_until_s is not None and time.monotonic() > stop_until_s:
                break
            for ready in wait(list(workers), _POLL_S):
                connection = cast(Connection, ready)
                ended = _hear(connection, workers[connection], listener, stopping=stop_until_s is not None)
                if ended is None:
                    continue
                worker = workers.pop(connection)
                outcomes[worker.task.number] = ended
                listener.finished(ended)
                if stop_until_s is None and pending and worker.process.is_alive():
                    worker.task = pending.popleft()
                    if _send(connection, worker.task):
                        workers[connection] = worker
                        continue
                    pending.appendleft(worker.task)
                _dismiss(connection, worker)
    finally:
        for connection, worker in workers.items():
            worker.process.kill()
            _dismiss(connection, worker)
    return outcomes


class SerialWorker:
    """One process that annotates one input after the other, with its model in memory. For one thread at a time.

    Args:
        options: of all its inputs; their baseline is no file.
    """

    def __init__(self, options: AnnotateOptions) -> None:
        self.options = options
        self._link: tuple[Connection, _Worker] | None = None

    def run(self, task: Task, listener: Listener, should_stop: Callable[[], bool]) -> Outcome:
        """Annotates one input; the process is begun with the first, and anew after one that was stopped."""
        connection, worker = self._hand_over(task)
        stop_until_s: float | None = None
        while True:
            if stop_until_s is None and should_stop():
                stop_until_s = time.monotonic() + _STOP_TIMEOUT_S
                _send(connection, None)
            if stop_until_s is not None and time.monotonic() > stop_until_s:
                self.close()
                return Outcome(task.path, End.INTERRUPTED)
            if not connection.poll(_POLL_S):
                continue
            outcome = _hear(connection, worker, listener, stopping=stop_until_s is not None)
            if outcome is not None:
                if stop_until_s is not None:  # it goes, as one does that was told to stop
                    self.close()
                return outcome

    def close(self) -> None:
        """Ends the process. What it measured is on the disk; idempotent."""
        if self._link is not None:
            connection, worker = self._link
            self._link = None
            connection.close()
            worker.process.kill()
            worker.process.join(_KILL_TIMEOUT_S)  # on a busy machine its end may take longer: nobody waits for that

    def _hand_over(self, task: Task) -> tuple[Connection, _Worker]:
        if self._link is not None:
            connection, worker = self._link
            worker.task = task
            if not (worker.process.is_alive() and _send(connection, task)):
                self.close()
        if self._link is None:
            self._link = _start(task, self.options, None)
        return self._link


def _start(task: Task, options: AnnotateOptions, baseline: Baseline | None) -> tuple[Connection, _Worker]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, options, baseline), daemon=True)
    with _signals_held_back():
        process.start()
    theirs.close()
    _send(ours, task)
    return ours, _Worker(process, task)


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """A process started inside never gets Ctrl-C or SIGTERM: its parent does, and tells it through the pipe."""
    if sys.platform == "win32":
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # the start of this helper would let the signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hear(connection: Connection, worker: _Worker, listener: Listener, *, stopping: bool) -> Outcome | None:
    """Passes one message on; the outcome when the input has ended, also by the death of its worker."""
    path = worker.task.path
    try:
        message = connection.recv()
    except (EOFError, OSError):
        worker.process.join(_POLL_S)
        if stopping:
            return Outcome(path, End.INTERRUPTED)
        return Outcome(path, End.FAILED, problem=f"{path}: {_death(worker.process.exitcode)}")
    match message:
        case _Started(frame_count):
            listener.started(path, frame_count)
        case _Advanced(frames):
            listener.advanced(path, frames)
        case Outcome():
            return message
    return None


def _death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-exit_code).name
            return (
                f"its worker process was ended by {name}; if memory ran out use fewer --jobs, then go on with --resume"
            )
    return f"its worker process ended unexpectedly (exit code {exit_code}); go on with --resume and without --jobs"


def _dismiss(connection: Connection, worker: _Worker) -> None:
    _send(connection, None)
    connection.close()
    worker.process.join(_STOP_TIMEOUT_S)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    worker.process.close()


def _send(connection: Connection, message: object) -> bool:
    """Whether the other side is still there."""
    try:
        connection.send(message)
    except OSError:
        return False
    return True


def _serve(connection: Connection, options: AnnotateOptions, baseline: Baseline | None) -> None:
    """The worker: one task after the other until None or the end of the pipe."""
    if sys.platform == "win32":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    ignore_library_warnings()
    annotator = FileAnnotator(options, Engine(options.model, options.device), baseline)
    listener = _PipeListener(connection)
    with contextlib.suppress(EOFError, OSError):
        while (task := connection.recv()) is not None:
            # Whatever arrives while an input is measured is the wish to stop; it stays in the pipe for this loop.
            connection.send(annotator.annotate(task.path, task.outputs, listener, connection.poll))


class _PipeListener:
    """Sends progress to the parent, some times a second."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._frames = 0
        self._sent_s = 0.0

    def started(self, path: Path, frame_count: int | None) -> None:
        _send(self._connection, _Started(frame_count))

    def advanced(self, path: Path, frames: int) -> None:
        self._frames += frames
        if time.monotonic() - self._sent_s >= _REPORT_S:
            self._flush()

    def finished(self, outcome: Outcome) -> None:
        self._flush()

    def _flush(self) -> None:
        self._sent_s = time.monotonic()
        frames, self._frames = self._frames, 0
        if frames:
            _send(self._connection, _Advanced(frames))
