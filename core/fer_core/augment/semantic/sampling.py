"""Moves the encoding of a face within its class, and decodes it.

Source: Z. Li et al., "Semantic Data Augmentation for Long-tailed Facial Expression Recognition", section II.B, eq. 4:
``z' = s Sigma_c o r + E_mu(x) ~ N(E_mu(x), s Sigma_c)``. The two sides do not agree: with ``r`` standard normal, what
stands in the middle has covariance ``s^2 Sigma_c^2``, and an element-wise product of a matrix with a vector is none. We
draw from the distribution on the right: ``z' = E_mu(x) + sqrt(s) R_c r`` with ``R_c R_c = Sigma_c``. The paper does not
say its ``s``; ours is 0.5, the strength of ISDA (Y. Wang et al., 2021), whose idea this continues.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from fer_core.augment.semantic.covariance import ClassCovariances
from fer_core.augment.semantic.images import to_rgb, to_vae_gan
from fer_core.models.vae_gan import Encoder, Generator, VaeGanSize
from fer_core.train.options import RecipeError

#: ``s`` of eq. 4.
STRENGTH = 0.5


class SemanticAugmenter(nn.Module):
    """Encoder and generator, and how the encodings of each class vary; :meth:`learn` or a state dict fills it.

    Args:
        size: of the networks.
    """

    roots: Tensor
    """(C, L, L) ``R_c`` with ``R_c R_c = Sigma_c``."""
    count: Tensor
    """(C,) int64, training faces of each class."""

    def __init__(self, size: VaeGanSize) -> None:
        super().__init__()
        self.size = size
        self.encoder = Encoder(size)
        self.generator = Generator(size)
        self.register_buffer("roots", torch.zeros(size.classes, size.latent, size.latent))
        self.register_buffer("count", torch.zeros(size.classes, dtype=torch.int64))
        self.eval().requires_grad_(False)

    def learn(self, encoder: Encoder, generator: Generator, covariances: ClassCovariances) -> SemanticAugmenter:
        """Takes over what was trained; returns itself."""
        self.encoder.load_state_dict(encoder.state_dict())
        self.generator.load_state_dict(generator.state_dict())
        # Kept as it is: another machine's eigenvalues would differ in the last digits, and a resumed run with them.
        self.roots.copy_(covariances.roots())
        self.count.copy_(covariances.count)
        return self

    def knows(self, label: Tensor) -> Tensor:
        """(B,) bool: whether training showed enough of the class, two faces or more, to know how it varies."""
        return self.count[label] > 1

    def encode(self, image_rgb: Tensor) -> Tensor:
        """``E_mu(x)``, (B, L), of crops (B, 3, S, S) in 0..255."""
        return cast(Tensor, self.encoder(to_vae_gan(image_rgb, self.size.size_px, self.size.channels))[0])

    def move(self, encoding: Tensor, label: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
        """``z'`` of eq. 4, (B, L), for encodings (B, L) of classes (B,).

        Args:
            encoding: ``E_mu(x)``.
            label: int64, classes that training showed.
            strength: ``s``, 0 or more; 0 gives the encoding back.
            rng: source of chance.

        Raises:
            ValueError: when ``s`` is negative, or a class was not shown in training.
        """
        if not strength >= 0:
            raise ValueError(f"strength must be 0 or more, not {strength}")
        if not bool(self.knows(label).all()):
            unknown = sorted(set(label[~self.knows(label)].tolist()))
            raise ValueError(f"classes {unknown} had fewer than two faces in training; augment other classes alone")
        noise = torch.from_numpy(rng.standard_normal(encoding.shape, np.float32)).to(encoding.device)
        away: Tensor = torch.einsum("bij,bj->bi", self.roots[label], noise)
        moved: Tensor = encoding + strength**0.5 * away
        return moved

    def decode(self, encoding: Tensor, label: Tensor, size_px: int) -> Tensor:
        """Crops (B, 3, size_px, size_px) in 0..255 of the classes ``label`` (B,)."""
        return to_rgb(self.generator(encoding, label), size_px)

    @torch.no_grad()
    def augment(self, image_rgb: Tensor, label: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
        """Other faces of the same classes, as :meth:`move` moves them.

        Args:
            image_rgb: (B, 3, S, S) in 0..255.
            label: (B,) int64.
            strength: ``s``.
            rng: source of chance.

        Returns:
            (B, 3, S, S) in 0..255.
        """
        moved = self.move(self.encode(image_rgb), label, strength, rng)
        return self.decode(moved, label, image_rgb.shape[-1])


@dataclass(frozen=True, slots=True)
class Saved:
    """A trained VAE-GAN on disk."""

    augmenter: SemanticAugmenter
    recipe: dict[str, Any]
    geometry: dict[str, Any]
    """Of the crops that it was trained on (:class:`fer_core.faces.align.CropGeometry`)."""


def load_augmenter(path: Path) -> Saved:
    """What :func:`fer_core.augment.semantic.training.train_vae_gan` wrote.

    Raises:
        RecipeError: when there is none.
    """
    remedy = "train one with: fer-core train vae_gan --data SHARDS --out RUN, and name RUN/vae_gan.pt"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        with torch.random.fork_rng(devices=[]):  # initial weights must not move the chance of a run that is resumed
            augmenter = SemanticAugmenter(VaeGanSize(**content["size"]))
        augmenter.load_state_dict(content["augmenter"])
        return Saved(augmenter, content["recipe"], content["geometry"])
    except OSError as error:
        raise RecipeError(f"{path}: no VAE-GAN can be read ({error.strerror}); {remedy}") from None
    except (KeyError, TypeError, RuntimeError) as error:
        raise RecipeError(f"{path} is no VAE-GAN of this version ({error}); {remedy}") from None
