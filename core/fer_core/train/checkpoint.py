"""A run on disk: everything that is needed to go on as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from fer_core.faces.align import CropGeometry
from fer_core.train.recipe import Recipe


def save_checkpoint(path: Path, recipe: Recipe, geometry: CropGeometry, step: int, states: Mapping[str, Any]) -> None:
    """Writes a checkpoint; one of that name is replaced only once the new one is whole.

    Args:
        path: file.
        recipe: saved with it.
        geometry: of the crops that the network was trained on.
        step: optimisation steps done.
        states: ``state_dict()`` by part.
    """
    temporary = path.with_suffix(".partial")
    content = {
        "recipe": asdict(recipe),
        "geometry": geometry.to_dict(),
        "step": step,
        "torch_rng": torch.get_rng_state(),
        "states": dict(states),
    }
    torch.save(content, temporary)
    temporary.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Content of :func:`save_checkpoint`."""
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content
