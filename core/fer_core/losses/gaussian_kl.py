"""How far encodings are from the standard normal distribution, and how their weight grows.

Source: Z. Li et al., "Semantic Data Augmentation for Long-tailed Facial Expression Recognition", eq. 2, and the
paragraph after eq. 3: *we linearly schedule the weight ... from 0 to its maximum during the whole training process*.
"""

from __future__ import annotations

from torch import Tensor


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """``KL(N(mean, variance) || N(0, 1))`` summed over the L dimensions, mean over the B encodings; in nats.

    ``1/2 (mean^2 + variance - log variance - 1)`` per dimension (eq. 2).

    Args:
        mean: (B, L).
        log_variance: (B, L).

    Raises:
        ValueError: when the shapes differ or are no (B, L) with B at least 1.
    """
    if mean.ndim != 2 or mean.shape != log_variance.shape or not len(mean):
        raise ValueError(
            f"mean and log_variance must both be (B, L), got {tuple(mean.shape)} and {tuple(log_variance.shape)}"
        )
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(dim=1).mean()


def linear_warmup(step: int, steps: int, share: float = 1.0) -> float:
    """Weight in 0..1: 0 at the first step, rising in a line, 1 from ``share`` of the ``steps`` on.

    Args:
        step: 0-based.
        steps: of the whole run, at least 1.
        share: 1, as in the paper, rises over the whole run; 0 is at 1 at once.

    Raises:
        ValueError: when ``steps`` is below 1 or ``share`` not in 0..1.
    """
    if steps < 1 or not 0 <= share <= 1:
        raise ValueError(f"steps must be at least 1 and share in 0..1, got {steps} and {share}")
    rising = share * (steps - 1)
    return min(1.0, step / rising) if rising else 1.0
