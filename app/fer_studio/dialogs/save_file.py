"""Where something shall be written."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget


def ask_target(parent: QWidget, title: str, usual: Path, kinds: str) -> Path | None:
    """The file that a person chose, with the suffix of the usual one where they gave none; None when they chose none.

    Not every system's dialog knows of a suffix that is added after it: it asks before it replaces the file of the name
    that was typed, and never about that of the whole name.

    Raises:
        FileExistsError: there is one of the whole name already; the message says what to do.
    """
    name, _ = QFileDialog.getSaveFileName(parent, title, str(usual), kinds)
    if not name:
        return None
    typed = Path(name)
    if typed.suffix:
        return typed
    target = typed.with_name(typed.name + usual.suffix)
    if os.path.lexists(target):
        raise FileExistsError(f"{target}: exists already; give its whole name to replace it, or choose another name")
    return target
