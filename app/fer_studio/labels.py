"""The names behind a model's numbers, as the views need them."""

from __future__ import annotations

from dataclasses import dataclass

from fer_core.labels import FACS_NAMES


@dataclass(frozen=True, slots=True)
class Labels:
    """Label lists of the loaded model (``Engine.card``), in the order of the arrays of ``Affect``."""

    expressions: tuple[str, ...]
    action_units: tuple[int, ...]


def unit_code(unit: int) -> str:
    """As people of the field write it: ``unit_code(4) == "AU04"``."""
    return f"AU{unit:02d}"


def unit_name(unit: int) -> str:
    """FACS name of an action unit, empty for a unit that the project has no name for."""
    return FACS_NAMES.get(unit, "")
