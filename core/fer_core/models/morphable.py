"""A 3D morphable model: shape of people, movements of a face, and what its skin looks like.

Source: Kollias et al., "Deep neural network augmentation: generating faces for affect analysis" (2020), section 3.4:
generalised Procrustes analysis removes place, turn and size, principal components describe what remains (eq. 1);
texture is a model of the same form over features instead of colours (eq. 3). Where we deviate: movements have
components of their own, so that a face need not be neutral to be fitted, and texture lies on places in UV space instead
of vertices, for our mesh has 468 of them and not 53,215. Needs numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_core.faces.similarity import fit_similarity
from fer_core.models.linear_model import EXPLAINED, Doubles, LinearModel, principal_components
from fer_core.models.morphable_files import Arrays, MorphableImportError, read_npz, require_arrays

#: Goes up when the arrays of a file change their meaning.
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class SurfacePlaces:
    """Places on the triangles of a mesh."""

    corners: npt.NDArray[np.int32]
    """(S, 3): the vertices around each place."""
    shares: Doubles
    """(S, 3), sum 1: barycentric coordinates."""

    def on(self, values: Doubles) -> Doubles:
        """(..., S, C): values at vertices (..., N, C), interpolated."""
        return np.asarray((values[..., self.corners, :] * self.shares[:, :, None]).sum(axis=-2))


@dataclass(frozen=True, slots=True)
class MorphableModel:
    """One model of faces. Axes as in the image: x right, y down, z away from the camera."""

    shape: LinearModel
    """Of neutral faces (N, 3)."""
    triangles: npt.NDArray[np.int32]
    """(T, 3)"""
    expression: LinearModel | None = None
    """Displacements (N, 3) by movements; their mean is added to every face."""
    texture: LinearModel | None = None
    """(N or S, C): colours, or features of :mod:`fer_core.models.face_features` at ``places``."""
    places: SurfacePlaces | None = None
    """Where the texture lies, if not on the vertices."""
    landmarks: npt.NDArray[np.int32] | None = None
    """(L,): vertices of landmarks in a known order; None where they are not known."""
    expression_names: tuple[str, ...] = ()
    """Of the components of ``expression``, where they have names."""
    source: str = ""
    """Whose model it is, with licence."""

    def save(self, path: Path) -> None:
        """Write as .npz: components in half precision (to .05 % of themselves), the rest in single."""
        arrays: dict[str, Any] = {"format": _FORMAT, "triangles": self.triangles, "source": self.source}
        arrays["expression_names"] = np.array(self.expression_names, dtype=str)
        if self.landmarks is not None:
            arrays["landmarks"] = self.landmarks
        if self.places is not None:
            arrays |= {"places_corners": self.places.corners, "places_shares": self.places.shares.astype(np.float32)}
        for part in _PARTS:
            model: LinearModel | None = getattr(self, part)
            if model is not None:
                for field in fields(LinearModel):
                    precision = np.float16 if field.name == "components" else np.float32
                    arrays[f"{part}_{field.name}"] = np.asarray(getattr(model, field.name), precision)
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> MorphableModel:
        """Inverse of :meth:`save`.

        Raises:
            FileNotFoundError: when there is no such file.
            MorphableImportError: when the file is damaged, when an array is missing or holds no numbers (the message
                names it), or when a later version of the program wrote the file.
        """
        return cls.from_arrays(path, read_npz(path))

    @classmethod
    def from_arrays(cls, path: Path, arrays: Arrays) -> MorphableModel:
        """As :meth:`load`, from what the file holds; its path is for messages."""
        if not np.array_equal(arrays.get("format", 0), _FORMAT):
            raise MorphableImportError(
                f"{path}: no morphable model of form {_FORMAT}; write it again with this version"
            )
        parts = [part for part in _PARTS if part == "shape" or f"{part}_mean" in arrays]
        needed = ["triangles", *(name for part in parts for name in _names(part))]
        if "places_corners" in arrays:
            needed += ["places_corners", "places_shares"]
        require_arrays(path, "a model of this program", arrays, needed)
        return cls(
            **{part: _part(arrays, part) for part in parts},
            triangles=arrays["triangles"],
            places=(
                SurfacePlaces(arrays["places_corners"], arrays["places_shares"].astype(np.float64))
                if "places_corners" in arrays
                else None
            ),
            landmarks=arrays.get("landmarks"),
            expression_names=tuple(str(n) for n in arrays.get("expression_names", ())),
            source=str(arrays.get("source", "")),
        )


_PARTS = ("shape", "expression", "texture")


def _names(part: str) -> list[str]:
    return [f"{part}_{field.name}" for field in fields(LinearModel)]


def _part(arrays: Arrays, part: str) -> Any:
    mean, components, variances, explained = (arrays[name].astype(np.float64) for name in _names(part))
    return LinearModel(mean, components, variances, float(explained))


def procrustes(shapes: Doubles, rounds: int = 10, tolerance: float = 1e-8) -> tuple[Doubles, Doubles]:
    """Generalised Procrustes analysis (Gower 1975).

    Args:
        shapes: (M, N, 3).
        rounds: at most.
        tolerance: mean squared change of the mean at which to stop.

    Returns:
        The aligned shapes (M, N, 3) and their mean (N, 3), centred and of unit size.
    """
    mean = _unit(shapes[0])
    for _ in range(rounds):
        aligned = np.stack([fit_similarity(shape, mean).apply(shape) for shape in shapes])
        new = _unit(aligned.mean(axis=0))
        change = float(((new - mean) ** 2).mean())
        mean = new
        if change < tolerance:
            break
    return np.stack([fit_similarity(shape, mean).apply(shape) for shape in shapes]), mean


def fit_shape_model(shapes: Doubles, explained: float = EXPLAINED) -> LinearModel:
    """Procrustes and principal components of shapes (M, N, 3), as many as explain a share of the variance (eq. 1).

    Raises:
        ValueError: when there are fewer than two shapes, or the share is not in (0, 1].
    """
    if shapes.ndim != 3 or shapes.shape[0] < 2 or shapes.shape[2] != 3:
        raise ValueError(f"shapes are {shapes.shape}; needed are at least two, (M, N, 3)")
    aligned, _ = procrustes(shapes)
    return principal_components(aligned, explained)


def _unit(shape: Doubles) -> Doubles:
    centred = shape - shape.mean(axis=0)
    return np.asarray(centred / np.sqrt((centred**2).sum(axis=1).mean()))
