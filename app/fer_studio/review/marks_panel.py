"""The list of marks: name them, go to them, delete them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fer_studio.marks import Mark, MarkKind
from fer_studio.views.mark_editor import MarkEditor
from fer_studio.views.timeline_text import clock_text

_NAME, _TIME, _KIND = range(3)
_KIND_TEXTS = {MarkKind.POINT: "marker", MarkKind.RANGE: "range", MarkKind.EXCLUDED: "excluded"}


class MarksPanel(QWidget):
    """All marks of a recording."""

    mark_chosen = Signal(object)
    """A :class:`~fer_studio.marks.Mark` to go to."""

    def __init__(self, editor: MarkEditor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editor = editor
        self._shown: tuple[Mark, ...] = ()
        self._table = QTableWidget(0, 3)
        self._table.setAccessibleName("Marks")
        self._table.setTabKeyNavigation(False)  # Tab leaves the table; arrows move in it
        self._table.setHorizontalHeaderLabels(["Name", "Time", "Kind"])
        self._table.verticalHeader().hide()
        self._table.setShowGrid(False)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setFrameShape(QTableWidget.Shape.NoFrame)
        header = self._table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_TIME, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_KIND, QHeaderView.ResizeMode.ResizeToContents)
        self._hint = QLabel(
            "Mark (M) sets a marker at the cursor. Select a part of the timeline with Shift and drag, or with I at its "
            "start and O at its end; then Range (R) gives it statistics of its own, and Exclude (X) leaves it out of "
            "all statistics and of all rows that are exported. An annotated video keeps all its pictures."
        )
        self._hint.setWordWrap(True)
        self._delete = QPushButton("Delete")
        self._delete.setToolTip("Delete the selected marks (Del); Ctrl+Z brings them back")
        self._delete.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the player
        self._delete.clicked.connect(self.delete_selected)
        self._buttons = QHBoxLayout()
        self._buttons.addStretch(1)
        self._buttons.addWidget(self._delete)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addLayout(self._buttons)
        layout.addWidget(self._table, 1)
        layout.addWidget(self._hint)
        self._table.itemChanged.connect(self._on_item_changed)
        self._table.cellDoubleClicked.connect(self._on_double_clicked)
        self._table.itemSelectionChanged.connect(self._on_selection_changed)
        QShortcut(
            QKeySequence.StandardKey.Delete,
            self._table,
            self.delete_selected,
            context=Qt.ShortcutContext.WidgetShortcut,
        ).setWhatsThis("Delete the selected marks")
        editor.marks_changed.connect(self._on_marks_changed)
        self._on_marks_changed()

    def set_actions(self, actions: Sequence[QAction]) -> None:
        """Buttons that make marks."""
        for place, action in enumerate(actions):
            button = QToolButton()
            button.setDefaultAction(action)
            button.setAccessibleName(action.toolTip())
            self._buttons.insertWidget(place, button)

    @Slot()
    def delete_selected(self) -> None:
        """Undo brings them back, one by one."""
        rows = sorted({index.row() for index in self._table.selectedIndexes()})
        for mark in [self._shown[row] for row in rows]:
            self._editor.delete(mark)

    @Slot()
    def _on_marks_changed(self) -> None:
        self._shown = self._editor.marks
        with QSignalBlocker(self._table):
            self._table.setRowCount(len(self._shown))
            for row, mark in enumerate(self._shown):
                for column, text in ((_NAME, mark.name), (_TIME, _time_text(mark)), (_KIND, _KIND_TEXTS[mark.kind])):
                    item = QTableWidgetItem(text)
                    if column != _NAME:
                        item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                    self._table.setItem(row, column, item)
        self._on_selection_changed()

    @Slot(QTableWidgetItem)
    def _on_item_changed(self, item: QTableWidgetItem) -> None:
        self._editor.rename(self._shown[item.row()], item.text())

    @Slot(int, int)
    def _on_double_clicked(self, row: int, column: int) -> None:
        if column != _NAME:
            self.mark_chosen.emit(self._shown[row])

    @Slot()
    def _on_selection_changed(self) -> None:
        self._delete.setEnabled(bool(self._table.selectedIndexes()))


def _time_text(mark: Mark) -> str:
    start = clock_text(mark.start_s)
    return start if mark.kind is MarkKind.POINT else f"{start} – {clock_text(mark.end_s)}"
