"""The buttons that write, and the line that says how it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QAction, QDesktopServices, QKeySequence
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fer_core.media.errors import MediaError
from fer_core.types import Floats
from fer_studio.dialogs.save_file import ask_target
from fer_studio.review.elided_label import ElidedLabel
from fer_studio.synthesis.export import export_image, export_images, export_video, free_folder
from fer_studio.synthesis.fitted import FittedPhoto
from fer_studio.synthesis.remembered import Remembered
from fer_studio.workers.tasks import Task, Tasks, Work

if TYPE_CHECKING:
    from fer_core.augment.affect3d.sequence import AffectSequence

_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Exportable:
    """What can be written at the moment."""

    photo: FittedPhoto
    weights: Floats
    """(U,): of the picture that is shown."""
    sequence: AffectSequence | None
    """What would be played."""


class SynthesisExportBar(QWidget):
    """One export at a time, in the background.

    Args:
        current: gives what can be written, None when nothing can.
        remembered: knows the folder used last.
        parent: as usual.
    """

    exported = Signal(object)
    """Path of what was written."""
    failed = Signal(str)
    """Why it was not, and what helps."""

    def __init__(
        self, current: Callable[[], Exportable | None], remembered: Remembered, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._current = current
        self._remembered = remembered
        self._tasks = Tasks(self)
        self._task: Task | None = None
        self._target = Path()
        self.image = self._action("Image …", "Ctrl+E", "Write the picture that is shown", self._on_image)
        self.images = self._action(
            "Sequence …", "Ctrl+Alt+E", "Write every frame as a PNG into a new folder", self._on_images
        )
        self.video = self._action("Video …", "Ctrl+Shift+E", "Write the sequence as an MP4", self._on_video)
        self.cancel = self._action("Cancel", "Esc", "End the export; nothing is left of it", self.stop)
        self._text = ElidedLabel()
        self._text.setAccessibleName("State of the export")
        self._bar = QProgressBar(maximum=_PERCENT)
        self._bar.setAccessibleName("Progress of the export")
        self._cancel = QPushButton("Cancel")
        self._cancel.setToolTip(self.cancel.toolTip())
        self._cancel.clicked.connect(self.stop)
        self._show_folder = QPushButton("Show folder")
        self._show_folder.setToolTip("Open the folder in the system's file manager")
        self._show_folder.clicked.connect(self._on_show_folder)
        self._lay_out()
        self._say("")
        self.refresh()

    @property
    def text(self) -> str:
        """What the line says."""
        return self._text.text()

    @property
    def busy(self) -> bool:
        """Whether something is being written."""
        return self._task is not None

    @Slot()
    def refresh(self) -> None:
        """What can be written has changed."""
        current = self._current()
        idle = self._task is None
        self.image.setEnabled(idle and current is not None)
        for action in (self.images, self.video):
            action.setEnabled(idle and current is not None and current.sequence is not None)
        self.cancel.setEnabled(not idle)

    def export_image(self, what: Exportable, target: Path) -> None:
        """Starts writing the picture."""
        self._start(target, lambda control: export_image(what.photo, what.weights, target))

    def export_images(self, what: Exportable, folder: Path) -> None:
        """Starts writing every frame, if there are any, into a folder that is not there yet."""
        if (sequence := what.sequence) is not None:
            self._start(folder, lambda control: export_images(what.photo, sequence, folder, control))

    def export_video(self, what: Exportable, target: Path) -> None:
        """Starts writing a video of the frames, if there are any."""
        if (sequence := what.sequence) is not None:
            self._start(target, lambda control: export_video(what.photo, sequence, target, control))

    @Slot()
    def stop(self) -> None:
        """Asks an export that runs to end; returns at once."""
        if self._task is not None:
            self._task.cancel()

    def shutdown(self) -> bool:
        """Ends an export that runs; False when it did not in time."""
        return self._tasks.shutdown()

    def _action(self, text: str, keys: str, tip: str, slot: Callable[[], None]) -> QAction:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{tip} ({action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})")
        action.triggered.connect(slot)
        return action

    def _lay_out(self) -> None:
        buttons, line = QHBoxLayout(), QHBoxLayout()
        buttons.addWidget(QLabel("Export"))
        for action in (self.image, self.images, self.video):
            button = QToolButton()
            button.setDefaultAction(action)
            button.setAccessibleName(f"export {action.text().removesuffix(' …').lower()}")
            buttons.addWidget(button)
        buttons.addStretch(1)
        line.addWidget(self._text, 1)
        for part in (self._bar, self._cancel, self._show_folder):
            line.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(buttons)
        column.addLayout(line)

    def _start(self, target: Path, work: Work) -> None:
        if self._task is not None:
            return
        self._target = target
        self._task = self._tasks.make(f"export {target.name}", work)
        self._task.progressed.connect(self._on_progressed)
        self._task.succeeded.connect(self._on_succeeded)
        self._task.failed.connect(self._on_failed)
        self._task.cancelled.connect(self._on_cancelled)
        self._say(f"writing {target.name}", running=True)
        self._tasks.start(self._task)
        self.refresh()

    def _end(self, text: str, *, written: bool = False) -> None:
        self._task = None
        self._say(text, written=written)
        self.refresh()

    def _say(self, text: str, *, running: bool = False, written: bool = False) -> None:
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self._bar.setVisible(running)
        self._bar.setValue(0)
        self._cancel.setVisible(running)
        self._show_folder.setVisible(written)

    def _usual(self, what: Exportable, suffix: str) -> Path:
        """Beside the photograph, or where something was written last."""
        photograph = what.photo.photograph
        folder = self._remembered.export_folder or (photograph.path.parent if photograph.path else Path.home())
        return folder / f"{Path(photograph.name).stem.replace(' ', '-')}-synthesised{suffix}"

    def _ask_file(self, what: Exportable, title: str, suffix: str, kinds: str) -> Path | None:
        try:
            target = ask_target(self, title, self._usual(what, suffix), kinds)
        except FileExistsError as error:
            self.failed.emit(str(error))
            return None
        if target is not None:
            self._remembered.remember(export_folder=target.parent)
        return target

    # What is written is taken before a dialog asks where: meanwhile playing and fitting go on.

    @Slot()
    def _on_image(self) -> None:
        what = self._current()
        if what and (target := self._ask_file(what, "Write the picture", ".png", "Image (*.png *.jpg)")):
            self.export_image(what, target)

    @Slot()
    def _on_images(self) -> None:
        what = self._current()
        if what is None:
            return
        usual = self._usual(what, "")
        title = "Folder in which a new folder with the frames is made"
        if name := QFileDialog.getExistingDirectory(self, title, str(usual.parent)):
            self._remembered.remember(export_folder=Path(name))
            self.export_images(what, free_folder(Path(name), usual.name))

    @Slot()
    def _on_video(self) -> None:
        what = self._current()
        if what and (target := self._ask_file(what, "Write the video", ".mp4", "Video (*.mp4 *.mov)")):
            self.export_video(what, target)

    @Slot()
    def _on_show_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._target.parent)))

    @Slot(float, str)
    def _on_progressed(self, share: float, text: str) -> None:
        del text
        self._bar.setValue(round(_PERCENT * share))

    @Slot(object)
    def _on_succeeded(self, frames: object) -> None:
        what = f"{self._target}: {frames} frames" if isinstance(frames, int) else str(self._target)
        self._end(f"{what} written", written=True)
        self.exported.emit(self._target)

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        known = isinstance(error, MediaError)
        self._end(f"{self._target.name} was not written")
        self.failed.emit(
            str(error) if known else f"{self._target}: cannot be written ({type(error).__name__}: {error})"
        )

    @Slot()
    def _on_cancelled(self) -> None:
        self._end("export cancelled; nothing was written")
