"""What a person asks a face to show. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fer_core.types import Floats

if TYPE_CHECKING:
    from fer_core.augment.affect3d.model import AffectModel
    from fer_core.augment.affect3d.sequence import AffectSequence

#: The six that synthesis knows, in the order of the buttons.
EXPRESSIONS = ("happiness", "surprise", "sadness", "anger", "disgust", "fear")
MAX_INTENSITY = 1.5


@dataclass(frozen=True, slots=True)
class Asked:
    """A point of the plane, or one of six expressions, and how strongly."""

    va: tuple[float, float] = (0.0, 0.0)
    """Valence and arousal; of no effect with an expression."""
    expression: str | None = None
    intensity: float = 1.0
    """Factor of all movements, 0..``MAX_INTENSITY``."""

    def weights(self, model: AffectModel) -> Floats:
        """(U,): strength of each movement."""
        from fer_core.augment.affect3d import Target

        target = Target.expression(self.expression) if self.expression else Target.point(*self.va)
        return np.asarray(self.intensity * target.weights(model), np.float32)

    def sequence(self, path: Floats | None, duration_s: float, fps: float, model: AffectModel) -> AffectSequence:
        """What playing shows, at full intensity: an expression or a point and back, or along a drawn path (N, 2)."""
        from fer_core.augment.affect3d import Target
        from fer_core.augment.affect3d.sequence import follow_path, show_target

        if self.expression is None and path is not None:
            return follow_path(path, duration_s, fps, model)
        target = Target.expression(self.expression) if self.expression else Target.point(*self.va)
        return show_target(target, duration_s, fps, model)

    def what_plays(self, path: Floats | None) -> str:
        """The same in words."""
        if self.expression is not None:
            return f"{self.expression} and back"
        if path is not None:
            return "along the path"
        return "to the point and back" if self.va != (0.0, 0.0) else ""

    def describe(self) -> str:
        """As people read it."""
        what = self.expression or f"valence {self.va[0]:+.2f}, arousal {self.va[1]:+.2f}"
        return what if self.intensity == 1 else f"{what}, intensity {self.intensity:.0%}"
