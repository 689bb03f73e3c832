"""What the face is asked to show: plane, expressions, intensity."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fer_core.types import Floats
from fer_studio.synthesis.asked import Asked
from fer_studio.synthesis.expression_buttons import ExpressionButtons, IntensitySlider
from fer_studio.synthesis.remembered import Remembered
from fer_studio.synthesis.va_pad import VaPad


class LookPanel(QWidget):
    """Holds the wish of the person and says when it changes."""

    moved = Signal()
    """:attr:`asked` is another; more may follow at once."""
    changed = Signal()
    """The wish has come to rest, or the path is another."""
    intensity_changed = Signal()

    def __init__(self, remembered: Remembered, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._asked = Asked(intensity=remembered.intensity)
        self.pad = VaPad()
        self.pad.path = remembered.path
        self.expressions = ExpressionButtons()
        self.intensity = IntensitySlider(remembered.intensity)
        self.neutral = QAction("Neutral", self)
        self.neutral.setShortcut(QKeySequence("Ctrl+0"))
        self.neutral.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.neutral.setToolTip("Show the photograph as it is (Ctrl+0)")
        self.neutral.triggered.connect(self._on_neutral)
        self.undo = QAction("Undo path", self)
        self.undo.setShortcut(QKeySequence("Ctrl+Z"))
        self.undo.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.undo.setToolTip("Take back the last change of the path (Ctrl+Z)")
        self.undo.triggered.connect(self.pad.undo_path)
        self._neutral = QPushButton("Neutral")
        self._neutral.setToolTip(self.neutral.toolTip())
        self._neutral.clicked.connect(self._on_neutral)
        self._clear = QPushButton("Clear path")
        self._clear.setToolTip("Take the drawn path away (Delete in the plane); Ctrl+Z brings it back")
        self._clear.clicked.connect(self.pad.clear_path)
        self._lay_out()
        self.pad.point_asked.connect(self._on_point)
        self.pad.drawing_ended.connect(self.changed)
        self.pad.path_changed.connect(self._on_path)
        self.expressions.chosen.connect(self._on_expression)
        self.intensity.changed.connect(self._on_intensity)
        self._refresh()

    @property
    def asked(self) -> Asked:
        """Point or expression, and intensity."""
        return self._asked

    @property
    def path(self) -> Floats | None:
        """The drawn path (N, 2)."""
        return self.pad.path

    @path.setter
    def path(self, path: Floats | None) -> None:
        self.pad.path = path
        self._on_path()

    def keyed_actions(self) -> list[QAction]:
        """To be added to the workspace, so that the keys work wherever the focus is in it."""
        return [*self.expressions.keyed_actions, self.neutral, self.undo]

    def follow(self, point: tuple[float, float] | None) -> None:
        """Where playing is; None for the wish of the person."""
        if self._asked.expression is None:
            self.pad.point = point or self._asked.va

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self._neutral)
        row.addWidget(self._clear)
        row.addSpacing(self.fontMetrics().height())
        row.addWidget(self.intensity, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.pad, 1)
        column.addWidget(self.expressions)
        column.addLayout(row)

    def _refresh(self) -> None:
        expression = self._asked.expression
        self.expressions.expression = expression
        self.pad.dimmed = expression is not None
        self.pad.point = None if expression is not None else self._asked.va
        self._refresh_path()

    def _refresh_path(self) -> None:
        self._clear.setEnabled(self.path is not None)
        self.undo.setEnabled(self.pad.can_undo)

    @Slot(float, float)
    def _on_point(self, valence: float, arousal: float) -> None:
        self._asked = replace(self._asked, va=(valence, arousal), expression=None)
        self._refresh()
        self.moved.emit()

    @Slot()
    def _on_path(self) -> None:
        self._refresh_path()
        self.changed.emit()

    @Slot(str)
    def _on_expression(self, expression: str) -> None:
        self._asked = replace(self._asked, expression=expression or None)
        self._refresh()
        self.moved.emit()
        self.changed.emit()

    @Slot()
    def _on_neutral(self) -> None:
        self._on_point(0.0, 0.0)
        self.changed.emit()

    @Slot(float)
    def _on_intensity(self, intensity: float) -> None:
        self._asked = replace(self._asked, intensity=intensity)
        self.intensity_changed.emit()
