"""Bars of the apparent expressions of one face."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from fer_core.types import Affect
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

    def show_affect(
        self, affect: Affect | None, corrected: Affect | None = None, *, time_s: float | None = None
    ) -> None:
        """Shows ``corrected`` (baseline subtracted) where given, with the raw value as a tick.

        Args:
            affect: None without a usable face.
            corrected: None without a baseline.
            time_s: of the media, places the sample on the history line. Without it, a sample counts as 1/30 s later.

        Raises:
            ValueError: when the model has another number of expressions than the labels.
        """
        raw = None if affect is None else affect.expression_probs
        if corrected is None:
            self._show(raw, None, time_s)
        else:
            self._show(corrected.expression_probs, raw, time_s)


def _rows(labels: Labels) -> list[Row]:
    return [Row(name.capitalize(), explain_expression(name), expression_colour(name)) for name in labels.expressions]
