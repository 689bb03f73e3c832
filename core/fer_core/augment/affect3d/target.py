"""What a synthesised face is to show, as strengths of facial movements.

Source: Kollias et al., "Deep neural network augmentation: generating faces for affect analysis" (2020), section 4.5: a
point of the valence-arousal plane takes the mean face of its class. Where we deviate: between class centres the
strengths are interpolated smoothly, so that a path has no jumps, and towards the origin they fade to none, so that a
neutral point leaves the photograph as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_core.augment.affect3d.errors import SynthesisError
from fer_core.augment.affect3d.model import AffectModel
from fer_core.types import Floats

#: Width of the kernel that interpolates between classes, in units of valence and arousal.
KERNEL_WIDTH = 0.13
#: Inside this radius around the origin the strengths fade to none.
FADE_RADIUS = 0.2


@dataclass(frozen=True, slots=True)
class Target:
    """An affect to show: a point of the valence-arousal plane or one of six expressions with an intensity."""

    va: tuple[float, float] | None = None
    name: str | None = None
    intensity: float = 1.0

    @classmethod
    def point(cls, valence: float, arousal: float) -> Target:
        """A point of the plane, both in [-1, 1], neutral at the origin.

        Raises:
            SynthesisError: when one is outside or not a number.
        """
        if not (-1 <= valence <= 1 and -1 <= arousal <= 1):
            raise SynthesisError(
                f"valence {valence:g} and arousal {arousal:g}: both must lie in -1..1; choose a point of the plane"
            )
        return cls(va=(float(valence), float(arousal)))

    @classmethod
    def expression(cls, name: str, intensity: float = 1.0) -> Target:
        """One of the six basic expressions; intensity 0 is none, 1 full, up to 1.5 exaggerated.

        Raises:
            SynthesisError: when the intensity is outside 0..1.5.
        """
        if not 0 <= intensity <= 1.5:
            raise SynthesisError(f"intensity {intensity:g}: must lie in 0..1.5")
        return cls(name=name, intensity=float(intensity))

    def weights(self, model: AffectModel) -> Floats:
        """(U,): strength of each movement of the model.

        Raises:
            SynthesisError: when the model knows no such expression.
        """
        if self.va is not None:
            return np.asarray(va_weights(np.array([self.va], np.float32), model)[0])
        names = list(model.expression_names)
        if self.name not in names:
            raise SynthesisError(f"expression {self.name!r} cannot be synthesised; choose one of {', '.join(names)}")
        return np.asarray(self.intensity * model.expression_weights[names.index(self.name)], np.float32)


def va_weights(points: Floats, model: AffectModel) -> Floats:
    """Strengths (N, U) at points (N, 2) of the plane: kernel regression over the classes, continuous everywhere."""
    squared = ((points[:, None] - model.class_va[None]) ** 2).sum(axis=2)  # (N, C)
    # Relative to the nearest class, so that far outside the classes the nearest one answers instead of 0 / 0.
    kernel = np.exp((squared.min(axis=1, keepdims=True) - squared) / (2 * KERNEL_WIDTH**2))
    weights: Floats = kernel @ model.class_weights / kernel.sum(axis=1, keepdims=True)
    fade = np.clip(np.linalg.norm(points, axis=1) / FADE_RADIUS, 0, 1)
    smooth: Floats = (weights * (fade * fade * (3 - 2 * fade))[:, None]).astype(np.float32)
    return smooth
