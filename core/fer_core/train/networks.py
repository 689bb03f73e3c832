"""From a recipe to its network, and from a checkpoint back to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from fer_core.data.dataset import Labels
from fer_core.data.errors import DataError
from fer_core.data.label_correlation import conditional_votes, label_correlation
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.models.backbones import create_backbone
from fer_core.models.heads import HeadOptions, create_network, head_options
from fer_core.models.heads import Labels as Answers
from fer_core.models.shortened import shorten
from fer_core.models.staged import enter_stage, leave_stages
from fer_core.train.checkpoint import load_checkpoint
from fer_core.train.options import RecipeError
from fer_core.train.recipe import Recipe, Stage, recipe_from_dict


def recipe_head(recipe: Recipe) -> HeadOptions:
    """The options of the recipe's head.

    Raises:
        RecipeError: for a head or option that there is not.
    """
    given = dict(recipe.head)
    try:
        return head_options(given.pop("name"), given)
    except ValueError as error:
        raise RecipeError(str(error)) from None


def create_model(recipe: Recipe, labels: Labels | None = None, *, imagenet: bool) -> nn.Module:
    """The network of a recipe.

    Args:
        recipe: names backbone and head.
        labels: of the training split, for heads that are built from them; None when its weights will be loaded anyway.
        imagenet: start from ImageNet weights, or from the recipe's files, where the recipe says so.

    Raises:
        RecipeError: when head and backbone do not fit, or there are no such weights.
        DataError: when the checkpoint to start from cannot be read.
    """
    answers = Answers(EXPRESSIONS, len(ACTION_UNITS))
    if labels is not None and labels.votes.size:
        graph = label_correlation(labels.votes, labels.va), conditional_votes(labels.votes)
        answers = Answers(EXPRESSIONS, len(ACTION_UNITS), *graph)
    try:
        weights = bool(recipe.weights) and imagenet
        backbone = create_backbone(recipe.backbone, imagenet and recipe.imagenet and not weights, recipe.drop_path_rate)
        if weights:
            load_backbone(backbone, Path(recipe.weights))
        if recipe.backbone_groups:
            shorten(backbone, recipe.backbone_groups)
        network = create_network(backbone, recipe_head(recipe), answers, recipe.dropout)
    except (ValueError, RuntimeError) as error:
        raise RecipeError(f"{_kind(recipe)}: {error}") from error
    if recipe.start and imagenet:
        _start_from(network, recipe)
    return network


def _start_from(network: nn.Module, recipe: Recipe) -> None:
    trained, its_recipe, _ = read_trained(Path(recipe.start))
    try:
        network.load_state_dict(trained.state_dict())
    except RuntimeError as error:  # of many lines, one for each weight that is not there
        raise RecipeError(
            f"start: {recipe.start} holds {_kind(its_recipe)}, and this recipe is of {_kind(recipe)}"
        ) from error


def _kind(recipe: Recipe) -> str:
    return f"{recipe.backbone} with head {recipe.head['name']}"


def load_backbone(backbone: nn.Module, path: Path) -> None:
    """Takes the weights of a timm network's state dict, or of the averaged backbone of a checkpoint of this project.

    Raises:
        RuntimeError: when they are of another network, or the file is of another kind.
        OSError: when there is no such file.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        raise RuntimeError(f"{path} is no file of weights ({_reason(error)})") from error
    state = content["states"]["average"] if "states" in content else content
    known = backbone.state_dict()
    for prefix in ("module.backbone.", "module.backbone.network.", ""):
        found = {name: state[prefix + name] for name in known if prefix + name in state}
        if len(found) == len(known):
            backbone.load_state_dict(found)  # a classifier, where the file has one, is left out
            return
    raise RuntimeError(f"{path} does not hold the weights of this backbone")


@torch.no_grad()
def features_of(network: nn.Module, recipe: Recipe) -> int:
    """F, the width of ``Outputs.features``; 0 for a network that gives none. Leaves it in evaluation mode.

    Raises:
        RecipeError: when the pictures of a stage are too small for the backbone.
    """
    side = min(stage.size_px for stage in recipe.stages)
    shape = (1, recipe.frames, 3, side, side) if recipe.frames > 1 else (1, 3, side, side)
    try:
        outputs = network.eval()(torch.zeros(shape))
    except ValueError as error:
        raise RecipeError(str(error)) from None
    return 0 if outputs.features is None else int(outputs.features.shape[1])


def set_mode(network: nn.Module, stage: Stage) -> None:
    """What learns in this stage learns, all else is frozen and in evaluation mode.

    Raises:
        RecipeError: when the network has no such stage, or no such module to freeze.
    """
    try:
        if stage.train:
            enter_stage(network, stage.train)
        else:
            leave_stages(network)
            network.train()
        for name in stage.frozen:
            network.get_submodule(name).eval().requires_grad_(False)
    except ValueError as error:
        raise RecipeError(f"stages: {error}") from None
    except AttributeError as error:
        known = ", ".join(name for name, _ in network.named_modules() if 0 < name.count(".") < 3)
        raise RecipeError(f"stages, frozen: {error}; known: {known}") from None


def read_trained(path: Path) -> tuple[nn.Module, Recipe, Mapping[str, Any]]:
    """As :func:`load_trained`, with the recipe, and for a file that a person named.

    Raises:
        DataError: when it cannot be read, or is no checkpoint of this version.
    """
    try:
        network, content = load_trained(path)
        return network, recipe_from_dict(content["recipe"], str(path)), content
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); check --checkpoint") from error
    except RecipeError:
        raise
    except Exception as error:
        raise DataError(f"{path}: is no checkpoint of this version ({_reason(error)}); train again") from error


def _reason(error: Exception) -> str:
    """Why PyTorch could not read a file; on one of another kind its unpickler stumbles in any way, in many lines."""
    return str(error).strip().split("\n")[0]


def mean_state(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several state dicts of one network; of what is counted in whole numbers, the last."""
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0) if last.is_floating_point() else last
        for name, last in states[-1].items()
    }


def load_trained(path: Path) -> tuple[nn.Module, Mapping[str, Any]]:
    """The averaged network of a checkpoint in evaluation mode, and the checkpoint's content."""
    content = load_checkpoint(path)
    recipe = replace(recipe_from_dict(content["recipe"], str(path)), imagenet=False)
    averaged = AveragedModel(create_model(recipe, imagenet=False))
    averaged.load_state_dict(content["states"]["average"])
    network: nn.Module = averaged.module
    return network.eval(), content
