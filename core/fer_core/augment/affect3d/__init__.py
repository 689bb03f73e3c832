"""Synthesised affect: a neutral photograph is given a point of the valence-arousal plane or an expression."""

from fer_core.augment.affect3d.errors import SynthesisError
from fer_core.augment.affect3d.fitting import FaceFitter, FittedFace, fit_face, fit_mesh
from fer_core.augment.affect3d.path import va_path
from fer_core.augment.affect3d.synthesiser import Blend, Synthesiser
from fer_core.augment.affect3d.target import Target

__all__ = [
    "Blend",
    "FaceFitter",
    "FittedFace",
    "SynthesisError",
    "Synthesiser",
    "Target",
    "fit_face",
    "fit_mesh",
    "va_path",
]
