"""The training loop, all of it in view."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from fer_core.data.dataset import ShardDataset, epoch_batches, ordered_batches
from fer_core.data.shards import Shard
from fer_core.evaluate.metrics import accuracy, ccc
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.models.backbones import create_backbone
from fer_core.models.multitask import MultitaskNet
from fer_core.train.checkpoint import load_checkpoint, save_checkpoint
from fer_core.train.recipe import Recipe, RecipeError, recipe_from_dict
from fer_core.train.refine import refine_heads
from fer_core.train.resolution import resized
from fer_core.train.task import multitask_losses

CHECKPOINT = "checkpoint.pt"
REFINED = "refined.pt"
LOG = "log.jsonl"
_LOG_EVERY = 20


def create_model(recipe: Recipe, *, imagenet: bool) -> MultitaskNet:
    """The network of a recipe; ``imagenet=False`` when its weights will be loaded anyway."""
    backbone = create_backbone(recipe.backbone, imagenet, recipe.drop_path_rate)
    return MultitaskNet(backbone, len(EXPRESSIONS), len(ACTION_UNITS), recipe.dropout)


def load_trained(path: Path) -> tuple[MultitaskNet, dict[str, object]]:
    """The averaged network of a checkpoint in evaluation mode, and the checkpoint's content."""
    content = load_checkpoint(path)
    recipe = recipe_from_dict(content["recipe"], str(path))
    averaged = AveragedModel(create_model(recipe, imagenet=False))
    averaged.load_state_dict(content["states"]["average"])
    network = averaged.module
    assert isinstance(network, MultitaskNet)
    return network.eval(), content


def train(recipe: Recipe, shards: Sequence[Shard], out: Path) -> Path:
    """Trains from the start, or from ``out/checkpoint.pt`` when there is one.

    Returns:
        The checkpoint to export: ``out/checkpoint.pt``, or ``out/refined.pt`` when the recipe has a second stage.

    Raises:
        RecipeError: when the checkpoint in ``out`` is of another recipe, or the data does not fill one batch.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = create_model(recipe, imagenet=recipe.imagenet).to(device).to(memory_format=torch.channels_last)
    moving_average = get_ema_multi_avg_fn(recipe.ema_decay)  # type: ignore[no-untyped-call]
    average = AveragedModel(model, multi_avg_fn=moving_average, use_buffers=True)
    optimizer = torch.optim.AdamW(_parameter_groups(model, recipe.weight_decay), lr=recipe.learning_rate, fused=True)
    data = ShardDataset(shards, "train", recipe.augmentation, recipe.seed, recipe.repeats)
    steps_per_epoch = len(data) // recipe.batch_size
    if steps_per_epoch == 0:
        raise RecipeError(f"{len(data)} training images do not fill one batch of {recipe.batch_size}; lower batch_size")
    total_steps = steps_per_epoch * recipe.epochs
    parts: dict[str, nn.Module | torch.optim.Optimizer] = {"model": model, "average": average, "optimizer": optimizer}

    def save(step: int) -> None:
        states = {name: part.state_dict() for name, part in parts.items()}
        save_checkpoint(path, recipe, shards[0].geometry, step, states)

    path, step = out / CHECKPOINT, 0
    if path.is_file():
        content = load_checkpoint(path)
        if recipe_from_dict(content["recipe"], str(path)) != recipe:
            raise RecipeError(f"{path} is a run of another recipe; name another --out, or delete it")
        for name, part in parts.items():
            part.load_state_dict(content["states"][name])
        torch.set_rng_state(content["torch_rng"])
        step = content["step"]

    for epoch in range(step // steps_per_epoch, recipe.epochs):
        stage, stage_epoch = recipe.stage_of(epoch)
        peak = recipe.learning_rate * (recipe.restart_share if stage_epoch else 1.0)
        first = step - epoch * steps_per_epoch
        started = time.monotonic()
        for batch in epoch_batches(data, recipe.batch_size, epoch, recipe.seed, first, recipe.workers):
            model.train()
            for group in optimizer.param_groups:
                stage_step, stage_steps = step - stage_epoch * steps_per_epoch, stage.epochs * steps_per_epoch
                group["lr"] = learning_rate(stage_step, stage_steps, peak, recipe.warmup_share)
            outputs = model(resized(batch, device, stage.size_px))
            losses = multitask_losses(outputs, batch.to(device), recipe)
            losses.total.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            average.update_parameters(model)
            step += 1
            if step % _LOG_EVERY == 0:
                rate = (step - epoch * steps_per_epoch - first) * recipe.batch_size / (time.monotonic() - started)
                terms = {name: round(getattr(losses, name).item(), 4) for name in losses.__slots__}
                _log(out, {"step": step, "of": total_steps, "epoch": epoch, **terms, "images_per_s": round(rate, 1)})
            if step % recipe.checkpoint_every == 0:
                save(step)
        save(step)
        figures = validate(average.module, ShardDataset(shards, "valid", None, recipe.seed), device, stage.size_px)
        _log(out, {"epoch": epoch, "size_px": stage.size_px, "valid": figures})
    if not recipe.refine_steps:
        return path
    network, geometry, size_px = average.module, shards[0].geometry, recipe.stages[-1].size_px
    assert isinstance(network, MultitaskNet)
    refine_heads(network, shards, recipe)
    figures = validate(network, ShardDataset(shards, "valid", None, recipe.seed), device, size_px)
    _log(out, {"refined": True, "valid": figures})
    save_checkpoint(out / REFINED, recipe, geometry, step, {"average": average.state_dict()})
    return out / REFINED


def learning_rate(step: int, steps: int, peak: float, warmup_share: float) -> float:
    """Linear warm-up, then half a cosine to zero, over the ``steps`` of one stage (Loshchilov & Hutter 2017)."""
    warmup = max(1, round(warmup_share * steps))
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


@torch.inference_mode()
def validate(model: nn.Module, data: ShardDataset, device: torch.device, size_px: int) -> dict[str, float | None]:
    """Majority-label accuracy and concordance on a split; None where it has no labels."""
    model.eval()
    probs, votes, va_pred, va = [], [], [], []
    for batch in ordered_batches(data, 128) if len(data) else ():
        outputs = model(resized(batch, device, size_px))
        probs.append(outputs.expression_logits.softmax(dim=1).cpu().numpy())
        va_pred.append(outputs.va.cpu().numpy())
        votes.append(batch.votes.numpy())
        va.append(batch.va.numpy())
    if not probs:
        return {}
    all_votes, all_va = np.concatenate(votes), np.concatenate(va)
    voted, rated = np.isfinite(all_votes).all(axis=1), np.isfinite(all_va).all(axis=1)
    predicted, target = np.concatenate(probs)[voted].argmax(axis=1), all_votes[voted].argmax(axis=1)
    pairs = [(np.concatenate(va_pred)[rated, d], all_va[rated, d]) for d in (0, 1)]
    figures = {"accuracy": accuracy(target, predicted), "ccc_valence": ccc(*pairs[0]), "ccc_arousal": ccc(*pairs[1])}
    return {name: round(float(v), 4) if math.isfinite(v) else None for name, v in figures.items()}


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Biases and the scales of normalisation are not decayed."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    kept = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}]


def _log(out: Path, record: dict[str, object]) -> None:
    with (out / LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(record) + "\n")
    print(json.dumps(record), flush=True)
