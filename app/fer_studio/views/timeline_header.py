"""The row above the timeline: whose curves, which curves, where the cursor stands, and zoom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QAction, QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from fer_core.labels import au_column
from fer_core.record.schema import EXPRESSION_PREFIX
from fer_studio.labels import Labels, unit_code, unit_name
from fer_studio.views.timeline_text import clock_text

_SWATCH_PX = 12


class TimelineHeader(QWidget):
    """Controls of a timeline; it holds no state of its own but what it shows.

    Args:
        following: of a recording that is being made, in which nothing is selected.
    """

    face_chosen = Signal(int)
    signal_toggled = Signal(str)
    zoom_in_pressed = Signal()
    zoom_out_pressed = Signal()
    show_all_pressed = Signal()
    zoom_selection_pressed = Signal()
    mark_pressed = Signal()
    """While following: this moment."""

    def __init__(self, parent: QWidget | None = None, *, following: bool = False) -> None:
        super().__init__(parent)
        self._actions: dict[str, QAction] = {}
        self._chips: list[QToolButton] = []
        self._faces = QComboBox()
        self._faces.setAccessibleName("Face of the curves")
        self._faces.setToolTip("The face whose curves are drawn")
        self._faces.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the workspace
        self._faces.hide()
        self._faces.activated.connect(self._on_face_activated)
        self._add = QToolButton()
        self._add.setText("Curves")
        self._add.setToolTip("Choose the curves that are drawn")
        self._add.setAccessibleName("Choose curves")
        self._add.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self._menu.triggered.connect(self._on_action_triggered)
        self._add.setMenu(self._menu)
        self._selection = QLabel()
        self._time = QLabel("0:00.000")
        self._time.setAccessibleName("Time of the cursor")
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(6)
        self._layout.addWidget(self._faces)
        self._layout.addWidget(self._add)
        self._layout.addStretch(1)
        for widget in (self._selection, self._time, *self._zoom_buttons(following)):
            self._layout.addWidget(widget)

    def set_labels(self, labels: Labels) -> None:
        """The curves that can be chosen."""
        self._menu.clear()
        self._actions = {}
        self._entry(self._menu, "valence", "Valence")
        self._entry(self._menu, "arousal", "Arousal")
        expressions = self._menu.addMenu("Expressions")
        for name in labels.expressions:
            self._entry(expressions, EXPRESSION_PREFIX + name, name.capitalize())
        units = self._menu.addMenu("Action units")
        for unit in labels.action_units:
            self._entry(units, au_column(unit), f"{unit_code(unit)} {unit_name(unit)}".strip())

    def set_signals(self, keys: Sequence[str], colours: Mapping[str, QColor], names: Mapping[str, str]) -> None:
        """The curves that are drawn: a chip each, which takes it away."""
        for key, action in self._actions.items():
            action.setChecked(key in keys)
        for chip in self._chips:
            self._layout.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self._chips = []
        for place, key in enumerate(keys):
            chip = QToolButton(self)
            chip.setAutoRaise(True)
            chip.setToolButtonStyle(chip.toolButtonStyle().ToolButtonTextBesideIcon)
            chip.setIcon(_swatch(colours[key], self.devicePixelRatioF()))
            chip.setText(names[key])
            chip.setToolTip(f"Hide the curve {names[key]}")
            chip.setProperty("signal_key", key)
            chip.clicked.connect(self._on_chip_clicked)
            self._layout.insertWidget(1 + place, chip)
            self._chips.append(chip)

    def set_faces(self, faces: Sequence[int], chosen: int | None) -> None:
        """The faces to choose from; hidden when there is no choice."""
        with QSignalBlocker(self._faces):
            if [self._faces.itemData(i) for i in range(self._faces.count())] != list(faces):
                self._faces.clear()
                for face_id in faces:
                    self._faces.addItem(f"Face {face_id}", face_id)
            self._faces.setCurrentIndex(faces.index(chosen) if chosen in faces else -1)
        self._faces.setVisible(len(faces) > 1)

    def set_time(self, text: str) -> None:
        """Where the cursor stands."""
        self._time.setText(text)

    def set_selection(self, span: tuple[float, float] | None) -> None:
        """What is selected."""
        self._to_selection.setEnabled(span is not None)
        if span is None:
            self._selection.setText("")
        else:
            self._selection.setText(f"selected {clock_text(span[1] - span[0])} from {clock_text(span[0])}   ·")

    @Slot(int)
    def _on_face_activated(self, row: int) -> None:
        self.face_chosen.emit(int(self._faces.itemData(row)))

    @Slot(QAction)
    def _on_action_triggered(self, action: QAction) -> None:
        self.signal_toggled.emit(str(action.data()))

    @Slot()
    def _on_chip_clicked(self) -> None:
        self.signal_toggled.emit(str(self.sender().property("signal_key")))

    def _entry(self, menu: QMenu, key: str, text: str) -> None:
        action = menu.addAction(text)
        action.setCheckable(True)
        action.setData(key)
        self._actions[key] = action

    def _zoom_buttons(self, following: bool) -> list[QToolButton]:
        def button(text: str, tip: str, signal: object) -> QToolButton:
            made = QToolButton()
            made.setText(text)
            made.setToolTip(tip)
            made.setAccessibleName(tip)
            made.clicked.connect(signal)
            return made

        self._to_selection = button("Selection", "Zoom to the selection", self.zoom_selection_pressed)
        self._to_selection.setEnabled(False)
        zoom = [button("−", "Zoom out", self.zoom_out_pressed), button("+", "Zoom in", self.zoom_in_pressed)]
        if following:
            newest = button("Now", "Back to what is measured now", self.show_all_pressed)
            return [button("Mark", "Mark this moment (M)", self.mark_pressed), *zoom, newest]
        return [*zoom, button("All", "Show the whole recording", self.show_all_pressed), self._to_selection]


def _swatch(colour: QColor, ratio: float) -> QIcon:
    picture = QPixmap(round(_SWATCH_PX * ratio), round(_SWATCH_PX * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(QColor(0, 0, 0, 0))
    painter = QPainter(picture)
    painter.fillRect(0, _SWATCH_PX // 2 - 2, _SWATCH_PX, 4, colour)
    painter.end()
    return QIcon(picture)
