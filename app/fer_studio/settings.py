"""What the window remembers from one start to the next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from platformdirs import user_config_path
from PySide6.QtCore import QByteArray, QEvent, QObject, QSettings, QStandardPaths, QThreadPool, QTimer, Signal, Slot

_GROUP = "preferences"
_WRITE_AFTER_MS = 1000


@dataclass(frozen=True)
class Preferences:
    """Choices of a person. Empty text and 0 mean: not chosen."""

    camera: str = ""
    """Name of the camera used last."""
    width_px: int = 0
    height_px: int = 0
    mirror: bool = True
    smooth_s: float = 0.0
    trail_s: float = 10.0
    sorted_bars: bool = False
    show_boxes: bool = True
    show_mesh: bool = False
    show_axes: bool = False
    show_timeline: bool = True
    """Below the picture of the camera."""
    theme: str = "system"
    text_percent: int = 100
    """Size of texts, relative to what the system says."""
    model: str = ""
    """Name of a shipped model, or an ONNX file; empty is the usual one."""
    device: str = "auto"
    max_faces: int = 4
    file_jobs: int = 0
    """Files that are measured at the same time; 0 is as many as the machine has room for."""
    recordings_folder: str = ""
    """Empty is a folder among the person's videos."""
    review_recordings: bool = True
    """Whether a live recording opens in review when it ends."""
    notice_seen: bool = False

    @property
    def recordings_path(self) -> Path:
        """Where live recordings go."""
        if self.recordings_folder:
            return Path(self.recordings_folder)
        movies = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
        return Path(movies or Path.home()) / "fer-studio"


class Store(QSettings):
    """Writes to the disk in the background, and once a second at most.

    Qt would write at once, in the window's thread, and wait until the disk has it: with every step of a slider.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), QSettings.Format.IniFormat)
        self._due = QTimer(self, singleShot=True, interval=_WRITE_AFTER_MS)
        self._due.timeout.connect(self._on_due)

    def setValue(self, key: str, value: Any) -> None:  # noqa: N802  Qt's name
        """Remembers a value; it is on the disk a second later, or after ``sync``."""
        super().setValue(key, value)
        if not self._due.isActive():
            self._due.start()

    def event(self, event: QEvent) -> bool:
        """Qt would write now."""
        return event.type() is QEvent.Type.UpdateRequest or super().event(event)

    @Slot()
    def _on_due(self) -> None:
        QThreadPool.globalInstance().start(self._write)

    def _write(self) -> None:
        # Objects for the same file share their values; this one belongs to the thread that it works in.
        QSettings(self.fileName(), QSettings.Format.IniFormat).sync()


class Settings(QObject):
    """Keeps preferences, and window layouts, in a file of their own; never elsewhere on the machine.

    Args:
        path: of the file; the usual place for this system and user when None.
    """

    changed = Signal(object, object)
    """Preferences before and now."""

    def __init__(self, path: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        file = path or user_config_path("fer-studio", appauthor=False) / "studio.ini"
        self.store = Store(file)
        """For parts of the window that remember things of their own."""
        self._preferences = self._load()

    @property
    def preferences(self) -> Preferences:
        """As they are now."""
        return self._preferences

    def change(self, **changes: Any) -> None:
        """Takes effect at once, and is remembered."""
        self.replace(replace(self._preferences, **changes))

    def replace(self, preferences: Preferences) -> None:
        """All preferences at once."""
        before, self._preferences = self._preferences, preferences
        if preferences == before:
            return
        for name, value in asdict(preferences).items():
            self.store.setValue(f"{_GROUP}/{name}", value)
        self.changed.emit(before, preferences)

    def layout(self, name: str) -> QByteArray:
        """A saved window layout; empty when there is none."""
        value = self.store.value(f"layout/{name}")
        return value if isinstance(value, QByteArray) else QByteArray()

    def save_layout(self, name: str, state: QByteArray) -> None:
        """Remembers a layout."""
        self.store.setValue(f"layout/{name}", state)

    def _load(self) -> Preferences:
        values: dict[str, Any] = {}
        for field in fields(Preferences):
            usual = getattr(Preferences, field.name)
            stored = self.store.value(f"{_GROUP}/{field.name}", usual)
            if isinstance(usual, bool):
                values[field.name] = str(stored).lower() == "true"
                continue
            try:
                values[field.name] = type(usual)(stored)
            except (TypeError, ValueError):
                continue  # a file that somebody edited: what cannot be read is not chosen
        return Preferences(**values)
