from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fer_core.record.ibug68 import MESH_PAIRS, ibug68_from_mesh

CLIP = Path(__file__).resolve().parents[3] / "shared" / "video" / "laugh_24fps.mp4"

#: The point of the 300-W scheme on the other side of the face.
MIRROR = [
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
]


def test_ibug68_uses_each_place_once_and_only_vertices_of_the_mesh() -> None:
    assert len(MESH_PAIRS) == len(set(MESH_PAIRS)) == 68
    assert all(0 <= vertex < 468 for pair in MESH_PAIRS for vertex in pair)


def test_ibug68_from_mesh_takes_the_middle_of_two_vertices() -> None:
    mesh = np.arange(468 * 3, dtype=np.float32).reshape(468, 3)
    points = ibug68_from_mesh(mesh)
    assert points.shape == (68, 3)
    np.testing.assert_allclose(points[8], mesh[152])
    np.testing.assert_allclose(points[27], (mesh[168] + mesh[6]) / 2)


@pytest.fixture(scope="module")
def face_points() -> np.ndarray:
    """The 68 points, (68, 3) in pixels, of a real face close to frontal."""
    if not CLIP.exists():
        pytest.skip(f"needs the clip {CLIP.name}")
    av = pytest.importorskip("av")
    face_mesh = pytest.importorskip("mediapipe.python.solutions.face_mesh")
    with av.open(str(CLIP)) as container:
        image = next(f for i, f in enumerate(container.decode(video=0)) if i == 40).to_ndarray(format="rgb24")
    height, width = image.shape[:2]
    with face_mesh.FaceMesh(static_image_mode=True) as mesh:
        found = mesh.process(image).multi_face_landmarks[0].landmark
    points = np.array([(p.x * width, p.y * height, p.z * width) for p in found], dtype=np.float32)
    return ibug68_from_mesh(points)


def test_ibug68_lies_on_the_parts_of_a_real_face(face_points: np.ndarray) -> None:
    x, y = face_points[:, 0], face_points[:, 1]
    brows, eyes, nose, lips = slice(17, 27), slice(36, 48), slice(31, 36), slice(48, 60)
    assert y[brows].max() < y[eyes].max() < y[nose].min() < y[nose].max() < y[lips].min() < y[8]
    assert y.argmax() in (7, 8, 9)
    assert np.all(np.diff(x[2:15]) > 0)  # jaw from image left to right ...
    assert np.all(np.diff(y[:8]) > 0)  # ... down to the chin
    assert np.all(np.diff(y[9:17]) < 0)  # ... and up again
    assert np.all(np.diff(y[27:31]) > 0)  # down the bridge
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46), (50, 58), (51, 57), (52, 56)):
        assert y[upper] < y[lower]
    assert np.all(np.diff(x[[36, 39, 42, 45]]) > 0)
    assert np.all(np.diff(x[48:55]) > 0)
    assert np.all((x[60:68] >= x[48] - 1) & (x[60:68] <= x[54] + 1))


def test_ibug68_is_symmetric_on_a_real_face(face_points: np.ndarray) -> None:
    centred = face_points - face_points.mean(axis=0)
    mirrored = centred[MIRROR] * np.array([-1, 1, 1])
    # Best rotation from the mirrored to the measured face (Kabsch).
    u, _, vt = np.linalg.svd(mirrored.T @ centred)
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    error = np.linalg.norm(mirrored @ rotation - centred, axis=1)
    eye_distance = np.linalg.norm(face_points[36] - face_points[45])
    assert error.max() < 0.1 * eye_distance
