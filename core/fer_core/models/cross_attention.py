"""Additive attention from action units to expressions.

Source: D.-K. Nguyen et al., "Affective Behavior Analysis Using Action Unit Relation Graph and Multi-task Cross
Attention" (ECCV workshops 2022), eq. 6-8:

    h = W_v tanh(W_q y_AU + W_k y_EX),   a = softmax(h),   y = a * y_EX

with y_AU the probabilities of the units (the query), y_EX the unweighted expression logits (key and value), and * the
product of elements. The paper states no biases and no size of the hidden layer: there are none, and it is an option.
The weights sum to 1, so the answer's logits are about E times smaller than the unweighted ones. As a weight multiplies
a logit and does not add to it, attention that has closed on one expression leaves the others at 0 without a gradient.
"""

from __future__ import annotations

from torch import Tensor, nn


class CrossAttention(nn.Module):
    """Expression logits weighted by what the action units say.

    Args:
        expressions: E.
        units: A.
        size: of the hidden layer.
    """

    def __init__(self, expressions: int, units: int, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(units, size, bias=False)
        self.key = nn.Linear(expressions, size, bias=False)
        self.score = nn.Linear(size, expressions, bias=False)

    def forward(self, au_probs: Tensor, expression_logits: Tensor) -> Tensor:
        """(B, A) and (B, E) to weighted logits (B, E)."""
        return self.weights(au_probs, expression_logits) * expression_logits

    def weights(self, au_probs: Tensor, expression_logits: Tensor) -> Tensor:
        """Attention (B, E), each row sums to 1 (eq. 7)."""
        scores: Tensor = self.score((self.query(au_probs) + self.key(expression_logits)).tanh())
        return scores.softmax(dim=1)
