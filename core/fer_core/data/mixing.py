"""Mixup and MixAugment: training on convex combinations of pairs of faces.

Source: A. Psaroudakis and D. Kollias, "MixAugment & Mixup: Augmentation Methods for Facial Expression Recognition",
CVPR Workshops 2022, eq. 1; H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018. The loss of
MixAugment, eq. 3, is in :mod:`fer_core.losses.mixaugment`. What the paper leaves open, and our choice:

- *Pairs.* The batch is paired with a permutation of itself, so that every image is ``x_i`` once and ``x_j`` once.
- *Lambda* is drawn once per batch (as in the code of Zhang et al.) or, with ``per_sample``, once per pair (as eq. 1 can
  be read). Either way it is Beta(alpha, alpha); the paper's best alpha is 0.1.
- *Flipping* comes before mixing, independently for every image, so that real and virtual examples both see it.
- *Labels.* All that are numbers are mixed like the images: one-hot or vote shares become soft targets, valence and
  arousal are interpolated, action units become probabilities, weights are averaged. The last three are the extension
  that the authors leave to future work. A virtual face has a label only if both of its faces have it; the others are
  NaN, and the losses skip them. ``groups`` lets only faces with the same labels be paired, so that nothing is lost
  when one batch mixes data sets.

Everything is a function of the generator that is passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Mix:
    """Which images of a batch are mixed, and how."""

    partner: Tensor
    """(B,) int64, the ``j`` of every ``i``: a permutation of the batch."""
    share: Tensor
    """(B,) float32 in [0, 1], the share lambda of image ``i``."""


def draw_mix(
    rows: int,
    alpha: float,
    rng: np.random.Generator,
    per_sample: bool = False,
    groups: npt.NDArray[np.integer[Any]] | None = None,
) -> Mix:
    """Draws partners and shares for a batch.

    Args:
        rows: B.
        alpha: of the Beta distribution, above 0. Near 0 the shares are close to 0 or 1, at 1 they are uniform.
        rng: source of chance.
        per_sample: one share per pair instead of one for the whole batch.
        groups: (B,) only rows of equal number are paired; all with all where None.

    Raises:
        ValueError: when ``alpha`` is not above 0 or ``groups`` does not fit.
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be above 0, got {alpha}; train without mixing instead")
    kinds = np.zeros(rows, np.int64) if groups is None else np.asarray(groups)
    if kinds.shape != (rows,):
        raise ValueError(f"groups must be ({rows},), got {kinds.shape}")
    partner = np.arange(rows)
    for kind in np.unique(kinds):
        members = np.flatnonzero(kinds == kind)
        partner[members] = rng.permutation(members)
    share = rng.beta(alpha, alpha, rows) if per_sample else np.full(rows, rng.beta(alpha, alpha))
    return Mix(torch.from_numpy(partner), torch.from_numpy(share.astype(np.float32)))


def mix_batch(values: Tensor, mix: Mix) -> Tensor:
    """``lambda x_i + (1 - lambda) x_j`` for images or labels, eq. 1.

    Args:
        values: (B, ...) floating point; NaN where a label is missing.
        mix: for the same batch.

    Returns:
        (B, ...) on the device and in the type of ``values``; NaN where either of the two is missing, whatever their
        shares.

    Raises:
        ValueError: when the sizes differ or ``values`` are whole numbers, which would be rounded.
    """
    if not values.is_floating_point() or len(values) != len(mix.partner):
        raise ValueError(
            f"need floating-point values of {len(mix.partner)} rows, got {values.dtype} {tuple(values.shape)}"
        )
    share = _per_row(mix.share.to(values), values)
    return share * values + (1 - share) * values[mix.partner.to(values.device)]


def label_groups(*labels: Tensor) -> npt.NDArray[np.int64]:
    """(B,) a number per pattern of present labels, for ``groups`` of :func:`draw_mix`.

    Args:
        labels: each (B, D), NaN where missing.
    """
    present = torch.cat([~torch.isnan(label) for label in labels], dim=1).cpu().numpy()  # (B, sum D)
    pattern: npt.NDArray[np.int64] = np.unique(present, axis=0, return_inverse=True)[1].reshape(-1)
    return pattern


def flip_some(image_rgb: Tensor, rng: np.random.Generator, probability: float = 0.5) -> Tensor:
    """Mirrors each image (B, C, H, W), or each clip (B, T, C, H, W) as a whole, left to right with some probability.

    Expression, valence-arousal and action units, which are coded without side, keep their labels.
    """
    flipped = torch.from_numpy(rng.random(len(image_rgb)) < probability).to(image_rgb.device)
    return torch.where(_per_row(flipped, image_rgb), image_rgb.flip(-1), image_rgb)


def _per_row(values: Tensor, like: Tensor) -> Tensor:
    """(B,) as (B, 1, ...), to go with (B, ...)."""
    return values.view(-1, *[1] * (like.ndim - 1))
