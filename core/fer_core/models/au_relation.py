"""The whole head of the action-unit paper: facial graph, cross attention, batch-normalised valence-arousal.

Source: D.-K. Nguyen et al., "Affective Behavior Analysis Using Action Unit Relation Graph and Multi-task Cross
Attention" (ECCV workshops 2022), figure 1. Trained in the paper one task after the other on a frozen backbone
(:mod:`fer_core.models.staged`); all at once works too, and then expressions also train the units that they attend to.
Through attention that does not learn they do not: units are then trained by their own labels alone, as in the paper.
Every part can be left out, for the comparisons of its tables 1 to 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from fer_core.models.au_graph import AuNodeFeatures, AuSimilarity, FacialGraph, probability_logits
from fer_core.models.cross_attention import CrossAttention
from fer_core.models.head import Features, Head, Pooling
from fer_core.models.multitask import Outputs
from fer_core.models.options import check_options


@dataclass(frozen=True, slots=True, kw_only=True)
class AuRelationOptions:
    """Options of :class:`AuRelationHead`."""

    pooling: Pooling = "backbone"
    au: Literal["graph", "nodes", "linear"] = "graph"
    """Node features with the graph, node features alone, or one fully connected layer (FC-Sig of table 2)."""
    node_size: int = 128
    neighbours: int = 4
    """k, the node itself counted."""
    cross_attention: bool = True
    attention_size: int = 64
    batch_norm_va: bool = True

    def __post_init__(self) -> None:
        check_options(self)


class AuRelationHead(Head):
    """Features (B, F) to answers.

    Args:
        features: F.
        expressions: E.
        units: A.
        options: parts and sizes.
    """

    def __init__(self, features: int, expressions: int, units: int, options: AuRelationOptions) -> None:
        super().__init__()
        self.au: nn.Module
        if options.au == "linear":
            self.au = nn.Linear(features, units)
        else:
            layers: list[nn.Module] = [AuNodeFeatures(features, units, options.node_size)]
            if options.au == "graph":
                layers.append(FacialGraph(units, options.node_size, options.neighbours))
            self.au = nn.Sequential(*layers, AuSimilarity(units, options.node_size))
        self.au_gives_logits = options.au == "linear"
        self.expression = nn.Linear(features, expressions)  # eq. 5
        self.attention = CrossAttention(expressions, units, options.attention_size) if options.cross_attention else None
        self.va = BatchNormVa(features) if options.batch_norm_va else nn.Sequential(nn.Linear(features, 2), nn.Tanh())

    def forward(self, features: Features) -> Outputs:
        """Answers for B images."""
        x = features.pooled
        au: Tensor = self.au(x)
        au_probs, au_logits = (au.sigmoid(), au) if self.au_gives_logits else (au, probability_logits(au))
        logits = self.expression(x)
        if self.attention is not None:
            learns = any(parameter.requires_grad for parameter in self.attention.parameters())
            logits = self.attention(au_probs if learns else au_probs.detach(), logits)
        return Outputs(logits, self.va(x), au_logits, x)

    def stage_modules(self) -> dict[str, tuple[nn.Module, ...]]:
        """Units, then expression, then valence-arousal."""
        attention = (self.attention,) if self.attention is not None else ()
        return {"au": (self.au,), "expression": (self.expression, *attention), "va": (self.va,)}


class BatchNormVa(nn.Module):
    """tanh(BN(W x + b)): (B, F) to valence and arousal (B, 2) in [-1, 1] (eq. 4 and table 3).

    The normalisation's own scale and shift let a concordance loss set spread and mean of the answers directly.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 2)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, F) to (B, 2)."""
        normalised: Tensor = self.norm(self.linear(pooled))
        return normalised.tanh()
