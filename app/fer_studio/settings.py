"""What the window remembers from one start to the next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from platformdirs import user_config_path
from PySide6.QtCore import QByteArray, QObject, QSettings, QStandardPaths, Signal

_GROUP = "preferences"


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
    theme: str = "system"
    model: str = ""
    """ONNX file; empty is the shipped one."""
    device: str = "auto"
    max_faces: int = 4
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
        self.store = QSettings(str(file), QSettings.Format.IniFormat)
        """For parts of the window that remember things of their own."""
        self._preferences = self._load()

    @property
    def preferences(self) -> Preferences:
        """As they are now."""
        return self._preferences

    def change(self, **changes: Any) -> None:
        """Takes effect, and is remembered, at once."""
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
        values = {}
        for field in fields(Preferences):
            usual = getattr(Preferences, field.name)
            kind: type[Any] = type(usual)
            try:
                values[field.name] = kind(self.store.value(f"{_GROUP}/{field.name}", usual, type=kind))
            except (TypeError, ValueError):
                continue  # a file that somebody edited: what cannot be read is not chosen
        return Preferences(**values)
