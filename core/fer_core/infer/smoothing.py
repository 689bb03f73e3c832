"""Causal smoothing of what the network says, per face, in the time of the media (``--smooth SECONDS``).

A first-order low-pass filter: y += alpha (x - y) with alpha = 1 - exp(-dt / tau) and dt the real time since the face
was last measured. That is the exact solution of tau dy/dt = x - y for an input that has held its value since the last
measurement, so the answer to a step does not depend on how often, or how regularly, the face was sampled: after tau it
has gone 1 - 1/e of the way.

Probabilities are averaged as they are, not as logarithms: a weighted mean of distributions is a distribution (the sum
stays 1, valence and arousal stay in range) and a single frame that gives a class almost zero cannot pull it to zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_core.faces.identity import REENTRY_S
from fer_core.types import Affect

#: After a gap of so many time constants less than 1 % of the past is left: it is dropped altogether.
RESET_TAUS = 5.0


@dataclass(slots=True)
class _State:
    time_s: float
    values: npt.NDArray[np.float64]
    """(E + 2 + A,) expression probabilities, valence, arousal, action units."""


class Smoother:
    """State for the faces of one recording. Not for use from two threads at once.

    A face starts anew after a gap longer than ``RESET_TAUS`` time constants or ``REENTRY_S`` (its id is then another
    person's), and when time runs backwards. Faces unseen for that long are forgotten, so memory does not grow.

    Args:
        tau_s: time constant in seconds, above 0.

    Raises:
        ValueError: when it is not.
    """

    def __init__(self, tau_s: float) -> None:
        if not (tau_s > 0 and math.isfinite(tau_s)):
            raise ValueError(f"--smooth {tau_s:g}: the time constant must be above 0 seconds; leave it out for none")
        self.tau_s = tau_s
        self._longest_gap_s = min(RESET_TAUS * tau_s, REENTRY_S)
        self._states: dict[int, _State] = {}

    def apply(self, face_id: int, time_s: float, affect: Affect) -> Affect:
        """The smoothed answer for a face at ``time_s``; its first answer comes back unchanged."""
        values = np.array([*affect.expression_probs, affect.valence, affect.arousal, *affect.au_probs], np.float64)
        state = self._states.get(face_id)
        if state is not None and 0 <= time_s - state.time_s <= self._longest_gap_s:
            kept = math.exp(-(time_s - state.time_s) / self.tau_s)
            values = kept * state.values + (1 - kept) * values
        self._forget(time_s)
        self._states[face_id] = _State(time_s, values)
        count = len(affect.expression_probs)
        return Affect(
            expression_probs=values[:count].astype(np.float32),
            valence=float(values[count]),
            arousal=float(values[count + 1]),
            au_probs=values[count + 2 :].astype(np.float32),
        )

    def _forget(self, time_s: float) -> None:
        gone = [i for i, s in self._states.items() if not 0 <= time_s - s.time_s <= self._longest_gap_s]
        for face_id in gone:
            del self._states[face_id]
