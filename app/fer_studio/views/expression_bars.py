"""Bars of the apparent expressions of one face."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from fer_core.types import Affect, Floats
from fer_studio.labels import Labels
from fer_studio.terms import explain_expression
from fer_studio.theme import expression_colour
from fer_studio.views.bar_chart import BarChart, Row


class ExpressionBars(BarChart):
    """One bar per expression, in its colour, with its value and a history line."""

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(_rows(labels), "Apparent expression", parent=parent)

    def set_labels(self, labels: Labels) -> None:
        """Labels of another model; forgets what was shown."""
        self._set_rows(_rows(labels))

    @property
    def sorted_by_value(self) -> bool:
        """Highest bar on top instead of the model's order."""
        return self._sorted

    @sorted_by_value.setter
    def sorted_by_value(self, on: bool) -> None:
        self._set_sorted(on)

    def _values_of(self, affect: Affect) -> Floats:
        return affect.expression_probs


def _rows(labels: Labels) -> list[Row]:
    return [Row(name.capitalize(), explain_expression(name), expression_colour(name)) for name in labels.expressions]
