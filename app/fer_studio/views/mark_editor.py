"""The marks of one recording with undo, kept in their file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from fer_core.record.errors import RecordError
from fer_studio.marks import Mark, MarkKind, Marks, load_marks, save_marks

_DEFAULT_NAMES = {MarkKind.POINT: "marker", MarkKind.RANGE: "range", MarkKind.EXCLUDED: "excluded"}


class MarkEditor(QObject):
    """Adds, names, moves and deletes marks; every change can be undone and is saved at once."""

    marks_changed = Signal()
    problem_found = Signal(str)
    """Marks could not be read or saved; they stay in memory."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.undo_stack = QUndoStack(self)
        self._marks: Marks = ()
        self._path: Path | None = None

    @property
    def marks(self) -> Marks:
        """All marks by rising time."""
        return self._marks

    def bind(self, path: Path | None) -> None:
        """Reads the marks of a file, which from now on is theirs; None keeps marks in memory. Undo begins anew."""
        self._path = path
        self.undo_stack.clear()
        try:
            self._marks = load_marks(path) if path else ()
        except RecordError as error:
            self._marks, self._path = (), None  # what could not be read is not written over
            self.problem_found.emit(f"{error.path}: {error.reason}; {error.remedy}")
        self.marks_changed.emit()

    def add(self, kind: MarkKind, start_s: float, end_s: float | None = None, name: str = "") -> Mark:
        """A new mark, named and numbered when no name is given."""
        number = sum(mark.kind is kind for mark in self._marks) + 1
        mark = Mark(start_s, start_s if end_s is None else end_s, name or f"{_DEFAULT_NAMES[kind]} {number}", kind)
        self._push((*self._marks, mark), f"add {mark.name}")
        return mark

    def rename(self, mark: Mark, name: str) -> None:
        """Another name; an empty one changes nothing."""
        name = " ".join(name.split())
        if name and name != mark.name:
            self._replace(mark, replace(mark, name=name), f"rename {mark.name}")

    def delete(self, mark: Mark) -> None:
        """Gone, until undone."""
        self._push(tuple(m for m in self._marks if m is not mark), f"delete {mark.name}")

    def apply(self, marks: Marks) -> None:
        """Makes these the marks, without undo; for the commands of this module."""
        self._marks = tuple(sorted(marks))
        if self._path is not None:
            try:
                save_marks(self._path, self._marks)
            except RecordError as error:
                self.problem_found.emit(f"marks are not saved: {error.path}: {error.reason}; check its permissions")
        self.marks_changed.emit()

    def _replace(self, old: Mark, new: Mark, text: str) -> None:
        self._push(tuple(new if m is old else m for m in self._marks), text)

    def _push(self, after: Marks, text: str) -> None:
        self.undo_stack.push(_Change(self, self._marks, after, text))


class _Change(QUndoCommand):
    """Marks are few and immutable: keeping all of them before and after is the whole of undo."""

    def __init__(self, editor: MarkEditor, before: Marks, after: Marks, text: str) -> None:
        super().__init__(text)
        self._editor, self._before, self._after = editor, before, after

    def redo(self) -> None:
        self._editor.apply(self._after)

    def undo(self) -> None:
        self._editor.apply(self._before)
