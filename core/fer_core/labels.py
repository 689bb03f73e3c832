"""What the program names: expressions, action units, and the ranges of valence and arousal.

The order of ``EXPRESSIONS`` is that of the FER+ votes and of the CSV columns. A model file carries its own label
lists; these are the lists that training uses and that readers of data sets map to.
"""

from enum import StrEnum


class Expression(StrEnum):
    """Apparent expression: the eight categories of FER+ and AffectNet."""

    NEUTRAL = "neutral"
    HAPPINESS = "happiness"
    SURPRISE = "surprise"
    SADNESS = "sadness"
    ANGER = "anger"
    DISGUST = "disgust"
    FEAR = "fear"
    CONTEMPT = "contempt"


EXPRESSIONS: tuple[str, ...] = tuple(e.value for e in Expression)

#: Valence and arousal lie in this closed interval; the circumplex has neutral at the origin.
VA_RANGE = (-1.0, 1.0)

#: FACS names of the action units that data sets of the field code (Ekman, Friesen & Hager 2002).
FACS_NAMES: dict[int, str] = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    10: "upper lip raiser",
    11: "nasolabial deepener",
    12: "lip corner puller",
    14: "dimpler",
    15: "lip corner depressor",
    16: "lower lip depressor",
    17: "chin raiser",
    18: "lip pucker",
    20: "lip stretcher",
    22: "lip funneler",
    23: "lip tightener",
    24: "lip pressor",
    25: "lips part",
    26: "jaw drop",
    27: "mouth stretch",
    28: "lip suck",
    43: "eyes closed",
    45: "blink",
}

#: The action units that this project trains: the twelve of every CSV, and those that CK+ codes often enough.
ACTION_UNITS: tuple[int, ...] = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 27)


def au_column(unit: int) -> str:
    """Column name of an action unit: ``au_column(4) == "au04"``."""
    return f"au{unit:02d}"
