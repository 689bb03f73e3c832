"""One labelled image, whatever data set it comes from. A missing label is NaN."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.types import Floats


def _missing(count: int) -> Floats:
    return np.full(count, np.nan, np.float32)


@dataclass(frozen=True, slots=True)
class Sample:
    """Where an image is and what is known of it."""

    dataset: str
    path: str
    """Inside the data set's archive."""
    split: str
    """``train``, ``valid`` or ``test``."""
    subject: str = ""
    """Person shown, where the data set says so."""
    votes: Floats = field(default_factory=lambda: _missing(len(EXPRESSIONS)))
    """(E,) proportions over ``EXPRESSIONS``, sums to 1, or all NaN."""
    va: Floats = field(default_factory=lambda: _missing(2))
    """(2,) valence and arousal in [-1, 1], circumplex convention, or NaN."""
    au: Floats = field(default_factory=lambda: _missing(len(ACTION_UNITS)))
    """(A,) presence of ``ACTION_UNITS``: 0, 1, a probability, or NaN."""
    au_weight: float = 1.0
    """1 for human coders; less for labels that a model made."""


def one_hot(expression: str) -> Floats:
    """(E,) proportions of a single label."""
    votes = np.zeros(len(EXPRESSIONS), np.float32)
    votes[EXPRESSIONS.index(expression)] = 1
    return votes
