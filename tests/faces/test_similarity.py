import numpy as np
import pytest

from fer_core.faces.pose import rotation_of
from fer_core.faces.similarity import fit_similarity, rotation_and_scale
from fer_core.types import Pose

TURN = rotation_of(Pose(20, -35, 80))


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, 3))


def test_fit_similarity_finds_rotation_scale_and_shift(points: np.ndarray) -> None:
    found = fit_similarity(points, 2.5 * points @ TURN.T + [3, -4, 5])
    assert np.allclose(found.rotation, TURN)
    assert found.scale == pytest.approx(2.5)
    assert np.allclose(found.shift, [3, -4, 5])


def test_similarity_undo_is_the_inverse_of_apply(points: np.ndarray) -> None:
    found = fit_similarity(points, 0.3 * points @ TURN.T + [1, 2, 3])
    assert np.allclose(found.undo(found.apply(points)), points)
    assert np.allclose(np.linalg.norm(found.turn(points), axis=1), np.linalg.norm(points, axis=1))


def test_fit_similarity_is_the_least_squares_optimum(points: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    target = 1.5 * points @ TURN.T + 0.2 * rng.normal(size=points.shape)
    weights = rng.uniform(0, 1, len(points))
    found = fit_similarity(points, target, weights)

    def cost(rotation: np.ndarray, scale: float, shift: np.ndarray) -> float:
        return float(weights @ ((scale * points @ rotation.T + shift - target) ** 2).sum(axis=1))

    best = cost(found.rotation, found.scale, found.shift)
    for _ in range(50):
        turn = rotation_of(Pose(*rng.normal(0, 1, 3)))
        assert cost(turn @ found.rotation, found.scale, found.shift) >= best
        assert cost(found.rotation, found.scale * rng.uniform(0.95, 1.05), found.shift) >= best
        assert cost(found.rotation, found.scale, found.shift + rng.normal(0, 0.02, 3)) >= best


def test_fit_similarity_ignores_points_without_weight(points: np.ndarray) -> None:
    target = points @ TURN.T
    target[5:] += 100.0
    weights = (np.arange(len(points)) < 5).astype(float)
    assert np.allclose(fit_similarity(points, target, weights).rotation, TURN)


def test_fit_similarity_never_mirrors(points: np.ndarray) -> None:
    found = fit_similarity(points, points * [-1, 1, 1])
    assert np.linalg.det(found.rotation) == pytest.approx(1)
    flat = points * [1, 1, 0]
    assert np.allclose(fit_similarity(flat, flat @ TURN.T).rotation, TURN)


def test_rotation_and_scale_of_a_mirrored_covariance_is_a_rotation() -> None:
    rotation, scale = rotation_and_scale(np.diag([3.0, 2.0, -1.0]), 6.0)
    assert np.allclose(rotation, np.eye(3))
    assert scale == pytest.approx(4 / 6)


def test_fit_similarity_refuses_what_it_cannot_fit(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"point by point"):
        fit_similarity(points, points[:-1])
    with pytest.raises(ValueError, match="no extent"):
        fit_similarity(np.ones((5, 3)), points[:5])
