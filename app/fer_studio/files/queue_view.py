"""The queue as a table: its looks, what is selected in it, and its keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QByteArray, QEvent, QItemSelectionModel, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from fer_studio.files.job import Job
from fer_studio.files.table import JOB_ROLE, NEWS, STATE, QueueModel, StateDelegate

_COLUMNS_PX = (260, 150, 80, 80)
_ROW_PX, _ROW_MARGIN_PX = 30, 14

Key = QKeySequence | QKeySequence.StandardKey | Qt.Key


class QueueView(QTableView):
    """Shows a :class:`~fer_studio.files.table.QueueModel`."""

    def __init__(self, model: QueueModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Queue of files")
        self.setModel(model)
        self.setItemDelegateForColumn(STATE, StateDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setAlternatingRowColors(False)
        self.setTabKeyNavigation(False)  # Tab leaves the table; arrows move in it
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self._size_rows()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(NEWS, QHeaderView.ResizeMode.Stretch)
        for column, width_px in enumerate(_COLUMNS_PX):
            self.setColumnWidth(column, width_px)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        """Rows have the height of the text."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange:
            self._size_rows()

    def _size_rows(self) -> None:
        self.verticalHeader().setDefaultSectionSize(max(_ROW_PX, self.fontMetrics().height() + _ROW_MARGIN_PX))

    @property
    def selected(self) -> list[Job]:
        """The jobs whose rows are selected."""
        return [index.data(JOB_ROLE) for index in self.selectionModel().selectedRows()]

    def select_row(self, row: int) -> None:
        """Selects one job, whatever keys are held down at the moment."""
        flag = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(self.model().index(row, 0), flag.ClearAndSelect | flag.Rows)

    def add_keys(self, keys: Mapping[Key, tuple[Callable[[], None], str]]) -> None:
        """What each key does while the table has the focus, and in words."""
        for key, (slot, what) in keys.items():
            shortcut = QShortcut(QKeySequence(key), self, slot, context=Qt.ShortcutContext.WidgetShortcut)
            shortcut.setWhatsThis(what)

    def layout_state(self) -> QByteArray:
        """Widths of the columns, to be remembered."""
        return self.horizontalHeader().saveState()

    def restore_layout(self, state: object) -> None:
        """As remembered; anything else is left alone."""
        if isinstance(state, QByteArray):
            self.horizontalHeader().restoreState(state)
