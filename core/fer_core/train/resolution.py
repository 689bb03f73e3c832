"""The resolution at which a network sees the crops of a batch."""

from __future__ import annotations

import torch
from torch.nn import functional

from fer_core.data.dataset import Batch


def resized(batch: Batch, device: torch.device, size_px: int) -> torch.Tensor:
    """Crops of a batch at the stage's resolution, (B, 3, size_px, size_px)."""
    image = batch.image_rgb.to(device, memory_format=torch.channels_last)
    if image.shape[-1] == size_px:
        return image
    return functional.interpolate(image, size=(size_px, size_px), mode="bilinear", antialias=True)
