"""How expression and valence-arousal share what lies behind the backbone: *classic*, *concatenate*, *separate*.

Source: P. Antoniadis, thesis, section 5.2.3 and figure 5.2.3.

    classic       one last fully connected layer, both tasks read it
    concatenate   as classic, and the expression classifier also reads the valence-arousal predictions
    separate      a last fully connected layer for each task

Valence-arousal is regressed, or classified by angular sector (section 5.2.1, :func:`fer_core.data.va_bins.va_sector`).

Where we choose
    - The thesis's backbone (DenseNet) has no fully connected layer but the classifier. "The last FC layer" is one of
      ``hidden`` units with ReLU, in all three fusions, so that they differ in nothing else.
    - The predictions that *concatenate* passes on are values in [-1, 1], or probabilities of sectors, and the
      expression loss reaches through them.
    - What a network of sectors answers as valence-arousal is the mean of the sectors' middles at half the radius,
      weighted by probability. It is coarse, and never trained as such: the thesis draws none.
    - Action units are not in the thesis; they read what expressions read first (the shared layer, or their own).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from fer_core.models.head import Features, Head, Pooling
from fer_core.models.multitask import Outputs
from fer_core.models.options import check_options

_CENTRE_RADIUS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionOptions:
    """Options of :class:`FusionHead`."""

    pooling: Pooling = "max"
    fusion: Literal["classic", "concatenate", "separate"] = "classic"
    va: Literal["regression", "sectors"] = "regression"
    sectors: int = 8
    """K, where ``va`` is ``sectors``: 2, 4, 8 and 12 in the thesis."""
    hidden: int = 512

    def __post_init__(self) -> None:
        check_options(self)
        if self.sectors < 2:
            raise ValueError(f"sectors must be at least 2, not {self.sectors}")


class FusionHead(Head):
    """Features (B, F) to answers.

    Args:
        features: F.
        expressions: E.
        units: A.
        options: fusion and task.
    """

    centres: Tensor

    def __init__(self, features: int, expressions: int, units: int, options: FusionOptions) -> None:
        super().__init__()
        self.options = options
        hidden, by_sector = options.hidden, options.va == "sectors"
        answers = options.sectors if by_sector else 2
        extra = answers if options.fusion == "concatenate" else 0
        self.expression_layer = _layer(features, hidden)
        self.va_layer = _layer(features, hidden) if options.fusion == "separate" else None
        self.expression = nn.Linear(hidden + extra, expressions)
        self.va = nn.Linear(hidden, answers)
        self.au = nn.Linear(hidden, units)
        self.register_buffer("centres", sector_centres(options.sectors), persistent=False)  # (K, 2)

    def forward(self, features: Features) -> Outputs:
        """Answers for B images."""
        x: Tensor = self.expression_layer(features.pooled)  # (B, H)
        raw = self.va(x if self.va_layer is None else self.va_layer(features.pooled))  # (B, 2) or (B, K)
        by_sector = self.options.va == "sectors"
        prediction = raw.softmax(dim=1) if by_sector else raw.tanh()
        read = torch.cat([x, prediction], dim=1) if self.options.fusion == "concatenate" else x
        va = prediction @ self.centres if by_sector else prediction
        return Outputs(self.expression(read), va, self.au(x), x, sector_logits=raw if by_sector else None)


def sector_centres(count: int) -> Tensor:
    """Valence and arousal (K, 2) in the middle of each sector, half way out; numbered as ``va_sector`` does."""
    first_rad = -math.pi / 2 if count == 2 else 0.0  # halves are the sign of valence
    middle_rad = first_rad + (torch.arange(count) + 0.5) * (2 * math.pi / count)
    return _CENTRE_RADIUS * torch.stack([middle_rad.cos(), middle_rad.sin()], dim=1)


def _layer(features: int, hidden: int) -> nn.Module:
    return nn.Sequential(nn.Linear(features, hidden), nn.ReLU())
