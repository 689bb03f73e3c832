"""A person's neutral face as the point from which their expressions are measured (``--baseline``).

Faces at rest differ: one looks stern, another smiles a little. The correction asks what the network's answer would be,
had this person's neutral face got the answer that the average neutral face gets (the *reference*):

- valence and arousal: the person's neutral is subtracted, so that it lies at the origin, and the result is clipped;
- expressions: log-probabilities are shifted by log(reference) - log(person's neutral), then normalised (softmax);
- action units: the same with log-odds (logistic function).

So a face equal to the person's neutral gets exactly the reference, and nothing changes for a person whose neutral is
the reference. Differences between very small probabilities are noise, and large in logarithms: all probabilities are
mixed with a uniform share (``FLOOR``) before the shift, and it is taken out again after.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_core.infer.model_card import ModelCard
from fer_core.labels import VA_RANGE, Expression
from fer_core.types import Affect, FaceResult, Floats, FrameResult, Status

#: Share of the uniform distribution that every probability is mixed with before logarithms are taken.
FLOOR = 0.04
#: Reference where a model card has none: this for neutral, the rest shared evenly, and ``DEFAULT_AU`` for each unit.
DEFAULT_NEUTRAL = 0.86
DEFAULT_AU = 0.05
#: Key of the reference among the figures of a model card.
REFERENCE_KEY = "neutral_reference"
#: A video of the neutral face is read until so many frames of it were usable: a minute at 30 frames/s.
MAX_FRAMES = 1800
FORMAT_VERSION = 1

Doubles = npt.NDArray[np.float64]
_log = logging.getLogger(__name__)


class BaselineError(ValueError):
    """A baseline cannot be made or read; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True, eq=False)
class NeutralReference:
    """What the network says of the average neutral face."""

    expression_probs: Floats
    """(E,), sums to 1."""
    va: Floats
    """(2,); for people to read: the correction puts neutral at the origin."""
    au_probs: Floats
    """(A,), each in 0..1."""

    @classmethod
    def of_card(cls, card: ModelCard) -> NeutralReference:
        """The reference that a model carries, else a default: mostly neutral, no action unit likely.

        Raises:
            BaselineError: when the card's reference does not fit its labels.
        """
        found = card.figures.get(REFERENCE_KEY)
        if found is None:
            rest = (1 - DEFAULT_NEUTRAL) / (len(card.expressions) - 1)
            probs = [DEFAULT_NEUTRAL if name == Expression.NEUTRAL else rest for name in card.expressions]
            found = {"expression_probs": probs, "va": [0.0, 0.0], "au_probs": [DEFAULT_AU] * len(card.action_units)}
        return cls(*_answer(found, card, f"the card of model {card.name}"))

    @classmethod
    def mean(cls, expression_probs: Floats, va: Floats, au_probs: Floats) -> NeutralReference:
        """Mean answer over neutral faces (N, E), (N, 2), (N, A): of log-probabilities, values and log-odds."""
        log_probs = np.log(_mixed(expression_probs)).mean(axis=0)
        log_odds = _logit(_mixed_units(au_probs)).mean(axis=0)
        return cls(
            _unmixed(_softmax(log_probs)).astype(np.float32),
            va.mean(axis=0).astype(np.float32),
            _unmixed_units(_sigmoid(log_odds)).astype(np.float32),
        )

    def to_dict(self) -> dict[str, list[float]]:
        """For the figures of a model card."""
        return {
            "expression_probs": [round(float(p), 6) for p in self.expression_probs],
            "va": [round(float(v), 6) for v in self.va],
            "au_probs": [round(float(p), 6) for p in self.au_probs],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """A person's neutral answer and the reference it is moved to, both in the label order of one model."""

    expression_probs: Floats
    """(E,), sums to 1."""
    va: Floats
    """(2,)"""
    au_probs: Floats
    """(A,)"""
    reference: NeutralReference

    @classmethod
    def from_affects(cls, affects: Sequence[Affect], reference: NeutralReference) -> Baseline:
        """The median over answers for a neutral face, which a blink or a twitch does not move.

        The median needs no choice of scale: it is the same for probabilities, their logarithms and log-odds.

        Raises:
            BaselineError: without answers.
        """
        if not affects:
            raise BaselineError("a baseline needs at least one usable frame of the neutral face")
        probs = np.median([a.expression_probs for a in affects], axis=0)
        return cls(
            (probs / probs.sum()).astype(np.float32),
            np.median([(a.valence, a.arousal) for a in affects], axis=0).astype(np.float32),
            np.median([a.au_probs for a in affects], axis=0).astype(np.float32),
            reference,
        )

    def correct(self, affect: Affect) -> Affect:
        """The answer as seen from the person's neutral face; probabilities sum to 1, all ranges are kept.

        Raises:
            ValueError: when the answer has other numbers of classes or units than the baseline.
        """
        log_probs = (
            np.log(_mixed(affect.expression_probs))
            - np.log(_mixed(self.expression_probs))
            + np.log(_mixed(self.reference.expression_probs))
        )
        log_odds = (
            _logit(_mixed_units(affect.au_probs))
            - _logit(_mixed_units(self.au_probs))
            + _logit(_mixed_units(self.reference.au_probs))
        )
        valence, arousal = np.clip((affect.valence - self.va[0], affect.arousal - self.va[1]), *VA_RANGE)
        return Affect(
            expression_probs=_unmixed(_softmax(log_probs)).astype(np.float32),
            valence=float(valence),
            arousal=float(arousal),
            au_probs=_unmixed_units(_sigmoid(log_odds)).astype(np.float32),
        )

    def save(self, path: Path, card: ModelCard) -> None:
        """Writes JSON with the labels and the version of the model whose answers these are.

        Raises:
            OSError: when it cannot be written.
        """
        content = {
            "format": FORMAT_VERSION,
            "model": [card.name, card.version],
            "expressions": card.expressions,
            "action_units": card.action_units,
            "expression_probs": self.expression_probs.tolist(),
            "va": self.va.tolist(),
            "au_probs": self.au_probs.tolist(),
        }
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, card: ModelCard) -> Baseline:
        """Reads :meth:`save`; the reference is that of the card.

        Raises:
            BaselineError: when the file cannot be read, is no baseline, or belongs to another model.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BaselineError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
        except ValueError as error:
            raise BaselineError(f"{path}: is no JSON ({error}); make the baseline again") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT_VERSION:
            raise BaselineError(f"{path}: is no baseline of this version of fer-studio; make it again")
        labels = (content.get("expressions"), content.get("action_units"))
        made_with = content.get("model")
        if made_with != [card.name, card.version] or labels != (list(card.expressions), list(card.action_units)):
            maker = " ".join(map(str, made_with)) if isinstance(made_with, list) else "unknown"
            raise BaselineError(
                f"{path}: was made with model {maker}, this is {card.name} {card.version}; "
                "make the baseline again with this model"
            )
        return cls(*_answer(content, card, str(path)), NeutralReference.of_card(card))


def load_baseline(path: Path, card: ModelCard, analyse: Callable[[Path], Iterable[FrameResult]]) -> Baseline:
    """The baseline that ``--baseline FILE`` means: saved JSON, or an image or video of the neutral face.

    Of several people in a picture the one counts whose face takes most room (box area summed over frames); a warning
    then says so. Of a video the first ``MAX_FRAMES`` frames with a usable face are read.

    Args:
        path: the file.
        card: of the model in use.
        analyse: results of an image or video, without baseline and smoothing.

    Raises:
        BaselineError: when no face in it is usable, or the JSON cannot be used.
    """
    if path.suffix.lower() == ".json":
        return Baseline.load(path, card)
    affects: dict[int, list[Affect]] = {}
    area_px2: dict[int, float] = {}
    reasons: dict[Status, int] = {}
    usable_frames = 0
    for frame in analyse(path):
        usable = [(face, affect) for face in frame.faces if (affect := _usable(face)) is not None]
        for result, affect in usable:
            box, face_id = result.face.box, result.face.face_id
            affects.setdefault(face_id, []).append(affect)
            area_px2[face_id] = area_px2.get(face_id, 0.0) + box.w_px * box.h_px
        for status in [frame.status] if not frame.faces else [r.face.status for r in frame.faces]:
            reasons[status] = reasons.get(status, 0) + 1
        usable_frames += bool(usable)
        if usable_frames == MAX_FRAMES:
            break
    if not affects:
        seen = max(reasons, key=lambda status: reasons[status]) if reasons else Status.NO_FACE
        raise BaselineError(
            f"{path}: no usable face in it ({seen}); give a sharp, frontal, well lit picture of the neutral face"
        )
    largest = max(area_px2, key=lambda face_id: area_px2[face_id])
    if len(affects) > 1:
        _log.warning("%s: %d faces in it; the largest (face %d) is taken as neutral", path, len(affects), largest)
    return Baseline.from_affects(affects[largest], NeutralReference.of_card(card))


def _usable(result: FaceResult) -> Affect | None:
    return result.affect if result.face.status is Status.OK else None


def _answer(values: Mapping[str, Any], card: ModelCard, source: str) -> tuple[Floats, Floats, Floats]:
    """Checked arrays (E,), (2,), (A,) from JSON."""
    try:
        probs, va, units = (np.array(values[k], np.float32) for k in ("expression_probs", "va", "au_probs"))
    except (KeyError, TypeError, ValueError) as error:
        raise BaselineError(f"{source}: its neutral answer cannot be read ({error}); make it again") from None
    shapes_fit = (probs.shape, va.shape, units.shape) == ((len(card.expressions),), (2,), (len(card.action_units),))
    # Written so that a NaN fails too.
    if not (
        shapes_fit
        and all(((part >= 0) & (part <= 1)).all() for part in (probs, units, np.abs(va)))
        and math.isclose(float(probs.sum()), 1, abs_tol=1e-3)
    ):
        raise BaselineError(f"{source}: its neutral answer does not fit the model's labels or ranges; make it again")
    return probs, va, units


def _mixed(probs: Floats) -> Doubles:
    """(..., E) distribution with the uniform share."""
    return (1 - FLOOR) * probs.astype(np.float64) + FLOOR / probs.shape[-1]


def _unmixed(mixed: Doubles) -> Doubles:
    probs = np.maximum(mixed - FLOOR / mixed.shape[-1], 0)
    result: Doubles = probs / probs.sum(axis=-1, keepdims=True)
    return result


def _mixed_units(probs: Floats) -> Doubles:
    """(..., A) independent probabilities, each mixed with one half."""
    return (1 - FLOOR) * probs.astype(np.float64) + FLOOR / 2


def _unmixed_units(mixed: Doubles) -> Doubles:
    result: Doubles = np.clip((mixed - FLOOR / 2) / (1 - FLOOR), 0, 1)
    return result


def _softmax(log_probs: Doubles) -> Doubles:
    weights = np.exp(log_probs - log_probs.max(axis=-1, keepdims=True))
    result: Doubles = weights / weights.sum(axis=-1, keepdims=True)
    return result


def _logit(probs: Doubles) -> Doubles:
    result: Doubles = np.log(probs / (1 - probs))
    return result


def _sigmoid(log_odds: Doubles) -> Doubles:
    result: Doubles = 1 / (1 + np.exp(-log_odds))
    return result
