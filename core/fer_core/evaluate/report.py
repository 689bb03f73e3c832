"""An evaluation as a readable page: Markdown with pictures beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.evaluate import figures
from fer_core.evaluate.calibration import reliability_curve
from fer_core.evaluate.evaluation import VA_NAMES, Evaluation
from fer_core.evaluate.metrics import Reals
from fer_core.evaluate.projection import principal_components
from fer_core.evaluate.ranking import one_against_rest, precision_recall
from fer_core.labels import FACS_NAMES, au_column

_CONVENTIONS = """\
Apparent expression is what raters see in a face, not what a person feels. Undefined figures show as –. Intervals are
95 % bootstrap intervals over persons, or over images where the person is not known. The expression label is the
majority of the votes, on a tie the expression that comes first in the table; *clear* keeps to the faces whose winner
has more than half of the votes. Valence and arousal lie in [-1, 1], a neutral face at the origin. An action unit counts
as predicted from probability 0.5 on; its ROC AUC and average precision depend on no threshold. A *chosen* threshold was
chosen on other faces than these; the *best* one has the highest F1 on these, for use on others. Average precision and
ROC AUC of an expression are of that expression against the rest; ICC is ICC(3,1)."""


def write_report(
    results: Evaluation,
    folder: Path,
    *,
    title: str = "Evaluation",
    figures_json: dict[str, Any] | None = None,
    features: Reals | None = None,
) -> Path:
    """Writes ``report.md``, ``metrics.json`` and PNG files, one set of pictures a data set; replaces older ones.

    Args:
        results: what to report.
        folder: made when missing.
        title: heading of the page.
        figures_json: ``results.metrics()`` where already computed; None computes it.
        features: (N, F) of the faces in their order, for a picture of their principal components; None leaves it out.

    Returns:
        Path of the page.

    Raises:
        OSError: when the folder cannot be written.
        ValueError: when there are not as many features as faces.
    """
    if features is not None and len(features) != len(results):
        raise ValueError(f"{len(features)} features for {len(results)} faces; give one row a face, in their order")
    folder.mkdir(parents=True, exist_ok=True)
    all_figures = results.metrics() if figures_json is None else figures_json
    text = json.dumps(all_figures, indent=2, allow_nan=False)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
    names = results.dataset_names()
    sections = [f"# {title}", _CONVENTIONS]
    for name in names:
        section_figures = all_figures["datasets"][name] if len(names) > 1 else all_figures
        faces = results.for_dataset(name)
        sections += _section(name, faces, section_figures, folder)
        if features is not None:
            sections += _features(name, faces, features[results.dataset == name], folder)
    page = folder / "report.md"
    page.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return page


def _section(name: str, faces: Evaluation, found: dict[str, Any], folder: Path) -> list[str]:
    suffix = _suffix(name)
    parts = [f"## {name}: {len(faces)} faces", _headline(found)]
    if found["expression_rows"]:
        parts += _expressions(faces.labelled_expressions(), found, folder, suffix)
    if found["va_rows"]:
        parts += _valence_arousal(faces.labelled_va(), found, folder, suffix)
    if found["au_rows"]:
        parts += _action_units(faces.labelled_au(), found, folder, suffix)
    return parts


def _suffix(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "data"


def _headline(found: dict[str, Any]) -> str:
    rows = [
        ("accuracy", "accuracy", "expression_rows"),
        ("accuracy, clear majority", "accuracy_clear", "accuracy_clear_rows"),
        ("mean class accuracy", "mean_class_accuracy", "expression_rows"),
        ("macro F1", "macro_f1", "expression_rows"),
        ("mean average precision", "mean_average_precision", "expression_rows"),
        ("mean ROC AUC", "expression_auc", "expression_rows"),
        ("expected calibration error", "calibration_error", "expression_rows"),
        ("CCC valence", "ccc_valence", "va_rows"),
        ("CCC arousal", "ccc_arousal", "va_rows"),
        ("action units, mean ROC AUC", "au_auc", "au_rows"),
        ("action units, mean average precision", "au_average_precision", "au_rows"),
        ("action units, mean F1", "au_f1", "au_rows"),
        ("action units, mean F1, chosen thresholds", "au_f1_chosen", "au_rows"),
        ("all tasks, P_MTL", "p_mtl", "rows"),
    ]
    optional = ("au_f1_chosen", "p_mtl")
    intervals = found.get("intervals", {})
    body = [
        (label, _number(found[key]), _interval(intervals.get(key)), str(found[count]))
        for label, key, count in rows
        if found[count] and (key not in optional or found.get(key) is not None)
    ]
    return _table(("measure", "value", "95 % interval", "faces"), body)


def _expressions(faces: Evaluation, found: dict[str, Any], folder: Path, suffix: str) -> list[str]:
    confusion = np.array(found["confusion"])
    figures.save_png(figures.confusion_figure(confusion, faces.expressions), folder / f"confusion-{suffix}.png")
    curve = reliability_curve(faces.expression_probs, faces.majority())
    reliability = figures.reliability_figure(curve, found["calibration_error"])
    figures.save_png(reliability, folder / f"reliability-{suffix}.png")
    ones = one_against_rest(faces.majority(), len(faces.expressions))
    labelled = {name: n for n, name in enumerate(faces.expressions) if found["expressions"][name]["support"]}
    curves = {name: precision_recall(faces.expression_probs[:, n], ones[:, n]) for name, n in labelled.items()}
    areas = {name: found["expressions"][name]["average_precision"] for name in labelled}
    ranking = figures.precision_recall_figure(curves, areas, "Apparent expression against the rest")
    figures.save_png(ranking, folder / f"pr-{suffix}.png")
    body = [
        (
            name,
            *(_number(figure[key]) for key in ("precision", "recall", "f1", "average_precision", "auc")),
            str(figure["support"]),
            ", ".join(_number(v, 2) for v in figure["mean_va_pred"]),
            _number(figure["mean_va_distance"], 2),
        )
        for name, figure in found["expressions"].items()
    ]
    columns = (
        "expression",
        *("precision", "recall", "F1", "average precision", "ROC AUC", "faces"),
        *("mean predicted valence, arousal", "from the origin"),
    )
    return [
        "### Apparent expression",
        f"{found['expression_ties']} of {found['expression_rows']} faces have tied votes.",
        _table(columns, body),
        f"![Confusion matrix](confusion-{suffix}.png)",
        f"![Reliability curve](reliability-{suffix}.png)",
        f"![Precision against recall](pr-{suffix}.png)",
    ]


def _valence_arousal(faces: Evaluation, found: dict[str, Any], folder: Path, suffix: str) -> list[str]:
    concordance = tuple(np.nan if found[f"ccc_{n}"] is None else found[f"ccc_{n}"] for n in VA_NAMES)
    picture = figures.va_figure(faces.va_pred, faces.va_target, (concordance[0], concordance[1]))
    figures.save_png(picture, folder / f"va-{suffix}.png")
    plane = figures.va_plane_figure(faces.va_pred, faces.va_target)
    figures.save_png(plane, folder / f"plane-{suffix}.png")
    measures = {"ccc": "CCC", "pearson": "Pearson r", "rmse": "RMSE", "sagr": "sign agreement", "icc": "ICC"}
    body = [(name, *(_number(found[f"{key}_{name}"]) for key in measures)) for name in VA_NAMES]
    return [
        "### Valence and arousal",
        _table(("", *measures.values()), body),
        f"![Predicted against labelled valence and arousal](va-{suffix}.png)",
        f"![Labels and mean squared error over the plane](plane-{suffix}.png)",
    ]


def _action_units(faces: Evaluation, found: dict[str, Any], folder: Path, suffix: str) -> list[str]:
    known = {
        unit: found["action_units"][au_column(unit)]
        for unit in faces.action_units
        if found["action_units"][au_column(unit)]["rows"]
    }
    mean = np.nan if found["au_auc"] is None else found["au_auc"]
    figures.save_png(figures.au_figure(known, mean), folder / f"au-{suffix}.png")
    measures = {"auc": "ROC AUC", "average_precision": "average precision", "f1": "F1"}
    if "au_f1_chosen" in found:
        measures |= {"f1_chosen": "F1, chosen", "threshold": "chosen threshold"}
    measures["best_threshold"] = "best threshold"
    body = [
        (
            au_column(unit).upper(),
            FACS_NAMES.get(unit, ""),
            *(_number(figure[key]) for key in measures),
            str(figure["positives"]),
            str(figure["rows"]),
        )
        for unit, figure in known.items()
    ]
    columns = ("unit", "FACS name", *measures.values(), "present", "known")
    parts = ["### Action units", _table(columns, body), f"![Action units](au-{suffix}.png)"]
    seen = {unit: n for n, unit in enumerate(faces.action_units) if unit in known and known[unit]["positives"]}
    if seen:
        curves = {
            au_column(u).upper(): precision_recall(faces.au_probs[:, n], faces.au_target[:, n]) for u, n in seen.items()
        }
        areas = {au_column(u).upper(): known[u]["average_precision"] for u in seen}
        picture = figures.precision_recall_figure(curves, areas, "Action units")
        figures.save_png(picture, folder / f"au-pr-{suffix}.png")
        parts.append(f"![Precision against recall of action units](au-pr-{suffix}.png)")
    return parts


def _features(name: str, faces: Evaluation, features: Reals, folder: Path) -> list[str]:
    if min(features.shape) < 2:  # one face, or one feature, has no plane
        return []
    points, shares = principal_components(features)
    file = f"features-{_suffix(name)}.png"
    figures.save_png(figures.features_figure(points, shares, faces.majority(), faces.expressions), folder / file)
    return ["### Features", f"![Features on their first two principal components]({file})"]


def _number(value: float | None, digits: int = 3) -> str:
    # Adding 0 turns a rounded -0.0 into 0.0.
    return "–" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def _interval(bounds: Sequence[float | None] | None) -> str:
    return "–" if bounds is None or None in bounds else " to ".join(_number(b) for b in bounds)


def _table(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    rule = ["---" if n == 0 else "---:" for n in range(len(header))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *body))
