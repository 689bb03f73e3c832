from collections.abc import Callable, Iterator

import numpy as np
import pytest

from fer_core.augment.affect3d import FaceFitter, FittedFace
from fer_core.augment.affect3d.fitting import fit_mesh
from fer_core.augment.affect3d.topology import LIP_PAIRS
from fer_core.faces.canonical import canonical_mesh
from fer_core.faces.pose import rotation_of
from fer_core.types import Pose


@pytest.fixture(scope="session")
def fitter() -> Iterator[FaceFitter]:
    fitter = FaceFitter()
    yield fitter
    fitter.close()


def landmarks_of(yaw_deg: float = 0.0, scale_px_per_cm: float = 14.0, centre: float = 180.0) -> np.ndarray:
    """The canonical face, seen from a camera far away."""
    mesh = canonical_mesh()
    vertices = mesh.vertices_cm - mesh.rigid_weights @ mesh.vertices_cm
    turned = vertices @ rotation_of(Pose(0.0, yaw_deg, 0.0)).T * scale_px_per_cm
    landmarks = (turned + np.array([centre, 0.45 * 2 * centre, 0])).astype(np.float32)
    # The canonical mouth is a little open; a neutral one is closed.
    for upper, lower in LIP_PAIRS:
        middle = (landmarks[upper] + landmarks[lower]) / 2
        landmarks[upper], landmarks[lower] = middle, middle
    return landmarks


def photo_of(side_px: int = 360) -> np.ndarray:
    """Smooth skin-like colours with texture, so that every move changes pixels."""
    ys, xs = np.mgrid[0:side_px, 0:side_px]
    waves = 20 * np.sin(xs / 5.0) * np.cos(ys / 7.0)
    picture = np.stack([170 + waves, 130 + waves, 110 + waves], axis=2)
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def made_fit() -> FittedFace:
    return fit_mesh(photo_of(), landmarks_of())


@pytest.fixture(scope="session")
def made_landmarks() -> Callable[..., np.ndarray]:
    return landmarks_of


@pytest.fixture
def made_photo() -> np.ndarray:
    return photo_of()
