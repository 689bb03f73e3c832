"""The training loop, all of it in view."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from fer_core.data.dataset import ShardDataset, epoch_batches
from fer_core.data.shards import Shard
from fer_core.faces.align import CropGeometry
from fer_core.files import replacing
from fer_core.models.multitask import Outputs
from fer_core.train.alignment import check_geometry, geometry_of
from fer_core.train.amounts import limited
from fer_core.train.checkpoint import Progress, load_checkpoint, save_checkpoint
from fer_core.train.journal import Journal
from fer_core.train.networks import create_model, features_of, mean_state, set_mode
from fer_core.train.objective import Objective, Setting
from fer_core.train.optimizers import learning_rate, parameter_groups
from fer_core.train.parts import View, canonical_region, check, mixing_of, optimizer_of, sam_radius, sampler_of
from fer_core.train.predecessors import check_predecessors
from fer_core.train.processes import (
    accelerator_for,
    broadcast_buffers,
    generator_states,
    restore_generators,
    share_of,
    synchronised,
    whole_batch,
)
from fer_core.train.recipe import Recipe, RecipeError, Stage, recipe_from_dict
from fer_core.train.resolution import resized
from fer_core.train.sam import SAM, frozen_running_statistics
from fer_core.train.teachers import Teacher, ask, taught
from fer_core.train.validation import validate

CHECKPOINT = "checkpoint.pt"
BEST = "best.pt"
#: What the teachers of a stage answered.
ANSWERS = "answers-before-epoch-{epoch}.npz"
#: The averaged weights with which a stage began.
WEIGHTS = "weights-before-epoch-{epoch}.pt"
_LOG_EVERY = 20
#: Of the generator of Mixup and MixAugment, beside the seed, the epoch and the step.
_MIXING = 1


def train(recipe: Recipe, shards: Sequence[Shard], out: Path) -> Path:
    """Trains from the start, or from ``out/checkpoint.pt`` when there is one.

    Returns:
        The checkpoint to export: ``out/checkpoint.pt``, or ``out/best.pt`` when the recipe stops early.

    Raises:
        RecipeError: when a name or option of the recipe is not one, a data set that it limits is not there, the
            checkpoint in ``out`` is of another recipe, the shards, or a network to go on with, are of faces aligned
            otherwise, a teacher never learned what it is to teach, the data does not fill one batch, or the recipe is
            to be compiled and there is no compiler.
        DataError: when a network to go on with cannot be read.
    """
    check(recipe)
    shards = limited(recipe, shards)
    geometry = geometry_of(shards)
    check_predecessors(recipe, shards)
    out.mkdir(parents=True, exist_ok=True)
    accelerator = accelerator_for(recipe)
    torch.manual_seed(recipe.seed)
    data = _training_data(recipe, shards, recipe.stages[0])
    valid = ShardDataset(shards, "valid", None, recipe.seed, frames=recipe.frames)
    labels = data.labels()
    steps_per_epoch = len(data) // recipe.batch_size
    if steps_per_epoch == 0:
        raise RecipeError(f"{len(data)} training images do not fill one batch of {recipe.batch_size}; lower batch_size")

    network = create_model(recipe, labels, imagenet=True)
    objective = Objective(recipe, Setting(labels, features_of(network, recipe))).to(accelerator.device)
    network = synchronised(network, accelerator).to(accelerator.device).to(memory_format=torch.channels_last)
    moving_average = get_ema_multi_avg_fn(recipe.ema_decay)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=moving_average, use_buffers=True)
    optimizer = optimizer_of(recipe, parameter_groups([network, objective], recipe.weight_decay))
    model, optimizer = accelerator.prepare(network, optimizer)
    if recipe.compiled:
        model = _compiled(model)
    sam = SAM(optimizer, sam_radius(recipe))
    mixing_at, order_of = mixing_of(recipe), sampler_of(recipe)(data, recipe)
    parts = {"model": network, "average": average, "optimizer": optimizer, "objective": objective}
    if accelerator.scaler is not None:
        parts["scaler"] = accelerator.scaler
    progress = Progress()

    def save(path: Path) -> None:
        states = {name: part.state_dict() for name, part in parts.items()}
        generators = generator_states()
        if accelerator.is_main_process:
            save_checkpoint(path, recipe, geometry, progress, states, generators)
        accelerator.wait_for_everyone()

    if (out / CHECKPOINT).is_file():
        progress = _resume(out / CHECKPOINT, recipe, geometry, parts, accelerator)
    elif accelerator.process_index:
        torch.manual_seed(recipe.seed + accelerator.process_index)  # dropout of its own

    seen: ShardDataset | None = None  # what the stage sees: the data with its labels
    compiled_for: set[int] = set()
    with Journal(
        out,
        progress.step,
        steps_per_epoch * recipe.epochs,
        recipe.batch_size,
        tensorboard=recipe.tensorboard,
        quiet=not accelerator.is_main_process,
    ) as journal:
        for epoch in range(progress.step // steps_per_epoch, recipe.epochs):
            if recipe.early_stopping and epoch - 1 - progress.best_epoch >= recipe.early_stopping:
                break
            stage, stage_epoch = recipe.stage_of(epoch)
            if seen is None or epoch == stage_epoch:
                begun = progress.step > stage_epoch * steps_per_epoch
                with accelerator.main_process_first():  # who looks and writes; the others read
                    if accelerator.is_main_process:
                        _prepare_stage(recipe, stage, stage_epoch, shards, average.module, out, begun=begun)
                    share, kept = stage.taught_share, _answers_file(recipe, stage_epoch, out)
                    seen = _training_data(
                        recipe, taught(shards, share, kept, stage.taught_tasks) if share else shards, stage
                    )
                if recipe.compiled and stage.size_px not in compiled_for:
                    compiled_for.add(stage.size_px)
                    journal.note(f"compiling for {stage.size_px} px: the first step may take some minutes")
            first = progress.step - epoch * steps_per_epoch
            for batch in epoch_batches(
                seen,
                recipe.batch_size,
                epoch,
                recipe.seed,
                first,
                recipe.workers,
                order_of(epoch),
                share_of(accelerator),
            ):
                set_mode(network, stage)
                for group in optimizer.param_groups:
                    stage_step = progress.step - stage_epoch * steps_per_epoch
                    group["lr"] = learning_rate(
                        stage_step,
                        stage.epochs * steps_per_epoch,
                        recipe.learning_rate * stage.rate,
                        recipe.warmup_share,
                    )
                chance = np.random.default_rng((recipe.seed, epoch, progress.step, _MIXING))
                views = [replace(v, batch=v.batch.to(accelerator.device)) for v in mixing_at(epoch)(batch, chance)]

                answers = answer(model, views, stage.size_px, accelerator)
                losses = add_up(objective, answers)
                accelerator.backward(losses["total"])
                if sam.rho:
                    sam.ascend()
                    with frozen_running_statistics(network):
                        again = add_up(objective, answer(model, views, stage.size_px, accelerator))
                        accelerator.backward(again["total"])
                    sam.restore()
                accelerator.clip_grad_norm_(network.parameters(), recipe.gradient_clip)
                optimizer.step()
                optimizer.zero_grad()
                for outputs, view in answers:
                    if view.moves_centers:
                        objective.update(outputs, view.batch)
                average.update_parameters(network)

                progress.step += 1
                journal.step()
                if progress.step % _LOG_EVERY == 0:
                    journal.losses(progress.step, epoch, {name: loss.item() for name, loss in losses.items()})
                if progress.step % recipe.checkpoint_every == 0 and progress.step % steps_per_epoch:
                    save(out / CHECKPOINT)
            broadcast_buffers(average, accelerator)
            if stage.mean_with_start and epoch + 1 == stage_epoch + stage.epochs:
                start = torch.load(out / WEIGHTS.format(epoch=stage_epoch), accelerator.device, weights_only=True)
                average.module.load_state_dict(mean_state([start, average.module.state_dict()]))
            figures = validate(average.module, valid, accelerator.device, stage.size_px)
            journal.valid(progress.step, figures, epoch=epoch, size_px=stage.size_px)
            if recipe.early_stopping and _monitored(recipe, figures) > progress.best:
                progress.best, progress.best_epoch = _monitored(recipe, figures), epoch
                save(out / BEST)
            save(out / CHECKPOINT)
        if recipe.early_stopping:
            average.load_state_dict(load_checkpoint(out / BEST)["states"]["average"])
        return out / (BEST if recipe.early_stopping else CHECKPOINT)


def _prepare_stage(
    recipe: Recipe,
    stage: Stage,
    stage_epoch: int,
    shards: Sequence[Shard],
    network: nn.Module,
    out: Path,
    *,
    begun: bool,
) -> None:
    """Writes what a stage needs of the averaged network with which it begins, and what its teachers answer."""
    weights, answers = out / WEIGHTS.format(epoch=stage_epoch), _answers_file(recipe, stage_epoch, out)
    own_answers = stage.taught_share > 0 and not recipe.teachers and not recipe.answers
    for path, needed in ((weights, stage.mean_with_start), (answers, own_answers)):
        if begun and needed and not path.is_file():  # the network is no longer the one with which the stage began
            raise RecipeError(f"{path} is missing; this run cannot go on without it: begin in another --out")
    if stage.mean_with_start and not begun:
        with replacing(weights) as partial:
            torch.save(network.state_dict(), partial)
    if stage.taught_share and not recipe.answers and not (begun and answers.is_file()):
        device = next(network.parameters()).device
        finished = [Teacher.finished(Path(checkpoint), device) for checkpoint in recipe.teachers]
        teachers = finished or [Teacher(network, stage.size_px)]
        ask(teachers, shards, answers, workers=recipe.workers, compiled=recipe.compiled)


def _answers_file(recipe: Recipe, stage_epoch: int, out: Path) -> Path:
    return Path(recipe.answers) if recipe.answers else out / ANSWERS.format(epoch=stage_epoch)


def answer(
    model: nn.Module, views: Sequence[View], size_px: int, accelerator: Accelerator
) -> list[tuple[Outputs, View]]:
    """One pass over all views together: what the network says of each, and its labels, of the batch as a whole."""
    images = [resized(view.batch, accelerator.device, size_px) for view in views]
    outputs: Outputs = model(torch.cat(images) if len(images) > 1 else images[0])
    answers, first = [], 0
    for view in views:
        last = first + len(view.batch)
        own = _answers_of(outputs, slice(first, last))
        labels = view.batch.with_image(view.batch.votes)  # the images themselves stay with their process
        answers.append((whole_batch(own, accelerator), replace(view, batch=whole_batch(labels, accelerator))))
        first = last
    return answers


def add_up(objective: Objective, answers: Sequence[tuple[Outputs, View]]) -> dict[str, Tensor]:
    """Each loss summed over the views with their weights, ``total`` too."""
    losses: dict[str, Tensor] = {}
    for outputs, view in answers:
        for name, loss in objective(outputs, view.batch).items():
            losses[name] = losses[name] + view.weight * loss if name in losses else view.weight * loss
    return losses


def _answers_of(outputs: Outputs, rows: slice) -> Outputs:
    """Some rows, in single precision."""
    chosen: dict[str, Any] = {}
    for field in fields(outputs):
        tensor = getattr(outputs, field.name)
        chosen[field.name] = None if tensor is None else tensor[rows].float()
    return Outputs(**chosen)


def _compiled(model: nn.Module) -> Any:
    compilers = {"win32": "cl", "darwin": "clang++"}
    compiler = os.environ.get("CXX") or compilers.get(sys.platform, "g++")
    if not shutil.which(compiler):
        raise RecipeError(
            f"compiled = true needs the C++ compiler {compiler}, which is not here; install it, or leave compiled out"
        )
    # One program a size: for any size at once, padding that follows the input takes many minutes to compile.
    return torch.compile(model, dynamic=False)


def _training_data(recipe: Recipe, shards: Sequence[Shard], stage: Stage) -> ShardDataset:
    region = canonical_region(shards[0].geometry) if "region" in recipe.losses else None
    augmentation = recipe.augmentation_of(stage)
    return ShardDataset(shards, "train", augmentation, recipe.seed, recipe.repeats, recipe.frames, region)


def _monitored(recipe: Recipe, figures: Mapping[str, float | None]) -> float:
    figure = figures.get(recipe.monitor)
    if figure is None:
        raise RecipeError(f"{recipe.monitor} is undefined on the validation split; monitor another figure")
    return figure


def _resume(
    path: Path, recipe: Recipe, geometry: CropGeometry, parts: Mapping[str, Any], accelerator: Accelerator
) -> Progress:
    content = load_checkpoint(path)
    if recipe_from_dict(content["recipe"], str(path)) != recipe:
        raise RecipeError(f"{path} is a run of another recipe; name another --out, or delete it")
    check_geometry(content["geometry"], geometry, path)
    if parts.keys() - content["states"].keys() or "progress" not in content:
        raise RecipeError(f"{path} is of an older version, or of another precision; name another --out, or delete it")
    for name, part in parts.items():
        part.load_state_dict(content["states"][name])
    restore_generators(content["generators"], accelerator)
    return Progress(**content["progress"])
