"""Small signs of the live view: the analysing light, the faces to choose from, the status line."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from fer_studio.live.controller import LiveStats
from fer_studio.theme import theme_of

_PROVIDER_NAMES = {
    "CPUExecutionProvider": "CPU",
    "CUDAExecutionProvider": "CUDA",
    "DmlExecutionProvider": "DirectML",
    "CoreMLExecutionProvider": "CoreML",
}


class AnalysingLight(QWidget):
    """Says whether faces are analysed at this moment: by colour, by form (filled or hollow) and in words."""

    ON, OFF = "analysing faces", "not analysing"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lit = False
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.setToolTip("Lit while pictures of the camera are measured. They stay on this machine.")
        self.setAccessibleName(self.OFF)

    @property
    def lit(self) -> bool:
        """Whether it is on."""
        return self._lit

    @lit.setter
    def lit(self, on: bool) -> None:
        if on != self._lit:
            self._lit = on
            self.setAccessibleName(self.ON if on else self.OFF)
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Room for the longer text."""
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self.ON) + 2 * metrics.height() + 8, metrics.height() + 8)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Dot and words."""
        del event
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = self.fontMetrics().height() * 0.7
        dot = QRectF(6, (self.height() - side) / 2, side, side)
        colour = theme.good if self._lit else theme.text_dim
        painter.setPen(QPen(colour, 2))
        painter.setBrush(colour if self._lit else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(dot)
        painter.setPen(theme.text if self._lit else theme.text_dim)
        words = QRectF(dot.right() + 7, 0, self.width() - dot.right() - 7, self.height())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, self.ON if self._lit else self.OFF)
        painter.end()


class FaceChips(QWidget):
    """One button a face that is seen, or that the selection waits for."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self._group.idClicked.connect(self.chosen)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._label = QLabel()
        self._row.addWidget(self._label)
        self._row.addStretch(1)
        self._shown: tuple[tuple[int, ...], int | None, bool] | None = None
        self.setAccessibleName("faces to select")
        self.show_faces((), None)

    def show_faces(self, faces: Sequence[int], selected: int | None) -> None:
        """Ids in the picture, and the selected one, which may be lost at the moment."""
        lost = selected is not None and selected not in faces
        state = (tuple(faces), selected, lost)
        if state == self._shown:
            return
        if self._shown is None or (set(faces) | {selected}) != (set(self._shown[0]) | {self._shown[1]}):
            self._make_buttons(sorted({*faces, *([selected] if selected is not None else [])}))
        self._shown = state
        for button in self._group.buttons():
            face_id = self._group.id(button)
            button.setChecked(face_id == selected)
            font = button.font()
            font.setBold(face_id == selected)
            button.setFont(font)
            button.setText(f"{face_id} (lost)" if lost and face_id == selected else str(face_id))
        if not faces and selected is None:
            self._label.setText("no face")
        elif selected is None:
            self._label.setText("no usable face")
        else:
            self._label.setText("Faces:" if len(faces) > 1 else "Face:")

    def _make_buttons(self, ids: Sequence[int]) -> None:
        for button in self._group.buttons():
            self._group.removeButton(button)
            self._row.removeWidget(button)
            button.deleteLater()
        for position, face_id in enumerate(ids, start=1):
            button = QPushButton(str(face_id))
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the workspace
            button.setToolTip(f"Show the values of face {face_id} (key {face_id})")
            button.setAccessibleName(f"select face {face_id}")
            button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            self._group.addButton(button, face_id)
            self._row.insertWidget(position, button)


_STATUS_TOOLTIPS = {
    "camera": "Pictures per second that the camera gives",
    "analysed": "Pictures per second that are measured",
    "latency": "From the arrival of a picture until it is shown with its results",
    "dropped": "Pictures that were not measured since the start, because a newer one was there",
    "device": "What runs the network, and on how many threads",
    "faces": "Faces in the picture",
    "baseline": "Faces whose neutral expression is subtracted",
}
#: Of figures that change all the time, the longest that is usual: so much room they keep, so that nothing moves.
_USUAL_TEXTS = {
    "camera": "888.8 fps in",
    "analysed": "888.8 fps analysed",
    "latency": "8888 ms latency",
    "dropped": "88888 dropped",
    "faces": "88 faces",
}


class StatusLine(QWidget):
    """Whether the machine keeps up."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 8, 2)
        row.setSpacing(18)
        self._parts: dict[str, QLabel] = {}
        for name, tooltip in _STATUS_TOOLTIPS.items():
            label = QLabel()
            label.setToolTip(tooltip)
            label.setAccessibleName(name)
            row.addWidget(label)
            self._parts[name] = label
        row.addStretch(1)
        self.message = QLabel()
        row.addWidget(self.message)
        self._keep_room()
        self.show_device("", 0)
        self.show_stats(None, None, 0)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        """Another font needs other room."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange and hasattr(self, "message"):
            self._keep_room()

    def _keep_room(self) -> None:
        for name, text in _USUAL_TEXTS.items():
            usual = QLabel(text)
            usual.setFont(self.font())
            self._parts[name].setMinimumWidth(usual.sizeHint().width())

    def text(self, name: str) -> str:
        """What a part says."""
        return self._parts[name].text()

    def show_device(self, provider: str, threads: int) -> None:
        """ONNX Runtime's name of the provider, empty while the network is not loaded."""
        if not provider:
            self._parts["device"].setText("")
            return
        name = _PROVIDER_NAMES.get(provider, provider)
        counted = f" ({threads} thread{'s' if threads > 1 else ''})" if name == "CPU" else ""
        self._parts["device"].setText(f"{name}{counted}")

    def show_stats(self, stats: LiveStats | None, latency_ms: float | None, faces: int) -> None:
        """None while no camera runs."""
        running = stats is not None
        if stats is not None:
            self._parts["camera"].setText(f"{stats.camera_hz:.1f} fps in")
            self._parts["analysed"].setText(f"{stats.analysed_hz:.1f} fps analysed")
            self._parts["latency"].setText("– ms latency" if latency_ms is None else f"{latency_ms:.0f} ms latency")
            self._parts["dropped"].setText(f"{stats.dropped} dropped")
            self._parts["faces"].setText(f"{faces} face{'' if faces == 1 else 's'}")
        for name in ("camera", "analysed", "latency", "dropped", "faces"):
            self._parts[name].setVisible(running)

    @Slot(object)
    def show_baselines(self, faces: tuple[int, ...]) -> None:
        """Ids of the faces that have one."""
        ids = ", ".join(map(str, faces))
        self._parts["baseline"].setText(f"baseline: face{'s' if len(faces) > 1 else ''} {ids}" if faces else "")
