"""The picture, letterboxed, with what was measured drawn over it at display rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QFont,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from fer_core.types import FaceResult, FrameResult, ImageU8
from fer_studio.labels import Labels
from fer_studio.terms import explain, explain_status
from fer_studio.theme import theme_of
from fer_studio.views.face_overlay import FacePainter, Placement
from fer_studio.views.message_card import MessageCard

#: Lines of text that the view is high when text has the size of the window's font; text grows with the view.
_LINES_AT_FONT_SIZE = 36
_MAX_TEXT_SCALE = 2.5


@dataclass
class _Scaled:
    """The picture as large as it is shown."""

    pixels: ImageU8
    image: QImage
    """Shares the memory of ``pixels``."""
    fresh: bool = False
    """Whether it shows the present picture."""

    @classmethod
    def of_size(cls, width: int, height: int) -> _Scaled:
        pixels = np.empty((height, width, 3), dtype=np.uint8)
        return cls(pixels, QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888))


class VideoView(QWidget):
    """Video with boxes, mesh contours and pose axes. A click, Tab or the digit of an id selects a face."""

    face_selected = Signal(int)
    """The person chose a face; setting ``selected_face`` does not emit it."""
    retry_requested = Signal()
    """The button of a message with ``retry`` was pressed."""

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels = labels
        self._mirror, self._show_boxes, self._show_mesh, self._show_axes = False, True, False, False
        self._selected: int | None = None
        self._image_rgb_u8: ImageU8 | None = None
        self._result: FrameResult | None = None
        self._scaled: _Scaled | None = None
        self._card = MessageCard(self)
        self._card.retry_requested.connect(self.retry_requested)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Video with faces")
        self.setAccessibleDescription("no picture")

    def set_labels(self, labels: Labels) -> None:
        """Labels of another model; forgets the result that was shown."""
        self._labels, self._result = labels, None
        self.update()

    # Options

    @property
    def mirror(self) -> bool:
        """The picture like a mirror; words stay readable."""
        return self._mirror

    @mirror.setter
    def mirror(self, on: bool) -> None:
        self._mirror = on
        self._outdate()
        self.update()

    @property
    def show_boxes(self) -> bool:
        """Boxes with id, apparent expression and probability."""
        return self._show_boxes

    @show_boxes.setter
    def show_boxes(self, on: bool) -> None:
        self._show_boxes = on
        self.update()

    @property
    def show_mesh(self) -> bool:
        """Contours of the face mesh."""
        return self._show_mesh

    @show_mesh.setter
    def show_mesh(self, on: bool) -> None:
        self._show_mesh = on
        self.update()

    @property
    def show_axes(self) -> bool:
        """Axes of the head's pose."""
        return self._show_axes

    @show_axes.setter
    def show_axes(self, on: bool) -> None:
        self._show_axes = on
        self.update()

    @property
    def selected_face(self) -> int | None:
        """Id of the selected face; stays while that face is lost."""
        return self._selected

    @selected_face.setter
    def selected_face(self, face_id: int | None) -> None:
        self._selected = face_id
        self.update()

    # Content

    def show_frame(self, image_rgb_u8: ImageU8 | None, result: FrameResult | None) -> None:
        """A picture (H, W, 3) and what was measured on it.

        The array is kept, not copied: do not write into it afterwards. None shows an empty view.
        """
        if image_rgb_u8 is not self._image_rgb_u8:
            self._image_rgb_u8 = image_rgb_u8
            self._outdate()
        self._result = result
        if QAccessible.isActive():
            self.setAccessibleDescription(self.describe())
        self.update()

    def _outdate(self) -> None:
        if self._scaled is not None:
            self._scaled.fresh = False

    @property
    def picture(self) -> ImageU8 | None:
        """What is shown, (H, W, 3), as it came: not mirrored, not to be written into."""
        return self._image_rgb_u8

    def message(self, text: str, remedy: str = "", *, retry: bool = False, action: str = "Try again") -> None:
        """Text over the picture until ``clear_message``: what is wrong, what helps, and a button where it may."""
        self._card.show_message(text, remedy, retry=retry, action=action)
        self._place_card()

    def clear_message(self) -> None:
        """Takes the message away."""
        self._card.hide()

    def describe(self) -> str:
        """What the picture shows, in words."""
        if self._image_rgb_u8 is None:
            return "no picture"
        return "; ".join(self._describe_face(face) for face in self._faces()) or "no face"

    def _describe_face(self, face: FaceResult) -> str:
        affect, name = face.affect_baseline or face.affect, f"face {face.face.face_id}"
        if affect is None:
            return f"{name} {explain_status(face.face.status)}"
        top = int(np.argmax(affect.expression_probs))
        return f"{name} {self._labels.expressions[top]} {affect.expression_probs[top]:.1f}"

    def _faces(self) -> tuple[FaceResult, ...]:
        return self._result.faces if self._result is not None else ()

    # Geometry

    def sizeHint(self) -> QSize:  # noqa: N802
        """A picture of 16 to 9."""
        line = self.fontMetrics().height()
        return QSize(48 * line, 27 * line)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """A third of the hint."""
        return self.sizeHint() / 3

    def placement(self) -> Placement | None:
        """Where the picture lies in the widget; None without a picture."""
        if self._image_rgb_u8 is None:
            return None
        height, width = self._image_rgb_u8.shape[:2]
        scale = min(self.width() / width, self.height() / height)
        # Whole pixels: a picture between them would be blurred, and clipping to it slow.
        area = QRect(0, 0, max(1, round(width * scale)), max(1, round(height * scale)))
        area.moveCenter(self.rect().center())
        return Placement(QRectF(area), scale, width, self._mirror)

    def face_at(self, point: QPointF) -> int | None:
        """Id of the smallest face whose box holds a point of the widget."""
        place = self.placement()
        if place is None:
            return None
        hits = [face.face for face in self._faces() if place.rect(face.face.box).contains(point)]
        return min(hits, key=lambda face: face.box.w_px * face.box.h_px).face_id if hits else None

    def _text_scale(self) -> float:
        lines = min(self.height(), self.width() * 9 / 16) / self.fontMetrics().height()
        return max(1.0, min(_MAX_TEXT_SCALE, lines / _LINES_AT_FONT_SIZE))

    def _place_card(self) -> None:
        self._card.set_scale(self._text_scale())
        width = min(int(self.width() * 0.9), int(34 * self.fontMetrics().height() * self._text_scale()))
        self._card.setFixedWidth(width)
        self._card.adjustSize()
        self._card.move((self.width() - self._card.width()) // 2, (self.height() - self._card.height()) // 2)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Picture, then contours, axes and boxes, names last so that nothing hides them."""
        del event
        painter = QPainter(self)
        place = self.placement()
        theme = theme_of(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black if theme.dark else theme.track)
        if place is not None:
            painter.drawImage(place.area.topLeft(), self._scaled_image(place))
            painter.setClipRect(place.area.toRect())
            self._paint_faces(painter, place)
            painter.setClipping(False)
        if self.hasFocus():
            painter.setPen(theme.accent)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_faces(self, painter: QPainter, place: Placement) -> None:
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * self._text_scale())
        paint = FacePainter(painter, place, self._labels, font)
        # The selected face last: it is what the other views are about.
        faces = sorted(self._faces(), key=lambda face: face.face.face_id == self._selected)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._show_mesh:
            for face in faces:
                paint.mesh(face)
        if self._show_axes:
            for face in faces:
                paint.axes(face)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        if self._show_boxes:
            for face in faces:
                paint.box(face, selected=face.face.face_id == self._selected)
            for face in faces:
                paint.label(face, selected=face.face.face_id == self._selected)

    def _scaled_image(self, place: Placement) -> QImage:
        """The picture in the pixels of the screen, made once a frame and size.

        OpenCV's scaling takes a third of the time of QPainter's smooth one, and writes into the same memory again.
        """
        import cv2  # slow to load: not before the window is there

        ratio = self.devicePixelRatioF()
        size = (max(1, round(place.area.width() * ratio)), max(1, round(place.area.height() * ratio)))
        if self._scaled is None or (self._scaled.image.width(), self._scaled.image.height()) != size:
            self._scaled = _Scaled.of_size(*size)
        if not self._scaled.fresh:
            assert self._image_rgb_u8 is not None
            cv2.resize(self._image_rgb_u8, size, dst=self._scaled.pixels, interpolation=cv2.INTER_LINEAR)
            if self._mirror:
                cv2.flip(self._scaled.pixels, 1, dst=self._scaled.pixels)
            self._scaled.fresh = True
        self._scaled.image.setDevicePixelRatio(ratio)
        return self._scaled.image

    # Events

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """The message stays in the middle."""
        super().resizeEvent(event)
        self._place_card()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Selects the face under the pointer."""
        face_id = self.face_at(event.position()) if event.button() is Qt.MouseButton.LeftButton else None
        if face_id is None:
            super().mousePressEvent(event)
        else:
            self._select(face_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """A digit selects the face with this id."""
        present = {face.face.face_id for face in self._faces()}
        if event.text().isdecimal() and int(event.text()) in present:
            self._select(int(event.text()))
        else:
            super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802
        """Tab goes through the faces from left to right, and from the last one on to the next control."""
        place = self.placement()
        if place is None or not self.hasFocus():
            return super().focusNextPrevChild(forward)
        faces = sorted(self._faces(), key=lambda face: place.rect(face.face.box).center().x(), reverse=not forward)
        ids = [face.face.face_id for face in faces]
        following = ids[ids.index(self._selected) + 1 :] if self._selected in ids else ids
        if not following:
            return super().focusNextPrevChild(forward)
        self._select(following[0])
        return True

    def _select(self, face_id: int) -> None:
        self.selected_face = face_id
        self.face_selected.emit(face_id)

    def event(self, event: QEvent) -> bool:
        """A tooltip over a face says why it cannot be used, or what its box says."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.tooltip_at(QPointF(event.pos())), self)
            return True
        return super().event(event)

    def tooltip_at(self, point: QPointF) -> str:
        """What is under a point of the widget; empty beside faces."""
        face_id = self.face_at(point)
        for face in self._faces():
            if face.face.face_id == face_id:
                what = explain_status(face.face.status) if face.affect is None else explain("apparent expression")
                return f"Face {face_id}, confidence {face.face.confidence:.2f}.\n{what}"
        return ""
