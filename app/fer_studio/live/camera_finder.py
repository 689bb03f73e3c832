"""Finds the cameras in the background: some drivers take their time, and libraries are slow to load."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from fer_studio.live.camera_choice import CameraChoice, choices
from fer_studio.workers.abandon import Abandoned, call_abandonable
from fer_studio.workers.control import Cancelled, Control
from fer_studio.workers.libraries import load_libraries
from fer_studio.workers.tasks import Task, Tasks

if TYPE_CHECKING:
    from fer_core.media.camera import CameraInfo

CameraLister = Callable[[], "list[CameraInfo]"]


def list_cameras() -> list[CameraInfo]:
    """As :func:`fer_core.media.camera.list_cameras`, loaded when it is needed."""
    load_libraries()
    from fer_core.media.camera import list_cameras as look

    return look()


class CameraFinder(QObject):
    """Lists what can be chosen, as often as the person wishes."""

    found = Signal(object)
    """List of :class:`~fer_studio.live.camera_choice.CameraChoice`."""
    failed = Signal(str)

    def __init__(self, asked: CameraChoice | None, lister: CameraLister, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._asked = asked
        self._lister = lister
        self._tasks = Tasks(self)
        self._newest: Task | None = None

    @Slot()
    def refresh(self) -> None:
        """``found`` or ``failed`` follows; a list that was asked for before, and comes later, is out of date."""
        task = self._newest = self._tasks.make("listing cameras", self._work)
        task.succeeded.connect(self._on_succeeded)
        task.failed.connect(self._on_failed)
        self._tasks.start(task)

    def shutdown(self) -> bool:
        """False when a thread did not end in time."""
        return self._tasks.shutdown()

    def _work(self, control: Control) -> list[CameraChoice]:
        try:
            cameras = call_abandonable("listing cameras", self._lister, control.should_stop, len)
        except Abandoned:
            raise Cancelled from None
        return choices(cameras, self._asked)

    @Slot(object)
    def _on_succeeded(self, found: list[CameraChoice]) -> None:
        if self.sender() is self._newest:
            self.found.emit(found)

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        if self.sender() is self._newest:
            self.failed.emit(str(error) or type(error).__name__)
