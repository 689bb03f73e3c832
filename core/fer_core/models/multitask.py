"""One network, three answers: apparent expression, valence-arousal, action units.

A shared backbone with one linear head per task, trained together (hard parameter sharing, as the multi-task baseline
of the Emotion-GCN thesis, chapter 4). The network sees luminance only: nearly all labelled research faces are grey,
and a network that can see colour learns that colour itself is a sign of the few data sets that have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Luminance weights of red, green and blue (ITU-R BT.601, as JPEG and OpenCV use them).
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class Outputs:
    """Raw answers of the heads; None is what a network does not answer."""

    expression_logits: Tensor
    """(B, E)"""
    va: Tensor
    """(B, 2) in [-1, 1]"""
    au_logits: Tensor
    """(B, A)"""
    features: Tensor | None = None
    """(B, F) what the expression classifier sees, for losses that shape the feature space"""
    sector_logits: Tensor | None = None
    """(B, K) for the sectors of the valence-arousal plane (:mod:`fer_core.models.fusion`)"""
    mask_logits: Tensor | None = None
    """(B, 1, h, w) for eyes and mouth (:mod:`fer_core.models.facial_mask`)"""
    attention: Tensor | None = None
    """(B, K, C) what each attention head saw (:mod:`fer_core.models.dan`)"""


class MultitaskNet(nn.Module):
    """Backbone and heads.

    Args:
        backbone: images (B, 3, S, S) to features (B, F), with ``num_features``.
        expressions: E.
        action_units: A.
        dropout: on the features, before the heads.
    """

    def __init__(self, backbone: nn.Module, expressions: int, action_units: int, dropout: float) -> None:
        super().__init__()
        self.backbone = backbone
        # timm's MobileNetV3 family widens the features after pooling and states the width under another name.
        features = int(getattr(backbone, "head_hidden_size", None) or backbone.num_features)  # type: ignore[arg-type]
        self.dropout = nn.Dropout(dropout)
        self.expression = nn.Linear(features, expressions)
        self.va = nn.Linear(features, 2)
        self.au = nn.Linear(features, action_units)

    def forward(self, image_rgb: Tensor) -> Outputs:
        """Answers for crops (B, 3, S, S) with values 0..255."""
        return self.answers(self.dropout(self.backbone(normalise(image_rgb))))

    def answers(self, features: Tensor) -> Outputs:
        """What the heads say of the backbone's features (B, F)."""
        return Outputs(self.expression(features), torch.tanh(self.va(features)), self.au(features), features)

    @torch.no_grad()
    def keep_units(self, columns: Sequence[int]) -> None:
        """Answers the units of these columns alone, in this order."""
        kept = nn.Linear(self.au.in_features, len(columns))
        kept.weight.copy_(self.au.weight[list(columns)])
        kept.bias.copy_(self.au.bias[list(columns)])
        self.au = kept

    def stage_modules(self) -> dict[str, tuple[nn.Module, ...]]:
        """What staged training (:mod:`fer_core.models.staged`) trains, by stage."""
        return {"au": (self.au,), "expression": (self.expression,), "va": (self.va,)}


def normalise(image_rgb: Tensor) -> Tensor:
    """(B, 3, S, S) RGB in 0..255 to luminance in about -1..1, repeated to three channels."""
    weights = torch.tensor(LUMA, dtype=image_rgb.dtype, device=image_rgb.device).view(1, 3, 1, 1)
    return centred(functional.conv2d(image_rgb, weights)).expand(-1, 3, -1, -1)


def centred(luma: Tensor) -> Tensor:
    """Luminance in 0..255 to -1..1."""
    return (luma - 127.5) / 127.5
