"""The curves that a timeline can draw, by the name of their column in the CSV."""

from __future__ import annotations

from PySide6.QtGui import QColor

from fer_core.colours import OKABE_ITO
from fer_core.labels import au_column
from fer_core.record.schema import EXPRESSION_PREFIX
from fer_core.types import Floats
from fer_studio.labels import Labels, unit_code, unit_name
from fer_studio.session import FaceSeries
from fer_studio.theme import expression_colour

VALENCE, AROUSAL = "valence", "arousal"
DEFAULT_SIGNALS = (VALENCE, AROUSAL)

#: Colours chosen for dark grounds are made darker by so many percent on light ones.
_DARKER_ON_LIGHT = 135


def signal_names(labels: Labels) -> dict[str, str]:
    """Keys of all curves, in the order of the CSV, and what people read."""
    names = {VALENCE: "Valence", AROUSAL: "Arousal"}
    names |= {EXPRESSION_PREFIX + name: name.capitalize() for name in labels.expressions}
    return names | {au_column(u): f"{unit_code(u)} {unit_name(u)}".strip() for u in labels.action_units}


def signal_values(key: str, series: FaceSeries, labels: Labels) -> Floats:
    """(n,) the column of a face, corrected by a baseline where there is one, as everywhere a face is shown."""
    if key == VALENCE:
        return series.valence(corrected=True)
    if key == AROUSAL:
        return series.arousal(corrected=True)
    if key.startswith(EXPRESSION_PREFIX):
        expression = labels.expressions.index(key.removeprefix(EXPRESSION_PREFIX))
        return series.probs(corrected=True)[:, expression]
    unit = [au_column(unit) for unit in labels.action_units].index(key)
    return series.units(corrected=True)[:, unit]


def signal_colour(key: str, labels: Labels, *, dark: bool) -> QColor:
    """The colour of a curve on a dark or light ground."""
    sky, orange, green, _, purple, vermillion, blue = (QColor(*rgb) for rgb in OKABE_ITO)
    if key == VALENCE:
        return sky if dark else blue
    if key == AROUSAL:
        return orange if dark else vermillion
    if key.startswith(EXPRESSION_PREFIX):
        colour = expression_colour(key.removeprefix(EXPRESSION_PREFIX))
    else:
        units = [au_column(unit) for unit in labels.action_units]
        colour = (green, purple, QColor("#9aa1a9"))[units.index(key) % 3]
    return colour if dark else colour.darker(_DARKER_ON_LIGHT)
