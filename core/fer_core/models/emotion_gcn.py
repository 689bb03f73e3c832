"""Emotion-GCN: expression classifiers and valence-arousal regressors that a graph convolution makes of label words.

Source: P. Antoniadis, thesis, chapter 6, and P. Antoniadis, P. P. Filntisis & P. Maragos, "Exploiting Emotional
Dependencies with Graph Convolutional Networks for Facial Expression Recognition" (FG 2021). Each label is a node with
its word vector; L graph convolutions H' = LeakyReLU(A'' H W) (eq. 1.5.1) turn the nodes into weight vectors, the first
E of them classifiers, the last two regressors, which are multiplied with the image's features (eq. 5.1.1, 5.1.4).
:mod:`fer_core.data.label_correlation` makes A'' of the training labels.

Where we choose
    - The last convolution has no activation and no convolution a bias, and the slope below zero is 0.2, as in ML-GCN
      (Z.-M. Chen et al., CVPR 2019) on which it builds; the thesis says neither.
    - Regressors have no activation in the thesis, so that their answer may leave [-1, 1]. By default it goes through
      tanh, as all answers of this project; with ``tanh = false`` it is linear in training and cut to the range
      afterwards.
    - Action units are not in the thesis. They have a linear head of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fer_core.data.label_correlation import Doubles, label_adjacency
from fer_core.data.label_embeddings import node_words, read_embeddings
from fer_core.models.head import Features, Head, Pooling
from fer_core.models.multitask import Outputs
from fer_core.models.options import check_options

_SLOPE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class EmotionGcnOptions:
    """Options of :class:`EmotionGcnHead`; the defaults are the thesis's best (table 6.2)."""

    pooling: Pooling = "max"
    layers: int = 2
    """L"""
    hidden: int = 512
    """Size of the nodes between convolutions."""
    threshold: float = 0.1
    """tau: the least absolute correlation of an edge."""
    weight: float = 0.7
    """p: what a node takes from its neighbours."""
    expression_edges: bool = False
    """Join expressions with each other too, by the votes that they share (section 6.4.3)."""
    tanh: bool = True
    embeddings: str = ""
    """A text file in GloVe's format; the shipped vectors (50 dimensions) when empty."""

    def __post_init__(self) -> None:
        check_options(self)
        for name in ("threshold", "weight"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, not {getattr(self, name)}")


class GraphConvolution(nn.Module):
    """A H W: nodes (V, d) to (V, d'), given the normalised adjacency (V, V)."""

    def __init__(self, size_in: int, size_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size_in, size_out))
        nn.init.uniform_(self.weight, -(size_out**-0.5), size_out**-0.5)

    def forward(self, nodes: Tensor, adjacency: Tensor) -> Tensor:
        """(V, d) and (V, V) to (V, d')."""
        return adjacency @ (nodes @ self.weight)


class EmotionGcnHead(Head):
    """Features (B, F) to answers.

    The graph is part of the state: a checkpoint needs neither training labels nor word vectors again.

    Args:
        features: F.
        expressions: names of the E expressions.
        units: A.
        options: of the graph.
        correlation: (E, 2) from :func:`fer_core.data.label_correlation.label_correlation` on the training labels; None
            when a checkpoint will be loaded, or :meth:`set_correlation` called.
        conditional: (E, E) from :func:`fer_core.data.label_correlation.conditional_votes`, for ``expression_edges``.
    """

    adjacency: Tensor
    embeddings: Tensor

    def __init__(
        self,
        features: int,
        expressions: Sequence[str],
        units: int,
        options: EmotionGcnOptions,
        correlation: Doubles | None = None,
        conditional: Doubles | None = None,
    ) -> None:
        super().__init__()
        self.options = options
        self.expressions = len(expressions)
        words = read_embeddings(node_words(expressions), Path(options.embeddings) if options.embeddings else None)
        self.register_buffer("embeddings", torch.from_numpy(words))  # (V, d)
        self.register_buffer("adjacency", torch.full((len(words), len(words)), torch.nan))  # (V, V)
        sizes = [words.shape[1], *[options.hidden] * (options.layers - 1), features]
        self.convolutions = nn.ModuleList(GraphConvolution(*ends) for ends in pairwise(sizes))
        self.au = nn.Linear(features, units)
        if correlation is not None:
            self.set_correlation(correlation, conditional)

    def set_correlation(self, correlation: Doubles, conditional: Doubles | None = None) -> None:
        """The graph of some training labels, (E, 2) and, with ``expression_edges``, (E, E).

        Raises:
            ValueError: when it is of another number of expressions, or ``conditional`` is needed and not given.
        """
        if np.shape(correlation) != (self.expressions, 2):
            raise ValueError(f"correlation must be ({self.expressions}, 2), got {np.shape(correlation)}")
        joined = self.options.expression_edges
        if joined and conditional is None:
            raise ValueError("expression_edges needs the conditional probabilities of the training votes")
        graph = self.options.threshold, self.options.weight, conditional if joined else None
        adjacency = label_adjacency(correlation, *graph)
        self.adjacency.copy_(torch.from_numpy(adjacency))

    def learned_vectors(self) -> Tensor:
        """Classifiers and regressors (E + 2, F), in the order of the nodes."""
        nodes = self.embeddings
        for depth, convolution in enumerate(self.convolutions):
            nodes = convolution(functional.leaky_relu(nodes, _SLOPE) if depth else nodes, self.adjacency)
        return nodes

    def forward(self, features: Features) -> Outputs:
        """Answers for B images.

        Raises:
            ValueError: in training, when the graph was never set.
        """
        # A graph without labels is NaN, which every answer would be; looked at once a step, on few numbers.
        if self.training and bool(self.adjacency.isnan().any()):
            raise ValueError("Emotion-GCN has no graph: give it the label correlation of the training data")
        x = features.pooled
        answers = x @ self.learned_vectors().T  # (B, E + 2)
        va = answers[:, self.expressions :]
        return Outputs(answers[:, : self.expressions], self._bounded(va), self.au(x), x)

    def _bounded(self, va: Tensor) -> Tensor:
        if self.options.tanh:
            return va.tanh()
        return va if self.training else va.clamp(-1, 1)
