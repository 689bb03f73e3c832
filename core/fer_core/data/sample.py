"""One labelled image, whatever data set it comes from. A missing label is NaN."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.types import Floats


@lru_cache
def _missing(count: int) -> Floats:
    """(count,) NaN, read-only: video data sets have a million frames that share it."""
    values = np.full(count, np.nan, np.float32)
    values.setflags(write=False)
    return values


@dataclass(frozen=True, slots=True)
class Sample:
    """Where an image is and what is known of it."""

    dataset: str
    path: str
    """Inside the data set's archive; see :meth:`fer_core.data.archive.Archive.image` for frames of a video."""
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
    sequence: str = ""
    """Video or clip that the image is a frame of; "" for a photograph."""
    frame: int = -1
    """Place in the sequence, counted as the data set counts it; -1 for a photograph."""

    @property
    def is_labelled(self) -> bool:
        """Whether anything is known of it."""
        return any(bool(np.isfinite(labels).any()) for labels in (self.votes, self.va, self.au))


def one_hot(expression: str) -> Floats:
    """(E,) proportions of a single label."""
    votes = np.zeros(len(EXPRESSIONS), np.float32)
    votes[EXPRESSIONS.index(expression)] = 1
    return votes
