"""Batch normalisation given back to a network whose convolutions have it folded in.

Stored for use, a network has none left: scale and shift went into the kernels and biases of its convolutions. One that
is to learn on needs it again. The mean and variance of each channel are measured on the faces that it will learn from,
and weight and bias of the normalisation are set so that the network computes what it did before. So a network in
training mode, which takes the statistics of its batch, sees about what it sees in use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fer_core.data.errors import DataError
from fer_core.data.shards import Shard, drawn_training_faces
from fer_core.models.resize import AntialiasResize
from fer_core.types import Floats

#: Faces on which the statistics of the channels are measured, and how many at a time.
FACES, _AT_ONCE = 1024, 64

#: A convolution without bias, and the normalisation of what it gives.
Pair = tuple[nn.Conv2d, nn.BatchNorm2d]


def face_batches(shards: Sequence[Shard], size_px: int) -> Iterator[Tensor]:
    """Images (B, 3, size_px, size_px) RGB in 0..255 to measure on, drawn from the largest shard, always the same.

    Raises:
        DataError: when there are none.
    """
    crops = drawn_training_faces(shards, FACES)
    resize = AntialiasResize(crops[0].shape[0], size_px)
    groups = (crops[first : first + _AT_ONCE] for first in range(0, len(crops), _AT_ONCE))
    return (resize(torch.from_numpy(np.stack(group)).permute(0, 3, 1, 2).float()) for group in groups)


@torch.no_grad()
def unfold(
    network: Callable[[Tensor], Any],
    pairs: Sequence[Pair],
    folded: Sequence[tuple[Floats, Floats]],
    batches: Iterable[Tensor],
) -> None:
    """Sets convolutions and normalisations from folded kernels and biases.

    Args:
        network: a function of one of the batches that runs all pairs, in evaluation mode.
        pairs: in any order.
        folded: kernel (out, in, height, width) and bias (out,) of each pair.
        batches: inputs to measure the statistics of the channels on.

    Raises:
        DataError: when there are no batches.
    """
    for (convolution, normalisation), (kernel, bias) in zip(pairs, folded, strict=True):
        convolution.weight.copy_(torch.tensor(kernel))
        normalisation.reset_running_stats()  # of variance 1 and mean 0: nothing but a shift
        normalisation.weight.fill_(math.sqrt(1 + normalisation.eps))
        normalisation.bias.copy_(torch.tensor(bias))
    _measure(network, [normalisation for _, normalisation in pairs], batches)


def _measure(network: Callable[[Tensor], Any], layers: Sequence[nn.BatchNorm2d], batches: Iterable[Tensor]) -> None:
    """Gives each normalisation the statistics of its channels, and keeps what it computes."""
    sums = {layer: [torch.zeros(layer.num_features, dtype=torch.float64) for _ in range(2)] for layer in layers}
    counts = dict.fromkeys(layers, 0)

    def add(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].double()  # (B, C, h, w)
        sums[layer][0] += values.sum(dim=(0, 2, 3))  # type: ignore[index]
        sums[layer][1] += values.square().sum(dim=(0, 2, 3))  # type: ignore[index]
        counts[layer] += values.numel() // values.shape[1]  # type: ignore[index]

    handles = [layer.register_forward_pre_hook(add) for layer in layers]
    for batch in batches:
        network(batch)
    for handle in handles:
        handle.remove()
    for layer in layers:
        if not counts[layer]:
            raise DataError("no faces to measure the statistics of the network on; prepare some first")
        mean = sums[layer][0] / counts[layer]
        variance = (sums[layer][1] / counts[layer] - mean.square()).clamp(min=0)
        layer.running_mean.copy_(mean)  # type: ignore[union-attr]
        layer.running_var.copy_(variance)  # type: ignore[union-attr]
        layer.weight.copy_((variance + layer.eps).sqrt())
        layer.bias.add_(mean)
