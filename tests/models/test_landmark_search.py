import numpy as np
import pytest

pytest.importorskip("scipy", reason="searching needs scipy")

from fer_core.faces.canonical import canonical_mesh
from fer_core.models.landmark_search import find_landmarks
from fer_core.models.linear_model import LinearModel
from fer_core.models.morphable import MorphableModel
from fer_core.record.ibug68 import ibug68_from_mesh


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_find_landmarks_on_a_denser_mesh_of_any_unit(scale: float) -> None:
    """The canonical face in other units, stretched, with points between its own, and with shoulders around it."""
    own = canonical_mesh().vertices_cm.astype(float) * [1.04, 0.97, 1.0]
    rng = np.random.default_rng(0)
    near = np.argsort(((own[:, None] - own[None]) ** 2).sum(axis=2), axis=1)[:, 1:6]
    between = (own[:, None] + own[near]).reshape(-1, 3) / 2
    around = rng.uniform([-9, -12, 5], [9, 14, 12], (600, 3))
    mesh = scale * np.concatenate([rng.permutation(np.concatenate([own, between])), around]) + 3
    model = MorphableModel(LinearModel(mesh, np.zeros((1, *mesh.shape)), np.ones(1), 1.0), np.zeros((1, 3), np.int32))
    found = mesh[find_landmarks(model)]
    wanted = scale * ibug68_from_mesh(own) + 3
    assert np.median(np.linalg.norm(found - wanted, axis=1)) < 0.5 * scale
