"""Which camera is wanted. It goes by its name: plugged in again, a camera may have another number."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from fer_studio.live.camera_choice import FILE_PREFIX, CameraChoice, choices, choose
from fer_studio.live.camera_finder import CameraFinder, CameraLister
from fer_studio.live.toolbar import LiveToolbar
from fer_studio.settings import Settings


class CameraPicker(QObject):
    """Fills the list of the toolbar, remembers what is taken from it, and looks for that again.

    Args:
        toolbar: shows the cameras.
        settings: where the name is remembered.
        asked: on the command line.
        lister: gives the cameras of the machine.
        parent: as usual.
    """

    listed = Signal()
    """The list is another one."""
    none_found = Signal()
    """No camera is in it, but maybe what can take its place."""
    failed = Signal(str)
    """Why the cameras cannot be listed."""
    found_again = Signal(object)
    """The :class:`~fer_studio.live.camera_choice.CameraChoice` that was sought, as it is listed now."""
    missing = Signal(str)
    """Name of the one that was sought and is not there."""

    def __init__(
        self,
        toolbar: LiveToolbar,
        settings: Settings,
        asked: CameraChoice | None,
        lister: CameraLister,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._toolbar = toolbar
        self._settings = settings
        self._asked = asked
        self._finder = CameraFinder(asked, lister, self)
        self._sought = False
        self.wanted: CameraChoice | None = None
        """What was picked last; the list may lack it, and show another one."""
        toolbar.refresh_requested.connect(self.refresh)
        self._finder.found.connect(self._on_found)
        self._finder.failed.connect(self._on_failed)

    @Slot()
    def refresh(self) -> None:
        """``listed`` follows, and what there is to say about it."""
        self._finder.refresh()

    def pick(self) -> CameraChoice | None:
        """What the list shows, or else what was asked for, is the camera that is wanted from now on."""
        choice = self._toolbar.choice or self._asked
        if choice is not None:
            self._want(choice)
        return choice

    def seek(self) -> None:
        """Looks for the camera that is wanted; ``found_again``, ``missing`` or ``failed`` follows."""
        self._sought = self.wanted is not None
        self.refresh()

    def shutdown(self) -> bool:
        """False when a thread did not end in time."""
        return self._finder.shutdown()

    def _want(self, choice: CameraChoice) -> None:
        self.wanted, self._sought = choice, False
        if choice is not self._asked:
            self._settings.change(camera=choice.name)

    @Slot(object)
    def _on_found(self, found: list[CameraChoice]) -> None:
        sought = self._sought
        if self._show(found):
            return
        if sought and self.wanted is not None:
            self.missing.emit(self.wanted.name)
        elif all(choice.spec.startswith(FILE_PREFIX) for choice in found):
            self.none_found.emit()

    @Slot(str)
    def _on_failed(self, problem: str) -> None:
        if not self._show(choices([], self._asked)):
            self.failed.emit(problem)

    def _show(self, found: list[CameraChoice]) -> bool:
        """Whether the one that was sought is among them."""
        names = [choice.name for choice in (self.wanted, self._asked) if choice is not None]
        self._toolbar.show_cameras(found, choose(found, *names, self._settings.preferences.camera))
        self.listed.emit()
        sought, self._sought = self._sought, False
        choice = self._toolbar.choice
        if not sought or choice is None or choice.name != names[0]:
            return False
        self._want(choice)
        self.found_again.emit(choice)
        return True
