import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_core.faces.align import DEFAULT_GEOMETRY, CropGeometry, align_face, similarity_to_template, warp_area

TEMPLATE = np.array(DEFAULT_GEOMETRY.template_px)


def mesh_with(points: np.ndarray) -> np.ndarray:
    """A (468, 3) mesh that has the five points where they belong, and anything elsewhere."""
    landmarks = np.full((468, 3), 1e4, np.float32)
    landmarks[list(DEFAULT_GEOMETRY.mesh_points), :2] = points
    return landmarks


def naive_similarity(points: np.ndarray) -> np.ndarray:
    """Solves u = a x - b y + c, v = b x + a y + d for a, b, c, d."""
    rows, right = [], []
    for (x, y), (u, v) in zip(points, TEMPLATE, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        right += [u, v]
    a, b, c, d = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
    return np.array([[a, -b, c], [b, a, d]])


def moved(angle_rad: float, scale: float, x_px: float, y_px: float) -> np.ndarray:
    """The template as a face turned, scaled and shifted in a frame would show it."""
    cos, sin = scale * np.cos(angle_rad), scale * np.sin(angle_rad)
    return TEMPLATE @ np.array([[cos, -sin], [sin, cos]]).T + (x_px, y_px)


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def picture(height: int, width: int) -> np.ndarray:
    """A colourful smooth picture, without detail finer than about 1/12 of its height."""
    y, x = np.mgrid[0:height, 0:width] / height
    waves = (np.sin(9 * x + 4 * y), np.cos(11 * y - 3 * x), np.sin(7 * x) * np.cos(8 * y))
    return (127.5 + 110 * np.stack(waves, axis=-1)).round().astype(np.uint8)


def test_similarity_equals_naive_least_squares():
    rng = np.random.default_rng(0)
    for _ in range(50):
        points = rng.normal(200, 80, (5, 2))
        np.testing.assert_allclose(
            similarity_to_template(points, DEFAULT_GEOMETRY), naive_similarity(points), atol=1e-8
        )


def test_similarity_equals_opencv_on_exact_data():
    points = moved(0.4, 2.3, 310, 95)
    expected, _ = cv2.estimateAffinePartial2D(points, TEMPLATE)
    np.testing.assert_allclose(
        similarity_to_template(points, DEFAULT_GEOMETRY), expected, rtol=1e-5
    )  # it solves by iteration


def test_similarity_is_the_identity_for_a_face_at_the_template():
    np.testing.assert_allclose(similarity_to_template(TEMPLATE, DEFAULT_GEOMETRY), [[1, 0, 0], [0, 1, 0]], atol=1e-12)


@settings(deadline=None)
@given(
    st.floats(-np.pi, np.pi), st.floats(0.05, 30), st.floats(-2000, 4000), st.floats(-2000, 4000), st.integers(0, 1000)
)
def test_similarity_puts_the_points_near_the_template(angle_rad, scale, x_px, y_px, seed):
    expression = np.random.default_rng(seed).uniform(-2, 2, (5, 2))  # a real face differs from the mean by a few pixels
    points = (moved(angle_rad, scale, x_px, y_px) + scale * expression).astype(np.float32)
    matrix = similarity_to_template(points, DEFAULT_GEOMETRY)
    assert np.abs(apply(matrix, points) - TEMPLATE).max() < 5
    assert matrix[0, 0] == matrix[1, 1]
    assert matrix[0, 1] == -matrix[1, 0]
    assert np.linalg.det(matrix[:, :2]) > 0


@pytest.mark.parametrize("points", [np.full((5, 2), 17.0), np.full((5, 2), np.nan)])
def test_similarity_refuses_points_without_extent(points):
    with pytest.raises(ValueError, match="coincide"):
        similarity_to_template(points, DEFAULT_GEOMETRY)


def test_similarity_never_mirrors_a_mirrored_face():
    mirrored = TEMPLATE * (-1, 1)
    assert np.linalg.det(similarity_to_template(mirrored, DEFAULT_GEOMETRY)[:, :2]) > 0


def test_geometry_travels_as_json_and_scales():
    assert CropGeometry.from_dict(DEFAULT_GEOMETRY.to_dict()) == DEFAULT_GEOMETRY
    double = DEFAULT_GEOMETRY.scaled(224)
    assert double.size_px == 224
    np.testing.assert_allclose(double.template_px, TEMPLATE * 2)
    points = moved(0.2, 1.7, 40, 60)
    np.testing.assert_allclose(
        similarity_to_template(points, double), 2 * similarity_to_template(points, DEFAULT_GEOMETRY), atol=1e-9
    )


def test_align_face_copies_a_crop_that_is_already_aligned():
    image = picture(112, 112)
    np.testing.assert_array_equal(align_face(image, mesh_with(TEMPLATE)), image)


def test_align_face_turns_the_face_upright():
    image = picture(112, 112)
    side = np.rot90(image)  # a point (x, y) goes to (y, 111 - x)
    turned = np.stack([TEMPLATE[:, 1], 111 - TEMPLATE[:, 0]], axis=1)
    np.testing.assert_allclose(align_face(side, mesh_with(turned)).astype(int), image, atol=1)


def test_align_face_takes_colour_from_the_right_place():
    image = np.zeros((300, 400, 3), np.uint8)
    points = moved(-0.3, 1.6, 150, 40)
    x, y = points[4].round().astype(int)
    image[y - 3 : y + 4, x - 3 : x + 4] = (250, 120, 10)
    crop = align_face(image, mesh_with(points))
    row, column = TEMPLATE[4].round().astype(int)[::-1]
    np.testing.assert_allclose(crop[row, column], (250, 120, 10), atol=2)
    assert crop[:20].max() == 0


@pytest.mark.parametrize("factor", [2, 3, 5, 8])
def test_warp_area_shows_a_close_up_like_the_same_face_further_away(factor):
    # Detail of one pixel, which bilinear sampling alone would turn into moire.
    rng = np.random.default_rng(1)
    small = cv2.GaussianBlur(rng.integers(0, 256, (150, 160, 3), np.uint8), (0, 0), 1.5)
    large = np.repeat(np.repeat(small, factor, axis=0), factor, axis=1).astype(int)
    large = np.clip(large + rng.integers(-40, 41, large.shape), 0, 255).astype(np.uint8)
    points = moved(0.15, 1.05, 25, 18)
    in_large = (points + 0.5) * factor - 0.5
    far = align_face(cv2.resize(large, (160, 150), interpolation=cv2.INTER_AREA), mesh_with(points)).astype(int)
    near = align_face(large, mesh_with(in_large)).astype(int)
    assert np.abs(near - far).mean() < 3  # the grids of pixels that are averaged differ
    matrix = similarity_to_template(in_large, DEFAULT_GEOMETRY)
    aliased = cv2.warpAffine(large, matrix, (112, 112), flags=cv2.INTER_LINEAR).astype(int)
    assert np.abs(near - far).mean() < 0.5 * np.abs(aliased - far).mean()


@pytest.mark.parametrize("scale", [0.9, 2.5, 4.4])
def test_align_face_repeats_the_border_where_the_face_leaves_the_frame(scale):
    image = picture(240, 320)
    crop = align_face(image, mesh_with(moved(0, scale, -56 * scale, 20)))  # half of the crop is left of the frame
    np.testing.assert_allclose(crop[:, :50].astype(int), crop[:, :1].astype(int).repeat(50, axis=1), atol=1)
    assert crop[60, 60:].std() > 5


@pytest.mark.parametrize("scale", [0.1, 1, 40])
@pytest.mark.parametrize("place_px", [-9000, 9000])
def test_align_face_answers_for_a_face_wholly_outside(scale, place_px):
    image = picture(48, 64)
    crop = align_face(image, mesh_with(moved(0.3, scale, place_px, place_px)))
    side = max(1, round(scale))  # of the block of pixels whose average is repeated
    corner = image[:side, :side] if place_px < 0 else image[-side:, -side:]
    assert (crop >= corner.min(axis=(0, 1))).all()
    assert (crop <= corner.max(axis=(0, 1))).all()
    assert np.ptp(crop.reshape(-1, 3), axis=0).max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 400)])
@pytest.mark.parametrize("scale", [0.02, 1, 6])
def test_align_face_answers_for_tiny_frames_and_regions(shape, scale):
    image = picture(*shape)
    crop = align_face(image, mesh_with(moved(0, scale, 0, 0)))
    assert crop.shape == (112, 112, 3)
    assert crop.dtype == np.uint8
    assert crop.min() >= image.min()
    assert crop.max() <= image.max()


def test_warp_area_keeps_the_place_of_an_edge_while_it_shrinks():
    image = np.zeros((700, 700, 3), np.uint8)
    image[:, 350:] = 240
    for scale in (1 / 2, 1 / 3.7, 1 / 6.2):
        matrix = np.array([[scale, 0, 56 - 349.5 * scale], [0, scale, 56 - 349.5 * scale]])
        row = warp_area(image, matrix, 112)[56, :, 0].astype(float)
        assert np.interp(120, row, np.arange(112)) == pytest.approx(56, abs=0.3)
