"""Reads and fits photographs in the background, one at a time: the newest wish wins."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot

from fer_core.media.errors import MediaError
from fer_studio.synthesis.fitted import FittedPhoto
from fer_studio.synthesis.fitter import PhotoFitter, PhotoProblem
from fer_studio.synthesis.photograph import Photograph
from fer_studio.workers.analysis import EngineFactory
from fer_studio.workers.control import Cancelled, Control
from fer_studio.workers.tasks import Task, Tasks, Work

ReadPhotograph = Callable[[], Photograph]


class FitRunner(QObject):
    """All methods belong to the window's thread and return at once."""

    begun = Signal()
    progressed = Signal(float, str)
    """0..1, and what is being done."""
    read = Signal(object)
    """The photograph, before its face is fitted."""
    fitted = Signal(object)
    failed = Signal(str, str)
    """What is wrong, and what helps."""
    cancelled = Signal()

    def __init__(self, engine_factory: EngineFactory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._fitter = PhotoFitter(engine_factory)
        self._tasks = Tasks(self)
        self._task: Task | None = None

    @property
    def busy(self) -> bool:
        """Whether a photograph is being read or fitted."""
        return self._task is not None

    def open(self, read: ReadPhotograph) -> None:
        """Reads a photograph, in the background, and fits its largest face."""

        def work(control: Control) -> FittedPhoto:
            self.progressed.emit(0.05, "reading the photograph")
            photograph = read()
            if control.should_stop():
                raise Cancelled
            self.read.emit(photograph)
            return self._fitter.fit(photograph, self.progressed.emit, control.should_stop)

        self._start(work)

    def choose(self, photo: FittedPhoto, face_id: int) -> None:
        """Fits another face of a photograph."""
        self._start(lambda control: self._fitter.fit_other(photo, face_id, control.should_stop))

    @Slot()
    def cancel(self) -> None:
        """Ends what runs."""
        if self._task is not None:
            self._task.cancel()

    def shutdown(self) -> bool:
        """Ends everything, within two seconds; False when it did not."""
        self._task = None
        ended = self._tasks.shutdown()
        self._fitter.close()
        return ended

    def _start(self, work: Work) -> None:
        self.cancel()
        self._task = self._tasks.make("fit", work)
        self._task.succeeded.connect(self._on_succeeded)
        self._task.failed.connect(self._on_failed)
        self._task.cancelled.connect(self._on_cancelled)
        self.begun.emit()
        self._tasks.start(self._task)

    @Slot(object)
    def _on_succeeded(self, photo: FittedPhoto) -> None:
        if self._ended_as_wanted():
            self.fitted.emit(photo)

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        if self._ended_as_wanted():
            self.failed.emit(*problem_of(error))

    @Slot()
    def _on_cancelled(self) -> None:
        self._ended_as_wanted()

    def _ended_as_wanted(self) -> bool:
        """Whether the newest task has ended, and nobody asked it to before; says so when somebody did."""
        task = self._task
        if task is None or self.sender() is not task:
            return False
        self._task = None
        if task.control.should_stop():
            self.cancelled.emit()
            return False
        return True


def problem_of(error: Exception) -> tuple[str, str]:
    """What is wrong and what helps, as two sentences."""
    if isinstance(error, MediaError):
        return f"{error.source}: {error.reason}.", _sentence(error.remedy)
    if isinstance(error, PhotoProblem):
        what, _, remedy = str(error).rpartition("; ")
        return _sentence(what), _sentence(remedy)
    return "The photograph cannot be fitted.", _sentence(str(error) or type(error).__name__)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].removesuffix(".") + "."
