"""Optimisers by the name that recipes use."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

Groups = list[dict[str, Any]]


def adamw(groups: Groups, learning_rate: float) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay."""
    return torch.optim.AdamW(groups, lr=learning_rate, fused=True)


def adam(groups: Groups, learning_rate: float) -> torch.optim.Optimizer:
    """Adam, weight decay in the gradient."""
    return torch.optim.Adam(groups, lr=learning_rate, fused=True)


def sgd(
    groups: Groups, learning_rate: float, *, momentum: float = 0.9, nesterov: bool = False
) -> torch.optim.Optimizer:
    """Stochastic gradient descent."""
    return torch.optim.SGD(groups, lr=learning_rate, momentum=momentum, nesterov=nesterov)


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"adamw": adamw, "adam": adam, "sgd": sgd}


def parameter_groups(modules: Iterable[nn.Module], weight_decay: float) -> Groups:
    """Biases and the scales of normalisation are not decayed."""
    parameters = [p for module in modules for p in module.parameters()]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def learning_rate(step: int, steps: int, peak: float, warmup_share: float) -> float:
    """Linear warm-up, then half a cosine to zero, over the ``steps`` of one stage (Loshchilov & Hutter 2017)."""
    warmup = max(1, round(warmup_share * steps))
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))
