"""Draws what was measured of each face over a picture of any size on the screen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen

from fer_core.faces.contours import CONTOURS, NOSE_TIP
from fer_core.faces.pose import rotation_of
from fer_core.types import Box, FaceResult, Floats
from fer_studio.labels import Labels
from fer_studio.terms import status_words
from fer_studio.theme import expression_colour, ink_on
from fer_studio.views.polylines import add_line

_LAST_POINT = max(max(contour) for contour in CONTOURS)

_PLATE = QColor(0, 0, 0, 190)
_EDGE = QColor(0, 0, 0, 150)
_UNUSABLE = QColor("#c2c7cd")
_WHITE = QColor("#ffffff")
#: To the side, up, out of the face; the usual colours, in tints that colour-blind people can tell apart on skin.
_AXIS_COLOURS = (QColor("#ff5a3c"), QColor("#3ddc97"), QColor("#4aa8ff"))
_AXES = np.diag([1.0, -1.0, -1.0])  # of the image: x right, y down, z away
_AXIS_LENGTH = 0.55  # of the width of the box


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the picture lies in the widget."""

    area: QRectF
    scale: float
    """Widget pixels per picture pixel."""
    picture_w_px: int
    mirror: bool

    def x(self, x_px: Floats) -> Floats:
        """Widget x of picture x, both arrays of any shape."""
        return self.area.left() + (self.picture_w_px - x_px if self.mirror else x_px) * self.scale

    def y(self, y_px: Floats) -> Floats:
        """Widget y of picture y, both arrays of any shape."""
        return self.area.top() + y_px * self.scale

    def rect(self, box: Box) -> QRectF:
        """A box of the picture in widget pixels."""
        left = self.picture_w_px - box.x_px - box.w_px if self.mirror else box.x_px
        return QRectF(
            self.area.left() + left * self.scale,
            self.area.top() + box.y_px * self.scale,
            box.w_px * self.scale,
            box.h_px * self.scale,
        )


@dataclass(frozen=True, slots=True)
class FacePainter:
    """Paints faces with one painter at one place."""

    painter: QPainter
    place: Placement
    labels: Labels
    font: QFont

    @property
    def _line(self) -> float:
        """The thinnest line that is seen well beside text of this font."""
        return max(1.0, QFontMetricsF(self.font).height() / 11)

    def mesh(self, face: FaceResult) -> None:
        """Contours, when the mesh is known."""
        landmarks = face.face.landmarks_px
        if len(landmarks) <= _LAST_POINT:
            return
        path = QPainterPath()
        for contour in CONTOURS:
            points_px = landmarks[list(contour)]
            add_line(path, self.place.x(points_px[:, 0]), self.place.y(points_px[:, 1]))
        self.painter.setPen(QPen(QColor(255, 255, 255, 190), self._line * 0.7))
        self.painter.drawPath(path)

    def axes(self, face: FaceResult) -> None:
        """Three lines from the nose along the axes of the head."""
        box, landmarks = face.face.box, face.face.landmarks_px
        start = np.array([box.x_px + box.w_px / 2, box.y_px + box.h_px / 2])
        if len(landmarks) > NOSE_TIP:
            start = landmarks[NOSE_TIP, :2]
        ends = start[:, None] + (rotation_of(face.face.pose) @ _AXES)[:2] * (box.w_px * _AXIS_LENGTH)  # (2, 3)
        origin = QPointF(float(self.place.x(start[0])), float(self.place.y(start[1])))
        # What points away from the viewer is drawn first.
        for axis in np.argsort(-(rotation_of(face.face.pose) @ _AXES)[2]):
            end = QPointF(float(self.place.x(ends[0, axis])), float(self.place.y(ends[1, axis])))
            for colour, width in ((_EDGE, 3.5), (_AXIS_COLOURS[axis], 2.0)):
                self.painter.setPen(QPen(colour, self._line * width, c=Qt.PenCapStyle.RoundCap))
                self.painter.drawLine(origin, end)

    def box(self, face: FaceResult, *, selected: bool) -> None:
        """A box in the colour of the apparent expression; thin and grey when the face cannot be used."""
        rect, affect = self.place.rect(face.face.box), face.affect_baseline or face.affect
        line = self._line
        if selected:
            ring = rect.adjusted(-3 * line, -3 * line, 3 * line, 3 * line)
            self._outline(ring, _WHITE, 1.6 * line)
        if affect is None:
            self._outline(rect, _UNUSABLE, line)
        else:
            top = int(np.argmax(affect.expression_probs))
            self._outline(rect, expression_colour(self.labels.expressions[top]), 2.2 * line)

    def _outline(self, rect: QRectF, colour: QColor, width: float) -> None:
        """A dark edge keeps it visible on a ground of its own colour."""
        for ink, line in ((_EDGE, width + 2 * self._line), (colour, width)):
            thick = max(1, round(line))
            box = rect.adjusted(-line / 2, -line / 2, line / 2, line / 2).toRect()
            beside = box.adjusted(0, thick, 0, -thick)
            # Rectangles: Qt takes ten times as long for the stroke of a wide pen.
            self.painter.fillRect(box.left(), box.top(), box.width(), thick, ink)
            self.painter.fillRect(box.left(), beside.bottom() + 1, box.width(), thick, ink)
            self.painter.fillRect(box.left(), beside.top(), thick, beside.height(), ink)
            self.painter.fillRect(box.right() + 1 - thick, beside.top(), thick, beside.height(), ink)

    def label(self, face: FaceResult, *, selected: bool) -> None:
        """Id, apparent expression and probability, or why not, above the box or just inside it."""
        rect, affect = self.place.rect(face.face.box), face.affect_baseline or face.affect
        colour, words = _UNUSABLE, status_words(face.face.status)
        if affect is not None:
            top = int(np.argmax(affect.expression_probs))
            colour = expression_colour(self.labels.expressions[top])
            words = f"{self.labels.expressions[top]} {affect.expression_probs[top]:.2f}"
        font = QFont(self.font)
        font.setBold(selected)
        metrics = QFontMetricsF(font)
        number, pad = str(face.face.face_id), metrics.height() * 0.3
        number_w = max(metrics.horizontalAdvance(number) + 2 * pad, metrics.height() * 1.2)
        plate = QRectF(0, 0, number_w + metrics.horizontalAdvance(words) + 2 * pad, metrics.height() * 1.25)
        plate.moveBottomLeft(QPointF(rect.left(), rect.top() - 4 * self._line))
        plate = _moved_into(plate, self.place.area)
        chip = QRectF(plate.left(), plate.top(), number_w, plate.height())
        self.painter.fillRect(plate, _PLATE)
        self.painter.fillRect(chip, colour)
        self.painter.setFont(font)
        self.painter.setPen(ink_on(colour))
        self.painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, number)
        self.painter.setPen(_WHITE)
        text = plate.adjusted(number_w + pad, 0, 0, 0)
        self.painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)


def _moved_into(rect: QRectF, area: QRectF) -> QRectF:
    """The same size, moved as little as possible to lie in the area."""
    x = max(area.left(), min(rect.left(), area.right() - rect.width()))
    y = max(area.top(), min(rect.top(), area.bottom() - rect.height()))
    return QRectF(x, y, rect.width(), rect.height())
