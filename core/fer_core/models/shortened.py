"""A backbone that ends early: fewer blocks, fewer weights, and most of what they saw.

The last blocks of an EfficientNet hold most of its weights and see the face at a thirty-second of its side. A small
network keeps the first groups of blocks of a trained one, and widens their last channels once before pooling.
"""

from __future__ import annotations

from typing import Any

from torch import nn

#: Channels after the widening, F of the shortened backbone.
WIDTH = 512


def shorten(backbone: nn.Module, groups: int, width: int = WIDTH) -> None:
    """Keeps the first ``groups`` groups of blocks, in place; the widening after them starts from random weights.

    Args:
        backbone: of timm's EfficientNet family, without its classifier.
        groups: at least 1, and fewer than it has.
        width: F of what is left.

    Raises:
        ValueError: when it is of another family, or has no such group.
    """
    network: Any = backbone
    if not all(hasattr(backbone, part) for part in ("blocks", "conv_head", "bn2")):
        raise ValueError(f"{type(backbone).__name__} cannot be shortened; only timm's EfficientNet family can")
    if not 0 < groups < len(network.blocks):
        raise ValueError(f"backbone_groups: expected 1 to {len(network.blocks) - 1}, not {groups}")
    channels = _channels(network.blocks[groups])
    network.blocks = network.blocks[:groups]
    network.conv_head = nn.Conv2d(channels, width, kernel_size=1, bias=False)
    nn.init.kaiming_normal_(network.conv_head.weight, mode="fan_out")
    network.bn2 = type(network.bn2)(width, act_layer=type(network.bn2.act))
    network.num_features = network.head_hidden_size = width


def _channels(group: nn.Module) -> int:
    """What the first convolution of a group takes in, and so what the group before gives."""
    return next(m for m in group.modules() if isinstance(m, nn.Conv2d)).in_channels
