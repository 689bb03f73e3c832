"""How what the camera shows came about: the last minutes of what was measured, below the picture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from fer_core.types import FrameResult, Status
from fer_studio.labels import Labels
from fer_studio.marks import Mark, MarkKind
from fer_studio.session import Recording

if TYPE_CHECKING:
    from fer_studio.views.timeline import Timeline

#: In view.
FOLLOW_S = 30.0
#: At least so much can be looked back on. Memory holds twice that, about 15 MB of one face.
KEPT_S = 600.0
#: Pictures that are further apart are those before and after a pause.
_GAP_S = 1.0
_HEIGHT_PX, _LEAST_LINES = 150, 8


class LiveTimeline(QWidget):
    """Keeps the newest results of one camera, and draws them from :meth:`open` on.

    What draws takes long to load, and the window is to be seen before.
    """

    face_selected = Signal(int)
    """The person chose the face whose curves are drawn."""
    mark_pressed = Signal()
    """The person wants to mark this moment."""

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view: Timeline | None = None
        self._labels = labels
        self._face_id: int | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.begin()

    @Slot()
    def open(self) -> None:
        """Makes what draws; later calls do nothing."""
        if self.view is not None:
            return
        from fer_studio.views.timeline import Timeline

        self.view = Timeline(self._labels, follow_s=FOLLOW_S)
        self.view.face_selected.connect(self.face_selected)
        self.view.mark_pressed.connect(self.mark_pressed)
        self.view.set_recording(self._measured)
        self.view.face_id = self._face_id
        self._column.addWidget(self.view)

    def begin(self, labels: Labels | None = None) -> None:
        """Nothing is measured yet: another camera, or another network, whose labels are given."""
        self._labels = labels or self._labels
        self._measured = Recording(self._labels.expressions, self._labels.action_units, with_baseline=True)
        self._face_id, self._frames = None, 0
        if self.view is not None:
            self.view.marks.bind(None)
            self.view.set_recording(self._measured)

    def add(self, result: FrameResult) -> None:
        """What was measured of the next picture; between it and one long before nothing is drawn."""
        count = len(self._measured)
        last_s = float(self._measured.time_s[-1]) if count else result.time_s
        if result.time_s - last_s > _GAP_S:
            pause = FrameResult(self._frames, last_s, result.width_px, result.height_px, Status.NO_FACE, ())
            self._append(pause)
        self._append(result)
        if self._measured.duration_s > 2 * KEPT_S:
            self._measured.forget_before(self._measured.end_s - KEPT_S)

    def _append(self, result: FrameResult) -> None:
        self._measured.append(replace(result, index=self._frames))
        self._frames += 1

    def select(self, face_id: int | None) -> None:
        """The face whose curves are drawn."""
        self._face_id = face_id
        if self.view is not None:
            self.view.face_id = face_id

    def mark(self) -> Mark | None:
        """Marks the newest picture; None when there is nothing to mark yet."""
        if self.view is None or not len(self._measured):
            return None
        return self.view.marks.add(MarkKind.POINT, float(self._measured.time_s[-1]))

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """High enough for curves that can be read."""
        return QSize(0, _LEAST_LINES * self.fontMetrics().height())

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """As high as it will be when it draws."""
        return QSize(super().sizeHint().width(), _HEIGHT_PX)
