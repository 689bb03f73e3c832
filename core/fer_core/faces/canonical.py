"""MediaPipe's canonical face mesh, and what this project measured on it, read once from ``assets/faces/mesh.npz``.

``assets/faces/README.md`` says where each array comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fer_core.assets import asset_path
from fer_core.types import Floats

MESH_POINTS = 468


@dataclass(frozen=True, slots=True)
class CanonicalMesh:
    """Read-only arrays over the 468 mesh points, in MediaPipe's order."""

    vertices_cm: Floats
    """(468, 3): x to the image's right, y down, z away from the camera, for a face that looks at the camera."""
    rigid_weights: Floats
    """(468,), sum 1: weight of each point in a rigid fit; 33 points that expressions move little are not 0."""
    appearance: Floats
    """(468,): mean brightness of a face at each point relative to its surroundings, left and right alike."""
    shape_points: npt.NDArray[np.int16]
    """(S,): the points whose place tells heads apart."""
    shape_projection: Floats
    """(D, 2 S): from x and y of those points to the shape descriptor."""


@lru_cache(maxsize=1)
def canonical_mesh() -> CanonicalMesh:
    """The mesh of this installation.

    Raises:
        FileNotFoundError: when the asset is missing.
    """
    with np.load(asset_path("faces", "mesh.npz")) as arrays:
        loaded = {name: arrays[name] for name in arrays.files}
    for array in loaded.values():
        array.setflags(write=False)
    return CanonicalMesh(**loaded)


def check_landmarks(landmarks_px: Floats) -> None:
    """Refuse anything but a finite (468, 3) mesh.

    Raises:
        ValueError: with the shape that came, or when a coordinate is not finite.
    """
    if landmarks_px.shape != (MESH_POINTS, 3):
        raise ValueError(f"landmarks_px has shape {landmarks_px.shape}, needed is ({MESH_POINTS}, 3): drop iris points")
    if not np.isfinite(landmarks_px).all():
        raise ValueError("landmarks_px holds values that are not finite; leave this face out of the frame")
