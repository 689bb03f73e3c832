"""Figures as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fer_core.labels import FACS_NAMES, au_column


def print_figures(figures: Mapping[str, Any]) -> None:
    """The figures of :meth:`fer_core.evaluate.evaluation.Evaluation.metrics`, with data set, split and model."""
    model = figures["model"]
    print(f"{model['name']} {model['version']} on {figures['dataset']}, {figures['split']}: {figures['rows']} faces")
    headlines = [
        ("accuracy", "accuracy", "expression_rows"),
        ("mean class accuracy", "mean_class_accuracy", "expression_rows"),
        ("macro F1", "macro_f1", "expression_rows"),
        ("calibration error", "calibration_error", "expression_rows"),
        ("CCC valence", "ccc_valence", "va_rows"),
        ("CCC arousal", "ccc_arousal", "va_rows"),
        ("action units, mean AUC", "au_auc", "au_rows"),
        ("action units, mean F1", "au_f1", "au_rows"),
        ("action units, mean F1, chosen thresholds", "au_f1_chosen", "au_rows"),
    ]
    rows = [("measure", "value", "95 % interval", "faces")]
    for label, key, count in headlines:
        if figures[count] and key in figures:
            low, high = figures["intervals"].get(key, (None, None))
            interval = "" if low is None or high is None else f"{low:.3f} to {high:.3f}"
            rows.append((label, number(figures[key]), interval, str(figures[count])))
    print("\n" + table(rows))
    if figures["expression_rows"]:
        header = ("expression", "precision", "recall", "F1", "faces", "valence, arousal", "from the origin")
        classes: list[tuple[str, ...]] = [header]
        for name, about in figures["expressions"].items():
            scores = (number(about[key]) for key in ("precision", "recall", "f1"))
            place = ", ".join(number(v) for v in about["mean_va_pred"])
            classes.append((name, *scores, str(about["support"]), place, number(about["mean_va_distance"])))
        print("\n" + table(classes))
    if figures["au_rows"]:
        columns = {"auc": "AUC", "f1": "F1"}
        if "au_f1_chosen" in figures:
            columns |= {"f1_chosen": "F1, chosen", "threshold": "threshold"}
        units: list[tuple[str, ...]] = [("unit", "", *columns.values(), "present", "faces")]
        for unit, facs_name in FACS_NAMES.items():
            about = figures["action_units"].get(au_column(unit))
            if about and about["rows"]:
                scores = (number(about[key]) for key in columns)
                units.append((au_column(unit), facs_name, *scores, str(about["positives"]), str(about["rows"])))
        print("\n" + table(units))


def number(value: float | None) -> str:
    """Three decimals, or what None stands for."""
    return "undefined" if value is None else f"{value:z.3f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned with spaces."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
