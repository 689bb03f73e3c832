"""What a batch of synthesised faces is to show, from one word of a command line, each with its labels.

``six``, ``grid:5``, ``.5,.2;-.4,.1`` or a CSV file with the columns ``valence`` and ``arousal``, or ``expression`` and,
if wanted, ``intensity``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_core.augment.affect3d.errors import SynthesisError
from fer_core.augment.affect3d.target import Target
from fer_core.data.errors import DataError
from fer_core.data.readers.common import expression_named
from fer_core.data.tables import read_table, row_complaints
from fer_core.labels import Expression

SIX = (
    Expression.HAPPINESS,
    Expression.SURPRISE,
    Expression.SADNESS,
    Expression.ANGER,
    Expression.DISGUST,
    Expression.FEAR,
)
#: A grid fills the circle of this radius: farther out there are few annotated faces, and what is seen stays behind.
GRID_RADIUS = 0.75
#: Of valence, arousal and intensity; as many as labels are written with.
DECIMALS = 6


@dataclass(frozen=True, slots=True)
class LabelledTarget:
    """An affect to show, and its labels."""

    target: Target
    expression: str = ""
    """"" where only valence and arousal were asked."""
    va: tuple[float, float] | None = None
    """None where an expression was asked."""


def labelled_point(valence: float, arousal: float) -> LabelledTarget:
    """A point of the valence-arousal plane, to :data:`DECIMALS`.

    Raises:
        SynthesisError: when it lies outside.
    """
    target = Target.point(round(valence, DECIMALS), round(arousal, DECIMALS))
    return LabelledTarget(target, va=target.va)


def labelled_expression(expression: str, intensity: float) -> LabelledTarget:
    """One of the six expressions, to :data:`DECIMALS`, or ``neutral``, which leaves the photograph as it is.

    Raises:
        SynthesisError: when there is no such expression, or the intensity is not above 0 and at most 1.5.
    """
    if expression == Expression.NEUTRAL:
        return LabelledTarget(Target.point(0, 0), expression)
    if expression not in SIX:
        raise SynthesisError(f"{expression} cannot be synthesised; choose one of {', '.join(SIX)}, or neutral")
    if not 0 < round(intensity, DECIMALS) <= 1.5:
        raise SynthesisError(f"intensity {intensity:g}: must lie above 0 and be at most 1.5")
    return LabelledTarget(Target.expression(expression, round(intensity, DECIMALS)), expression)


def target_names(targets: Sequence[LabelledTarget]) -> dict[str, LabelledTarget]:
    """Each target once, by a name for files: ``happiness-100`` (per cent), ``v+0.38a-0.25``.

    Numbers have two decimals (per cent none), or as many more as tell all targets apart.
    """
    once, decimals = dict.fromkeys(targets), 2
    while len({_name(target, decimals) for target in once}) < len(once):
        decimals += 1
    return {_name(target, decimals): target for target in once}


def _name(labelled: LabelledTarget, decimals: int) -> str:
    if labelled.va is not None:
        # Adding 0 turns -0 into 0.
        valence, arousal = (round(value, decimals) + 0 for value in labelled.va)
        return f"v{valence:+.{decimals}f}a{arousal:+.{decimals}f}"
    if labelled.target.name is None:
        return labelled.expression
    per_cent = f"{100 * labelled.target.intensity:.{decimals - 2}f}"
    return f"{labelled.expression}-{per_cent.zfill(3)}"


def parse_targets(text: str, intensities: Sequence[float] = (1.0,)) -> list[LabelledTarget]:
    """The targets that a word of the command line means, each once.

    Args:
        text: see the module.
        intensities: of the expressions that state none of their own, one target each.

    Raises:
        SynthesisError: when it is no list of targets, or one of them cannot be synthesised.
        DataError: when the file cannot be read; the message names the row.
    """
    if text == "six":
        found = [labelled_expression(name, value) for name in SIX for value in intensities]
    elif text.startswith("grid:"):
        found = grid(text.removeprefix("grid:"))
    elif text.lower().endswith(".csv"):
        found = _of_file(Path(text), intensities)
    else:
        found = [_point(pair) for pair in text.split(";") if pair.strip()]
    if not found:
        raise SynthesisError(f"targets {text!r}: there is none; give six, grid:5, a file .csv, or .5,.2;-.4,.1")
    return list(dict.fromkeys(found))


def grid(count: str) -> list[LabelledTarget]:
    """Those points of a grid of ``count`` by ``count`` that lie within :data:`GRID_RADIUS` of the origin.

    Raises:
        SynthesisError: when ``count`` is not a whole number from 2 to 51.
    """
    if not (count.isascii() and count.isdigit() and 2 <= int(count) <= 51):
        raise SynthesisError(f"grid:{count}: the points along a side must be a whole number from 2 to 51")
    reach = GRID_RADIUS / math.sqrt(2) if int(count) == 2 else GRID_RADIUS  # two alone would lie in the corners
    axis = np.linspace(-reach, reach, int(count))
    points = [(float(v), float(a)) for v in axis for a in axis if math.hypot(v, a) <= GRID_RADIUS + 1e-9]
    return [labelled_point(round(v, 4), round(a, 4)) for v, a in points]


def _point(pair: str) -> LabelledTarget:
    try:
        valence, arousal = (float(number) for number in pair.split(","))
    except ValueError:
        raise SynthesisError(
            f"{pair.strip()!r} is no point: write valence,arousal such as .5,.2, several with semicolons between them"
        ) from None
    return labelled_point(valence, arousal)


def _of_file(path: Path, intensities: Sequence[float]) -> list[LabelledTarget]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check the path of the targets") from error
    rows = read_table(content, str(path), [])
    found = []
    for number, row in enumerate(rows, start=2):
        with row_complaints(str(path), f"line {number}"):
            found += _of_row(row, intensities)
    return found


def _of_row(row: Mapping[str, str], intensities: Sequence[float]) -> list[LabelledTarget]:
    expression, valence, arousal = ((row.get(c) or "").strip() for c in ("expression", "valence", "arousal"))
    if bool(expression) == bool(valence or arousal):
        raise ValueError("give valence and arousal, or expression, in each row")
    if not expression:
        return [labelled_point(float(valence), float(arousal))]
    own = (row.get("intensity") or "").strip()
    chosen = [float(own)] if own else intensities
    return [labelled_expression(expression_named(expression), value) for value in chosen]
