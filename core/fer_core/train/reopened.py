"""An exported model as a checkpoint again, so that training may go on from the file that people have.

What :mod:`fer_core.export` folded and summed is undone: batch normalisation comes back with the statistics of faces
(:mod:`fer_core.models.unfolded`), and the first convolution reads three equal channels. The network answers what the
file answers before its temperature. What the optimiser kept is gone, so the run itself cannot be resumed, but a recipe
may ``start`` here, or name it among its ``teachers``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from fer_core.data.errors import DataError
from fer_core.data.shards import Shard
from fer_core.export import read_card
from fer_core.infer.model_card import ModelCard
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.models.multitask import MultitaskNet
from fer_core.models.unfolded import Pair, face_batches, unfold
from fer_core.train.checkpoint import Progress, save_checkpoint
from fer_core.train.networks import create_model
from fer_core.train.options import RecipeError
from fer_core.train.recipe import Recipe, recipe_from_dict
from fer_core.types import Floats


def reopen(model: Path, shards: Sequence[Shard], out: Path) -> ModelCard:
    """Writes a checkpoint with the network of a model file as its averaged one; returns the card.

    Args:
        model: of ``fer-core export``, with linear heads, not of int8.
        shards: whose faces it will learn from, to measure the statistics of its channels on.
        out: file to write.

    Raises:
        DataError: when the file cannot be read, its network is of another kind, or there are no training faces.
        ModelError: when it has no card.
        OSError: when the checkpoint cannot be written.
    """
    graph = _read(model)
    card = read_card(graph, str(model))
    recipe, steps = _trained_with(card)
    average = AveragedModel(reopened(graph, card, recipe, face_batches(shards, recipe.stages[-1].size_px)))
    out.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(out, recipe, card.geometry, Progress(step=steps), {"average": average.state_dict()}, [])
    return card


def reopened(graph: onnx.ModelProto, card: ModelCard, recipe: Recipe, batches: Iterable[Tensor]) -> MultitaskNet:
    """The network of an exported file, ready to learn on.

    Args:
        graph: of :func:`fer_core.export.export_onnx`, with linear heads and in floating point.
        card: of the graph.
        recipe: that it was trained with, out of the card.
        batches: images (B, 3, S, S) RGB in 0..255 at the last resolution of the recipe, to measure the statistics of
            the channels on; a thousand faces in all do.

    Returns:
        In evaluation mode; it answers what the file answers, before the temperature.

    Raises:
        DataError: when the graph is of another kind.
    """
    if (card.expressions, card.action_units) != (EXPRESSIONS, ACTION_UNITS):
        raise DataError(f"{card.name}: lacks some of the answers that recipes train; only whole models can be reopened")
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    folded = [_folded(node, weights) for node in graph.graph.node if node.op_type == "Conv"]
    network = create_model(replace(recipe, imagenet=False), imagenet=False).eval()
    if not isinstance(network, MultitaskNet) or not folded or None in folded:
        raise DataError(f"{card.name}: only networks with linear heads, in floating point, can be reopened")
    pairs = _pairs(network, recipe.stages[-1].size_px)
    kernels = [entry for entry in folded if entry is not None]
    kernels[0] = np.repeat(kernels[0][0] / 3, 3, axis=1), kernels[0][1]
    shapes = [tuple(convolution.weight.shape) for convolution, _ in pairs]
    if shapes != [kernel.shape for kernel, _ in kernels]:
        raise DataError(f"{card.name}: its convolutions are not those of {recipe.backbone}, which its card names")
    for task, layer in (("expression", network.expression), ("va", network.va), ("au", network.au)):
        for name, parameter in layer.named_parameters():
            parameter.data.copy_(torch.tensor(_head(weights, f"{task}.{name}", card)))
    unfold(network, pairs, kernels, batches)
    return network


def _read(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(str(path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # of protobuf, whose package is not ours to import
        raise DataError(f"{path}: is no ONNX model ({error}); give a file of fer-core export") from error


def _trained_with(card: ModelCard) -> tuple[Recipe, int]:
    """The recipe, and how many steps it went."""
    try:
        return recipe_from_dict(card.training["recipe"], card.name), int(card.training["steps"])
    except (KeyError, TypeError, ValueError, RecipeError) as error:
        raise DataError(
            f"{card.name}: its card names no recipe of this version and its steps ({error}); export the model again"
        ) from error


def _folded(node: onnx.NodeProto, weights: dict[str, Any]) -> tuple[Floats, Floats] | None:
    """Kernel and bias of a convolution; None where they are not stored as they are, as in a model of int8."""
    if len(node.input) != 3 or not set(node.input[1:]) <= weights.keys():
        return None
    return weights[node.input[1]], weights[node.input[2]]


def _head(weights: dict[str, Any], name: str, card: ModelCard) -> Floats:
    found = [values for stored, values in weights.items() if stored.endswith(f"network.{name}")]
    if len(found) != 1:
        raise DataError(f"{card.name}: holds no {name}; only networks with linear heads can be reopened")
    values: Floats = found[0]
    return values


@torch.inference_mode()
def _pairs(network: nn.Module, size_px: int) -> list[Pair]:
    """Each convolution with the normalisation of what it gives, in the order in which they run."""
    ran: list[nn.Module] = []
    kinds = (nn.Conv2d, nn.BatchNorm2d)
    handles = [
        module.register_forward_hook(lambda layer, *_: ran.append(layer))
        for module in network.modules()
        if isinstance(module, kinds)
    ]
    network(torch.zeros(1, 3, size_px, size_px))
    for handle in handles:
        handle.remove()
    pairs = list(zip(ran[::2], ran[1::2], strict=False))
    if len(ran) % 2 or not all(isinstance(c, nn.Conv2d) and isinstance(n, nn.BatchNorm2d) for c, n in pairs):
        raise DataError("not every convolution of this backbone has a normalisation of its own; it cannot be reopened")
    return pairs  # type: ignore[return-value]
