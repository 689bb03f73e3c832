"""Six buttons for the basic expressions, and how strongly they or a point show."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QAction, QColor, QIcon, QKeySequence, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QStyleOptionToolButton,
    QToolButton,
    QWidget,
)

from fer_studio.synthesis.asked import EXPRESSIONS, MAX_INTENSITY
from fer_studio.terms import explain_expression
from fer_studio.theme import expression_colour

_COLUMNS = 3
_PERCENT = 100
_CHIP_PX = 32


class ExpressionButtons(QWidget):
    """At most one is down; pressing it again takes the expression back."""

    chosen = Signal(str)
    """By the person; empty for none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        self.keyed_actions: list[QAction] = []
        """To be added to the workspace, so that the keys work wherever the focus is in it."""
        for number, name in enumerate(EXPRESSIONS):
            action = self._action(name, f"Alt+{number + 1}")
            self.keyed_actions.append(action)
            grid.addWidget(_ExpressionButton(action), *divmod(number, _COLUMNS))

    @property
    def expression(self) -> str | None:
        """The one that is down. Setting it does not emit."""
        return next((str(action.data()) for action in self.keyed_actions if action.isChecked()), None)

    @expression.setter
    def expression(self, expression: str | None) -> None:
        for action in self.keyed_actions:
            action.setChecked(action.data() == expression)

    def _action(self, name: str, keys: str) -> QAction:
        action = QAction(_chip(expression_colour(name)), name.capitalize(), self)
        action.setCheckable(True)
        action.setData(name)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"Show {name}. {explain_expression(name)} ({keys})")
        action.triggered.connect(self._on_triggered)
        return action

    @Slot(bool)
    def _on_triggered(self, on: bool) -> None:
        action = self.sender()
        name = str(action.data()) if on and isinstance(action, QAction) else ""
        self.expression = name or None
        self.chosen.emit(name)


class _ExpressionButton(QToolButton):
    """The one that is down has the colour of a selected row: a pressed button alone hardly differs from the others."""

    def __init__(self, action: QAction) -> None:
        super().__init__()
        self.setDefaultAction(action)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setAccessibleName(f"show {action.data()}")

    def initStyleOption(self, option: QStyleOptionToolButton) -> None:  # noqa: N802  Qt's name
        """Called before each painting."""
        super().initStyleOption(option)
        if self.isChecked():
            option.palette.setColor(QPalette.ColorRole.Button, option.palette.color(QPalette.ColorRole.Highlight))


class IntensitySlider(QWidget):
    """From none to exaggerated."""

    changed = Signal(float)

    def __init__(self, intensity: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, round(_PERCENT * MAX_INTENSITY))
        self._slider.setPageStep(10)
        self._slider.setAccessibleName("Intensity")
        self._slider.setToolTip("How strongly the face shows it: 100 % is a full expression, 60 to 70 % looks natural")
        self._value = QLabel()
        self._value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        label = QLabel("&Intensity")
        label.setBuddy(self._slider)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label)
        row.addWidget(self._slider, 1)
        row.addWidget(self._value)
        self._slider.setValue(round(_PERCENT * intensity))
        self._say()
        self._keep_room()
        self._slider.valueChanged.connect(self._on_changed)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        """Another font needs other room."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange and hasattr(self, "_value"):
            self._keep_room()

    def _keep_room(self) -> None:
        self._value.setFixedWidth(self.fontMetrics().horizontalAdvance("100 %  "))

    @property
    def intensity(self) -> float:
        """0..``MAX_INTENSITY``."""
        return self._slider.value() / _PERCENT

    @intensity.setter
    def intensity(self, intensity: float) -> None:
        self._slider.setValue(round(_PERCENT * intensity))

    @Slot(int)
    def _on_changed(self) -> None:
        self._say()
        self.changed.emit(self.intensity)

    def _say(self) -> None:
        self._value.setText(f"{self._slider.value()} %")


def _chip(colour: QColor) -> QIcon:
    pixmap = QPixmap(_CHIP_PX, _CHIP_PX)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawEllipse(pixmap.rect().adjusted(4, 4, -4, -4))
    painter.end()
    return QIcon(pixmap)
