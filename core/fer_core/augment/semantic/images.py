"""Between crops as the data sets hold them and images as the VAE-GAN takes them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from fer_core.models.multitask import centred, normalise


def to_vae_gan(image_rgb: Tensor, size_px: int, channels: int) -> Tensor:
    """Crops (B, 3, S, S) in 0..255 to (B, K, size_px, size_px) in -1..1; luminance where K is 1."""
    scaled = normalise(image_rgb)[:, :1] if channels == 1 else centred(image_rgb)
    return resized(scaled, size_px)


def to_rgb(image: Tensor, size_px: int) -> Tensor:
    """Images (B, K, S, S) in -1..1 to crops (B, 3, size_px, size_px) in 0..255."""
    return (resized(image, size_px).clamp(-1, 1) * 127.5 + 127.5).expand(-1, 3, -1, -1)


def resized(image: Tensor, size_px: int) -> Tensor:
    """(B, K, S, S) to (B, K, size_px, size_px), without aliasing."""
    if image.shape[-1] == size_px:
        return image
    return functional.interpolate(image, size=(size_px, size_px), mode="bilinear", antialias=True)
