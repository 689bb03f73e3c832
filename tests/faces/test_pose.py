import itertools

import numpy as np
import pytest

from fer_core.faces.canonical import canonical_mesh
from fer_core.faces.pose import align_canonical, head_pose, pose_of, rotation_of
from fer_core.types import Pose

FOCAL_PX = 900.0
ANGLES_DEG = (-30, -15, 0, 15, 30)


def seen(pose: Pose, distance_cm: float = 60.0, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """The canonical head as a camera sees it: perspective in x and y, MediaPipe's weak-perspective depth."""
    head = canonical_mesh().vertices_cm.astype(np.float64) @ rotation_of(pose).T + (0.0, 0.0, distance_cm)
    depth_cm = head[:, 2].mean()
    landmarks = np.empty((468, 3))
    landmarks[:, :2] = head[:, :2] / head[:, 2:] * FOCAL_PX + (640.0, 360.0)
    landmarks[:, 2] = (head[:, 2] - depth_cm) * FOCAL_PX / depth_cm
    width_px = np.ptp(landmarks[:, 0])
    return (landmarks + np.random.default_rng(seed).normal(0, noise * width_px, (468, 3))).astype(np.float32)


def errors_deg(found: Pose, true: Pose) -> list[float]:
    return [
        abs(found.pitch_deg - true.pitch_deg),
        abs(found.yaw_deg - true.yaw_deg),
        abs(found.roll_deg - true.roll_deg),
    ]


def test_head_pose_is_zero_for_a_frontal_face() -> None:
    assert max(errors_deg(head_pose(seen(Pose(0, 0, 0), distance_cm=1e4)), Pose(0, 0, 0))) < 0.1


def test_head_pose_is_exact_without_perspective() -> None:
    for true in (Pose(20, -40, 10), Pose(-35, 15, -60), Pose(5, 70, 120)):
        landmarks = canonical_mesh().vertices_cm @ rotation_of(true).T * 7.0 + 100.0
        assert max(errors_deg(head_pose(landmarks.astype(np.float32)), true)) < 0.01


@pytest.mark.parametrize("distance_cm", [50.0, 60.0, 150.0])
def test_head_pose_errs_by_less_than_three_degrees_within_thirty(distance_cm: float) -> None:
    for seed, (pitch, yaw, roll) in enumerate(itertools.product(ANGLES_DEG, repeat=3)):
        true = Pose(pitch, yaw, roll)
        found = head_pose(seen(true, distance_cm, noise=0.005, seed=seed))
        assert max(errors_deg(found, true)) < 3.0, (true, found)


def test_head_pose_signs_follow_the_nose_and_the_eyes() -> None:
    tip, forehead, chin, right_eye, left_eye = 4, 10, 152, 33, 263
    frontal = seen(Pose(0, 0, 0))

    def nose_aside(mesh: np.ndarray) -> np.ndarray:
        return mesh[tip, :2] - (mesh[forehead, :2] + mesh[chin, :2]) / 2

    up = seen(Pose(20, 0, 0))
    right = seen(Pose(0, 20, 0))
    clockwise = seen(Pose(0, 0, 20))
    assert nose_aside(up)[1] < nose_aside(frontal)[1] - 5
    assert nose_aside(right)[0] > nose_aside(frontal)[0] + 5
    assert clockwise[left_eye, 1] > clockwise[right_eye, 1] + 5
    assert head_pose(up).pitch_deg > 15
    assert head_pose(right).yaw_deg > 15
    assert head_pose(clockwise).roll_deg > 15


def test_head_pose_ignores_place_and_size() -> None:
    mesh = seen(Pose(10, -20, 5))
    moved = head_pose(mesh * np.float32(0.1) + np.float32([-50, 900, 3]))
    assert max(errors_deg(moved, head_pose(mesh))) < 0.01


def test_head_pose_hardly_moves_when_the_mouth_opens() -> None:
    mesh = canonical_mesh().vertices_cm.copy()
    jaw = (mesh[:, 1] > 4.2) & (np.abs(mesh[:, 0]) < 4)
    mesh[jaw, 1] += 2.0
    assert max(errors_deg(head_pose(mesh), Pose(0, 0, 0))) < 2.0


def test_pose_of_inverts_rotation_of() -> None:
    for true in (Pose(10, 20, 30), Pose(-80, -60, 170)):
        assert max(errors_deg(pose_of(rotation_of(true)), true)) < 1e-6


def test_align_canonical_brings_the_mesh_back_to_the_canonical_face() -> None:
    mesh = canonical_mesh()
    landmarks = (mesh.vertices_cm @ rotation_of(Pose(10, 30, -20)).T * 5.0 + 200.0).astype(np.float32)
    alignment = align_canonical(landmarks)
    centred = mesh.vertices_cm - mesh.rigid_weights @ mesh.vertices_cm
    assert alignment.scale_px_per_cm == pytest.approx(5.0, rel=1e-4)
    np.testing.assert_allclose(alignment.to_canonical_cm(landmarks), centred, atol=1e-3)


@pytest.mark.parametrize("flaw", ["iris", "nan", "point"])
def test_head_pose_refuses_what_is_no_mesh(flaw: str) -> None:
    mesh = {
        "iris": np.ones((478, 3), np.float32),
        "nan": np.full((468, 3), np.nan, np.float32),
        "point": np.ones((468, 3), np.float32),
    }[flaw]
    with pytest.raises(ValueError, match="landmarks_px"):
        head_pose(mesh)


def test_canonical_mesh_is_symmetric_and_read_only() -> None:
    mesh = canonical_mesh()
    mirrored = mesh.vertices_cm * np.float32([-1, 1, 1])
    nearest = np.linalg.norm(mirrored[:, None] - mesh.vertices_cm[None], axis=2).min(axis=1)
    assert nearest.max() < 0.01
    assert mesh.rigid_weights.sum() == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(ValueError, match="read-only"):
        mesh.vertices_cm[0] = 0
