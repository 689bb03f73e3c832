import cv2
import numpy as np
import pytest

from fer_core.faces.align import DEFAULT_GEOMETRY, align_face, similarity_to_template
from fer_core.faces.eye_alignment import EyeGeometry, align_face_by_eyes, eye_centers, eye_similarity

GEOMETRY = EyeGeometry()


def points_with(left: tuple[float, float], right: tuple[float, float]) -> np.ndarray:
    """68 points whose eyes are hexagons around two centres; the others lie anywhere."""
    points = np.full((68, 2), 1e4, np.float32)
    angle = np.arange(6) * np.pi / 3
    hexagon = np.stack([8 * np.cos(angle), 3 * np.sin(angle)], axis=1)
    points[36:42], points[42:48] = hexagon + left, hexagon + right
    return points


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def test_eye_centers_are_the_means_of_points_37_to_48():
    points = np.random.default_rng(0).normal(100, 40, (68, 3)).astype(np.float32)
    found = eye_centers(points)
    for which, first in enumerate((37, 43)):
        for axis in range(2):
            expected = sum(float(points[n - 1, axis]) for n in range(first, first + 6)) / 6
            assert found[which, axis] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("turn_deg", [0, 25, -60, 90, 135, 180])
@pytest.mark.parametrize("distance_px", [12.0, 38.9, 300.0])
def test_eye_similarity_puts_the_eyes_level_apart_and_in_the_middle(turn_deg, distance_px):
    half = distance_px / 2 * np.array([np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))])
    centers = np.array((400.0, 300.0)) + np.stack([-half, half])
    (left_x, left_y), (right_x, right_y) = apply(eye_similarity(centers, GEOMETRY), centers)
    assert left_y == pytest.approx(GEOMETRY.eye_height_px)
    assert right_y == pytest.approx(GEOMETRY.eye_height_px)
    assert right_x - left_x == pytest.approx(GEOMETRY.eye_distance_px)  # also upside down: the left eye stays left
    assert left_x == pytest.approx(GEOMETRY.size_px - right_x)


def test_eye_similarity_has_the_printed_angle_and_scale():
    centers = np.array([[100.0, 100.0], [160.0, 130.0]])
    angle = np.arctan((130 - 100) / (160 - 100))  # eq. 3.1.1
    scale = 38.9 / np.sqrt((160 - 100) ** 2 + (130 - 100) ** 2)  # eq. 3.1.2
    expected = cv2.getRotationMatrix2D((130.0, 115.0), np.degrees(angle), scale)  # leaves the middle where it is
    found = eye_similarity(centers, GEOMETRY)
    np.testing.assert_allclose(found[:, :2], expected[:, :2], atol=1e-12)
    np.testing.assert_allclose(found[:, 2] - expected[:, 2], np.array([56.0, 37.35]) - (130, 115), atol=1e-9)


def test_eye_similarity_agrees_with_five_points_on_the_template_face():
    template = np.array(DEFAULT_GEOMETRY.template_px)
    for turn, scale in ((0.0, 1.0), (0.4, 3.0), (-1.0, 0.5)):
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        face = template @ np.array([[cos, -sin], [sin, cos]]).T + (210, 95)
        centers = np.stack([face[:2].mean(axis=0), face[2:4].mean(axis=0)])
        five = similarity_to_template(face, DEFAULT_GEOMETRY)
        np.testing.assert_allclose(eye_similarity(centers, GEOMETRY), five, atol=1e-6)


def test_eye_similarity_enlarges_a_face_turned_sideways_and_five_points_less():
    template = np.array(DEFAULT_GEOMETRY.template_px)
    turned = template * (0.6, 1.0)  # foreshortened
    centers = np.stack([turned[:2].mean(axis=0), turned[2:4].mean(axis=0)])
    by_eyes = np.linalg.det(eye_similarity(centers, GEOMETRY)[:, :2])
    by_five = np.linalg.det(similarity_to_template(turned, DEFAULT_GEOMETRY)[:, :2])
    assert by_eyes > 1.3 * by_five


def test_align_face_by_eyes_undoes_a_turn_of_the_picture():
    y, x = np.mgrid[0:240, 0:240] / 240
    waves = (np.sin(9 * x + 4 * y), np.cos(11 * y - 3 * x), np.sin(7 * x) * np.cos(8 * y))
    picture = (127.5 + 110 * np.stack(waves, axis=-1)).round().astype(np.uint8)
    points = points_with((95.0, 100.0), (145.0, 100.0))
    upright = align_face_by_eyes(picture, points)
    assert upright.shape == (112, 112, 3)
    turn = cv2.getRotationMatrix2D((120, 100), 20, 0.9)
    turned = cv2.warpAffine(picture, turn, (240, 240), borderMode=cv2.BORDER_REPLICATE)
    again = align_face_by_eyes(turned, apply(turn, points).astype(np.float32))
    assert np.abs(upright[20:90, 20:90].astype(int) - again[20:90, 20:90]).mean() < 2
    plain = align_face_by_eyes(turned, points)
    assert np.abs(upright[20:90, 20:90].astype(int) - plain[20:90, 20:90]).mean() > 10


def test_align_face_by_eyes_cuts_nearly_the_crop_of_five_points_on_the_template_face():
    y, x = np.mgrid[0:200, 0:200] / 200
    picture = (127.5 + 110 * np.stack([np.sin(9 * x), np.cos(11 * y), np.sin(7 * x * y)], axis=-1)).astype(np.uint8)
    template = np.array(DEFAULT_GEOMETRY.template_px) * 1.2 + 20
    mesh = np.zeros((468, 3), np.float32)
    mesh[list(DEFAULT_GEOMETRY.mesh_points), :2] = template
    points = points_with(tuple(template[:2].mean(axis=0)), tuple(template[2:4].mean(axis=0)))
    difference = align_face(picture, mesh).astype(int) - align_face_by_eyes(picture, points)
    assert np.abs(difference).max() <= 1


def test_eye_alignment_names_what_does_not_fit():
    with pytest.raises(ValueError, match="68 points"):
        eye_centers(np.zeros((468, 3), np.float32))
    with pytest.raises(ValueError, match="coincide"):
        align_face_by_eyes(np.zeros((9, 9, 3), np.uint8), points_with((5.0, 5.0), (5.0, 5.0)))
