"""How good the faces of a VAE-GAN are: distance from photographs, copies, and whether the expression is still seen.

All is looked at through a classifier of this project, whose features are those of its expression layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fer_core.augment.semantic.images import resized, to_vae_gan
from fer_core.augment.semantic.sampling import SemanticAugmenter
from fer_core.augment.semantic.sheets import faces_of_each
from fer_core.data.shards import Shard
from fer_core.evaluate.frechet import frechet_distance
from fer_core.evaluate.memorising import memorising
from fer_core.evaluate.metrics import accuracy, mean_class_accuracy
from fer_core.labels import EXPRESSIONS
from fer_core.models.vae_gan import VaeGanSize
from fer_core.train.networks import load_trained
from fer_core.train.options import RecipeError
from fer_core.train.recipe import recipe_from_dict
from fer_core.types import Floats

_BATCH = 64
#: Crops (B, 3, S, S) in 0..255 to features (B, F) and expression logits (B, E).
Look = Callable[[Tensor], tuple[Tensor, Tensor]]


def look_of(checkpoint: Path) -> Look:
    """The averaged network of a classifier's checkpoint, at the resolution of its last stage.

    Raises:
        RecipeError: when it gives no features.
        OSError: when there is no such file.
    """
    network, content = load_trained(checkpoint)
    size_px = recipe_from_dict(content["recipe"], str(checkpoint)).stages[-1].size_px

    @torch.inference_mode()
    def look(image_rgb: Tensor) -> tuple[Tensor, Tensor]:
        outputs = network(resized(image_rgb, size_px))
        if outputs.features is None:
            raise RecipeError(f"{checkpoint}: this head gives no features; take a network with another head")
        return outputs.features, outputs.expression_logits

    return look


def measure(
    augmenter: SemanticAugmenter, shards: Sequence[Shard], look: Look, strength: float, per_class: int, seed: int = 0
) -> dict[str, Any]:
    """Figures of reconstructed (``s = 0``) and augmented faces, equally many of each expression where there are enough.

    Args:
        augmenter: trained on the training split of ``shards``.
        shards: with splits train and valid.
        look: from :func:`look_of`.
        strength: ``s`` of eq. 4.
        per_class: most faces of each expression.
        seed: which faces, and how they are moved.

    Returns:
        Counts (``faces``); ``fid`` to the training faces of held-out photographs, reconstructions and augmented
        faces; ``l1`` of the reconstructions in 0..1, at the size and in the channels of the generator, as training has
        it up to the factor 2; ``seen_as_labelled`` and
        ``mean_class_accuracy`` of the classifier on all of these; and ``memorising`` of the augmented faces
        (:mod:`fer_core.evaluate.memorising`).
    """
    rng = np.random.default_rng((seed, 2))
    sets: dict[str, list[tuple[Floats, Floats]]] = {"train": [], "valid": [], "remade": [], "augmented": []}
    labels: dict[str, list[int]] = {name: [] for name in sets}
    apart: list[float] = []

    def note(name: str, image_rgb: Tensor, label: Tensor) -> None:
        features, logits = look(image_rgb)
        sets[name].append((features.float().numpy(), logits.float().numpy()))
        labels[name] += label.tolist()

    for split in ("train", "valid"):
        for label, image in faces_of_each(augmenter, shards, split, per_class, rng, once=True):
            for own_label, part in zip(torch.split(label, _BATCH), torch.split(image, _BATCH), strict=True):
                note(split, part, own_label)
                if split == "train":
                    remade = augmenter.augment(part, own_label, 0.0, rng)
                    apart += _mean_difference(remade, part, augmenter.size)
                    note("remade", remade, own_label)
                    note("augmented", augmenter.augment(part, own_label, strength, rng), own_label)

    features = {name: _stacked([f for f, _ in found]) for name, found in sets.items()}
    target = {name: np.array(found, np.int64) for name, found in labels.items()}
    seen = {name: _stacked([s for _, s in found]).argmax(axis=1) for name, found in sets.items() if found}
    return {
        "strength": strength,
        "faces": {name: len(found) for name, found in target.items()},
        "fid": {name: frechet_distance(features["train"], features[name]) for name in ("valid", "remade", "augmented")},
        "l1": float(np.mean(apart)) if apart else float("nan"),
        "seen_as_labelled": {name: accuracy(target[name], predicted) for name, predicted in seen.items()},
        "mean_class_accuracy": {
            name: mean_class_accuracy(target[name], predicted, len(EXPRESSIONS)) for name, predicted in seen.items()
        },
        "memorising": asdict(memorising(features["augmented"], features["train"], features["valid"])),
    }


def _mean_difference(first: Tensor, second: Tensor, size: VaeGanSize) -> list[float]:
    """(B,) mean absolute difference of crops (B, 3, S, S) in 0..255 as the generator makes them, in 0..1."""
    seen, aimed = (to_vae_gan(image_rgb, size.size_px, size.channels) for image_rgb in (first, second))
    values: list[float] = ((seen - aimed).abs() / 2).mean(dim=(1, 2, 3)).tolist()
    return values


def _stacked(parts: Sequence[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)
