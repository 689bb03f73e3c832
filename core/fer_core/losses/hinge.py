"""Hinge losses of a generative adversarial network.

Source: J. H. Lim & J. C. Ye, "Geometric GAN" (2017), as BigGAN uses them (A. Brock et al., ICLR 2019), which the
semantic-augmentation paper (Z. Li et al., section II.A) follows.
"""

from __future__ import annotations

from torch import Tensor


def discriminator_hinge_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """``mean(max(0, 1 - D(x))) + mean(max(0, 1 + D(x')))``, a scalar; 0 once all real are above 1, all fake below -1.

    Args:
        real_scores: (B,) of photographs, any real numbers.
        fake_scores: (B',) of generated images.

    Raises:
        ValueError: when the scores are no vectors, or empty.
    """
    _check(real_scores)
    _check(fake_scores)
    return (1 - real_scores).relu().mean() + (1 + fake_scores).relu().mean()


def generator_hinge_loss(fake_scores: Tensor) -> Tensor:
    """``-mean(D(x'))``, a scalar.

    Raises:
        ValueError: when the scores are no vector, or empty.
    """
    _check(fake_scores)
    return -fake_scores.mean()


def _check(scores: Tensor) -> None:
    if scores.ndim != 1 or not len(scores):
        raise ValueError(f"scores must be (B,) with B at least 1, got {tuple(scores.shape)}")
