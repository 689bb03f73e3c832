from itertools import pairwise

import pytest
from mediapipe.python.solutions import face_mesh_connections as mediapipe_edges

from fer_core.faces import contours
from fer_core.faces.canonical import MESH_POINTS, canonical_mesh


@pytest.mark.parametrize(
    ("paths", "name"),
    [
        ((contours.FACE_OVAL,), "FACEMESH_FACE_OVAL"),
        ((contours.LEFT_EYE,), "FACEMESH_LEFT_EYE"),
        ((contours.RIGHT_EYE,), "FACEMESH_RIGHT_EYE"),
        ((contours.LEFT_BROW_LOWER, contours.LEFT_BROW_UPPER), "FACEMESH_LEFT_EYEBROW"),
        ((contours.RIGHT_BROW_LOWER, contours.RIGHT_BROW_UPPER), "FACEMESH_RIGHT_EYEBROW"),
        ((contours.LIPS_OUTER, contours.LIPS_INNER), "FACEMESH_LIPS"),
    ],
)
def test_contours_have_the_edges_of_the_mesh_network(paths: tuple[tuple[int, ...], ...], name: str) -> None:
    ours = {frozenset(edge) for path in paths for edge in pairwise(path)}
    assert ours == {frozenset(edge) for edge in getattr(mediapipe_edges, name)}


def test_contours_use_points_of_the_mesh_only() -> None:
    assert all(0 <= point < MESH_POINTS for path in contours.CONTOURS for point in path)


def test_contours_nose_tip_is_the_point_nearest_to_the_camera() -> None:
    assert int(canonical_mesh().vertices_cm[:, 2].argmin()) in (contours.NOSE_TIP, 4)
