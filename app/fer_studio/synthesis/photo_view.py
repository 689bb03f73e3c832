"""The photograph with the face as it is asked for, or as it was."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from fer_core.types import FaceResult, FrameResult, ImageU8, Status
from fer_studio.labels import Labels
from fer_studio.synthesis.fitted import FittedPhoto
from fer_studio.synthesis.render_thread import Rendered
from fer_studio.views.face_overlay import FacePainter, Placement
from fer_studio.views.video_view import VideoView

_PLATE, _WHITE = QColor(0, 0, 0, 170), QColor("#ffffff")


@dataclass(frozen=True, slots=True)
class Painted:
    """How long a picture took to be seen."""

    level: int
    render_s: float
    latency_s: float
    """From the wish to the end of painting."""


class PhotoView(VideoView):
    """A :class:`VideoView` for one photograph: pressing it, or holding the button, shows the original.

    With several faces, a click on another one, or its digit, takes that one.
    """

    painted = Signal(object)
    """:class:`Painted`, once for each preview."""
    original_held = Signal(bool)
    """The person presses the picture, or lets it go."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Labels((), ()), parent)
        self._photo: FittedPhoto | None = None
        self._rendered: Rendered | None = None
        self._painted: Rendered | None = None
        self._original = False
        self._what = ""
        self.setAccessibleName("Photograph")

    def show_plain(self, image_rgb_u8: ImageU8 | None) -> None:
        """A photograph whose face is not fitted."""
        self._photo = self._rendered = None
        self.show_frame(image_rgb_u8, None)

    def show_photo(self, photo: FittedPhoto) -> None:
        """A fitted photograph, as it was."""
        self._photo, self._rendered = photo, None
        self.selected_face = photo.chosen
        self._refresh()

    def show_rendered(self, rendered: Rendered, what: str) -> None:
        """The photograph with another affect, and what that is in words."""
        self._rendered, self._what = rendered, what
        self._refresh()

    @property
    def original(self) -> bool:
        """Whether the photograph is shown as it was."""
        return self._original

    @original.setter
    def original(self, original: bool) -> None:
        self._original = original
        self._refresh()

    def describe(self) -> str:
        """What the picture shows, in words."""
        if self._photo is None:
            return "no photograph" if self.placement() is None else "a photograph"
        if self._rendered is None or self._original:
            return f"{self._photo.photograph.name}, original"
        return f"{self._photo.photograph.name}, synthesised: {self._what}"

    def tooltip_at(self, point: QPointF) -> str:
        """What a press does."""
        if self._photo is None:
            return ""
        face_id = self.face_at(point)
        if self._many and face_id is not None and face_id != self._photo.chosen:
            return f"Face {face_id}: click to take this one"
        return "Hold to see the original"

    @property
    def _many(self) -> bool:
        return self._photo is not None and len(self._photo.faces) > 1

    def _refresh(self) -> None:
        photo = self._photo
        if photo is None:
            return
        if self._rendered is None or self._original:
            level, image = photo.full, photo.full.image_rgb_u8
        else:
            level, image = photo.levels[self._rendered.level], self._rendered.image_rgb_u8
        height_px, width_px = image.shape[:2]
        self.show_frame(image, FrameResult(0, 0.0, width_px, height_px, Status.OK, level.faces))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt's name
        """The picture, which one it is, and the time that took."""
        super().paintEvent(event)
        place = self.placement()
        if self._photo is not None and place is not None:
            painter = QPainter(self)
            self._paint_badge(painter, place)
            painter.end()
        rendered = self._rendered
        if rendered is not None and not self._original and rendered is not self._painted:
            self._painted = rendered
            if not rendered.preview:
                return
            latency_s = time.perf_counter() - rendered.order.asked_s
            self.painted.emit(Painted(rendered.level, rendered.took_s, latency_s))

    def _paint_badge(self, painter: QPainter, place: Placement) -> None:
        text = "original" if self._original or self._rendered is None else "synthesised"
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * self._text_scale())
        metrics = QFontMetricsF(font)
        plate = QRectF(0, 0, metrics.horizontalAdvance(text) + metrics.height(), metrics.height() * 1.3)
        plate.moveTopLeft(place.area.topLeft())
        painter.fillRect(plate, _PLATE)
        painter.setFont(font)
        painter.setPen(_WHITE)
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_faces(self, painter: QPainter, place: Placement) -> None:
        """Frames only where there is a choice."""
        if not self._many or self._photo is None:
            return
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * self._text_scale())
        paint = FacePainter(painter, place, self._labels, font)
        for face in self._faces():
            chosen = face.face.face_id == self._photo.chosen
            paint.box(replace(face, affect=None), selected=chosen)
            _paint_number(painter, font, place.rect(face.face.box), face, chosen)

    # What the person does

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        """Another face is taken; elsewhere the original shows while the button is down."""
        photo = self._photo
        if photo is None or event.button() is not Qt.MouseButton.LeftButton:
            event.ignore()
            return
        face_id = self.face_at(event.position()) if self._many else None
        if face_id is not None and face_id != photo.chosen:
            self._select(face_id)
        else:
            self.original_held.emit(True)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        """Synthesised again."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.original_held.emit(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """Digits choose only where there is a choice."""
        if self._many:
            super().keyPressEvent(event)
        else:
            event.ignore()

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802  Qt's name
        """As in other views: taking a face costs a fit, and passing by must not."""
        return QWidget.focusNextPrevChild(self, forward)


def _paint_number(painter: QPainter, font: QFont, rect: QRectF, face: FaceResult, chosen: bool) -> None:
    metrics = QFontMetricsF(font)
    chip = QRectF(rect.left(), rect.top(), metrics.height() * 1.3, metrics.height() * 1.3)
    bold = QFont(font)
    bold.setBold(chosen)
    painter.fillRect(chip, _PLATE)
    painter.setFont(bold)
    painter.setPen(_WHITE)
    painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, str(face.face.face_id))
