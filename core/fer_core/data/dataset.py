"""Batches for training, from aligned shards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fer_core.data.shards import Shard
from fer_core.data.transforms import Augmentation
from fer_core.types import Floats

#: Crop (S, S, 3) or clip (T, S, S, 3) uint8, then votes (E,), valence-arousal (2,), action units (A,), weight of these
#: (1,), and the mask of eyes and mouth (S, S) where the data set was asked for it.
Item = tuple[npt.NDArray[Any], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """B aligned crops, or clips of T of them, with their labels (a clip's are its last frame's); NaN where missing."""

    image_rgb: Tensor
    """(B, 3, S, S) or (B, T, 3, S, S) float32, 0..255"""
    votes: Tensor
    """(B, E)"""
    va: Tensor
    """(B, 2)"""
    au: Tensor
    """(B, A)"""
    au_weight: Tensor
    """(B, 1)"""
    region: Tensor | None = None
    """(B, 1, S, S) float32, 1 where eyes and mouth are; None when the data set was not asked for it."""

    def __len__(self) -> int:
        return len(self.image_rgb)

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=True))

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with ``function`` applied to each tensor."""
        changed: dict[str, Any] = {}
        for name in self.__slots__:
            tensor = getattr(self, name)
            changed[name] = None if tensor is None else function(tensor)
        return Batch(**changed)

    def with_image(self, image_rgb: Tensor) -> Batch:
        """The same labels on other images."""
        return replace(self, image_rgb=image_rgb)


@dataclass(frozen=True, slots=True)
class Labels:
    """All labels of a split, N images; NaN where missing. What class weights, rates and adjacencies come from."""

    votes: Floats
    """(N, E)"""
    va: Floats
    """(N, 2)"""
    au: Floats
    """(N, A)"""


class ShardDataset(torch.utils.data.Dataset[Item]):
    """One split of several shards as one list of samples.

    Every item is a function of (seed, epoch, index) alone, so that a resumed run sees what the first would have seen.
    An index beyond the end means the same sample once more: ``index + n * len(self)`` is its n-th repetition, with an
    augmentation of its own, for samplers that draw with replacement.

    Args:
        shards: where the images are.
        split: which of their images.
        augmentation: None leaves the crops as they are.
        seed: of the augmentation.
        repeats: how often each image of a data set is in the list; 1 where not named.
        frames: 1 for single crops; more for clips that end with the labelled frame, all augmented alike.
        region: (S, S) 0..1, where eyes and mouth are in an aligned crop; items then end with it, moved as the crop was.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        split: str,
        augmentation: Augmentation | None,
        seed: int,
        repeats: Mapping[str, int] | None = None,
        frames: int = 1,
        region: Floats | None = None,
    ) -> None:
        self._shards = shards
        self._augmentation = augmentation
        self._seed = seed
        self._frames = frames
        self._region = region
        self._before = [previous_frames(shard) for shard in shards] if frames > 1 else []
        self.epoch = 0
        items: list[tuple[int, int]] = []
        for s, shard in enumerate(shards):
            rows = np.flatnonzero(shard.split == split)
            items += [(s, int(r)) for r in rows] * (repeats or {}).get(shard.dataset, 1)
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Item:
        s, row = self._items[index % len(self._items)]
        shard = self._shards[s]
        crops = [shard.image(r) for r in self._clip(s, row)]
        mask: tuple[Floats, ...] = () if self._region is None else (self._region,)
        if self._augmentation:
            seed = (self._seed, self.epoch, index)
            mask = tuple(self._augmentation.move_mask(m, np.random.default_rng(seed)) for m in mask)
            crops = [self._augmentation.apply(crop, np.random.default_rng(seed)) for crop in crops]
        image = crops[0] if self._frames == 1 else np.stack(crops)
        return image, shard.votes[row], shard.va[row], shard.au[row], shard.au_weight[row : row + 1], *mask

    def labels(self) -> Labels:
        """Those of every item, in order."""
        rows = [(self._shards[s], row) for s, row in self._items]
        empty = np.empty((0, 0), np.float32)
        arrays = ([getattr(shard, name)[row] for shard, row in rows] for name in ("votes", "va", "au"))
        return Labels(*(np.stack(column) if column else empty for column in arrays))

    def places(self) -> list[tuple[str, str]]:
        """Data set and path of every item, in order."""
        return [(self._shards[s].dataset, str(self._shards[s].path[row])) for s, row in self._items]

    def _clip(self, s: int, row: int) -> list[int]:
        """The rows of ``frames`` frames that end with ``row``; the first is repeated where none is before it."""
        clip = [row]
        while len(clip) < self._frames:
            clip.append(int(self._before[s][clip[-1]]))
        return clip[::-1]


def previous_frames(shard: Shard) -> npt.NDArray[np.intp]:
    """(N,) for each image the row of the frame before it in its video, or its own row when there is none.

    Frames that the data set left out are skipped; photographs stand alone.
    """
    before = np.arange(len(shard))
    rows = np.lexsort((shard.frame, shard.sequence))  # by video, then by frame
    earlier, later = rows[:-1], rows[1:]
    follows = (shard.sequence[earlier] == shard.sequence[later]) & (shard.sequence[later] != "")
    before[later[follows]] = earlier[follows]
    return before


def collate(items: Sequence[Item]) -> Batch:
    """Stacks samples."""
    crops, *columns = (np.stack(column) for column in zip(*items, strict=True))
    image = torch.from_numpy(crops).movedim(-1, -3).float()  # (B, 3, S, S) or (B, T, 3, S, S)
    labels = [torch.from_numpy(column.astype(np.float32)) for column in columns]
    if len(labels) > 4:
        labels[4] = labels[4][:, None]  # (B, 1, S, S)
    return Batch(image, *labels)


def epoch_batches(
    dataset: ShardDataset,
    batch_size: int,
    epoch: int,
    seed: int,
    first_batch: int = 0,
    workers: int = 0,
    order: npt.NDArray[np.intp] | None = None,
    share: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
    """Full batches of one epoch, from ``first_batch`` on (a resumed run starts in the middle).

    Args:
        dataset: what is drawn from.
        batch_size: over all processes.
        epoch: 0-based.
        seed: of the order.
        first_batch: batches of this epoch that are skipped.
        workers: processes that load.
        order: indices as a sampler drew them; None shuffles.
        share: rank of this process and number of processes: which contiguous part of each batch it gets.
    """
    dataset.epoch = epoch
    if order is None:
        order = np.random.default_rng((seed, epoch)).permutation(len(dataset))
    order = _repetitions(order, len(dataset))
    full = len(order) // batch_size * batch_size
    rank, processes = share
    part = slice(rank * batch_size // processes, (rank + 1) * batch_size // processes)
    batches = order[:full].reshape(-1, batch_size)[first_batch:, part].tolist()
    yield from torch.utils.data.DataLoader(
        dataset, batch_sampler=batches, collate_fn=collate, num_workers=workers, generator=_own_generator()
    )


def _repetitions(order: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.intp]:
    """Adds ``count`` to an index for each time that it was there before."""
    by_index = np.argsort(order, kind="stable")
    ordered = order[by_index]
    firsts = np.flatnonzero(np.diff(ordered, prepend=-1))
    seen = np.arange(len(ordered)) - np.repeat(firsts, np.diff(np.append(firsts, len(ordered))))
    repeated = order.copy()
    repeated[by_index] += seen * count
    return repeated


def ordered_batches(dataset: torch.utils.data.Dataset[Item], batch_size: int, workers: int = 0) -> Iterator[Batch]:
    """Every sample once, in order, loaded by so many processes."""
    yield from torch.utils.data.DataLoader(
        dataset, batch_size=batch_size, collate_fn=collate, num_workers=workers, generator=_own_generator()
    )


def _own_generator() -> torch.Generator:
    # A loader draws a seed for its workers. Out of the global generator, that draw would change the dropout of a run
    # that is resumed in the middle of an epoch.
    return torch.Generator()
