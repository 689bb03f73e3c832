"""What synthesis needs at run time, read once from ``assets/synthesis/synthesis.npz``.

``assets/synthesis/README.md`` says where each array comes from; every one is a statistic over many faces or made of an
open face model, none holds a face.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer_core.assets import asset_path
from fer_core.types import Floats, ImageU8


@dataclass(frozen=True, slots=True)
class AffectModel:
    """Shape and appearance of facial movements, and which of them show an affect. Read-only arrays."""

    triangles: npt.NDArray[np.int16]
    """(T, 3): corners among the 468 mesh points."""
    uv: Floats
    """(468, 2), 0..1: place of each point in UV space, x to the image's right, y down."""
    unit_names: npt.NDArray[np.str_]
    """(U,): the movements, named by FACS action unit, ``au01`` .. ``au43``."""
    unit_shapes_cm: Floats
    """(U, 468, 3): displacement at full strength, axes and scale of the canonical face."""
    unit_log_ratios: Floats
    """(U, G, G): log of brightness after over before, in UV space, at full strength."""
    expression_names: npt.NDArray[np.str_]
    """(6,)"""
    expression_weights: Floats
    """(6, U): strength of each movement in a full expression."""
    class_va: Floats
    """(C, 2): centres of the valence-arousal classes."""
    class_weights: Floats
    """(C, U): strength of each movement in a class."""
    teeth_upper: ImageU8
    """(h, w, 4): RGB and opacity of upper teeth and gums, seen from the front."""
    teeth_lower: ImageU8
    teeth_origin_cm: Floats
    """(2, 2): canonical x and y of the top left corner of the upper and the lower picture."""
    teeth_px_per_cm: float
    teeth_arch_cm: Floats
    """(3,): depth of the dental arch at x is ``a + b x^2 + c x^4`` in the canonical face."""
    eye_white: Floats
    """(3,): RGB of the white of the eye in the light in which the teeth were coloured."""


#: Logarithms of ratios are stored as bytes, in these steps.
_LOG_RATIO_STEP = 0.01


def read_model(path: Path) -> AffectModel:
    """A model that :func:`write_model` wrote.

    Raises:
        FileNotFoundError: when there is none.
        KeyError: when an array is missing.
    """
    with np.load(path) as arrays:
        loaded = {name: arrays[name] for name in arrays.files}
    loaded["unit_log_ratios"] = loaded["unit_log_ratios"].astype(np.float32) * _LOG_RATIO_STEP
    loaded["unit_shapes_cm"] = loaded["unit_shapes_cm"].astype(np.float32)
    for array in loaded.values():
        array.setflags(write=False)
    return AffectModel(**loaded | {"teeth_px_per_cm": float(loaded["teeth_px_per_cm"])})


def write_model(path: Path, model: AffectModel) -> None:
    """Store a model compactly: shapes to a hundredth of a millimetre, log ratios to .01."""
    arrays = {field.name: np.asarray(getattr(model, field.name)) for field in fields(model)}
    ratios = np.round(model.unit_log_ratios / _LOG_RATIO_STEP)
    arrays["unit_log_ratios"] = ratios.clip(-127, 127).astype(np.int8)
    arrays["unit_shapes_cm"] = model.unit_shapes_cm.astype(np.float16)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)


@lru_cache(maxsize=1)
def affect_model() -> AffectModel:
    """The model of this installation.

    Raises:
        FileNotFoundError: when the asset is missing.
    """
    return read_model(asset_path("synthesis", "synthesis.npz"))
