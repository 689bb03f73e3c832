"""What a training run of a VAE-GAN does, as one TOML file with ``kind = "vae_gan"``; ``fer-core train`` takes it.

The paper (Z. Li et al., "Semantic Data Augmentation for Long-tailed Facial Expression Recognition") gives no settings
of this training: *because the training of the VAE-GAN model is not the key point of this paper, we do not give
detailed settings*. All are options here. Nothing in this module needs PyTorch.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

from fer_core.data.transforms import Augmentation
from fer_core.train.options import RecipeError, check_keys, suggest, typed
from fer_core.train.recipe import override, parse_augmentation

KIND = "vae_gan"
#: Mirrored half of the time, else as they are: what a generator is shown, it makes.
MIRRORED = Augmentation(
    rotation_deg=0.0,
    scale=0.0,
    shift=0.0,
    light=0.0,
    colour=0.0,
    grey=0.0,
    resolution=0.0,
    blur=0.0,
    noise=0.0,
    jpeg=0.0,
    erase=0.0,
)


@dataclass(frozen=True, slots=True)
class VaeGanRecipe:
    """A whole run."""

    kind: str = KIND
    description: str = ""
    size_px: int = 64
    """Side of the generated images."""
    colour: bool = False
    """Three channels instead of luminance, which is all that the classifiers look at."""
    latent: int = 128
    """Length of an encoding."""
    width: int = 64
    """Channels at full resolution; all others are multiples of it."""
    embedding: int = 128
    """Length of the class embedding that the generator's normalisations share."""
    attention: bool = True
    """Self-attention at half the resolution."""
    reconstruction_weight: float = 10.0
    """Of ``L_r`` (eq. 3), whose first term is the mean absolute difference of images in -1..1."""
    perceptual_weight: float = 1.0
    """``lambda_p`` of eq. 3."""
    perceptual_network: str = "tf_efficientnet_lite0"
    """``P`` of eq. 3: any convolutional timm model; this one has ImageNet weights in an installed package."""
    perceptual_weights: str = ""
    """File with the weights of that network instead: a state dict, or a checkpoint of a trained recipe."""
    perceptual_depths: int = 3
    """How many feature maps are compared, from the finest on."""
    kl_weight: float = 0.01
    """Maximum of the weight of eq. 2, summed over the dimensions of an encoding."""
    kl_warmup_share: float = 1.0
    """Share of the run in which that weight rises from 0; 1 as in the paper."""
    adversarial_weight: float = 1.0
    """Of the generator's hinge loss."""
    seed: int = 1
    epochs: int = 100
    batch_size: int = 64
    balanced: bool = True
    """Draw all expressions equally often, or every image once an epoch."""
    learning_rate: float = 2e-4
    """Of encoder and generator; Adam, constant."""
    discriminator_learning_rate: float = 2e-4
    momentum: float = 0.0
    """First beta of Adam; 0 as in BigGAN."""
    gradient_clip: float = 10.0
    """Largest norm of the gradient of encoder and generator, and of the discriminator."""
    ema_decay: float = 0.999
    """The encoder and generator that are kept are moving averages, faster ones at the beginning."""
    checkpoint_every: int = 200
    """Steps between checkpoints."""
    workers: int = 0
    """Processes that load data."""
    tensorboard: bool = False
    """Write the log for TensorBoard too."""
    sheet_strength: float = 0.5
    """``s`` of eq. 4 for the sheets and samples that are written at the end."""
    samples: int = 0
    """Images of each expression to write at the end, into ``samples/train/<expression>/``."""
    augmentation: Augmentation = MIRRORED


def names_vae_gan(name_or_path: str) -> bool:
    """Whether ``fer-core train`` was given a recipe of this kind: a shipped one, or a file that says so.

    A file that is missing or no TOML is none; who reads it as another recipe tells what is wrong with it.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        return name_or_path in shipped_vae_gans()
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")).get("kind") == KIND
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False


def shipped_vae_gans() -> dict[str, VaeGanRecipe]:
    """The recipes inside the package, by name."""
    folder = resources.files(__package__) / "recipes"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    texts = {f.name: f.read_text(encoding="utf-8") for f in files}
    return {name.removesuffix(".toml"): vae_gan_recipe(tomllib.loads(text), name) for name, text in texts.items()}


def load_vae_gan_recipe(name_or_path: str, overrides: Mapping[str, str] | None = None) -> VaeGanRecipe:
    """A shipped recipe by name, or a TOML file by path, with ``key=value`` overrides.

    Raises:
        RecipeError: when there is none, or a key or value is not one.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        try:
            recipe = vae_gan_recipe(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
        except FileNotFoundError:
            raise RecipeError(f"{path}: no such recipe file") from None
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(f"{path}: not TOML: {error}") from None
    else:
        known = shipped_vae_gans()
        if name_or_path not in known:
            raise RecipeError(f"no recipe {name_or_path!r}{suggest(name_or_path, known)}; list them: fer-core recipes")
        recipe = known[name_or_path]
    for key, value in (overrides or {}).items():
        recipe = vae_gan_recipe(override(asdict(recipe), key, value), f"--set {key}={value}")
    return recipe


def vae_gan_recipe(values: Mapping[str, Any], name: str) -> VaeGanRecipe:
    """A recipe from the values of a TOML file or of a checkpoint.

    Raises:
        RecipeError: when a key or value is not one.
    """
    plain = VaeGanRecipe()
    check_keys(values, [f.name for f in fields(VaeGanRecipe)], name)
    given = dict(values)
    for key, value in given.items():
        where = f"{name}, {key}"
        if key == "augmentation":
            given[key] = parse_augmentation(value, where, MIRRORED)
        else:
            given[key] = typed(value, getattr(plain, key), where)
    recipe = VaeGanRecipe(**given)
    _check_ranges(recipe, name)
    return recipe


def _check_ranges(recipe: VaeGanRecipe, name: str) -> None:
    if recipe.kind != KIND:
        raise RecipeError(f"{name}, kind: expected {KIND!r}, not {recipe.kind!r}")
    for key in ("epochs", "batch_size", "latent", "width", "embedding", "checkpoint_every", "perceptual_depths"):
        if getattr(recipe, key) < 1:
            raise RecipeError(f"{name}, {key}: expected 1 or more, not {getattr(recipe, key)}")
    if recipe.size_px < 16:
        raise RecipeError(f"{name}, size_px: expected 16 or more, not {recipe.size_px}")
    for key in ("learning_rate", "discriminator_learning_rate", "gradient_clip"):
        if not getattr(recipe, key) > 0:
            raise RecipeError(f"{name}, {key}: expected more than 0, not {getattr(recipe, key)}")
    for key in (
        "reconstruction_weight",
        "perceptual_weight",
        "kl_weight",
        "adversarial_weight",
        "sheet_strength",
        "samples",
        "seed",
        "workers",
    ):
        if not getattr(recipe, key) >= 0:
            raise RecipeError(f"{name}, {key}: expected 0 or more, not {getattr(recipe, key)}")
    for key, limit in (("kl_warmup_share", 1.0), ("momentum", 0.9999), ("ema_decay", 0.999999)):
        if not 0 <= getattr(recipe, key) <= limit:
            raise RecipeError(f"{name}, {key}: expected 0 to {limit}, not {getattr(recipe, key)}")
