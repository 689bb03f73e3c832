"""A support vector machine on the frozen features of a trained network, in place of its own classifier.

Source: P. Antoniadis, thesis, section 5.5 and table 5.4. The thesis names neither kernel nor penalty: a radial kernel
with scikit-learn's default width and C = 1 on standardised features, rare classes weighted up as in its cross-entropy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn

from fer_core.data.dataset import Batch
from fer_core.evaluate.metrics import accuracy
from fer_core.models.multitask import Outputs
from fer_core.train.resolution import resized
from fer_core.types import Floats

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SvmOptions:
    """Of the machine."""

    kernel: Literal["linear", "rbf"] = "rbf"
    c: float = 1.0
    """Penalty of errors, above 0."""
    balanced: bool = True
    """Weight classes by the inverse of how often they occur."""


@dataclass(frozen=True, slots=True)
class FrozenFeatures:
    """What a network saw in N images that have an expression label."""

    features: Floats
    """(N, F)"""
    labels: Labels
    """(N,) index of the expression with most votes"""
    predicted: Labels
    """(N,) what the network's own classifier says"""


@dataclass(frozen=True, slots=True)
class SvmComparison:
    """Accuracy on the same images (table 5.4); NaN without images."""

    softmax: float
    svm: float


@torch.inference_mode()
def frozen_features(network: nn.Module, batches: Iterable[Batch], size_px: int) -> FrozenFeatures:
    """Features of the labelled images of some batches, the network in evaluation mode.

    Args:
        network: one that answers ``Outputs.features``.
        batches: for example :func:`fer_core.data.dataset.ordered_batches`.
        size_px: side at which the network was trained.

    Raises:
        ValueError: when no image has an expression label, or the network answers no features.
    """
    network.eval()
    device = next(network.parameters()).device
    features: list[Floats] = []
    labels: list[Labels] = []
    predicted: list[Labels] = []
    for batch in batches:
        outputs: Outputs = network(resized(batch, device, size_px))
        if outputs.features is None:
            raise ValueError(f"{type(network).__name__} answers no features; a support vector machine needs them")
        known = ~torch.isnan(batch.votes).any(dim=1)
        features.append(outputs.features.cpu()[known].float().numpy())
        labels.append(batch.votes[known].argmax(dim=1).numpy())
        predicted.append(outputs.expression_logits.cpu()[known].argmax(dim=1).numpy())
    if not sum(map(len, labels)):
        raise ValueError("no image has an expression label; a support vector machine needs some")
    return FrozenFeatures(np.concatenate(features), np.concatenate(labels), np.concatenate(predicted))


def fit_svm(features: Floats, labels: npt.NDArray[Any], options: SvmOptions | None = None) -> Pipeline:
    """A machine fitted on features (N, F) and labels (N,); its ``predict`` takes features (M, F) and gives (M,).

    Raises:
        ValueError: when all labels are of one class, or features and labels differ in number.
    """
    options = options or SvmOptions()
    if len(features) != len(labels):
        raise ValueError(f"{len(features)} rows of features do not fit {len(labels)} labels")
    if len(np.unique(labels)) < 2:
        raise ValueError("all images have the same expression; a support vector machine needs two or more")
    weights = "balanced" if options.balanced else None
    return make_pipeline(
        StandardScaler(), SVC(C=options.c, kernel=options.kernel, class_weight=weights, cache_size=1000)
    ).fit(features, labels)


def compare_svm(train: FrozenFeatures, test: FrozenFeatures, options: SvmOptions | None = None) -> SvmComparison:
    """The network's own classifier against a machine fitted on ``train``, both measured on ``test``."""
    machine = fit_svm(train.features, train.labels, options)
    svm = machine.predict(test.features)
    return SvmComparison(accuracy(test.labels, test.predicted), accuracy(test.labels, svm))
