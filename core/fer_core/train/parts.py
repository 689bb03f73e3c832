"""The named parts of a recipe that stand between data and network: what is mixed, and what is drawn how often.

:func:`check` looks every name and option of a recipe up before any data is read.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fer_core.augment.semantic.mixing import augment_some
from fer_core.augment.semantic.sampling import STRENGTH, SemanticAugmenter, load_augmenter
from fer_core.data.alignment import alignment_points
from fer_core.data.dataset import Batch, ShardDataset
from fer_core.data.facial_mask import facial_mask
from fer_core.data.mixing import Mix, draw_mix, flip_some, label_groups, mix_batch
from fer_core.data.samplers import Doubles, age_weights, expression_weights, sampled_batches
from fer_core.faces.align import CropGeometry, similarity_to_template
from fer_core.faces.canonical import canonical_mesh
from fer_core.train.networks import recipe_head
from fer_core.train.objective import LOSSES, chosen_loss
from fer_core.train.optimizers import OPTIMIZERS
from fer_core.train.options import RecipeError, choose, options_of, suggest, typed
from fer_core.train.recipe import TASKS, Options, Recipe
from fer_core.train.validation import FIGURES
from fer_core.types import Floats

# ---- mixing


@dataclass(frozen=True, slots=True)
class View:
    """Images that pass the network, with their labels."""

    batch: Batch
    weight: float = 1.0
    """How often their losses count."""
    moves_centers: bool = True
    """Whether centres of classes follow these images; virtual ones, between classes, only where there are no others."""


Mixing = Callable[[Batch, np.random.Generator], list[View]]


def none() -> Mixing:
    """The images as they are."""
    return lambda batch, rng: [View(batch)]


def mixup(*, alpha: float = 0.1, per_sample: bool = False, flip: float = 0.0) -> Mixing:
    """Virtual images alone (eq. 2 of the MixAugment paper)."""
    _check_mix(alpha, flip)
    return lambda batch, rng: [View(_mixed(*_drawn(batch, rng, alpha, per_sample, flip)))]


def mixaugment(*, alpha: float = 0.1, per_sample: bool = False, flip: float = 0.0) -> Mixing:
    """Virtual images and both real ones (eq. 3); see :mod:`fer_core.losses.mixaugment` for the factor of the real."""
    _check_mix(alpha, flip)

    def views(batch: Batch, rng: np.random.Generator) -> list[View]:
        real, mix = _drawn(batch, rng, alpha, per_sample, flip)
        return [View(_mixed(real, mix), moves_centers=False), View(real, 2.0)]

    return views


def semantic(*, file: str = "", ratio: float = 0.5, strength: float = STRENGTH) -> Mixing:
    """Some faces replaced by others of their class out of a VAE-GAN (:mod:`fer_core.augment.semantic.mixing`)."""
    path = Path(file)
    if not path.is_file():
        raise RecipeError(
            f"mixing.file: there is no VAE-GAN {file!r}; make one: fer-core train vae_gan --data SHARDS --out RUN, "
            "and give --set mixing.file=RUN/vae_gan.pt"
        )
    if not 0 <= ratio <= 1 or not strength >= 0:
        raise RecipeError(f"mixing: ratio must be 0 to 1 and strength 0 or more, not {ratio} and {strength}")

    @cache
    def augmenter() -> SemanticAugmenter:
        return load_augmenter(path).augmenter.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))

    return lambda batch, rng: [View(augment_some(batch, augmenter(), ratio, strength, rng))]


MIXINGS: dict[str, Callable[..., Mixing]] = {
    "none": none,
    "mixup": mixup,
    "mixaugment": mixaugment,
    "semantic": semantic,
}


def _check_mix(alpha: float, flip: float) -> None:
    if not alpha > 0 or not 0 <= flip <= 1:
        raise RecipeError(f"mixing: alpha must be above 0 and flip 0 to 1, not {alpha} and {flip}")


def _drawn(batch: Batch, rng: np.random.Generator, alpha: float, per_sample: bool, flip: float) -> tuple[Batch, Mix]:
    if flip:
        seed = int(rng.integers(2**32))  # the mask of eyes and mouth is mirrored with its face
        batch = batch.with_image(flip_some(batch.image_rgb, np.random.default_rng(seed), flip))
        if batch.region is not None:
            batch = replace(batch, region=flip_some(batch.region, np.random.default_rng(seed), flip))
    return batch, draw_mix(len(batch), alpha, rng, per_sample, label_groups(batch.votes, batch.va, batch.au))


def _mixed(batch: Batch, mix: Mix) -> Batch:
    return batch.map(lambda values: mix_batch(values, mix))


# ---- samplers

#: Of a data set, an epoch and the recipe: the indices of the epoch in their order; None shuffles.
Order = npt.NDArray[np.intp]
Sampler = Callable[[ShardDataset, Recipe], Callable[[int], Order | None]]


def shuffle() -> Sampler:
    """Everything once, in a new order each epoch."""
    return lambda data, recipe: lambda epoch: None


def expression(*, original_epochs: int = 0) -> Sampler:
    """All expressions equally often; in the last ``original_epochs`` everything once, as it is."""
    if original_epochs < 0:
        raise RecipeError(f"sampler.original_epochs: expected 0 or more, not {original_epochs}")

    def sampler(data: ShardDataset, recipe: Recipe) -> Callable[[int], Order | None]:
        balanced = _weighted(expression_weights(data.labels().votes), recipe)
        return lambda epoch: balanced(epoch) if epoch < recipe.epochs - original_epochs else None

    return sampler


def age(*, file: str = "") -> Sampler:
    """All age groups equally often; ``file`` is a CSV with the columns dataset, path and age_years."""

    def sampler(data: ShardDataset, recipe: Recipe) -> Callable[[int], Order | None]:
        ages = read_ages(Path(file))
        years = np.array([ages.get(place, np.nan) for place in data.places()])
        if np.isnan(years).all():
            raise RecipeError(f"sampler.file: {file} names no image of the training split; check dataset and path")
        return _weighted(age_weights(years), recipe)

    return sampler


SAMPLERS: dict[str, Callable[..., Sampler]] = {"shuffle": shuffle, "expression": expression, "age": age}


def read_ages(path: Path) -> dict[tuple[str, str], float]:
    """Age in years by data set and path of the image.

    Raises:
        RecipeError: when there is no such file, or it lacks a column or holds what is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {(row["dataset"], row["path"]): float(row["age_years"]) for row in csv.DictReader(file)}
    except OSError as error:
        raise RecipeError(f"sampler.file: {path} cannot be read ({error.strerror}); name a CSV file of ages") from error
    except (KeyError, TypeError, ValueError) as error:
        raise RecipeError(f"sampler.file: {path} needs the columns dataset, path, age_years ({error})") from None


def _weighted(weights: Doubles, recipe: Recipe) -> Callable[[int], Order | None]:
    def order(epoch: int) -> Order:
        return np.array(sampled_batches(weights, recipe.batch_size, epoch, recipe.seed), np.intp).reshape(-1)

    return order


# ---- the whole recipe


def check(recipe: Recipe) -> None:
    """Looks up every name and option.

    Raises:
        RecipeError: naming the first that there is not, with a suggestion.
    """
    recipe_head(recipe)
    for name, given in recipe.losses.items():
        chosen_loss(name, given)
    mixing_of(recipe)
    _check_mixed_votes(recipe)
    if recipe.frames > 1 and recipe.mixing["name"] == "semantic":
        raise RecipeError("mixing: semantic makes single faces; set frames = 1, or take another mixing")
    sampler_of(recipe)
    sam_radius(recipe)
    if recipe.monitor not in FIGURES:
        raise RecipeError(f"monitor: no figure {recipe.monitor!r}{suggest(recipe.monitor, FIGURES)}")
    finished = {"start": [recipe.start] if recipe.start else [], "teachers": recipe.teachers}
    for key, checkpoints in finished.items():
        for checkpoint in checkpoints:
            if not Path(checkpoint).is_file():
                raise RecipeError(f"{key}: {checkpoint} is missing; train it first, or name another checkpoint")
    if recipe.answers and not Path(recipe.answers).is_file():
        raise RecipeError(
            f"answers: {recipe.answers} is missing; make it first with fer-core ask, or name another file"
        )
    if recipe.weights and not Path(recipe.weights).is_file():
        raise RecipeError(
            f"weights: {recipe.weights} is missing; make it first with fer-core backbone or fer-core train, or name "
            "another file"
        )
    if recipe.frames > 1 and any(stage.taught_share for stage in recipe.stages):
        raise RecipeError("stages: teachers look at single faces; set frames = 1, or leave taught_share out")
    if (recipe.frames > 1) != (recipe.head["name"] == "recurrent"):
        raise RecipeError("frames: the head recurrent, and it alone, reads more than 1, such as frames = 16")
    if recipe.head.get("every_frame", False):
        raise RecipeError("head.every_frame: a clip is labelled at its end; leave it out")


def _check_mixed_votes(recipe: Recipe) -> None:
    """No loss may take the majority of votes that were mixed: of two faces it would see one."""
    if recipe.mixing["name"] not in ("mixup", "mixaugment"):
        return
    for name, given in recipe.losses.items():
        if given["weight"] and {**options_of(LOSSES[name]), **given}.get("majority"):
            raise RecipeError(
                f"mixing: {recipe.mixing['name']} mixes votes, and losses.{name} would take the majority of them; set "
                f"losses.{name}.majority = false"
            )


VA_TASK = "valence-arousal"
#: What a network answers, and the losses that teach it.
TEACHERS = {
    "expressions": {"votes", "focal", "soft", "logit"},
    VA_TASK: {"va_mse", "va_ccc", "va_sectors"},
    "action units": {"au", "au_asymmetric"},
}
#: The same, by the columns of a shard.
TASK_NAMES = dict(zip(TASKS, TEACHERS, strict=True))


def untaught_tasks(recipe: Recipe) -> list[str]:
    """What a network of this recipe answers without having been taught."""
    taught = {name for name, options in recipe.losses.items() if options["weight"]}
    return [task for task, teachers in TEACHERS.items() if not teachers & taught]


def mixing_of(recipe: Recipe) -> Callable[[int], Mixing]:
    """How the recipe makes virtual images in each 0-based epoch; none in its last ``original_epochs``."""
    given = {key: value for key, value in recipe.mixing.items() if key != "original_epochs"}
    function, options = _named(MIXINGS, given, "mixing")
    mixing: Mixing = function(**options)
    last = typed(recipe.mixing.get("original_epochs", 0), 0, "mixing.original_epochs")
    if last < 0:
        raise RecipeError(f"mixing.original_epochs: expected 0 or more, not {last}")
    return lambda epoch: mixing if epoch < recipe.epochs - last else none()


def sampler_of(recipe: Recipe) -> Sampler:
    """How the recipe draws images."""
    function, options = _named(SAMPLERS, recipe.sampler, "sampler")
    sampler: Sampler = function(**options)
    return sampler


def optimizer_of(recipe: Recipe, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The recipe's optimiser, without the sharpness-aware step around it.

    Raises:
        RecipeError: when there is none of that name, or an option is not one.
    """
    function, options = _named(OPTIMIZERS, _without_sam(recipe), "optimizer")
    try:
        optimizer: torch.optim.Optimizer = function(groups, recipe.learning_rate, **options)
    except ValueError as error:
        raise RecipeError(f"optimizer: {error}") from None
    return optimizer


def sam_radius(recipe: Recipe) -> float:
    """``sam_rho`` of the optimiser; 0 where it is an ordinary one."""
    _named(OPTIMIZERS, _without_sam(recipe), "optimizer")
    rho: float = typed(recipe.optimizer.get("sam_rho", 0.0), 0.0, "optimizer.sam_rho")
    if rho < 0:
        raise RecipeError(f"optimizer.sam_rho: expected 0 or more, not {rho}")
    if rho and recipe.precision == "fp16":
        raise RecipeError("optimizer.sam_rho: two gradients a step do not go with the loss scale of fp16; take bf16")
    return rho


def _without_sam(recipe: Recipe) -> Options:
    return {key: value for key, value in recipe.optimizer.items() if key != "sam_rho"}


def _named(
    table: Mapping[str, Callable[..., Any]], given: Options, where: str
) -> tuple[Callable[..., Any], dict[str, Any]]:
    options = dict(given)
    return choose(table, options.pop("name"), options, where)


# ---- eyes and mouth


def canonical_region(geometry: CropGeometry) -> Floats:
    """(S, S) of 0 and 1: eyes and mouth of the canonical face in an aligned crop.

    Shards keep no landmarks. But crops are aligned by points of eyes and nose, so that the canonical face tells where
    the regions are in every crop, up to shape and expression of the person.
    """
    vertices = canonical_mesh().vertices_cm[:, :2]
    matrix = similarity_to_template(alignment_points(vertices, geometry), geometry)
    points_px = vertices @ matrix[:, :2].T + matrix[:, 2]
    return facial_mask(points_px.astype(np.float32), geometry.size_px).astype(np.float32)
