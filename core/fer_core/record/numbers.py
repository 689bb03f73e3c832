"""Numbers as text with a fixed count of decimals; what is not finite becomes an empty cell."""

from __future__ import annotations

import math
from collections.abc import Iterable

_MICRO = 10**6
#: A sum further than this from one is no distribution; its cells are then written as they are.
_SUM_TOLERANCE = 1e-3


def fixed(value: float, decimals: int) -> str:
    """``value`` with ``decimals`` decimals, without negative zero; empty when it is not finite."""
    return f"{value:z.{decimals}f}" if math.isfinite(value) else ""


def fixed_distribution(probs: Iterable[float]) -> list[str]:
    """Probabilities with 6 decimals whose printed values sum to exactly 1.

    Each printed value differs from its probability by less than 1e-6: rounded down, and the missing millionths go to
    the largest remainders (Hamilton's method), which keeps the order of the values. Values that are no distribution
    (negative, not finite, or a sum off by more than 1e-3) are printed one by one.
    """
    values = [float(p) for p in probs]
    total = math.fsum(values)
    if not (abs(total - 1.0) <= _SUM_TOLERANCE and min(values) >= 0.0):
        return [fixed(p, 6) for p in values]
    exact = [p / total * _MICRO for p in values]
    units = [int(e) for e in exact]
    by_remainder = sorted(range(len(units)), key=lambda i: units[i] - exact[i])
    for i in by_remainder[: _MICRO - sum(units)]:
        units[i] += 1
    return [f"{n // _MICRO}.{n % _MICRO:06d}" for n in units]
