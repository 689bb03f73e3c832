"""A run on disk: everything that is needed to go on as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from fer_core.faces.align import CropGeometry
from fer_core.files import replacing

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(slots=True)
class Progress:
    """How far a run is."""

    step: int = 0
    """Optimisation steps done."""
    best: float = float("-inf")
    """Best figure that the recipe monitors."""
    best_epoch: int = -1


def save_checkpoint(
    path: Path,
    recipe: DataclassInstance,
    geometry: CropGeometry,
    progress: Progress,
    states: Mapping[str, Any],
    generators: Sequence[Mapping[str, torch.Tensor]],
) -> None:
    """Writes a checkpoint; one of that name is replaced only once the new one is whole.

    Args:
        path: file.
        recipe: a dataclass of plain values, saved with it.
        geometry: of the crops that the network was trained on.
        progress: how far the run is.
        states: ``state_dict()`` by part.
        generators: states of the random generators, by process.
    """
    content = {
        "recipe": asdict(recipe),
        "geometry": geometry.to_dict(),
        "step": progress.step,
        "progress": asdict(progress),
        "generators": [dict(g) for g in generators],
        "states": dict(states),
    }
    with replacing(path) as partial:
        torch.save(content, partial)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Content of :func:`save_checkpoint`."""
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content
