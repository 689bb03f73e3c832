"""Rewrites of a trained backbone for the exported file: the same answers at less cost.

- The network sees luminance, repeated to the three channels of its first convolution. A convolution is linear, so one
  channel with the sum of the three kernels answers the same.
- Backbones that came from TensorFlow pad as much as each input's size needs, which the exporter writes as a dozen
  operators a layer. At a fixed input size the amounts are constants.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.padding import get_same_padding
from torch import nn


def for_serving(backbone: nn.Module, input_px: int) -> nn.Module:
    """A copy of a timm backbone in evaluation mode that takes luminance (B, 1, input_px, input_px)."""
    served = copy.deepcopy(backbone).eval()
    _sum_first_kernels(served)
    _fix_padding(served, input_px)
    return served


def _sum_first_kernels(backbone: nn.Module) -> None:
    first = next(m for m in backbone.modules() if isinstance(m, nn.Conv2d))
    if first.groups != 1:
        raise ValueError(f"the first convolution has {first.groups} groups; its kernels cannot be summed")
    with torch.no_grad():
        first.weight = nn.Parameter(first.weight.sum(dim=1, keepdim=True))  # (C, 1, k, k)
    first.in_channels = 1


def _fix_padding(backbone: nn.Module, input_px: int) -> None:
    sizes: dict[nn.Module, tuple[int, int]] = {}

    def note(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        height, width = inputs[0].shape[-2:]
        sizes[module] = (height, width)

    same = [m for m in backbone.modules() if isinstance(m, Conv2dSame)]
    hooks = [m.register_forward_pre_hook(note) for m in same]
    with torch.inference_mode():
        backbone(torch.zeros(1, 1, input_px, input_px))
    for hook in hooks:
        hook.remove()
    for parent, name, conv in list(_children(backbone, Conv2dSame)):
        setattr(parent, name, _padded(conv, sizes[conv]))


def _children(module: nn.Module, kind: type[nn.Conv2d]) -> Iterator[tuple[nn.Module, str, nn.Conv2d]]:
    for parent in module.modules():
        for name, child in parent.named_children():
            if isinstance(child, kind):
                yield parent, name, child


def _padded(conv: nn.Conv2d, size: tuple[int, int]) -> nn.Module:
    """The convolution with TensorFlow's *same* padding for inputs of one size (height, width)."""
    axes = zip(size, conv.kernel_size, conv.stride, conv.dilation, strict=True)
    total_y, total_x = (get_same_padding(*axis) for axis in axes)
    left, top = total_x // 2, total_y // 2
    plain = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        conv.stride,  # type: ignore[arg-type]
        dilation=conv.dilation,  # type: ignore[arg-type]
        groups=conv.groups,
        bias=conv.bias is not None,
    )
    plain.load_state_dict(conv.state_dict())
    return nn.Sequential(nn.ZeroPad2d((left, total_x - left, top, total_y - top)), plain)
