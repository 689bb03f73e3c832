"""Parts of a recording in time, as people mark them: which rows lie in them.

Times in files have six decimals, those of a player all of them; a row belongs to a border within that rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

#: Start and end in seconds; both belong to it.
Span = tuple[float, float]

TIME_TOLERANCE_S = 1e-6

Times = TypeVar("Times", float, npt.NDArray[np.float64])


def in_span(time_s: Times, span: Span | None, excluded: Sequence[Span] = ()) -> npt.NDArray[np.bool_]:
    """Which times, (n,) or one, lie in a span (None is everything) and in no excluded one."""
    inside = np.ones(np.shape(time_s), bool) if span is None else _between(time_s, span)
    for part in excluded:
        inside = inside & ~_between(time_s, part)
    return np.asarray(inside)


def _between(time_s: Times, span: Span) -> npt.NDArray[np.bool_]:
    return np.asarray((time_s >= span[0] - TIME_TOLERANCE_S) & (time_s <= span[1] + TIME_TOLERANCE_S))
