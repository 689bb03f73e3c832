"""Every shipped recipe, for two steps on tiny data with a tiny backbone."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch
from accelerate import Accelerator

from fer_core.augment.semantic.covariance import class_covariances
from fer_core.augment.semantic.sampling import SemanticAugmenter
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.models.vae_gan import VaeGanSize
from fer_core.train.objective import Objective
from fer_core.train.recipe import Recipe, Stage, shipped_recipes
from fer_core.train.trainer import train

#: What answers each task, by the losses that teach it; an answer that no loss teaches has no gradient.
TEACHERS = {
    "expression": {"votes", "focal", "soft", "logit"},
    "va": {"va_mse", "va_ccc", "va_sectors"},
    "au": {"au", "au_asymmetric"},
}
AGES = "dataset,path,age_years\n" + "\n".join(f"toy,{i}.png,{10 + 5 * i}" for i in range(16))


def vae_gan(folder: Path) -> str:
    """An untrained VAE-GAN on disk, that knows all expressions."""
    size = VaeGanSize(size_px=16, width=2, latent=4, embedding=2)
    labels = torch.arange(size.classes).repeat(3)
    covariances = class_covariances(torch.randn(len(labels), size.latent), labels, size.classes)
    augmenter = SemanticAugmenter(size)
    augmenter.learn(augmenter.encoder, augmenter.generator, covariances)
    content = {
        "recipe": {},
        "geometry": DEFAULT_GEOMETRY.scaled(48).to_dict(),
        "size": asdict(size),
        "augmenter": augmenter.state_dict(),
    }
    torch.save(content, folder / "vae_gan.pt")
    return str(folder / "vae_gan.pt")


def finished(toys, out: Path) -> str:
    """A network that has learned for one epoch."""
    recipe = Recipe(backbone="test_efficientnet", imagenet=False, batch_size=8, stages=(Stage(1, 32),))
    return str(train(recipe, [toys.labelled_shard()], out))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipe_trains_everything_that_it_says(name, toys, tmp_path, monkeypatch):
    recipe = shipped_recipes()[name]
    untaught = {task for task, teachers in TEACHERS.items() if not teachers & recipe.losses.keys()}
    teachers = tuple(finished(toys, tmp_path / "teacher") for _ in recipe.teachers)
    found: list[dict[str, float]] = []
    reached: set[str] = set()
    trainable: set[str] = set()
    forward, clip = Objective.forward, Accelerator.clip_grad_norm_

    def noting(objective, outputs, batch):
        losses = forward(objective, outputs, batch)
        found.append({name: loss.item() for name, loss in losses.items()})
        return losses

    def looking(accelerator, parameters, norm):
        (network,) = accelerator._models
        for parameter_name, parameter in network.named_parameters():
            if parameter.requires_grad and not untaught & set(parameter_name.split(".")):
                trainable.add(parameter_name)
                if parameter.grad is not None and bool(parameter.grad.abs().max() > 0):
                    reached.add(parameter_name)
        return clip(accelerator, parameters, norm)

    monkeypatch.setattr(Objective, "forward", noting)
    monkeypatch.setattr(Accelerator, "clip_grad_norm_", looking)
    ages = tmp_path / "ages.csv"
    ages.write_text(AGES)
    tiny = replace(
        recipe,
        backbone="test_resnet" if recipe.head["name"] in ("dan", "facial_mask") else "test_efficientnet",
        backbone_groups=min(recipe.backbone_groups, 3),
        imagenet=False,
        weights="",
        start=finished(toys, tmp_path / "start") if recipe.start else "",
        teachers=teachers,
        compiled=False,
        batch_size=8,
        stages=tuple(replace(stage, epochs=1, size_px=32) for stage in recipe.stages),
        sampler={**recipe.sampler, "file": str(ages)} if recipe.sampler["name"] == "age" else recipe.sampler,
        mixing={**recipe.mixing, "file": vae_gan(tmp_path)} if recipe.mixing["name"] == "semantic" else recipe.mixing,
        frames=min(recipe.frames, 3),
        dropout=0.0,
        drop_path_rate=0.0,
        repeats={},
        at_most={},
    )
    made = train(tiny, [toys.labelled_shard(frames=recipe.frames > 1)], tmp_path / "run")

    assert made.is_file()
    assert {name for losses in found for name in losses} == {"total", *recipe.losses}
    assert all(torch.isfinite(torch.tensor(list(losses.values()))).all() for losses in found)
    assert trainable
    assert reached == trainable
