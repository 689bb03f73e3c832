"""A decoder that finds eyes and mouth, as an easy stand-in for landmarks, beside the three tasks.

Source: P. Antoniadis, thesis, section 5.1.2 and figure 5.1.3: a binary mask of the eye and mouth regions is predicted
pixel by pixel under binary cross-entropy (:mod:`fer_core.data.facial_mask` draws the target). The thesis does not say
how the mask is decoded: here by a 1x1 convolution and steps that double the resolution, each with a 3x3 convolution.
The mask is a guide in training; nothing of it is in an exported file.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from fer_core.models.head import Features, Head, Pooling, require_maps
from fer_core.models.multitask import Outputs
from fer_core.models.options import check_options


@dataclass(frozen=True, slots=True, kw_only=True)
class FacialMaskOptions:
    """Options of :class:`FacialMaskHead`."""

    pooling: Pooling = "max"
    channels: int = 64
    doublings: int = 3
    """The mask has 2^doublings the side of the backbone's last maps."""

    def __post_init__(self) -> None:
        check_options(self)


class FacialMaskHead(Head):
    """Linear answers from pooled features (B, F), and a mask from maps (B, C, h, w).

    Args:
        features: F.
        map_channels: C.
        expressions: E.
        units: A.
        options: of the decoder.
    """

    needs_maps = True

    def __init__(
        self, features: int, map_channels: int, expressions: int, units: int, options: FacialMaskOptions
    ) -> None:
        super().__init__()
        self.expression = nn.Linear(features, expressions)
        self.va = nn.Linear(features, 2)
        self.au = nn.Linear(features, units)
        steps = [_doubling(options.channels) for _ in range(options.doublings)]
        self.decoder = nn.Sequential(
            nn.Conv2d(map_channels, options.channels, 1), *steps, nn.Conv2d(options.channels, 1, 1)
        )

    def forward(self, features: Features) -> Outputs:
        """Answers for B images; ``mask_logits`` is (B, 1, 2^n h, 2^n w)."""
        x = features.pooled
        mask = self.decoder(require_maps(features.maps))
        return Outputs(self.expression(x), torch.tanh(self.va(x)), self.au(x), x, mask_logits=mask)


def _doubling(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )
