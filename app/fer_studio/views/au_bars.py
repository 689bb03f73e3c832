"""Bars of the action units of one face."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from fer_core.types import Affect, Floats
from fer_studio.labels import Labels, unit_code, unit_name
from fer_studio.terms import explain_unit
from fer_studio.views.bar_chart import BarChart, Row


class AuBars(BarChart):
    """One bar per action unit with number, FACS name, value and a history line; two columns where one is too short."""

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(_rows(labels), "Action units", label_on_bar=True, max_columns=2, parent=parent)

    def set_labels(self, labels: Labels) -> None:
        """Labels of another model; forgets what was shown."""
        self._set_rows(_rows(labels))

    def _values_of(self, affect: Affect) -> Floats:
        return affect.au_probs


def _rows(labels: Labels) -> list[Row]:
    return [Row(f"{unit_code(u)} {unit_name(u)}".rstrip(), explain_unit(u)) for u in labels.action_units]
