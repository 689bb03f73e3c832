"""Staged training on a frozen backbone: action units, then expression, then valence-arousal.

As in D.-K. Nguyen et al., "Affective Behavior Analysis Using Action Unit Relation Graph and Multi-task Cross
Attention" (ECCV workshops 2022), section 4.3: the backbone is not trained; the node learning is trained with action
units, then the expression head (which attends to their predictions), and the valence-arousal head on its own. Whether
the units go on learning from expressions the paper leaves open ("we continue training the model"); here each stage
trains its own modules only, so that a later stage cannot undo an earlier one.

All at once is the ordinary loop over ``network.parameters()``; nothing here is needed for it.
"""

from __future__ import annotations

from typing import Protocol, cast, runtime_checkable

from torch import nn

#: Order of the paper.
STAGES = ("au", "expression", "va")


@runtime_checkable
class Staged(Protocol):
    """A network that can say which modules belong to which stage."""

    def stage_modules(self) -> dict[str, tuple[nn.Module, ...]]:
        """Modules by stage."""


def enter_stage(network: nn.Module, stage: str) -> list[nn.Parameter]:
    """Freezes everything but one stage, and returns what that stage trains.

    What is frozen is also put into evaluation mode: its running statistics stay, and its answers are those that it will
    give later. Call it before every step instead of ``network.train()``, which would undo that; leave with
    :func:`leave_stages`.

    Raises:
        ValueError: when the network has no such stage.
    """
    stages = cast(Staged, network).stage_modules() if isinstance(network, Staged) else {}
    if stage not in stages:
        known = ", ".join(stages) or "none: its parts cannot be trained one after the other"
        raise ValueError(f"{type(network).__name__} has no stage {stage!r}; it has {known}")
    network.eval().requires_grad_(False)
    for module in stages[stage]:
        module.train().requires_grad_(True)
    return [p for module in stages[stage] for p in module.parameters()]


def leave_stages(network: nn.Module) -> None:
    """Everything can be trained again; the mode stays evaluation."""
    network.eval().requires_grad_(True)
