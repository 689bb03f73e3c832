"""Valence and arousal of a crowd's votes, in the circumplex: neutral at the origin, sadness below, activation above.

The raters of AffectNetC25 used arousal as an intensity: calm faces near -.45, every expression above, sadness too.
DiffusionFER, like AffectNet and Aff-Wild2, places neutral at zero and sadness below. So arousal is taken as

    arousal(p) = sum_e p_e c_e,   c_e = D_e / q_e,   c_neutral = 0

with p the vote shares, D_e the mean arousal of class e in DiffusionFER, and q_e the mean share of votes for e among
AffectNetC25 images on which more than 60 % agree: an image that clearly shows e then gets D_e. The other obvious form,
the bridge's intensity above neutral times a mean signed slope, has as many parameters, but jumps near neutral and
follows an artefact of the quadratic bridge, which has few all-neutral images and lifts them. Regressors from
blendshapes to either label, trained on FER+, reached CCC .62 (this) and .50 to .57 (that) on the arousal of
DiffusionFER's training half.

    valence(p) = bridge(p) + sum_e p_e s_e,   s_neutral = -bridge(neutral)

Here both crowds agree except on sadness (-.54 against -.21). Neither is the truth, so s_e goes half of the way.

Contempt has no class in DiffusionFER: its c is the slope, arousal over intensity, that anger and disgust have together,
times contempt's own (low) intensity in AffectNetC25; it is hostile, but quiet. Its valence stays the bridge's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fer_core.data.votes import C25, Doubles, VoteAffectBridge
from fer_core.labels import EXPRESSIONS, VA_RANGE, Expression

AGREEMENT = 0.6
VALENCE_PULL = 0.5
_NEUTRAL, _ANGER, _DISGUST, _CONTEMPT = (
    EXPRESSIONS.index(e) for e in (Expression.NEUTRAL, Expression.ANGER, Expression.DISGUST, Expression.CONTEMPT)
)


@dataclass(frozen=True, slots=True)
class CircumplexReconciliation:
    """Votes to circumplex valence-arousal. All-neutral votes give exactly (0, 0)."""

    bridge: VoteAffectBridge
    arousal_anchor: Doubles
    """(8,) arousal of unanimous votes."""
    valence_shift: Doubles
    """(8,) added to the bridge's valence at unanimous votes."""

    @classmethod
    def fit(cls, c25: C25, votes: Doubles, va: Doubles) -> CircumplexReconciliation:
        """Fit on AffectNetC25 and on the *training* half of DiffusionFER.

        Args:
            c25: ratings.
            votes: (N, 8) one-hot classes of the DiffusionFER images.
            va: (N, 2) their valence and arousal.

        Raises:
            ValueError: when a class other than contempt has no DiffusionFER image, or any class has no C25 image that
                enough raters agree on.
        """
        shares, crowd = c25.proportions, c25.va
        bridge = VoteAffectBridge.fit(shares, crowd)
        fitted = bridge.predict(shares)
        anchors, shift, intensity = np.zeros(8), np.zeros(8), np.zeros(8)
        for index, name in enumerate(EXPRESSIONS):
            clear, members = shares[:, index] > AGREEMENT, np.asarray(votes)[:, index] > 0.5
            if not clear.any() or (index != _CONTEMPT and not members.any()):
                raise ValueError(
                    f"{name}: {clear.sum()} clear images in AffectNetC25 and {members.sum()} in DiffusionFER; "
                    "every class needs some of both (contempt of the first only): pass the whole training half"
                )
            intensity[index] = crowd[clear, 1].mean()
            if index in (_NEUTRAL, _CONTEMPT):
                continue
            valence, arousal = np.asarray(va, np.float64)[members].mean(0)
            share = shares[clear, index].mean()
            anchors[index] = arousal / share
            shift[index] = VALENCE_PULL * (valence - fitted[clear, 0].mean()) / share
        intensity -= intensity[_NEUTRAL]
        hostile = [_ANGER, _DISGUST]
        anchors[_CONTEMPT] = anchors[hostile].sum() / intensity[hostile].sum() * intensity[_CONTEMPT]
        shift[_NEUTRAL] = -bridge.predict(np.eye(8)[[_NEUTRAL]])[0, 0]
        return cls(bridge, anchors, shift)

    def apply(self, proportions: Doubles) -> Doubles:
        """(N, 8) vote shares, rows sum to 1, to (N, 2) valence and arousal in -1..1.

        Raises:
            ValueError: for another shape or rows that do not sum to 1.
        """
        valence = self.bridge.predict(proportions)[:, 0] + proportions @ self.valence_shift
        return np.asarray(np.clip(np.stack([valence, proportions @ self.arousal_anchor], axis=1), *VA_RANGE))

    def to_dict(self) -> dict[str, Any]:
        """For JSON; names the label order."""
        return {
            "expressions": list(EXPRESSIONS),
            "bridge": self.bridge.to_dict(),
            "arousal_anchor": self.arousal_anchor.tolist(),
            "valence_shift": self.valence_shift.tolist(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CircumplexReconciliation:
        """Inverse of :meth:`to_dict`.

        Raises:
            ValueError: when the parameters belong to another label order.
        """
        if tuple(data["expressions"]) != EXPRESSIONS:
            raise ValueError(f"parameters are for the order {data['expressions']}, not {list(EXPRESSIONS)}; fit again")
        return cls(
            VoteAffectBridge.from_dict(data["bridge"]),
            np.array(data["arousal_anchor"], np.float64),
            np.array(data["valence_shift"], np.float64),
        )
