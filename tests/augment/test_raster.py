import numpy as np
import pytest

from fer_core.augment.affect3d.raster import rasterise, smooth_contour, turned_towards

CORNERS = np.array([(2, 2), (12, 2), (2, 12)], np.float32)


def test_turned_towards_tells_front_from_back_and_from_edge_on() -> None:
    triangles = np.array([(0, 2, 1), (0, 1, 2), (0, 1, 1)], np.intp)
    assert turned_towards(CORNERS, triangles).tolist() == [True, False, False]


def test_rasterise_draws_later_triangles_over_earlier_ones() -> None:
    ids = rasterise(CORNERS, np.array([(0, 2, 1), (0, 2, 1)], np.intp), (16, 16))
    assert ids[4, 4] == 2
    assert ids[14, 14] == 0


@pytest.mark.parametrize("count", [12, 20])
def test_smooth_contour_is_a_round_curve_through_its_points(count: int) -> None:
    angle = np.arange(count) * 2 * np.pi / count
    circle = np.stack([50 + 30 * np.cos(angle), 40 + 30 * np.sin(angle)], axis=1).astype(np.float32)
    curve = smooth_contour(circle, 4)
    assert curve.shape == (4 * count, 2)
    np.testing.assert_allclose(curve[::4], circle, atol=1e-4)
    radius = np.linalg.norm(curve - (50, 40), axis=1)
    # The polygon itself is off by up to 30 (1 - cos(pi / 12)) = 1.02.
    assert np.abs(radius - 30).max() < 0.1
