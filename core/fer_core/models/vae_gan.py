"""VAE-GAN: an encoder of faces, a generator of faces of a class, and a discriminator that tells them from photographs.

Source: Z. Li et al., "Semantic Data Augmentation for Long-tailed Facial Expression Recognition", section II.A, which
names the parts and gives no sizes: *a Resnet style encoder, while our generator and discriminator follow the design of
BigGAN* (A. Brock, J. Donahue & K. Simonyan, ICLR 2019, appendix B). From BigGAN: residual blocks that double or halve
the side, class-conditional batch normalisation with a shared class embedding, self-attention at one resolution,
spectral normalisation of generator and discriminator, a projection discriminator, orthogonal initialisation. As in
its deeper variant, every normalisation reads the whole latent vector beside the class.

Our choices where the paper is silent: the encoder flattens its last grid instead of averaging it, so that the latent
vector knows where things are; sides that are odd are halved upwards (100, 50, 25, 13, 7 px), until 7 px or less are
left, and doubled back along the same ladder; channels are ``width`` times 1, 2, 4, 8, 16 from the image inwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

#: Grids are halved until they are no larger.
COARSEST_PX = 7
#: Log-variances beyond would overflow their exponential.
_LOG_VARIANCE_LIMIT = 10.0


@dataclass(frozen=True, slots=True)
class VaeGanSize:
    """Size of the three networks."""

    size_px: int = 64
    """Side of the images, 16 or more; tried with 48, 64 and 100."""
    channels: int = 1
    """1 for luminance, 3 for colour."""
    classes: int = 8
    latent: int = 128
    """L, the length of an encoding."""
    width: int = 64
    """Channels at full resolution."""
    embedding: int = 128
    """Length of the shared class embedding."""
    attention: bool = True
    """Self-attention at half the resolution."""

    def __post_init__(self) -> None:
        if self.size_px < 16:
            raise ValueError(f"size_px must be 16 or more, not {self.size_px}")
        if self.channels not in (1, 3):
            raise ValueError(f"channels must be 1 or 3, not {self.channels}")
        for name in ("classes", "latent", "width", "embedding"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides in pixels from the image to the coarsest grid."""
        sides = [self.size_px]
        while sides[-1] > COARSEST_PX:
            sides.append((sides[-1] + 1) // 2)
        return tuple(sides)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels at each of ``sides``."""
        return tuple(self.width * min(2**level, 16) for level in range(len(self.sides)))


class VaeGan(nn.Module):
    """The three networks of one size."""

    def __init__(self, size: VaeGanSize) -> None:
        super().__init__()
        self.size = size
        self.encoder = Encoder(size)
        self.generator = Generator(size)
        self.discriminator = Discriminator(size)


class Encoder(nn.Module):
    """Images (B, K, S, S) in -1..1 to mean and log-variance of their encodings, each (B, L)."""

    def __init__(self, size: VaeGanSize) -> None:
        super().__init__()
        self.stem = nn.Conv2d(size.channels, size.widths[0], 3, padding=1)
        self.blocks = nn.Sequential(*(_EncoderBlock(a, b) for a, b in pairwise(size.widths)))
        self.last = nn.BatchNorm2d(size.widths[-1])
        self.answer = nn.Linear(size.widths[-1] * size.sides[-1] ** 2, 2 * size.latent)
        _orthogonal(self)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, each (B, L)."""
        grid = self.last(self.blocks(self.stem(image))).relu()  # (B, C, s, s)
        mean, log_variance = self.answer(grid.flatten(1)).chunk(2, dim=1)
        return mean, log_variance.clamp(-_LOG_VARIANCE_LIMIT, _LOG_VARIANCE_LIMIT)


class Generator(nn.Module):
    """Encodings (B, L) and classes (B,) to images (B, K, S, S) in -1..1."""

    def __init__(self, size: VaeGanSize) -> None:
        super().__init__()
        self.grid = (size.widths[-1], size.sides[-1], size.sides[-1])
        self.embedding = nn.Embedding(size.classes, size.embedding)
        self.first = spectral_norm(nn.Linear(size.latent, size.widths[-1] * size.sides[-1] ** 2))
        condition = size.embedding + size.latent
        self.blocks = nn.ModuleList()
        for level in reversed(range(len(size.sides) - 1)):
            self.blocks.append(
                _GeneratorBlock(size.widths[level + 1], size.widths[level], size.sides[level], condition)
            )
        self.attention_after = len(size.sides) - 3 if size.attention else -1
        self.attention = SelfAttention(size.widths[1]) if size.attention else None
        self.last = nn.BatchNorm2d(size.widths[0])
        self.image = spectral_norm(nn.Conv2d(size.widths[0], size.channels, 3, padding=1))
        _orthogonal(self)

    def forward(self, encoding: Tensor, label: Tensor) -> Tensor:
        """Images of the classes ``label`` (B,) int64."""
        condition = torch.cat([self.embedding(label), encoding], dim=1)
        grid: Tensor = self.first(encoding).unflatten(1, self.grid)
        for number, block in enumerate(self.blocks):
            grid = block(grid, condition)
            if self.attention is not None and number == self.attention_after:
                grid = self.attention(grid)
        return torch.tanh(self.image(self.last(grid).relu()))


class Discriminator(nn.Module):
    """Images (B, K, S, S) and classes (B,) to a score (B,), high for real images of that class.

    Projection discriminator (Miyato & Koyama, ICLR 2018): ``D(x, y) = w . h(x) + e_y . h(x)``.
    """

    def __init__(self, size: VaeGanSize) -> None:
        super().__init__()
        first = _DiscriminatorBlock(size.channels, size.widths[0], halve=False)
        down = [_DiscriminatorBlock(a, b) for a, b in pairwise(size.widths)]
        self.blocks = nn.Sequential(first, *down)
        if size.attention:
            self.blocks.insert(2, SelfAttention(size.widths[1]))
        self.score = spectral_norm(nn.Linear(size.widths[-1], 1))
        self.embedding = spectral_norm(nn.Embedding(size.classes, size.widths[-1]))
        _orthogonal(self)

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        """Scores (B,)."""
        features = self.blocks(image).relu().sum(dim=(2, 3))  # (B, C)
        score: Tensor = self.score(features)[:, 0] + (self.embedding(label) * features).sum(dim=1)
        return score


class SelfAttention(nn.Module):
    """Every place looks at all others (H. Zhang et al., "Self-Attention GANs", ICML 2019); starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner, half = max(1, channels // 8), max(1, channels // 2)
        self.query = spectral_norm(nn.Conv2d(channels, inner, 1, bias=False))
        self.key = spectral_norm(nn.Conv2d(channels, inner, 1, bias=False))
        self.value = spectral_norm(nn.Conv2d(channels, half, 1, bias=False))
        self.back = spectral_norm(nn.Conv2d(half, channels, 1, bias=False))
        self.share = nn.Parameter(torch.zeros(()))

    def forward(self, grid: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, h, w); keys and values are pooled to a quarter of the places, as in BigGAN."""
        query = self.query(grid).flatten(2)  # (B, c, hw)
        key = functional.max_pool2d(self.key(grid), 2).flatten(2)  # (B, c, hw / 4)
        value = functional.max_pool2d(self.value(grid), 2).flatten(2)  # (B, C / 2, hw / 4)
        weight = (query.transpose(1, 2) @ key).softmax(dim=2)  # (B, hw, hw / 4)
        seen = (value @ weight.transpose(1, 2)).unflatten(2, grid.shape[2:])  # (B, C / 2, h, w)
        return cast(Tensor, grid + self.share * self.back(seen))


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation whose scale and shift are linear in a condition (B, D): class embedding and encoding."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = spectral_norm(nn.Linear(condition, channels, bias=False))
        self.shift = spectral_norm(nn.Linear(condition, channels, bias=False))

    def forward(self, grid: Tensor, condition: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, h, w)."""
        normal: Tensor = self.norm(grid)
        scale: Tensor = self.scale(condition)[..., None, None]  # (B, C, 1, 1)
        shift: Tensor = self.shift(condition)[..., None, None]
        return normal * (1 + scale) + shift


class _EncoderBlock(nn.Module):
    """Residual, with the normalisation first (He et al. 2016); halves the side, upwards."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList((nn.BatchNorm2d(before), nn.BatchNorm2d(after)))
        self.convolutions = nn.ModuleList(
            (nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.Conv2d(after, after, 3, padding=1))
        )
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, grid: Tensor) -> Tensor:
        changed = grid
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            changed = convolution(norm(changed).relu())
        return changed + _halved(self.shortcut(grid))


class _GeneratorBlock(nn.Module):
    """Residual, enlarges the grid to ``side_px``."""

    def __init__(self, before: int, after: int, side_px: int, condition: int) -> None:
        super().__init__()
        self.side_px = side_px
        self.norms = nn.ModuleList((ConditionalBatchNorm(before, condition), ConditionalBatchNorm(after, condition)))
        self.convolutions = nn.ModuleList(
            (
                spectral_norm(nn.Conv2d(before, after, 3, padding=1)),
                spectral_norm(nn.Conv2d(after, after, 3, padding=1)),
            )
        )
        self.shortcut = spectral_norm(nn.Conv2d(before, after, 1))

    def forward(self, grid: Tensor, condition: Tensor) -> Tensor:
        changed: Tensor = self.convolutions[0](self._enlarged(self.norms[0](grid, condition).relu()))
        changed = self.convolutions[1](self.norms[1](changed, condition).relu())
        return changed + self._enlarged(self.shortcut(grid))

    def _enlarged(self, grid: Tensor) -> Tensor:
        return functional.interpolate(grid, size=(self.side_px, self.side_px), mode="nearest")


class _DiscriminatorBlock(nn.Module):
    """Residual, without normalisation of activations; the first one of a network does not begin with a ReLU."""

    def __init__(self, before: int, after: int, halve: bool = True) -> None:
        super().__init__()
        self.halve = halve
        self.convolutions = nn.ModuleList(
            (
                spectral_norm(nn.Conv2d(before, after, 3, padding=1)),
                spectral_norm(nn.Conv2d(after, after, 3, padding=1)),
            )
        )
        self.shortcut = spectral_norm(nn.Conv2d(before, after, 1))

    def forward(self, grid: Tensor) -> Tensor:
        changed = self.convolutions[0](grid.relu() if self.halve else grid)
        changed = self.convolutions[1](changed.relu())
        if self.halve:
            changed, grid = _halved(changed), _halved(grid)
        return cast(Tensor, changed + self.shortcut(grid))


def _halved(grid: Tensor) -> Tensor:
    return functional.avg_pool2d(grid, 2, ceil_mode=True)


def _orthogonal(network: nn.Module) -> None:
    """BigGAN's initialisation of all layers that multiply."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
            nn.init.orthogonal_(_stored_weight(module))


def _stored_weight(module: nn.Module) -> Tensor:
    """The parameter itself, also where spectral normalisation stands before it."""
    return module.get_parameter("parametrizations.weight.original" if is_parametrized(module) else "weight")
