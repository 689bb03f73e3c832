"""How the faces of a run were aligned: all its shards in one way, and in it those of each network it goes on with.

A network that saw faces in other places of the crop answers, but badly, and nothing else would tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fer_core.data.shards import Shard
from fer_core.faces.align import CropGeometry
from fer_core.train.options import RecipeError


def geometry_of(shards: Sequence[Shard]) -> CropGeometry:
    """The geometry of the crops of all shards.

    Raises:
        RecipeError: when they differ.
    """
    if any(shard.geometry != shards[0].geometry for shard in shards):
        raise RecipeError("the shards differ in how their faces were aligned; prepare them anew, all in one way")
    return shards[0].geometry


def check_geometry(stored: Mapping[str, Any], geometry: CropGeometry, path: Path) -> None:
    """Whether a file is of a network that saw such crops as the shards hold.

    Args:
        stored: geometry in the file, of :meth:`CropGeometry.to_dict`.
        geometry: of the shards.
        path: of the file.

    Raises:
        RecipeError: when it saw others.
    """
    if CropGeometry.from_dict(stored) != geometry:
        raise RecipeError(
            f"{path}: of faces aligned otherwise than those of the shards; prepare these anew, in its way, or name "
            "another file"
        )
