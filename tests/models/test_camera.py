import numpy as np
import pytest

from fer_core.faces.canonical import canonical_mesh
from fer_core.faces.pose import pose_of, rotation_of
from fer_core.models.camera import (
    CAMERA_PARAMETERS,
    PerspectiveCamera,
    camera_from_points,
    quaternion_of,
    quaternion_product,
    rotation_matrix,
)
from fer_core.types import Pose


@pytest.fixture
def camera() -> PerspectiveCamera:
    turn = quaternion_of(rotation_of(Pose(10, -25, 15)))
    return PerspectiveCamera(800.0, turn, np.array([2.0, -1.0, 55.0]), np.array([320.0, 240.0]))


@pytest.mark.parametrize("pose", [Pose(0, 0, 0), Pose(30, -60, 170), Pose(-90, 10, 180), Pose(5, 89, -120)])
def test_quaternion_of_is_the_inverse_of_rotation_matrix(pose: Pose) -> None:
    rotation = rotation_of(pose)
    quaternion = quaternion_of(rotation)
    assert np.linalg.norm(quaternion) == pytest.approx(1)
    assert np.allclose(rotation_matrix(quaternion), rotation)


def test_quaternion_product_is_one_turn_after_the_other() -> None:
    a, b = rotation_of(Pose(20, 30, -50)), rotation_of(Pose(-70, 5, 130))
    assert np.allclose(rotation_matrix(quaternion_product(quaternion_of(a), quaternion_of(b))), a @ b)


def test_project_is_a_pinhole(camera: PerspectiveCamera) -> None:
    points = np.random.default_rng(0).normal(0, 5, (20, 3))
    placed = points @ camera.rotation.T + [2, -1, 55]
    assert np.allclose(camera.project(points), 800 * placed[:, :2] / placed[:, 2:] + [320, 240])


def test_derivatives_match_differences(camera: PerspectiveCamera) -> None:
    points = np.random.default_rng(0).normal(0, 5, (12, 3))
    places, by_point, by_camera = camera.derivatives(points)
    assert np.allclose(places, camera.project(points))
    small = 1e-6
    for axis in range(3):
        shift = small * np.eye(3)[axis]
        slope = (camera.project(points + shift) - camera.project(points - shift)) / (2 * small)
        assert np.allclose(slope, by_point[:, :, axis], atol=1e-4)
    for k in range(CAMERA_PARAMETERS):
        step = small * np.eye(CAMERA_PARAMETERS)[k]
        slope = (camera.moved(step).project(points) - camera.moved(-step).project(points)) / (2 * small)
        assert np.allclose(slope, by_camera[:, :, k], rtol=1e-5, atol=1e-3)


def test_moved_keeps_a_unit_quaternion_and_a_positive_focal_length(camera: PerspectiveCamera) -> None:
    moved = camera.moved(np.array([-9.0, 3.0, -2.0, 1.0, 0, 0, 0]))
    assert np.linalg.norm(moved.quaternion) == pytest.approx(1)
    assert 0 < moved.focal_px < camera.focal_px


def test_camera_from_points_is_near_the_true_one() -> None:
    points = canonical_mesh().vertices_cm.astype(float)
    true = PerspectiveCamera(
        640.0, quaternion_of(rotation_of(Pose(12, 25, -8))), np.array([3, 2, 60]), np.array([320, 240])
    )
    found = camera_from_points(points, true.project(points), (640, 480), 640.0)
    pose = pose_of(found.rotation)
    # Perspective, which a first guess leaves out, costs some degrees.
    assert np.abs(np.subtract((pose.pitch_deg, pose.yaw_deg, pose.roll_deg), (12, 25, -8))).max() < 8
    assert found.translation[2] == pytest.approx(60, rel=0.05)
    assert np.abs(found.project(points) - true.project(points)).mean() < 3


def test_camera_from_points_refuses_a_plane() -> None:
    flat = np.random.default_rng(0).normal(size=(9, 3)) * [1, 1, 0]
    with pytest.raises(ValueError, match="fix no camera"):
        camera_from_points(flat, flat[:, :2], (64, 64))
