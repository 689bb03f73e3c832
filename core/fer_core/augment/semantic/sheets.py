"""What a VAE-GAN makes, as pictures: sheets to look at, and samples as a data set of folders.

They are made from people of a data set, whose terms hold for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from fer_core.augment.semantic.sampling import SemanticAugmenter
from fer_core.data.dataset import ShardDataset, collate
from fer_core.data.shards import Shard
from fer_core.labels import EXPRESSIONS
from fer_core.types import ImageU8

RECONSTRUCTIONS = "reconstructions.png"
AUGMENTED = "augmented.png"
_COLUMNS = 8
_GAP_PX = 2
_BATCH = 64


def write_sheets(
    augmenter: SemanticAugmenter, shards: Sequence[Shard], out: Path, strength: float, seed: int
) -> list[Path]:
    """Two PNG files in ``out``, with a row for each expression that training showed.

    ``reconstructions.png`` has faces of the validation split (the training split where there are none) left of their
    reconstructions, in pairs. ``augmented.png`` begins with a training face and its reconstruction, and goes on with
    faces drawn around it (eq. 4).
    """
    held_out = "valid" if len(ShardDataset(shards, "valid", None, 0)) else "train"
    rng = np.random.default_rng((seed, 0))
    remade, moved = [], []
    for label, image in faces_of_each(augmenter, shards, held_out, _COLUMNS // 2, rng):
        again = augmenter.augment(image, label, 0.0, rng)
        remade.append(torch.stack([image, again], dim=1).flatten(0, 1))  # (2N, 3, S, S), in pairs
    for label, image in faces_of_each(augmenter, shards, "train", 1, rng):
        around = augmenter.augment(image.repeat(_COLUMNS, 1, 1, 1), label.repeat(_COLUMNS), strength, rng)
        moved.append(torch.cat([image, augmenter.augment(image, label, 0.0, rng), around]))
    written = []
    for name, rows in ((RECONSTRUCTIONS, remade), (AUGMENTED, moved)):
        save_rgb(out / name, sheet(rows))
        written.append(out / name)
    return written


def write_samples(
    augmenter: SemanticAugmenter, shards: Sequence[Shard], out: Path, count: int, strength: float, seed: int
) -> None:
    """``count`` augmented faces of each expression that training showed, as ``out/train/<expression>/<number>.png``.

    A data set of kind ``folder:`` (:mod:`fer_core.data.readers.plain_folder`), all of it for training. Each comes from
    a training face of its class, all faces of a class in turn before any comes again.
    """
    rng = np.random.default_rng((seed, 1))
    for label, image in faces_of_each(augmenter, shards, "train", count, rng):
        folder = out / "train" / EXPRESSIONS[int(label[0])]
        folder.mkdir(parents=True, exist_ok=True)
        device = augmenter.count.device
        made = [
            augmenter.augment(part.to(device), label[: len(part)].to(device), strength, rng).cpu()
            for part in torch.split(image, _BATCH)
        ]
        for number, face in enumerate(to_u8(torch.cat(made))):
            save_rgb(folder / f"{number:05d}.png", face)


def faces_of_each(
    augmenter: SemanticAugmenter,
    shards: Sequence[Shard],
    split: str,
    count: int,
    rng: np.random.Generator,
    *,
    once: bool = False,
) -> Iterator[tuple[Tensor, Tensor]]:
    """For each expression that training showed and the split has: its label (N,), and crops (N, 3, S, S) in 0..255.

    N is ``count``: each face comes again once all have come, or, with ``once``, N is no more than there are.
    """
    data = ShardDataset(shards, split, None, 0)
    votes = data.labels().votes
    majority = np.where(np.isfinite(votes).all(axis=1), np.nan_to_num(votes).argmax(axis=1), -1) if len(data) else votes
    for label in range(len(augmenter.count)):
        rows = np.flatnonzero(majority == label)
        if augmenter.count[label] > 1 and len(rows):
            rounds = 1 if once else -(-count // len(rows))
            chosen = np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:count]
            batch = collate([data[int(row)] for row in chosen])
            yield torch.full((len(chosen),), label), batch.image_rgb


def sheet(rows: Sequence[Tensor]) -> ImageU8:
    """Rows of crops (N, 3, S, S) in 0..255 as one picture, black where a row is shorter.

    Raises:
        ValueError: when there are no rows.
    """
    if not rows:
        raise ValueError("no expression to show; the split has no face of a class that training showed")
    side = rows[0].shape[-1] + _GAP_PX
    picture = np.zeros((side * len(rows), side * max(map(len, rows)), 3), np.uint8)
    for top, row in enumerate(rows):
        for left, face in enumerate(to_u8(row)):
            height, width = face.shape[:2]
            picture[top * side : top * side + height, left * side : left * side + width] = face
    return picture


def to_u8(image_rgb: Tensor) -> list[ImageU8]:
    """(B, 3, S, S) in 0..255 to B pictures (S, S, 3)."""
    return list(image_rgb.clamp(0, 255).round().byte().permute(0, 2, 3, 1).cpu().numpy())


def save_rgb(path: Path, image_rgb_u8: ImageU8) -> None:
    """Writes a picture (H, W, 3).

    Raises:
        OSError: when it cannot be written.
    """
    if not cv2.imwrite(str(path), np.ascontiguousarray(image_rgb_u8[..., ::-1])):
        raise OSError(f"{path} cannot be written; check that the folder exists and has room")
