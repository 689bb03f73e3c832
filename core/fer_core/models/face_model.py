"""The morphable model that ships: of the 468-point mesh, in centimetres of the canonical face."""

from __future__ import annotations

from functools import lru_cache

from fer_core.assets import asset_path
from fer_core.models.morphable import MorphableModel


@lru_cache(maxsize=1)
def face_model() -> MorphableModel:
    """The model of this installation; its landmarks are all 468 points of the mesh.

    Raises:
        FileNotFoundError: when the asset is missing.
    """
    return MorphableModel.load(asset_path("synthesis", "face_model.npz"))
