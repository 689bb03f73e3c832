"""Semantic augmentation of a training batch.

Source: Z. Li et al., "Semantic Data Augmentation for Long-tailed Facial Expression Recognition", section III: *we set
the augmentation ratio to 0.5, meaning half of the sampled training data will be augmented*. The encoder reads the image
that the classifier would have seen, moved and mirrored as the recipe says.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from fer_core.augment.semantic.sampling import SemanticAugmenter
from fer_core.data.dataset import Batch


def augment_some(
    batch: Batch, augmenter: SemanticAugmenter, ratio: float, strength: float, rng: np.random.Generator
) -> Batch:
    """The batch with some of its faces replaced by others of their class.

    A face without votes, or of a class that the VAE-GAN was not shown, stays. Valence, arousal and action units of a
    new face are unknown, hence NaN; its votes are those of the face that it came from.

    Args:
        batch: B crops.
        augmenter: on any device.
        ratio: probability of each face to be replaced, 0..1.
        strength: ``s`` of eq. 4.
        rng: source of chance.
    """
    rated = batch.votes.isfinite().all(dim=1).cpu()
    label = batch.votes.nan_to_num().argmax(dim=1).cpu()
    drawn = torch.from_numpy(rng.random(len(batch)) < ratio)
    rows = torch.nonzero(drawn & rated & augmenter.knows(label.to(augmenter.count.device)).cpu())[:, 0]
    if not len(rows):
        return batch
    device = augmenter.count.device
    chosen = rows.to(batch.image_rgb.device)
    made = augmenter.augment(batch.image_rgb[chosen].to(device), label[rows].to(device), strength, rng)
    image, va, au = batch.image_rgb.clone(), batch.va.clone(), batch.au.clone()
    image[chosen] = made.to(image)
    va[chosen], au[chosen] = torch.nan, torch.nan
    return replace(batch, image_rgb=image, va=va, au=au)
