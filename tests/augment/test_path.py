import numpy as np
import pytest

from fer_core.augment.affect3d import SynthesisError, va_path


def test_va_path_has_one_point_a_frame_and_keeps_its_ends() -> None:
    points = np.array([[0, 0], [0.8, 0.2], [0.1, -0.6], [-0.7, 0.4]], np.float32)
    path = va_path(points, 4.0, 25.0)
    assert path.shape == (100, 2)
    assert np.allclose(path[[0, -1]], points[[0, -1]])


def test_va_path_never_jumps_and_rests_at_its_ends() -> None:
    points = np.array([[0, 0], [0.9, 0], [0.9, 0.4], [-0.9, 0.5]], np.float32)
    path = va_path(points, 4.0, 30.0)
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert steps.max() < 2.2 * steps.mean()
    assert steps[0] < 0.02 * steps.max()
    assert steps[-1] < 0.02 * steps.max()
    # Steps change gradually.
    assert np.abs(np.diff(steps)).max() < 0.15 * steps.max()


def test_va_path_of_one_point_stays_there() -> None:
    path = va_path(np.array([[0.3, -0.2]], np.float32), 1.0, 10.0)
    assert np.allclose(path, [0.3, -0.2])
    assert len(path) == 10


def test_va_path_of_two_points_is_straight() -> None:
    path = va_path(np.array([[-0.5, 0], [0.5, 0]], np.float32), 1.0, 21.0)
    assert np.allclose(path[:, 1], 0)
    assert np.isclose(path[10, 0], 0)


@pytest.mark.parametrize(
    ("points", "duration_s", "fps", "words"),
    [
        (np.zeros((0, 2)), 1.0, 25.0, "at least one point"),
        (np.zeros((3, 3)), 1.0, 25.0, "needs points"),
        (np.array([[0, 1.5]]), 1.0, 25.0, "leaves the plane"),
        (np.array([[0, np.nan]]), 1.0, 25.0, "leaves the plane"),
        (np.zeros((2, 2)), 0.0, 25.0, "positive"),
        (np.zeros((2, 2)), 1.0, -1.0, "positive"),
    ],
)
def test_va_path_refuses(points: np.ndarray, duration_s: float, fps: float, words: str) -> None:
    with pytest.raises(SynthesisError, match=words):
        va_path(points, duration_s, fps)
