"""What is drawn, where, and that the picture itself stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

from fer_core.colours import OKABE_ITO
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.media.overlay import draw_overlay
from fer_core.types import Affect, Box, Face, FaceResult, FrameResult, Pose, Status


def affect(expression=1, valence=0.5, arousal=0.5):
    probs = np.full(len(EXPRESSIONS), 0.02, np.float32)
    probs[expression] += 1 - probs.sum()
    return Affect(probs, valence, arousal, np.linspace(0, 1, len(ACTION_UNITS), dtype=np.float32))


def face(face_id, box, values=None, status=Status.OK, baseline=None):
    landmarks = np.zeros((468, 3), np.float32)
    return FaceResult(Face(face_id, status, 0.9, Box(*box), Pose(0, 0, 0), landmarks), values, baseline)


def draw(image, *faces):
    height, width = image.shape[:2]
    result = FrameResult(0, 0.0, width, height, Status.OK if faces else Status.NO_FACE, tuple(faces))
    return draw_overlay(image, result, EXPRESSIONS, ACTION_UNITS)


def grey(height=360, width=640):
    return np.full((height, width, 3), 120, np.uint8)


def drawn_in(before, after, colour):
    """Pixels that have exactly this colour now and did not before."""
    return (after == colour).all(2) & ~(before == colour).all(2)


def test_overlay_leaves_the_given_picture_alone():
    image = grey()
    image.setflags(write=False)
    drawn = draw(image, face(1, (200, 80, 120, 140), affect()))
    assert (image == 120).all()
    assert (drawn != image).any()
    assert drawn.dtype == np.uint8


def test_overlay_without_faces_changes_nothing():
    assert (draw(grey()) == 120).all()


def test_overlay_draws_the_box_in_the_colour_of_the_id():
    drawn = draw(grey(), face(2, (200, 80, 120, 140), affect()))
    assert (drawn[150, 200] == OKABE_ITO[1]).all()
    assert (drawn[150, 320] == OKABE_ITO[1]).all()
    assert (drawn[150, 260] == 120).all()


@pytest.mark.parametrize("size", [(360, 640), (1080, 1920), (640, 360), (96, 128), (24, 32)])
@pytest.mark.parametrize("box", [(0.4, 0.3, 0.2, 0.4), (-0.1, -0.1, 0.3, 0.3), (0.8, 0.8, 0.4, 0.4), (0, 0, 1, 1)])
def test_overlay_stays_inside_any_frame(size, box):
    height, width = size
    x, y, w, h = box
    drawn = draw(grey(height, width), face(1, (x * width, y * height, w * width, h * height), affect()))
    assert drawn.shape == (height, width, 3)
    assert (drawn != 120).any()


def bar_length(expression_prob):
    probs = np.zeros(len(EXPRESSIONS), np.float32)
    probs[1] = expression_prob
    values = Affect(probs, -1.0, 0.0, np.zeros(len(ACTION_UNITS), np.float32))
    drawn = draw(grey(), face(1, (100, 80, 120, 140), values))
    return drawn_in(grey(), drawn, OKABE_ITO[0])[80:150, 240:].any(0).sum()


def test_overlay_bars_are_as_long_as_the_probability():
    assert bar_length(1.0) == pytest.approx(2 * bar_length(0.5), abs=2)
    assert bar_length(0.5) > 20


def test_overlay_point_moves_with_valence_and_arousal():
    def centre(valence, arousal):
        drawn = draw(grey(), face(1, (100, 80, 120, 140), affect(1, valence, arousal)))
        plane = drawn_in(grey(), drawn, OKABE_ITO[0])[185:, 228:]
        return np.argwhere(plane).mean(0)

    (y_up, x_right), (y_down, x_left) = centre(0.9, 0.9), centre(-0.9, -0.9)
    assert x_right > x_left
    assert y_up < y_down


def test_overlay_shows_the_values_with_the_baseline_subtracted():
    box = (100, 80, 120, 140)
    corrected = draw(grey(), face(1, box, affect(1), baseline=affect(4)))
    assert (corrected == draw(grey(), face(1, box, affect(4)))).all()
    assert (corrected != draw(grey(), face(1, box, affect(1)))).any()


def test_overlay_draws_an_unusable_face_thin_and_grey():
    usable = draw(grey(), face(1, (200, 80, 120, 140), affect()))
    unusable = draw(grey(), face(1, (200, 80, 120, 140), None, Status.OCCLUDED))
    assert (unusable[150, 200] == 176).all()
    assert (unusable != 120).any(2).sum() < (usable != 120).any(2).sum() / 3
    assert not drawn_in(grey(), unusable, OKABE_ITO[0]).any()


def test_overlay_panels_hide_no_other_face():
    boxes = [(150, 150, 130, 140), (300, 160, 110, 120), (450, 150, 120, 130), (700, 170, 100, 110)]
    faces = [face(i + 1, box, affect()) for i, box in enumerate(boxes)]
    drawn = draw(grey(720, 1000), *faces)
    for x, y, w, h in boxes:
        inside = drawn[y + 30 : y + h - 10, x + 10 : x + w - 10]
        assert (inside == 120).mean() > 0.9


def test_overlay_text_grows_with_the_frame():
    def label_height(height, width):
        drawn = draw(grey(height, width), face(1, (width * 0.3, height * 0.4, 50, 50), None, Status.TOO_SMALL))
        return (drawn > 200).all(2).any(1).sum()

    assert 7 <= label_height(360, 640) < label_height(1080, 1920) < 40
