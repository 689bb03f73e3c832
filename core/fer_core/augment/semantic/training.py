"""Training of a VAE-GAN, all of it in view.

Source: Z. Li et al., "Semantic Data Augmentation for Long-tailed Facial Expression Recognition", section II.A. Its
equation 1 is ``z = E_sigma2(x) o r + E_mu(x) ~ N(E_mu(x), E_sigma2(x))``: we scale by the standard deviation, as the
distribution on the right demands. What the discriminator is to refuse are the reconstructions, as in its figure 2.

One process, on the first GPU where there is one. Every random number of a step is a function of seed and step, so that
a run that was stopped goes on to the same numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fer_core.augment.semantic.covariance import ClassCovariances, class_covariances
from fer_core.augment.semantic.images import to_vae_gan
from fer_core.augment.semantic.recipe import VaeGanRecipe, vae_gan_recipe
from fer_core.augment.semantic.sampling import SemanticAugmenter, load_augmenter
from fer_core.augment.semantic.sheets import write_samples, write_sheets
from fer_core.data.dataset import ShardDataset, epoch_batches, ordered_batches
from fer_core.data.samplers import expression_weights, sampled_batches
from fer_core.data.shards import Shard
from fer_core.faces.align import CropGeometry
from fer_core.files import replacing
from fer_core.labels import EXPRESSIONS
from fer_core.losses.gaussian_kl import gaussian_kl, linear_warmup
from fer_core.losses.hinge import discriminator_hinge_loss, generator_hinge_loss
from fer_core.losses.perceptual import PerceptualLoss
from fer_core.models.backbones import create_backbone
from fer_core.models.vae_gan import VaeGan, VaeGanSize
from fer_core.train.alignment import check_geometry, geometry_of
from fer_core.train.checkpoint import Progress, load_checkpoint, save_checkpoint
from fer_core.train.journal import Journal
from fer_core.train.networks import load_backbone
from fer_core.train.options import RecipeError

CHECKPOINT = "checkpoint.pt"
VAE_GAN = "vae_gan.pt"
SAMPLES = "samples"
_LOG_EVERY = 20
_BATCH = 128


def train_vae_gan(recipe: VaeGanRecipe, shards: Sequence[Shard], out: Path) -> Path:
    """Trains from the start, or from ``out/checkpoint.pt`` when there is one.

    Beside the VAE-GAN it writes ``reconstructions.png`` and ``augmented.png``, and as many samples as the recipe asks
    for. These show people of the data set, or faces made from them: its terms hold for them too.

    Returns:
        ``out/vae_gan.pt``, for the mixing ``semantic`` of a classifier's recipe.

    Raises:
        RecipeError: when the checkpoint in ``out`` is of another recipe, the shards are aligned differently or
            otherwise than those of the checkpoint, the data do not fill one batch, the perceptual network has no
            weights, or several processes were started.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RecipeError("a VAE-GAN trains in one process; start it without torchrun")
    geometry = geometry_of(shards)
    out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.seed)
    data = ShardDataset(shards, "train", recipe.augmentation, recipe.seed)
    order_of, steps_per_epoch = _orders(recipe, data)
    steps = steps_per_epoch * recipe.epochs

    size = size_of(recipe)
    model = VaeGan(size).to(device).to(memory_format=torch.channels_last)
    encoder, generator, discriminator = model.encoder, model.generator, model.discriminator
    average = VaeGan(size).to(device)
    average.load_state_dict(model.state_dict())
    perceptual = perceptual_loss(recipe).to(device)
    makers = [*encoder.parameters(), *generator.parameters()]
    betas = (recipe.momentum, 0.999)
    optimizer = torch.optim.Adam(makers, lr=recipe.learning_rate, betas=betas)
    opponent = torch.optim.Adam(discriminator.parameters(), lr=recipe.discriminator_learning_rate, betas=betas)
    parts: dict[str, Any] = {"model": model, "average": average, "optimizer": optimizer, "opponent": opponent}
    progress = _resume(out / CHECKPOINT, recipe, geometry, parts) if (out / CHECKPOINT).is_file() else Progress()

    def save() -> None:
        states = {name: part.state_dict() for name, part in parts.items()}
        save_checkpoint(out / CHECKPOINT, recipe, geometry, progress, states, [])

    done_before = progress.step
    with Journal(out, progress.step, steps, recipe.batch_size, tensorboard=recipe.tensorboard, quiet=False) as journal:
        for epoch in range(progress.step // steps_per_epoch, recipe.epochs):
            first = progress.step - epoch * steps_per_epoch
            model.train()
            for batch in epoch_batches(
                data, recipe.batch_size, epoch, recipe.seed, first, recipe.workers, order_of(epoch)
            ):
                image = to_vae_gan(batch.image_rgb.to(device), recipe.size_px, size.channels)  # (B, K, S, S)
                label = batch.votes.argmax(dim=1).to(device)  # (B,)
                chance = np.random.default_rng((recipe.seed, progress.step))
                noise = torch.from_numpy(chance.standard_normal((len(label), recipe.latent), np.float32)).to(device)

                mean, log_variance = encoder(image)
                remade = generator(mean + (0.5 * log_variance).exp() * noise, label)  # eq. 1

                discriminator.requires_grad_(True)
                both = discriminator(torch.cat([image, remade.detach()]), torch.cat([label, label]))
                refusal = discriminator_hinge_loss(*both.chunk(2))
                torch.autograd.backward(refusal)
                nn.utils.clip_grad_norm_(discriminator.parameters(), recipe.gradient_clip)
                opponent.step()
                opponent.zero_grad()

                discriminator.requires_grad_(False)
                kl_weight = recipe.kl_weight * linear_warmup(progress.step, steps, recipe.kl_warmup_share)
                losses = {
                    "l1": (image - remade).abs().mean(),
                    "perceptual": perceptual(remade, image),
                    "kl": gaussian_kl(mean, log_variance),  # eq. 2
                    "adversarial": generator_hinge_loss(discriminator(remade, label)),
                }
                rebuilt = losses["l1"] + recipe.perceptual_weight * losses["perceptual"]  # eq. 3
                total = (
                    recipe.reconstruction_weight * rebuilt
                    + kl_weight * losses["kl"]
                    + recipe.adversarial_weight * losses["adversarial"]
                )
                torch.autograd.backward(total)
                nn.utils.clip_grad_norm_(makers, recipe.gradient_clip)
                optimizer.step()
                optimizer.zero_grad()
                follow(average, model, min(recipe.ema_decay, (1 + progress.step) / (10 + progress.step)))

                progress.step += 1
                journal.step()
                if progress.step % _LOG_EVERY == 0:
                    terms = {"total": total, "discriminator": refusal, **losses}
                    values = {name: loss.item() for name, loss in terms.items()}
                    journal.losses(progress.step, epoch, {**values, "kl_weight": kl_weight})
                if progress.step % recipe.checkpoint_every == 0:
                    save()
            journal.valid(progress.step, validate(average, recipe, shards, device), epoch=epoch)
            save()
    made = out / VAE_GAN
    if progress.step > done_before or not made.is_file():
        save_vae_gan(made, recipe, shards, average)
        write_sheets(load_augmenter(made).augmenter, shards, out, recipe.sheet_strength, recipe.seed)
    if recipe.samples:
        augmenter = load_augmenter(made).augmenter.to(device)
        write_samples(augmenter, shards, out / SAMPLES, recipe.samples, recipe.sheet_strength, recipe.seed)
    return made


def size_of(recipe: VaeGanRecipe) -> VaeGanSize:
    """Size of the recipe's networks, for the project's expressions."""
    return VaeGanSize(
        size_px=recipe.size_px,
        channels=3 if recipe.colour else 1,
        classes=len(EXPRESSIONS),
        latent=recipe.latent,
        width=recipe.width,
        embedding=recipe.embedding,
        attention=recipe.attention,
    )


def perceptual_loss(recipe: VaeGanRecipe) -> PerceptualLoss:
    """``P`` of eq. 3.

    Raises:
        RecipeError: when the network is none, or has no weights, or fewer feature maps.
    """
    try:
        network = create_backbone(recipe.perceptual_network, imagenet=not recipe.perceptual_weights)
        if recipe.perceptual_weights:
            load_backbone(network, Path(recipe.perceptual_weights))
        return PerceptualLoss(network, range(recipe.perceptual_depths))
    except (ValueError, RuntimeError) as error:
        given = f"perceptual_network {recipe.perceptual_network}, perceptual_depths {recipe.perceptual_depths}"
        raise RecipeError(f"{given}: {error}") from error


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Moves an average ``1 - decay`` of the way to the model.

    The vectors with which spectral normalisation estimates the largest singular value are taken as they are: an average
    of unit vectors is shorter than 1, and would make every weight larger.
    """
    for (name, kept), new in zip(average.state_dict().items(), model.state_dict().values(), strict=True):
        if kept.is_floating_point() and not name.endswith(("._u", "._v")):
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


@torch.no_grad()
def validate(
    average: VaeGan, recipe: VaeGanRecipe, shards: Sequence[Shard], device: torch.device
) -> dict[str, float | None]:
    """Mean ``l1`` and ``kl`` of the rated faces of the validation split, each encoded to its mean; None without any."""
    average.eval()
    l1, kl, count = 0.0, 0.0, 0
    for image, label in _rated_images(recipe, shards, "valid", device):
        mean, log_variance = average.encoder(image)
        l1 += float((average.generator(mean, label) - image).abs().mean()) * len(image)
        kl += float(gaussian_kl(mean, log_variance)) * len(image)
        count += len(image)
    return {"l1": round(l1 / count, 4) if count else None, "kl": round(kl / count, 2) if count else None}


@torch.no_grad()
def encode_split(average: VaeGan, recipe: VaeGanRecipe, shards: Sequence[Shard], split: str) -> ClassCovariances:
    """Covariances of ``E_mu(x)`` over the rated faces of a split, as they are stored."""
    average.eval()
    device = average.encoder.answer.weight.device
    encodings, labels = [torch.empty(0, recipe.latent)], [torch.empty(0, dtype=torch.int64)]
    for image, label in _rated_images(recipe, shards, split, device):
        encodings.append(average.encoder(image)[0].cpu())
        labels.append(label.cpu())
    return class_covariances(torch.cat(encodings), torch.cat(labels), len(EXPRESSIONS))


def save_vae_gan(path: Path, recipe: VaeGanRecipe, shards: Sequence[Shard], average: VaeGan) -> None:
    """Writes encoder, generator and class covariances; a file of that name is replaced only by a whole one."""
    covariances = encode_split(average, recipe, shards, "train")
    augmenter = SemanticAugmenter(average.size).learn(average.encoder, average.generator, covariances)
    content = {
        "recipe": asdict(recipe),
        "geometry": shards[0].geometry.to_dict(),
        "size": asdict(average.size),
        "augmenter": augmenter.state_dict(),
    }
    with replacing(path) as partial:
        torch.save(content, partial)


def _rated_images(
    recipe: VaeGanRecipe, shards: Sequence[Shard], split: str, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Images (B, K, S, S) in -1..1 and classes (B,) of a split, in order; faces without votes are left out."""
    channels = 3 if recipe.colour else 1
    data = ShardDataset(shards, split, None, recipe.seed)
    for batch in ordered_batches(data, _BATCH) if len(data) else ():
        rated = batch.votes.isfinite().all(dim=1)
        if rated.any():
            image = to_vae_gan(batch.image_rgb[rated].to(device), recipe.size_px, channels)
            yield image, batch.votes[rated].argmax(dim=1).to(device)


def _orders(recipe: VaeGanRecipe, data: ShardDataset) -> tuple[Callable[[int], npt.NDArray[np.intp]], int]:
    """Order of each epoch over the faces with votes, and the number of its batches."""
    votes = data.labels().votes
    rated = np.flatnonzero(np.isfinite(votes).all(axis=1)) if len(votes) else np.empty(0, np.intp)
    if len(rated) < recipe.batch_size:
        raise RecipeError(
            f"{len(rated)} training images with an expression do not fill one batch of {recipe.batch_size}; "
            "lower batch_size"
        )

    def order(epoch: int) -> npt.NDArray[np.intp]:
        if recipe.balanced:
            drawn = sampled_batches(expression_weights(votes[rated]), recipe.batch_size, epoch, recipe.seed)
            return np.asarray(rated[np.array(drawn, np.intp).reshape(-1)])
        return np.random.default_rng((recipe.seed, epoch)).permutation(rated)

    return order, len(rated) // recipe.batch_size


def _resume(path: Path, recipe: VaeGanRecipe, geometry: CropGeometry, parts: dict[str, Any]) -> Progress:
    content = load_checkpoint(path)
    try:
        before = vae_gan_recipe(content["recipe"], str(path))
    except RecipeError:
        before = None
    if before is None or replace(before, samples=recipe.samples) != recipe:
        raise RecipeError(f"{path} is a run of another recipe; name another --out, or delete it")
    check_geometry(content["geometry"], geometry, path)
    for name, part in parts.items():
        part.load_state_dict(content["states"][name])
    return Progress(**content["progress"])
