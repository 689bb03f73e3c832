"""DAN, "distract your attention": several attention heads on one map, fused. A strong baseline.

Source: Z. Wen, W. Lin, T. Wang & G. Xu, "Distract Your Attention: Multi-head Cross Attention Network for Facial
Expression Recognition" (Biomimetics 8(2), 2023). Each head weighs places, then channels; the heads are fused after a
log-softmax across them, in which they compete. Its affinity loss takes ``Outputs.features``, its partition loss
``Outputs.attention``. Sizes follow its released code: places are weighed through C/2 channels, channels through C/16.
Valence-arousal and action units, which DAN does not answer, read the same fused vector.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fer_core.models.head import Features, Head, Pooling, require_maps
from fer_core.models.multitask import Outputs
from fer_core.models.options import check_options


@dataclass(frozen=True, slots=True, kw_only=True)
class DanOptions:
    """Options of :class:`DanHead`."""

    pooling: Pooling = "backbone"
    """Of ``Outputs.features``; the attention heads read the maps."""
    heads: int = 4

    def __post_init__(self) -> None:
        check_options(self)


class DanHead(Head):
    """Maps (B, C, h, w) to answers.

    Args:
        map_channels: C.
        expressions: E.
        units: A.
        options: number of heads.
    """

    needs_maps = True

    def __init__(self, map_channels: int, expressions: int, units: int, options: DanOptions) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(PlaceAttention(map_channels), ChannelAttention(map_channels)) for _ in range(options.heads)
        )
        self.expression = nn.Sequential(nn.Linear(map_channels, expressions), nn.BatchNorm1d(expressions))
        self.va = nn.Linear(map_channels, 2)
        self.au = nn.Linear(map_channels, units)

    def forward(self, features: Features) -> Outputs:
        """Answers for B images; ``attention`` is (B, K, C)."""
        maps = require_maps(features.maps)
        attention = torch.stack([head(maps) for head in self.heads], dim=1)  # (B, K, C)
        if len(self.heads) > 1:
            attention = attention.log_softmax(dim=1)
        fused = attention.sum(dim=1)  # (B, C)
        va = torch.tanh(self.va(fused))
        return Outputs(self.expression(fused), va, self.au(fused), features.pooled, attention=attention)


class PlaceAttention(nn.Module):
    """Weighs the places of maps (B, C, h, w) by three convolutions of different shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        middle = max(1, channels // 2)
        self.reduce = nn.Sequential(nn.Conv2d(channels, middle, 1), nn.BatchNorm2d(middle))
        self.shapes = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(middle, channels, (high, wide), padding=(high // 2, wide // 2)), nn.BatchNorm2d(channels)
            )
            for high, wide in ((3, 3), (1, 3), (3, 1))
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, h, w)."""
        reduced = self.reduce(maps)
        weights = torch.stack([shape(reduced) for shape in self.shapes]).sum(dim=0).relu()
        return maps * weights.sum(dim=1, keepdim=True)


class ChannelAttention(nn.Module):
    """Pools maps (B, C, h, w) to (B, C) and weighs the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        middle = max(1, channels // 16)
        self.weigh = nn.Sequential(
            nn.Linear(channels, middle), nn.BatchNorm1d(middle), nn.ReLU(), nn.Linear(middle, channels), nn.Sigmoid()
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C)."""
        pooled = maps.mean(dim=(2, 3))
        weighed: Tensor = pooled * self.weigh(pooled)
        return weighed
