from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QLineEdit, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from fer_core.faces.canonical import canonical_mesh
from fer_core.faces.pose import rotation_of
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.types import Affect, Box, Face, FaceResult, FrameResult, ImageU8, Pose, Status
from fer_studio.labels import Labels
from fer_studio.theme import expression_colour
from fer_studio.views.video_view import VideoView

LABELS = Labels(EXPRESSIONS, ACTION_UNITS)
WIDTH, HEIGHT = 320, 180
HAPPINESS = EXPRESSIONS.index("happiness")
FRONTAL = Pose(0.0, 0.0, 0.0)


def picture() -> ImageU8:
    """Left half dark red, right half dark blue."""
    image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[:, : WIDTH // 2] = (90, 0, 0)
    image[:, WIDTH // 2 :] = (0, 0, 90)
    return image


def face(face_id: int, x_px: float, *, status: Status = Status.OK, pose: Pose = FRONTAL) -> FaceResult:
    """A head of 60 pixels at a place, smiling when it is usable."""
    box = Box(x_px, 60.0, 60.0, 70.0)
    mesh = canonical_mesh().vertices_cm @ rotation_of(pose).T * 4.0
    mesh = (mesh + np.array([x_px + 30.0, 95.0, 0.0])).astype(np.float32)
    affect = None
    if status is Status.OK:
        probs = np.full(len(EXPRESSIONS), 0.02, dtype=np.float32)
        probs[HAPPINESS] = 0.86
        affect = Affect(probs, 0.8, 0.2, np.zeros(len(ACTION_UNITS), dtype=np.float32))
    return FaceResult(Face(face_id, status, 0.9, box, pose, mesh), affect)


def result(*faces: FaceResult) -> FrameResult:
    return FrameResult(0, 0.0, WIDTH, HEIGHT, Status.OK if faces else Status.NO_FACE, faces)


@pytest.fixture
def view(qtbot: QtBot) -> VideoView:
    widget = VideoView(LABELS)
    qtbot.addWidget(widget)
    widget.resize(800, 600)
    widget.show()
    return widget


def at(view: VideoView, x_px: float, y_px: float) -> QPoint:
    """The widget's pixel that shows a pixel of the picture."""
    place = view.placement()
    assert place is not None
    return QPoint(round(float(place.x(np.float32(x_px)))), round(float(place.y(np.float32(y_px)))))


def count(image: QImage, colour: QColor, rect: tuple[int, int, int, int]) -> int:
    x0, y0, x1, y1 = rect
    return sum(image.pixelColor(x, y) == colour for x in range(x0, x1) for y in range(y0, y1))


def test_video_view_letterboxes_the_picture(view: VideoView) -> None:
    view.show_frame(picture(), result())
    place = view.placement()
    assert place is not None
    assert (place.area.width(), place.area.height(), place.area.left()) == (800, 450, 0)
    assert place.area.top() == pytest.approx(75, abs=1)
    image = view.grab().toImage()
    assert image.pixelColor(at(view, 80, 90)) == QColor(90, 0, 0)
    assert image.pixelColor(at(view, 240, 90)) == QColor(0, 0, 90)
    assert image.pixelColor(400, 20) == image.pixelColor(400, 590)


def test_video_view_mirror_turns_picture_and_boxes_but_not_words(view: VideoView) -> None:
    view.show_frame(picture(), result(face(1, 40)))
    view.grab()
    view.mirror = True
    image = view.grab().toImage()
    assert image.pixelColor(100, 450) == QColor(0, 0, 90)
    assert image.pixelColor(700, 450) == QColor(90, 0, 0)
    assert view.face_at(QPointF(800 - 70 * 2.5, 300)) == 1
    assert view.face_at(QPointF(70 * 2.5, 300)) is None


def test_video_view_shows_the_next_picture_and_writes_into_none(view: VideoView) -> None:
    first, second = picture(), picture()[:, ::-1].copy()
    kept = first.copy()
    view.show_frame(first, None)
    view.grab()
    view.show_frame(second, None)
    assert view.grab().toImage().pixelColor(at(view, 80, 90)) == QColor(0, 0, 90)
    np.testing.assert_array_equal(first, kept)
    view.show_frame(None, None)
    assert view.placement() is None
    assert view.grab().toImage().pixelColor(200, 300) not in (QColor(0, 0, 90), QColor(90, 0, 0))


def test_video_view_takes_pictures_that_are_views_of_larger_arrays(view: VideoView) -> None:
    large = np.zeros((HEIGHT, 2 * WIDTH, 3), dtype=np.uint8)
    large[:, ::2] = picture()
    view.show_frame(large[:, ::2], None)
    assert view.grab().toImage().pixelColor(at(view, 240, 90)) == QColor(0, 0, 90)


def test_video_view_draws_boxes_in_the_colour_of_the_expression(view: VideoView) -> None:
    colour = expression_colour("happiness")
    view.show_frame(picture(), result(face(1, 40), face(2, 200, status=Status.TOO_SMALL)))
    left, right = (0, 0, 400, 600), (400, 0, 800, 600)
    image = view.grab().toImage()
    assert count(image, colour, left) > 500
    assert count(image, colour, right) == 0
    view.show_boxes = False
    assert count(view.grab().toImage(), colour, left) == 0


def test_video_view_marks_the_selected_face_with_a_ring(view: VideoView) -> None:
    view.show_frame(picture(), result(face(1, 40), face(2, 200)))
    corner = at(view, 200, 130) + QPoint(-12, -12)
    around = (corner.x(), corner.y(), corner.x() + 24, corner.y() + 24)
    white = QColor("#ffffff")
    assert count(view.grab().toImage(), white, around) == 0
    view.selected_face = 2
    assert count(view.grab().toImage(), white, around) > 20


def test_video_view_draws_contours_inside_the_face_only(view: VideoView) -> None:
    view.show_boxes = False
    view.show_frame(picture(), result(face(1, 40)))
    plain = view.grab().toImage()
    view.show_mesh = True
    meshed = view.grab().toImage()
    box = view.placement().rect(Box(40, 60, 60, 70)).toRect().adjusted(-10, -10, 10, 10)  # type: ignore[union-attr]
    differing = [
        (x, y) for x in range(2, 798, 2) for y in range(2, 598, 2) if plain.pixelColor(x, y) != meshed.pixelColor(x, y)
    ]
    assert len(differing) > 100
    assert all(box.contains(x, y) for x, y in differing)


@pytest.mark.parametrize("mirror", [False, True])
def test_video_view_pose_axis_points_where_the_face_looks(view: VideoView, mirror: bool) -> None:
    view.show_boxes, view.show_axes, view.mirror = False, True, mirror
    view.show_frame(picture(), result(face(1, 130, pose=Pose(0.0, 60.0, 0.0))))
    image = view.grab().toImage()
    blue = QColor("#4aa8ff")
    nose = at(view, *face(1, 130, pose=Pose(0.0, 60.0, 0.0)).face.landmarks_px[1, :2])
    right = count(image, blue, (nose.x() + 12, 200, nose.x() + 120, 450))
    left = count(image, blue, (nose.x() - 120, 200, nose.x() - 12, 450))
    assert (left if mirror else right) > 50
    assert (right if mirror else left) == 0


def test_video_view_draws_faces_whose_mesh_is_not_recorded(view: VideoView) -> None:
    bare = face(1, 40)
    bare = FaceResult(replace(bare.face, landmarks_px=np.empty((0, 3), dtype=np.float32)), bare.affect)
    view.show_mesh = view.show_axes = True
    view.show_frame(picture(), result(bare))
    assert count(view.grab().toImage(), expression_colour("happiness"), (0, 0, 400, 600)) > 500


def test_video_view_prefers_values_with_the_baseline_subtracted(view: VideoView) -> None:
    smiling = face(1, 40)
    probs = np.zeros(len(EXPRESSIONS), dtype=np.float32)
    probs[EXPRESSIONS.index("sadness")] = 1.0
    assert smiling.affect is not None
    view.show_frame(
        picture(), result(replace(smiling, affect_baseline=replace(smiling.affect, expression_probs=probs)))
    )
    assert view.describe() == "face 1 sadness 1.0"
    assert count(view.grab().toImage(), expression_colour("sadness"), (0, 0, 400, 600)) > 500


def test_video_view_click_selects_the_face_under_the_pointer(view: VideoView, qtbot: QtBot) -> None:
    view.show_frame(picture(), result(face(1, 40), face(2, 200)))
    with qtbot.waitSignal(view.face_selected) as selected:
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(view, 230, 95))
    assert selected.args == [2]
    assert view.selected_face == 2
    with qtbot.assertNotEmitted(view.face_selected):
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(view, 150, 20))
    assert view.selected_face == 2


def test_video_view_digit_keys_select_by_id(view: VideoView, qtbot: QtBot) -> None:
    view.show_frame(picture(), result(face(1, 40), face(7, 200)))
    qtbot.keyClicks(view, "7")
    assert view.selected_face == 7
    with qtbot.assertNotEmitted(view.face_selected):
        qtbot.keyClicks(view, "3")
    assert view.selected_face == 7


def test_video_view_tab_goes_through_the_faces_and_on(qtbot: QtBot) -> None:
    window, view, next_control = QWidget(), VideoView(LABELS), QLineEdit()
    layout = QVBoxLayout(window)
    layout.addWidget(view)
    layout.addWidget(next_control)
    qtbot.addWidget(window)
    window.resize(800, 600)
    with qtbot.waitActive(window):
        window.show()
    view.setFocus()
    view.show_frame(picture(), result(face(4, 200), face(9, 40)))
    chosen: list[int] = []
    view.face_selected.connect(chosen.append)
    for _ in range(2):
        qtbot.keyClick(view, Qt.Key.Key_Tab)
    assert chosen == [9, 4]  # from left to right
    qtbot.keyClick(view, Qt.Key.Key_Backtab)
    assert chosen == [9, 4, 9]
    qtbot.keyClick(view, Qt.Key.Key_Tab)
    qtbot.keyClick(view, Qt.Key.Key_Tab)
    assert next_control.hasFocus()


def test_video_view_keeps_its_selection_through_a_loss_and_says_nothing_when_told(
    view: VideoView, qtbot: QtBot
) -> None:
    with qtbot.assertNotEmitted(view.face_selected):
        view.selected_face = 1
        view.show_frame(picture(), result(face(1, 40)))
        view.show_frame(picture(), result())
    assert view.selected_face == 1


def test_video_view_message_offers_a_retry(view: VideoView, qtbot: QtBot) -> None:
    view.message("No camera was found", "Connect one.", retry=True)
    button = view.findChild(QPushButton)
    assert button is not None
    assert button.isVisible()
    with qtbot.waitSignal(view.retry_requested):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    view.message("The file has ended")
    assert not button.isVisible()
    view.clear_message()
    assert not any(child.isVisible() for child in view.findChildren(QWidget))


@pytest.mark.parametrize("size", [(280, 200), (1280, 720), (2560, 1440)])
def test_video_view_message_lies_inside_and_shows_all_its_text(view: VideoView, size: tuple[int, int]) -> None:
    view.resize(*size)
    view.message("The camera was unplugged", "Connect it again, or choose another one in the list above.", retry=True)
    for child in view.findChildren(QWidget):
        area = child.rect().translated(child.mapTo(view, QPoint(0, 0)))
        assert view.rect().contains(area)
        assert child.height() >= child.minimumSizeHint().height()


def test_video_view_says_what_it_shows(view: VideoView) -> None:
    assert view.describe() == "no picture"
    view.show_frame(picture(), result(face(1, 40), face(2, 200, status=Status.TOO_SMALL)))
    assert view.describe() == "face 1 happiness 0.9; face 2 The face is too small in the picture. Come closer."
    assert "Come closer" in view.tooltip_at(QPointF(at(view, 230, 95)))
    assert "confidence 0.90" in view.tooltip_at(QPointF(at(view, 70, 95)))
    assert view.tooltip_at(QPointF(2, 2)) == ""
