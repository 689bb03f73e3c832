"""Action units as nodes of a facial graph that each image draws anew.

Source: D.-K. Nguyen et al., "Affective Behavior Analysis Using Action Unit Relation Graph and Multi-task Cross
Attention" (ECCV workshops 2022), section 3.1, eq. 1-3, after C. Luo et al., "Learning Multi-dimensional Edge
Feature-based AU Relation Graph for Facial Action Unit Recognition" (IJCAI 2022).

What the paper leaves open, and what is done here
    - sigma of eq. 1 is the ReLU. Luo et al. put one linear layer a unit on every position of the map and average; eq. 1
      puts it on the pooled feature, which is followed.
    - f_FGG of eq. 2 is Luo's layer: ReLU(V + BN(V W_1 + A V W_2)), batch normalisation node by node.
    - A node's k nearest neighbours are those of the largest inner products, itself among them (nearly always), and
      whoever ties with the last. Edges are cut on detached products: which edges exist is not differentiable.
    - A has D^-1/2 A D^-1/2, with D the number of neighbours.
    - Eq. 3 is a probability already, in [0, 1] because of both ReLUs. All heads answer with logits, so its logit is
      answered, and the sigmoid gives eq. 3 back but for ``EPSILON`` that keeps logits finite.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Eq. 3 is squeezed into EPSILON..1-EPSILON (not clamped: that would have no gradient).
EPSILON = 1e-4


class AuNodeFeatures(nn.Module):
    """One feature vector a unit, v_i = ReLU(W_i x + b_i): (B, F) to (B, A, d) (eq. 1)."""

    def __init__(self, features: int, units: int, size: int) -> None:
        super().__init__()
        self.units, self.size = units, size
        self.linear = nn.Linear(features, units * size)  # all W_i in one product

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, F) to (B, A, d)."""
        raw: Tensor = self.linear(pooled)
        return raw.reshape(-1, self.units, self.size).relu()


class FacialGraph(nn.Module):
    """Facial graph generator and one graph convolution: (B, A, d) to (B, A, d) (eq. 2).

    Args:
        units: A.
        size: d.
        neighbours: k, the node itself counted.

    Raises:
        ValueError: when there are not that many nodes.
    """

    def __init__(self, units: int, size: int, neighbours: int) -> None:
        super().__init__()
        if not 1 <= neighbours <= units:
            raise ValueError(f"neighbours must be between 1 and the {units} action units, not {neighbours}")
        self.neighbours = neighbours
        self.own = nn.Linear(size, size)
        self.others = nn.Linear(size, size)
        self.norm = nn.BatchNorm1d(units)

    def adjacency(self, nodes: Tensor) -> Tensor:
        """Normalised edges (B, A, A) of nodes (B, A, d); no gradient."""
        nodes = nodes.detach()
        products = nodes @ nodes.transpose(1, 2)  # (B, A, A)
        least = products.topk(self.neighbours, dim=2).values[:, :, -1:]  # (B, A, 1)
        edges = (products >= least).to(nodes.dtype)
        scale = edges.sum(dim=2).rsqrt()  # (B, A)
        return edges * scale[:, :, None] * scale[:, None, :]

    def forward(self, nodes: Tensor) -> Tensor:
        """(B, A, d) to (B, A, d)."""
        message: Tensor = self.norm(self.own(nodes) + self.adjacency(nodes) @ self.others(nodes))
        return (nodes + message).relu()


class AuSimilarity(nn.Module):
    """Cosine similarity of each node to a trained vector of its unit, after ReLU: (B, A, d) to (B, A) (eq. 3)."""

    def __init__(self, units: int, size: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(units, size))
        nn.init.xavier_uniform_(self.vectors)

    def forward(self, nodes: Tensor) -> Tensor:
        """Probabilities (B, A), at least in single precision; 0 for a node that is nowhere above zero."""
        v = functional.normalize(_single(nodes).relu(), dim=2)
        s = functional.normalize(self.vectors.relu(), dim=1)
        return (v * s).sum(dim=2)


def probability_logits(probs: Tensor) -> Tensor:
    """Logits of probabilities in [0, 1], which may round to a little outside; finite everywhere."""
    return (EPSILON + (1 - 2 * EPSILON) * _single(probs)).logit()


def _single(values: Tensor) -> Tensor:
    """The values in single precision, or a higher one that they have: in half, what is 1 would round past EPSILON."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
