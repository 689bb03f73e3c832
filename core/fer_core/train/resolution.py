"""The resolution at which a network sees the crops of a batch."""

from __future__ import annotations

import torch
from torch.nn import functional

from fer_core.data.dataset import Batch


def resized(batch: Batch, device: torch.device, size_px: int) -> torch.Tensor:
    """Crops of a batch at the stage's resolution, (B, 3, size_px, size_px), or clips (B, T, 3, size_px, size_px)."""
    if batch.image_rgb.ndim == 5:
        frames = _resized(batch.image_rgb.flatten(end_dim=1), device, size_px)  # (B * T, 3, size_px, size_px)
        return frames.reshape(*batch.image_rgb.shape[:2], *frames.shape[1:])
    return _resized(batch.image_rgb, device, size_px)


def _resized(image: torch.Tensor, device: torch.device, size_px: int) -> torch.Tensor:
    image = image.to(device, memory_format=torch.channels_last)
    if image.shape[-1] == size_px:
        return image
    return functional.interpolate(image, size=(size_px, size_px), mode="bilinear", antialias=True)
