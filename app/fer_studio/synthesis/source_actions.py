"""The three ways to get a photograph, as actions with keys."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence


class SourceActions(QObject):
    """They only say what the person wants."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.choose = self._action("Choose a photograph …", "Ctrl+Shift+O", "Open a photograph of a neutral face")
        self.camera = self._action("From the camera", "Ctrl+G", "Take the present picture of the live view")
        self.portrait = self._action("Built-in portrait", "Ctrl+B", "Open the portrait that comes with the program")

    def all(self) -> list[QAction]:
        """In the order of the buttons."""
        return [self.choose, self.camera, self.portrait]

    def _action(self, text: str, keys: str, tip: str) -> QAction:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{tip} ({action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})")
        return action
