"""Movements that a 468-point tracker hardly sees, taken from ICT-FaceKit (USC ICT, MIT licence).

Its named shapes are carried over to our mesh: a similarity from the 51 inner points of iBUG 68 that both define, a
thin-plate spline for what remains, then the mean of the nearest vertices.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.interpolate import RBFInterpolator

from fer_core.faces.canonical import canonical_mesh
from fer_core.faces.similarity import fit_similarity
from fer_core.models.morphable_import import ICT_IBUG68
from fer_core.record.ibug68 import MESH_PAIRS

Doubles = npt.NDArray[np.float64]

_FACE = slice(0, 9409)
GUMS = slice(14062, 17039)
TEETH = slice(17039, 21451)
_NEIGHBOURS = 6
_UPPER_LIP = (
    *(0, 37, 39, 40, 267, 269, 270, 13, 82, 81, 80, 191, 312, 311, 310, 415, 11, 12, 72, 73, 74, 38, 41, 42),
    *(302, 303, 304, 268, 271, 272, 183, 407, 184, 408),
)
_LOWER_LIP = (
    *(95, 88, 178, 87, 14, 317, 402, 318, 324, 146, 91, 181, 84, 17, 314, 405, 321, 375, 15, 16, 85, 86),
    *(180, 179, 89, 90, 315, 316, 404, 403, 319, 320, 96, 325, 77, 307),
)


def mirror_points() -> npt.NDArray[np.intp]:
    """(468,): the mesh point on the other side of the face."""
    vertices = canonical_mesh().vertices_cm
    mirrored: npt.NDArray[np.intp] = np.abs(vertices[:, None] * [-1, 1, 1] - vertices[None]).sum(2).argmin(1)
    return mirrored


def symmetric(shapes: Doubles) -> Doubles:
    """(..., 468, 3): mean of a displacement and its mirror image."""
    mean: Doubles = (shapes + shapes[..., mirror_points(), :] * [-1, 1, 1]) / 2
    return mean


class OpenModel:
    """ICT-FaceKit in the axes of the canonical face."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            flip = np.array([1, -1, -1])
            self._neutral: Doubles = arrays["neutral"].astype(np.float64) * flip
            self._names = [str(n) for n in arrays["expression_names"]]
            self._shapes = arrays["expression"].astype(np.float32) * flip.astype(np.float32)
            self.triangles: npt.NDArray[np.int32] = arrays["triangles"]
        own = canonical_mesh().vertices_cm.astype(np.float64)
        source, target = own[np.array(MESH_PAIRS)[17:]].mean(axis=1), self._neutral[list(ICT_IBUG68[17:])]
        self._from_own = fit_similarity(source, target)
        rest = RBFInterpolator(source, target - self._from_own.apply(source), kernel="thin_plate_spline", smoothing=0.5)
        placed = self._from_own.apply(own) + rest(own)
        self._neighbours = self._nearest(placed)

    def _nearest(self, placed: Doubles) -> list[tuple[npt.NDArray[np.intp], Doubles]]:
        # Closed lips touch: what the jaw moves tells the lower from the upper one.
        opens = np.linalg.norm(self._shapes[self._names.index("jawOpen"), _FACE], axis=1)
        found = []
        for index, point in enumerate(placed):
            squared = ((self._neutral[_FACE] - point) ** 2).sum(axis=1)
            if index in _UPPER_LIP:
                squared = squared + 1e3 * (opens > 1.2)
            if index in _LOWER_LIP:
                squared = squared + 1e3 * (opens < 1.2)
            near = np.argsort(squared)[:_NEIGHBOURS]
            weight = 1 / (squared[near] + 0.02)
            found.append((near, weight / weight.sum()))
        return found

    def shape(self, name: str) -> Doubles:
        """(468, 3): displacement of a named shape, both sides together, in canonical centimetres.

        Raises:
            KeyError: when the model has no such shape.
        """
        rows = [k for k, n in enumerate(self._names) if n in (name, f"{name}_L", f"{name}_R")]
        if not rows:
            raise KeyError(f"the open face model has no shape {name!r}")
        moved = self._shapes[rows][:, _FACE].sum(axis=0)
        raw = np.array([weight @ moved[near] for near, weight in self._neighbours])
        return symmetric(raw @ self._from_own.rotation / self._from_own.scale)

    def vertices_cm(self) -> Doubles:
        """(26719, 3): the neutral head in the canonical face's axes."""
        return self._from_own.undo(self._neutral)

    def follows_jaw(self) -> npt.NDArray[np.bool_]:
        """(26719,): whether a vertex moves when the jaw opens."""
        moved: npt.NDArray[np.bool_] = np.linalg.norm(self._shapes[self._names.index("jawOpen")], axis=1) > 0.1
        return moved
