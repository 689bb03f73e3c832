"""Sharpness-aware minimisation around any optimiser.

Source: P. Foret, A. Kleiner, H. Mobahi and B. Neyshabur, "Sharpness-Aware Minimization for Efficiently Improving
Generalization", ICLR 2021, algorithm 1 with p = 2 (eq. 2 without its second-order term); the action-unit relation
graph paper trains with it, over SGD. A step looks at the gradient twice::

    loss(model).backward()
    sam.ascend()                       # to w + rho g / ||g||, and clears the gradient
    with frozen_running_statistics(model):
        loss(model).backward()         # the gradient up there
    sam.descend()                      # back to w, then the optimiser's own step

The norm runs over all parameters together. Weight decay is left to the optimiser, at w. With several processes whose
gradients are averaged, all climb the same way (m-sharpness with m the whole batch). The way up does not depend on the
scale of the gradient: unscaling (half precision) and clipping belong before ``descend``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class SAM:
    """Wraps an optimiser; its parameter groups and its state are those of the wrapped one.

    Args:
        optimizer: any.
        rho: radius of the neighbourhood whose worst point is to be good, 0 or more. The paper uses 0.05; 0 gives the
            wrapped optimiser, at twice its price.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, rho: float = 0.05) -> None:
        if rho < 0:
            raise ValueError(f"rho must not be negative, got {rho}")
        self.optimizer = optimizer
        self.rho = rho
        self._left: list[tuple[Tensor, Tensor]] | None = None

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Of the wrapped optimiser: set learning rates there."""
        return self.optimizer.param_groups

    @torch.no_grad()
    def ascend(self) -> None:
        """Climbs to the worst point of the neighbourhood, to first order, and clears the gradient.

        Where the gradient vanishes there is no way up, and the weights stay. A gradient that is not finite leaves them
        too: a scaler of half precision then skips the step, as without SAM.

        Raises:
            RuntimeError: when called twice without :meth:`descend` between.
        """
        if self._left is not None:
            raise RuntimeError("the weights are already up: call descend() before the next ascend()")
        moved = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        self._left = [(p, p.detach().clone()) for p in moved]
        norm = nn.utils.get_total_norm([p.grad for p in moved])
        reach = torch.where((norm > 0) & norm.isfinite(), self.rho / norm, 0)
        for p in moved:
            p += p.grad.nan_to_num() * reach.to(p)
        self.optimizer.zero_grad()

    @torch.no_grad()
    def restore(self) -> None:
        """Puts the weights back where :meth:`ascend` found them, to the bit; the gradient stays.

        Raises:
            RuntimeError: when :meth:`ascend` did not come before.
        """
        if self._left is None:
            raise RuntimeError("the weights are not up: call ascend() first")
        for p, left in self._left:
            p.copy_(left)
        self._left = None

    def descend(self) -> None:
        """Goes back and takes the optimiser's step with the gradient of the worst point."""
        self.restore()
        self.optimizer.step()

    def zero_grad(self) -> None:
        """Clears the gradient."""
        self.optimizer.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Of the wrapped optimiser. SAM itself keeps nothing between two steps.

        Raises:
            RuntimeError: between :meth:`ascend` and :meth:`descend`, when the weights are not those of the run.
        """
        if self._left is not None:
            raise RuntimeError("the weights are up: save after descend()")
        return self.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        self.optimizer.load_state_dict(state)


@contextmanager
def frozen_running_statistics(model: nn.Module) -> Iterator[None]:
    """Lets batch normalisation use the batch without remembering it.

    The second look of a SAM step is at weights that the model never keeps; their statistics are not its own.
    """
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    kept = [{name: b.clone() for name, b in layer.named_buffers(recurse=False)} for layer in layers]
    try:
        yield
    finally:
        for layer, buffers in zip(layers, kept, strict=True):
            for name, buffer in layer.named_buffers(recurse=False):
                buffer.copy_(buffers[name])
