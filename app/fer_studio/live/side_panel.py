"""Everything about the selected face, from the top: which one, expressions, valence and arousal, action units."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QByteArray, Qt, Signal
from PySide6.QtWidgets import QLabel, QSplitter, QVBoxLayout, QWidget

from fer_core.types import FaceResult
from fer_studio.labels import Labels
from fer_studio.live.indicators import FaceChips
from fer_studio.terms import explain
from fer_studio.views.au_bars import AuBars
from fer_studio.views.expression_bars import ExpressionBars
from fer_studio.views.va_plane import VaPlane

#: Of the height, for expressions, plane and action units.
_SHARES = (28, 40, 32)


class SidePanel(QWidget):
    """Three views of one face; the person may shift room between them."""

    face_chosen = Signal(int)

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chips = FaceChips()
        self.chips.chosen.connect(self.face_chosen)
        self._note = QLabel()
        self._note.setWordWrap(True)
        self._note.setToolTip(explain("baseline"))
        self._note.hide()
        self.expressions = ExpressionBars(labels)
        self.plane = VaPlane()
        self.units = AuBars(labels)
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self._splitter.setChildrenCollapsible(False)
        for share, view in zip(_SHARES, (self.expressions, self.plane, self.units), strict=True):
            self._splitter.addWidget(view)
            self._splitter.setStretchFactor(self._splitter.count() - 1, share)
        self._splitter.setSizes([100 * share for share in _SHARES])
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.addWidget(self.chips)
        column.addWidget(self._note)
        column.addWidget(self._splitter, 1)
        self._face_id: int | None = None

    def set_labels(self, labels: Labels) -> None:
        """Of another model."""
        self.expressions.set_labels(labels)
        self.units.set_labels(labels)
        self.plane.clear()

    def show_face(self, face_id: int | None, face: FaceResult | None, time_s: float, present: Sequence[int]) -> None:
        """The selected face at a time; ``face`` is None while it is lost. ``present``: ids in the picture."""
        if face_id != self._face_id:
            self.clear()
            self._face_id = face_id
        self.chips.show_faces(present, face_id)
        affect = face.affect if face else None
        corrected = face.affect_baseline if face else None
        self.expressions.show_affect(affect, corrected, time_s=time_s)
        self.units.show_affect(affect, corrected, time_s=time_s)
        point = corrected or affect
        if point is None:
            self.plane.show_gap(time_s)
        else:
            self.plane.show_point(time_s, point.valence, point.arousal)

    def show_baselines(self, faces: Sequence[int], *, partly: bool = False) -> None:
        """Whose neutral is subtracted, ``partly`` not everywhere; the views mark the raw value beside the corrected."""
        ids, part = ", ".join(map(str, faces)), " in part of the recording" if partly else ""
        note = f"Neutral baseline of face {ids} is subtracted{part}; ticks show raw values." if faces else ""
        if note == self._note.text():
            return
        self._note.setText(note)
        self._note.setVisible(bool(note))
        self.plane.clear()  # a trail must not jump from raw to corrected values

    def clear(self) -> None:
        """Forgets values and histories."""
        self._face_id = None
        self.chips.show_faces((), None)
        self.expressions.clear()
        self.plane.clear()
        self.units.clear()

    def layout_state(self) -> QByteArray:
        """Of the splitter."""
        return self._splitter.saveState()

    def restore_layout(self, state: QByteArray) -> None:
        """The inverse of :meth:`layout_state`; ignores an empty one."""
        if not state.isEmpty():
            self._splitter.restoreState(state)
