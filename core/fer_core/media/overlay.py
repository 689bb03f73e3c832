"""Draws what was measured into a picture: boxes, labels, and a panel of bars beside each face.

Sizes follow the shorter side of the frame. Colours are those of Okabe & Ito (2008), which colour-blind people can tell
apart; no meaning rests on colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from fer_core.colours import OKABE_ITO, Colour
from fer_core.labels import au_column
from fer_core.types import Affect, Box, FaceResult, FrameResult, ImageU8

_GREY: Colour = (176, 176, 176)
_WHITE: Colour = (255, 255, 255)
_BLACK: Colour = (0, 0, 0)

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CAP_HEIGHT_AT_1 = 22.0  # pixels of a capital letter at font scale 1
_TOP_UNITS = 4
_PANEL_DIM = 0.3


@dataclass(frozen=True, slots=True)
class _Rect:
    x: int
    y: int
    w: int
    h: int

    def overlap(self, other: _Rect) -> int:
        """Common area in square pixels."""
        w = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        h = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        return max(w, 0) * max(h, 0)

    def moved_into(self, width: int, height: int) -> _Rect:
        """The same size, moved as little as possible to lie in a frame of that size."""
        x = max(0, min(self.x, width - self.w))
        return _Rect(x, max(0, min(self.y, height - self.h)), self.w, self.h)


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Measures in pixels for a frame whose shorter side is given."""

    text: int
    row: int
    gap: int
    line: int
    panel_w: int
    label_w: int

    @classmethod
    def of(cls, shorter_side_px: int) -> _Sizes:
        # Growing slower than the frame: letters need their pixels at 360 lines, and much less than all at 1080.
        text = max(7, round(7 + (shorter_side_px - 360) * 0.011))
        return cls(
            text=text,
            row=round(text * 1.75),
            gap=max(3, text // 2),
            line=max(1, round(shorter_side_px / 360)),
            panel_w=round(text * 19),
            label_w=round(text * 9.2),
        )


def draw_overlay(
    image_rgb_u8: ImageU8, result: FrameResult, expressions: Sequence[str], au_units: Sequence[int]
) -> ImageU8:
    """A copy of the frame with everything that ``result`` says of it.

    Args:
        image_rgb_u8: (H, W, 3), not changed.
        result: of this frame. Where a face has values with a baseline subtracted, these are shown.
        expressions: names in the order of ``expression_probs``.
        au_units: numbers in the order of ``au_probs``.

    A face without affect gets a thin grey box with its status. Where faces are so close that panels would hide
    them, the smaller ones have a label only.
    """
    image = np.ascontiguousarray(image_rgb_u8).copy()
    sizes = _Sizes.of(min(image.shape[:2]))
    faces = sorted(result.faces, key=lambda f: f.face.box.w_px * f.face.box.h_px, reverse=True)
    boxes = [_rect(face.face.box) for face in faces]
    taken: list[_Rect] = []
    labels: list[tuple[_Rect, str, Colour]] = []
    for face, box in zip(faces, boxes, strict=True):
        affect = face.affect_baseline or face.affect
        if affect is None:
            _box(image, box, _GREY, max(1, sizes.line // 2))
            number = f"{face.face.face_id} " if face.face.face_id else ""  # in rows of a file it may not be told
            labels.append((box, f"{number}{face.face.status.value.replace('_', ' ')}", _GREY))
            continue
        colour = _colour(face)
        _box(image, box, colour, 2 * sizes.line)
        top = int(np.argmax(affect.expression_probs))
        text = f"{face.face.face_id} {expressions[top]} {float(affect.expression_probs[top]):.2f}"
        labels.append((box, text, colour))
        panel = _place_panel(image, box, [b for b in boxes if b is not box], taken, sizes, len(expressions))
        if panel is not None:
            taken.append(panel)
            _panel(image, panel, affect, expressions, au_units, colour, sizes)
            if len(faces) > 1:
                _owner(image, panel, face.face.face_id, colour, sizes)
    for box, text, colour in labels:  # last, so that no panel hides a name
        _label(image, box, text, colour, sizes)
    return image


def _rect(box: Box) -> _Rect:
    return _Rect(round(box.x_px), round(box.y_px), round(box.w_px), round(box.h_px))


def _colour(face: FaceResult) -> Colour:
    return OKABE_ITO[(face.face.face_id - 1) % len(OKABE_ITO)]


def _box(image: ImageU8, box: _Rect, colour: Colour, thickness: int) -> None:
    corner, opposite = (box.x, box.y), (box.x + box.w, box.y + box.h)
    # A dark edge keeps the box visible on a background of its own colour.
    cv2.rectangle(image, corner, opposite, _BLACK, thickness + 2)
    cv2.rectangle(image, corner, opposite, colour, thickness)


def _text(image: ImageU8, text: str, x: int, baseline_y: int, height_px: float, colour: Colour) -> None:
    thickness = max(1, round(height_px / 9))
    cv2.putText(image, text, (x, baseline_y), _FONT, height_px / _CAP_HEIGHT_AT_1, colour, thickness, cv2.LINE_AA)


def _text_width(text: str, height_px: float) -> int:
    thickness = max(1, round(height_px / 9))
    (width, _), _ = cv2.getTextSize(text, _FONT, height_px / _CAP_HEIGHT_AT_1, thickness)
    return int(width)


def _label(image: ImageU8, box: _Rect, text: str, colour: Colour, sizes: _Sizes) -> None:
    """The name of a face on a dark plate above its box, or just inside when there is no room above."""
    frame_h, frame_w = image.shape[:2]
    height = sizes.text * 1.15
    plate = _Rect(box.x, box.y - sizes.row - sizes.gap, _text_width(text, height) + 2 * sizes.gap, sizes.row + 2)
    plate = plate.moved_into(frame_w, frame_h)
    cv2.rectangle(image, (plate.x, plate.y), (plate.x + plate.w, plate.y + plate.h), _BLACK, cv2.FILLED)
    cv2.rectangle(image, (plate.x, plate.y), (plate.x + sizes.line, plate.y + plate.h), colour, cv2.FILLED)
    baseline = plate.y + (plate.h + round(height)) // 2
    _text(image, text, plate.x + sizes.gap, baseline, height, _WHITE)


def _plane_side(sizes: _Sizes) -> int:
    return _TOP_UNITS * sizes.row


def _panel_height(sizes: _Sizes, expression_count: int) -> int:
    return (expression_count + _TOP_UNITS) * sizes.row + 3 * sizes.gap


def _place_panel(
    image: ImageU8, box: _Rect, others: list[_Rect], taken: list[_Rect], sizes: _Sizes, expression_count: int
) -> _Rect | None:
    """The place beside a box that hides the least; None when it would hide another face or panel."""
    frame_h, frame_w = image.shape[:2]
    height = _panel_height(sizes, expression_count)
    if height > frame_h or sizes.panel_w > frame_w:
        return None
    gap = sizes.gap + 2 * sizes.line
    right, left = box.x + box.w + gap, box.x - sizes.panel_w - gap
    below, above = box.y + box.h + gap, box.y - height - 2 * sizes.row
    level, raised = box.y, box.y + box.h - height
    corners = ((right, level), (left, level), (right, raised), (left, raised), (box.x, below), (box.x, above))
    places = [_Rect(x, y, sizes.panel_w, height).moved_into(frame_w, frame_h) for x, y in corners]
    free = [p for p in places if not any(p.overlap(o) for o in taken) and not any(p.overlap(o) for o in others)]
    return min(free, key=lambda p: p.overlap(box), default=None)


def _panel(
    image: ImageU8,
    place: _Rect,
    affect: Affect,
    expressions: Sequence[str],
    au_units: Sequence[int],
    colour: Colour,
    sizes: _Sizes,
) -> None:
    region = image[place.y : place.y + place.h, place.x : place.x + place.w]
    region[:] = cv2.convertScaleAbs(region, alpha=_PANEL_DIM)
    x, y = place.x + sizes.gap, place.y + sizes.gap
    top = int(np.argmax(affect.expression_probs))
    for i, (name, prob) in enumerate(zip(expressions, affect.expression_probs, strict=True)):
        emphasis = colour if i == top else _GREY
        _bar(image, x, y + i * sizes.row, place, name, float(prob), emphasis, sizes)
    y += len(expressions) * sizes.row + sizes.gap
    _va_plane(image, _Rect(x, y, _plane_side(sizes), _plane_side(sizes)), affect, colour, sizes)
    _units(image, x + _plane_side(sizes) + 2 * sizes.gap, y, affect, au_units, sizes)


def _owner(image: ImageU8, place: _Rect, face_id: int, colour: Colour, sizes: _Sizes) -> None:
    """The id of the face, in the lower right corner of its panel."""
    height = sizes.text * 1.4
    x = place.x + place.w - sizes.gap - _text_width(str(face_id), height)
    _text(image, str(face_id), x, place.y + place.h - sizes.gap, height, colour)


def _bar(image: ImageU8, x: int, y: int, place: _Rect, name: str, prob: float, colour: Colour, sizes: _Sizes) -> None:
    """One row: name, then a bar from 0 to 1."""
    baseline = y + (sizes.row + sizes.text) // 2
    _text(image, name, x, baseline, sizes.text, _WHITE)
    left, right = x + sizes.label_w, place.x + place.w - sizes.gap
    top, bottom = baseline - sizes.text, baseline
    cv2.rectangle(image, (left, top), (right, bottom), (90, 90, 90), 1)
    if prob > 0:
        filled = left + round((right - left) * min(prob, 1.0))
        cv2.rectangle(image, (left, top), (filled, bottom), colour, cv2.FILLED)


def _va_plane(image: ImageU8, place: _Rect, affect: Affect, colour: Colour, sizes: _Sizes) -> None:
    """Valence to the right, arousal upwards, both from -1 to 1, neutral in the middle."""
    half = place.w // 2
    centre = (place.x + half, place.y + half)
    cv2.circle(image, centre, half, (120, 120, 120), 1, cv2.LINE_AA)
    cv2.line(image, (centre[0] - half, centre[1]), (centre[0] + half, centre[1]), (120, 120, 120), 1)
    cv2.line(image, (centre[0], centre[1] - half), (centre[0], centre[1] + half), (120, 120, 120), 1)
    small = max(5.0, sizes.text * 0.7)
    _text(image, "V", place.x + place.w - round(small * 1.3), centre[1] + round(small) + 2, small, _GREY)
    _text(image, "A", centre[0] + 2, place.y + round(small) + 2, small, _GREY)
    valence, arousal = np.clip((affect.valence, affect.arousal), -1.0, 1.0)
    point = (centre[0] + round(float(valence) * half), centre[1] - round(float(arousal) * half))
    cv2.line(image, centre, point, colour, sizes.line, cv2.LINE_AA)
    cv2.circle(image, point, max(3, sizes.text // 2), _BLACK, cv2.FILLED, cv2.LINE_AA)
    cv2.circle(image, point, max(2, sizes.text // 2 - 1), colour, cv2.FILLED, cv2.LINE_AA)


def _units(image: ImageU8, x: int, y: int, affect: Affect, au_units: Sequence[int], sizes: _Sizes) -> None:
    """The most probable action units, the highest first."""
    order = np.argsort(-np.asarray(affect.au_probs), kind="stable")[:_TOP_UNITS]
    for row, i in enumerate(order):
        baseline = y + row * sizes.row + (sizes.row + sizes.text) // 2
        text = f"{au_column(au_units[int(i)]).upper()} {float(affect.au_probs[int(i)]):.2f}"
        _text(image, text, x, baseline, sizes.text, _WHITE)
