"""Weighted asymmetric loss of action units that occur rarely.

Source: C. Luo et al., "Learning Multi-dimensional Edge Feature-based AU Relation Graph for Facial Action Unit
Recognition", IJCAI 2022, in the form of D.-K. Nguyen et al., "Affective Behavior Analysis using Action Unit Relation
Graph and Multi-task Cross Attention", eq. 9 and 10. The negative term carries the predicted probability as a factor,
so that absent units that are predicted absent count little. The equation leaves open whether the gradient runs
through that factor. By default it does not (``detach_focus``), as in the published code of Luo et al.: the factor
then only weighs, and a confident false alarm cannot be made cheaper along the factor. Deviation: the mean is over the
entries that are labelled, since any unit may be missing.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Probabilities are kept this far from 0 and 1 inside the logarithms; the similarity of the graph model reaches both.
EPSILON = 1e-6


def occurrence_weights(target: Tensor) -> Tensor:
    """``w_i = N (1 / r_i) / sum_j (1 / r_j)``, r the share of images that show the unit, eq. 10.

    Args:
        target: (S, A) presence in the training set: 0, 1, a probability, or NaN where the unit is not known.

    Returns:
        (A,) weights with mean 1 over the units that are labelled at all; 0 for the others, which N does not count.

    Raises:
        ValueError: when a unit is labelled but never present: its weight would be infinite.
    """
    if target.ndim != 2:
        raise ValueError(f"target must be (S, A), got {tuple(target.shape)}")
    rates = target.to(torch.promote_types(target.dtype, torch.float32)).nanmean(dim=0)  # (A,) NaN where never labelled
    never = (rates == 0).nonzero().flatten().tolist()
    if never:
        raise ValueError(
            f"units in columns {never} are labelled but never present; leave them out (NaN) of the targets"
        )
    inverse = 1 / rates
    known = ~torch.isnan(inverse)
    return torch.where(known, known.sum() * inverse / inverse.nansum(), 0)


def weighted_asymmetric_loss(
    probs: Tensor, target: Tensor, weights: Tensor | None = None, detach_focus: bool = True
) -> Tensor:
    """Mean over the present entries of ``-w_i [y log p + (1 - y) p log(1 - p)]``.

    Args:
        probs: (B, A) in [0, 1]: probabilities, not logits (the graph model's cosine similarities are such).
        target: (B, A) in [0, 1]; NaN where the unit is not known.
        weights: (A,), or (B, A) for a weight per entry; may hold anything where ``target`` is NaN.
        detach_focus: whether the factor ``p`` of the negative term is a constant to the gradient.

    Returns:
        A scalar, 0 with a graph when every target is NaN.

    Raises:
        ValueError: when the shapes do not fit.
    """
    if probs.ndim != 2 or target.shape != probs.shape:
        raise ValueError(f"probs and target must both be (B, A), got {tuple(probs.shape)} and {tuple(target.shape)}")
    if weights is not None and weights.shape not in (probs.shape, probs.shape[1:]):
        raise ValueError(f"weights must be ({probs.shape[1]},) or {tuple(probs.shape)}, got {tuple(weights.shape)}")
    present = ~torch.isnan(target)  # (B, A)
    p = probs[present]  # (M,): indexing, not multiplying, keeps NaN out of the gradient
    p = p.to(torch.promote_types(p.dtype, torch.float32))
    y = target[present].to(p.dtype)
    inside = p.clamp(EPSILON, 1 - EPSILON)
    focus = p.detach() if detach_focus else p
    terms = y * inside.log() + (1 - y) * focus * torch.log1p(-inside)
    if weights is not None:
        terms = terms * weights.to(p).expand_as(probs)[present]
    return -terms.sum() / max(len(p), 1)
