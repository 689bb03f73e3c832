from collections.abc import Iterator
from math import hypot

import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF
from PySide6.QtGui import QFontMetricsF, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fer_studio.theme import LIGHT, ThemeChoice, ThemeFollower
from fer_studio.views.va_plane import VaPlane, place_words


@pytest.fixture
def plane(qapp: QApplication, qtbot: QtBot) -> Iterator[VaPlane]:
    follower = ThemeFollower(qapp, ThemeChoice.LIGHT)
    view = VaPlane()
    qtbot.addWidget(view)
    view.resize(420, 300)
    view.show()
    yield view
    follower.set_choice(ThemeChoice.LIGHT)


def blueness(image: QImage, point: QPointF) -> int:
    """How much more blue than red the pixel is: the trail and the point are blue, the ground is grey."""
    colour = image.pixelColor(point.toPoint())
    return colour.blue() - colour.red()


def test_va_plane_puts_pleasant_right_and_excited_up(plane: VaPlane) -> None:
    origin = plane.to_widget(0.0, 0.0)
    assert plane.to_widget(1.0, 0.0).x() > origin.x()
    assert plane.to_widget(0.0, 1.0).y() < origin.y()
    assert plane.to_widget(5.0, 0.0) == plane.to_widget(1.0, 0.0)


def test_va_plane_draws_the_current_point_where_it_is(plane: VaPlane) -> None:
    plane.show_point(0.0, 0.5, 0.25)
    image = plane.grab().toImage()
    assert image.pixelColor(plane.to_widget(0.5, 0.25).toPoint()) == LIGHT.accent
    assert blueness(image, plane.to_widget(-0.5, 0.25)) < 20
    assert plane.point == (0.5, 0.25)
    assert plane.describe() == "valence +0.5, arousal +0.2"


def test_va_plane_trail_fades_and_ends(plane: VaPlane) -> None:
    plane.trail_s = 4.0
    for i in range(240):  # once from left to right in 8 s
        plane.show_point(i / 30, -0.8 + 1.6 * i / 239, 0.4)
    image = plane.grab().toImage()
    gone, old, new = (blueness(image, plane.to_widget(v, 0.4)) for v in (-0.6, 0.12, 0.6))
    assert gone < 10 < old < new


def test_va_plane_without_trail_shows_the_point_only(plane: VaPlane) -> None:
    plane.trail_s = 0.0
    for i in range(60):
        plane.show_point(i / 30, -0.8 + i / 40, 0.4)
    image = plane.grab().toImage()
    assert blueness(image, plane.to_widget(-0.4, 0.4)) < 10
    assert blueness(image, plane.to_widget(-0.8 + 59 / 40, 0.4)) > 100


def test_va_plane_gap_interrupts_the_trail_and_hides_the_point(plane: VaPlane) -> None:
    for i in range(30):
        plane.show_point(i / 30, -0.8 + 0.3 * i / 29, 0.4)
    plane.show_gap(1.0)
    assert plane.point is None
    assert plane.describe() == "no usable face"
    for i in range(32, 60):
        plane.show_point(i / 30, 0.5 + 0.3 * (i - 32) / 27, 0.4)
    image = plane.grab().toImage()
    assert blueness(image, plane.to_widget(-0.6, 0.4)) > 40
    assert blueness(image, plane.to_widget(0.2, 0.4)) < 10


def test_va_plane_starts_anew_when_time_goes_back_or_cleared(plane: VaPlane) -> None:
    for i in range(60):
        plane.show_point(i / 30, -0.8 + i / 60, 0.4)
    plane.show_point(0.5, 0.8, -0.4)
    assert blueness(plane.grab().toImage(), plane.to_widget(-0.4, 0.4)) < 10
    plane.clear()
    assert plane.point is None


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_va_plane_refuses_a_trail_that_is_no_duration(plane: VaPlane, seconds: float) -> None:
    with pytest.raises(ValueError, match="give 0 or more seconds"):
        plane.trail_s = seconds


@pytest.mark.parametrize("side_px", [120, 220, 400, 900])
def test_va_plane_words_lie_in_the_circle_and_do_not_touch(plane: VaPlane, side_px: int) -> None:
    area = QRectF(50, 20, side_px, side_px)
    words = place_words(area, QFontMetricsF(plane.font()))
    assert len(words) >= (3 if side_px == 120 else 8)
    centre = area.center()
    for i, (_, place) in enumerate(words):
        for corner in (place.topLeft(), place.topRight(), place.bottomLeft(), place.bottomRight()):
            assert hypot(corner.x() - centre.x(), corner.y() - centre.y()) <= side_px / 2
        assert not any(place.intersects(other) for _, other in words[:i])
        assert not place.contains(QPointF(centre.x(), place.center().y()))
        assert not place.contains(QPointF(place.center().x(), centre.y()))


def test_va_plane_names_both_ends_of_both_axes_even_when_small(plane: VaPlane) -> None:
    plane.resize(plane.minimumSizeHint())
    image = plane.grab().toImage()
    ground = image.pixelColor(QPoint(1, 1))
    area = plane._plane()

    def written(rect: QRectF) -> bool:
        spots = rect.toRect()
        return any(
            image.pixelColor(x, y) != ground
            for x in range(spots.left(), spots.right())
            for y in range(spots.top(), spots.bottom())
        )

    middle_y, line = area.center().y(), plane.fontMetrics().height()
    assert written(QRectF(2, middle_y - line / 2, area.left() - 8, line))
    assert written(QRectF(area.right() + 6, middle_y - line / 2, plane.width() - area.right() - 8, line))
    assert written(QRectF(area.center().x() - line, area.top() - line, 2 * line, line - 2))
    assert written(QRectF(area.center().x() - line, area.bottom() + 3, 2 * line, line))
