"""How the encodings of each class vary.

Source: Z. Li et al., "Semantic Data Augmentation for Long-tailed Facial Expression Recognition", section II.B: *for
each class, the covariance matrix of all samples in class c is computed*. The encoding of a sample is its ``E_mu(x)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ClassCovariances:
    """Of C classes."""

    count: Tensor
    """(C,) int64, encodings of each class."""
    covariance: Tensor
    """(C, L, L) float64; 0 for a class of fewer than two encodings, which shows no direction to go."""

    def roots(self) -> Tensor:
        """(C, L, L) float64, symmetric ``R_c`` with ``R_c R_c = Sigma_c``.

        By eigenvalues, because with fewer samples than dimensions, as rare classes may have, a covariance is singular
        and has no Cholesky factor. Nothing then varies outside the span of the samples.
        """
        values, vectors = torch.linalg.eigh(self.covariance)
        roots: Tensor = vectors @ torch.diag_embed(values.clamp_min(0).sqrt()) @ vectors.transpose(1, 2)
        return roots


def class_covariances(encodings: Tensor, labels: Tensor, classes: int) -> ClassCovariances:
    """Unbiased covariances in double precision.

    Args:
        encodings: (N, L), finite.
        labels: (N,) int64 in ``0..classes-1``.
        classes: C.

    Raises:
        ValueError: when the shapes do not fit, or an encoding is not finite.
    """
    if encodings.ndim != 2 or labels.shape != encodings.shape[:1]:
        raise ValueError(
            f"need encodings (N, L) and labels (N,), got {tuple(encodings.shape)} and {tuple(labels.shape)}"
        )
    if not encodings.isfinite().all():
        raise ValueError("an encoding is not finite; the encoder diverged: lower its learning rate and train anew")
    wide = encodings.double()
    covariance = torch.zeros(classes, wide.shape[1], wide.shape[1], dtype=torch.float64)
    for label in range(classes):
        own = wide[labels == label]
        if len(own) > 1:
            apart = own - own.mean(dim=0)
            covariance[label] = apart.T @ apart / (len(own) - 1)
    return ClassCovariances(torch.bincount(labels, minlength=classes), covariance)
