"""The valence-arousal plane cut into pieces, to make classes of it.

Source: Emotion-GCN thesis. Square cells with a class histogram each (section 3.4) are the targets of its soft and
logit losses; angular sectors (section 5.2.1, Table 5.1: halves, quarters, eight, twelve) are a classification task
beside the expressions. What it leaves open, and our choice:

- ``bins`` counts the cells *along each axis*, so that the plane has its square. A cell without a training sample has
  no histogram: its soft labels are NaN, and the losses skip them.
- The first sector begins at the positive valence axis and the others follow anticlockwise, so that four sectors are
  the quadrants by sign, as the text says, and eight and twelve refine them. A border belongs to the sector that it
  begins.
- Two sectors: by the sign of valence, as few images have a negative arousal; by that of arousal on demand. Zero
  counts as positive.
- The origin has no direction. Neutral faces lie there, often exactly; they get sector -1 and take no part, rather
  than all counting as the first. ``least_radius`` widens that, as the direction of a small vector is mostly noise.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from fer_core.labels import VA_RANGE

#: Numbers of sectors that the thesis tries.
SECTORS = (2, 4, 8, 12)
_LOW, _HIGH = VA_RANGE


def va_cell(va: Tensor, bins: int) -> Tensor:
    """Index of the square cell, ``valence_bin * bins + arousal_bin``.

    Args:
        va: (B, 2) in [-1, 1], NaN where missing; what lies outside counts to the nearest cell.
        bins: cells along each axis, at least 1.

    Returns:
        (B,) int64 in ``0..bins^2-1``, -1 where a value is missing.

    Raises:
        ValueError: when the shape does not fit or ``bins`` is below 1.
    """
    _check_va(va)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    known = ~torch.isnan(va).any(dim=1)
    place = ((va.double().nan_to_num(0) - _LOW) / (_HIGH - _LOW) * bins).floor().long().clamp(0, bins - 1)  # (B, 2)
    return torch.where(known, place[:, 0] * bins + place[:, 1], -1)


def class_histogram(va: Tensor, class_probs: Tensor, bins: int) -> Tensor:
    """``P(c | cell)`` of the training set: how the classes share the samples of each cell.

    Args:
        va: (S, 2) in [-1, 1], NaN where missing.
        class_probs: (S, E), rows one-hot or vote shares, NaN where missing.
        bins: cells along each axis.

    Returns:
        (bins^2, E) rows that sum to 1, or NaN for a cell without a sample that has both labels.

    Raises:
        ValueError: when the shapes do not fit or ``bins`` is below 1.
    """
    if class_probs.ndim != 2 or len(class_probs) != len(va):
        raise ValueError(f"class_probs must be ({len(va)}, E), got {tuple(class_probs.shape)}")
    cell = va_cell(va, bins)
    both = (cell >= 0) & ~torch.isnan(class_probs).any(dim=1)
    member = functional.one_hot(cell[both], bins * bins).to(class_probs.dtype)  # (M, bins^2)
    sums = member.T @ class_probs[both]  # (bins^2, E)
    return sums / sums.sum(dim=1, keepdim=True)  # 0 / 0 is NaN


def soft_labels(va: Tensor, histogram: Tensor) -> Tensor:
    """The class histogram of each sample's cell, ``l_i`` of eq. 3.4.1 and 3.4.2.

    Args:
        va: (B, 2) in [-1, 1], NaN where missing.
        histogram: (bins^2, E) from :func:`class_histogram`.

    Returns:
        (B, E), NaN where valence or arousal is missing or the cell is empty.

    Raises:
        ValueError: when the shapes do not fit.
    """
    bins = math.isqrt(len(histogram))
    if histogram.ndim != 2 or bins * bins != len(histogram):
        raise ValueError(f"histogram must be (bins^2, E), got {tuple(histogram.shape)}")
    cell = va_cell(va, bins)
    return torch.where((cell >= 0)[:, None], histogram[cell.clamp_min(0)], torch.nan)


def va_sector(
    va: Tensor, sectors: int, least_radius: float = 0.0, half: Literal["valence", "arousal"] = "valence"
) -> Tensor:
    """Index of the angular sector, anticlockwise from the positive valence axis.

    Args:
        va: (B, 2) in [-1, 1], NaN where missing.
        sectors: how many, at least 2. For two see ``half``.
        least_radius: points up to this far from the origin are in no sector.
        half: with two sectors, whose sign decides: 0 for zero and above, 1 below.

    Returns:
        (B,) int64 in ``0..sectors-1``, -1 for points in no sector and where a value is missing.

    Raises:
        ValueError: when the shape does not fit or ``sectors`` is below 2.
    """
    _check_va(va)
    if sectors < 2:
        raise ValueError(f"sectors must be at least 2, got {sectors}; the thesis has {SECTORS}")
    exact = va.double()  # single precision puts points on a diagonal to either side of it
    located = exact.norm(dim=1) > least_radius  # False for NaN
    exact = exact.nan_to_num(0)
    if sectors == 2:
        index = (exact[:, 0 if half == "valence" else 1] < 0).long()
    else:
        turn = torch.atan2(exact[:, 1], exact[:, 0]) / (2 * math.pi) % 1.0  # in [0, 1]: the remainder can round up
        index = (turn * sectors).floor().long() % sectors
    return torch.where(located, index, -1)


def _check_va(va: Tensor) -> None:
    if va.ndim != 2 or va.shape[1] != 2:
        raise ValueError(f"va must be (B, 2), got {tuple(va.shape)}")
