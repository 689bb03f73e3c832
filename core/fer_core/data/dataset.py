"""Batches for training, from aligned shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fer_core.data.shards import Shard
from fer_core.data.transforms import Augmentation

#: Crop (S, S, 3) uint8, then votes (E,), valence-arousal (2,), action units (A,), weight of these (1,).
Item = tuple[npt.NDArray[Any], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """B aligned crops with their labels; a missing label is NaN."""

    image_rgb: Tensor
    """(B, 3, S, S) float32, 0..255"""
    votes: Tensor
    """(B, E)"""
    va: Tensor
    """(B, 2)"""
    au: Tensor
    """(B, A)"""
    au_weight: Tensor
    """(B, 1)"""

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(*(getattr(self, f).to(device, non_blocking=True) for f in self.__slots__))


class ShardDataset(torch.utils.data.Dataset[Item]):
    """One split of several shards as one list of samples.

    Every item is a function of (seed, epoch, index) alone, so that a resumed run sees what the first would have seen.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        split: str,
        augmentation: Augmentation | None,
        seed: int,
        repeats: Mapping[str, int] | None = None,
    ) -> None:
        self._shards = shards
        self._augmentation = augmentation
        self._seed = seed
        self.epoch = 0
        items: list[tuple[int, int]] = []
        for s, shard in enumerate(shards):
            rows = np.flatnonzero(shard.split == split)
            items += [(s, int(r)) for r in rows] * (repeats or {}).get(shard.dataset, 1)
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Item:
        s, row = self._items[index]
        shard = self._shards[s]
        crop = shard.image(row)
        if self._augmentation:
            crop = self._augmentation.apply(crop, np.random.default_rng((self._seed, self.epoch, index)))
        return crop, shard.votes[row], shard.va[row], shard.au[row], shard.au_weight[row : row + 1]


def collate(items: Sequence[Item]) -> Batch:
    """Stacks samples."""
    crops, *labels = (np.stack(column) for column in zip(*items, strict=True))
    image = torch.from_numpy(crops).permute(0, 3, 1, 2).float()  # (B, 3, S, S)
    return Batch(image, *(torch.from_numpy(label.astype(np.float32)) for label in labels))


def epoch_batches(
    dataset: ShardDataset, batch_size: int, epoch: int, seed: int, first_batch: int = 0, workers: int = 0
) -> Iterator[Batch]:
    """Shuffled full batches of one epoch, from ``first_batch`` on (a resumed run starts in the middle)."""
    dataset.epoch = epoch
    order = np.random.default_rng((seed, epoch)).permutation(len(dataset))
    full = len(order) // batch_size * batch_size
    batches = order[:full].reshape(-1, batch_size)[first_batch:].tolist()
    yield from torch.utils.data.DataLoader(
        dataset, batch_sampler=batches, collate_fn=collate, num_workers=workers, generator=_own_generator()
    )


def ordered_batches(dataset: ShardDataset, batch_size: int) -> Iterator[Batch]:
    """Every sample once, in order."""
    yield from torch.utils.data.DataLoader(
        dataset, batch_size=batch_size, collate_fn=collate, generator=_own_generator()
    )


def _own_generator() -> torch.Generator:
    # A loader draws a seed for its workers. Out of the global generator, that draw would change the dropout of a run
    # that is resumed in the middle of an epoch.
    return torch.Generator()
