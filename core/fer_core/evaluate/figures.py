"""The pictures of a report, drawn with Matplotlib's objects alone (no pyplot, hence no global state, no window)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fer_core.evaluate.calibration import ReliabilityCurve
from fer_core.evaluate.metrics import Integers, Reals
from fer_core.evaluate.ranking import PrecisionRecall
from fer_core.labels import FACS_NAMES, au_column

_DPI = 120
#: Two of the Okabe-Ito colours, which colour-blind people can tell apart.
_BLUE, _ORANGE = "#0072B2", "#D55E00"
_GREY = "#777777"
#: The palette of Okabe and Ito without yellow, which is too light for lines; repeated with other dashes after seven.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_DASHES = ("-", "--", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
#: Cells of the valence-arousal plane with fewer faces show no mean.
_MIN_FACES_PER_CELL = 5
_CELLS = 10


def save_png(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG."""
    figure.savefig(path, format="png", backend="agg")


def _figure(width_in: float, height_in: float) -> Figure:
    return Figure(figsize=(width_in, height_in), dpi=_DPI, layout="constrained")


def confusion_figure(confusion: Integers, names: Sequence[str]) -> Figure:
    """Confusion matrix (C, C), labels in rows, coloured by the share of the row, with counts."""
    support = confusion.sum(axis=1, keepdims=True)
    shares = confusion / np.maximum(support, 1)
    size_in = 2.2 + 0.72 * len(names)
    figure = _figure(size_in + 0.6, size_in - 0.6)
    axes = figure.subplots()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        if support[row, 0] == 0:
            continue  # a class without labels has no shares
        text = f"{share:.2f}\n{confusion[row, column]}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if share > 0.5 else "black")
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axes.set_yticks(range(len(names)), [f"{name} ({count})" for name, count in zip(names, support[:, 0], strict=True)])
    axes.set_xlabel("predicted apparent expression")
    axes.set_ylabel("majority of the votes (faces)")
    axes.set_title("Confusion: share of the row and count")
    figure.colorbar(picture, ax=axes, shrink=0.8, label="share of the row")
    return figure


def reliability_figure(curve: ReliabilityCurve, error: float) -> Figure:
    """Accuracy against confidence of the predicted class, over a histogram of the confidence."""
    figure = _figure(5.5, 6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    width = np.diff(curve.edges)
    upper.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1, label="honest: accuracy equals confidence")
    upper.bar(curve.edges[:-1], np.nan_to_num(curve.accuracy), width, align="edge", color=_BLUE, alpha=0.35)
    upper.plot(curve.confidence, curve.accuracy, "o-", color=_BLUE, markersize=4, label="model")
    upper.set_ylim(0, 1)
    upper.set_xlim(0, 1)
    upper.set_ylabel("accuracy")
    upper.set_title(f"Reliability: expected calibration error {error:.3f} ({len(width)} bins)")
    upper.legend(loc="lower right")
    lower.bar(curve.edges[:-1], curve.count, width, align="edge", color=_BLUE)
    lower.set_ylabel("faces")
    lower.set_xlabel("confidence (probability of the predicted expression)")
    return figure


def va_figure(pred: Reals, target: Reals, concordance: tuple[float, float]) -> Figure:
    """Predicted against labelled valence and arousal (N, 2), and the mean error over the plane of the labels."""
    figure = _figure(14, 4.6)
    panels = figure.subplots(1, 3)
    for n, name in enumerate(("valence", "arousal")):
        _scatter(panels[n], pred[:, n], target[:, n], f"{name.capitalize()}: CCC {concordance[n]:.3f}", name)
    error, edges = mean_error_over_plane(pred, target)
    picture = panels[2].imshow(
        error.T, origin="lower", extent=(edges[0], edges[-1], edges[0], edges[-1]), cmap="viridis", vmin=0
    )
    centres = (edges[:-1] + edges[1:]) / 2
    brightest = np.max(error, initial=0, where=np.isfinite(error))
    for (column, row), value in np.ndenumerate(error):
        if np.isfinite(value):
            shade = "white" if value < 0.6 * brightest else "black"
            place = (centres[column], centres[row])
            panels[2].text(*place, f"{value:.2f}", ha="center", va="center", fontsize=6.5, color=shade)
    _cross(panels[2])
    panels[2].set_xlabel("labelled valence")
    panels[2].set_ylabel("labelled arousal")
    panels[2].set_title(f"Mean distance from the label\n(cells with {_MIN_FACES_PER_CELL} faces or more)")
    figure.colorbar(picture, ax=panels[2], label="mean distance", shrink=0.9)
    return figure


def va_plane_figure(pred: Reals, target: Reals) -> Figure:
    """The plane of the labels (N, 2): how many faces and how large the mean squared error in each cell.

    As Kollias et al., "Deep Neural Network Augmentation: Generating Faces for Affect Analysis", IJCV 2020, draw it
    (figures 14 and 16). The error of a cell is ``mean((dv^2 + da^2) / 2)``, the mean over both dimensions.
    """
    figure = _figure(11, 4.9)
    panels = figure.subplots(1, 2)
    count, error, edges = squared_error_over_plane(pred, target)
    drawn = ((count, "faces", "Labels", "Blues"), (error, "mean squared error", "Mean squared error", "Oranges"))
    for axes, (values, unit, title, colours) in zip(panels, drawn, strict=True):
        shown = np.where(count > 0, values, np.nan)
        extent = (edges[0], edges[-1], edges[0], edges[-1])
        top = np.max(shown, initial=0, where=np.isfinite(shown))
        picture = axes.imshow(shown.T, origin="lower", extent=extent, cmap=colours, vmin=0, vmax=top or 1)
        centres = (edges[:-1] + edges[1:]) / 2
        for (column, row), value in np.ndenumerate(shown):
            if np.isfinite(value):
                text = f"{value:.0f}" if values is count else f"{value:.2f}".removeprefix("0")
                shade = "white" if value > 0.6 * top else "black"
                axes.text(centres[column], centres[row], text, ha="center", va="center", fontsize=6.5, color=shade)
        _cross(axes)
        axes.set_xlabel("labelled valence")
        axes.set_ylabel("labelled arousal")
        axes.set_title(f"{title} over the plane")
        figure.colorbar(picture, ax=axes, label=unit, shrink=0.9)
    return figure


def squared_error_over_plane(pred: Reals, target: Reals) -> tuple[Integers, Reals, Reals]:
    """Faces (10, 10) and mean squared error (10, 10) by cell of the labelled plane, valence first; cell edges (11,).

    The error is NaN in empty cells. Labels outside [-1, 1] count in the cell at the border.
    """
    edges, flat = _cells(target)
    squared = ((pred - target) ** 2).mean(axis=1)
    count = np.bincount(flat, minlength=_CELLS**2)
    total = np.bincount(flat, weights=squared, minlength=_CELLS**2)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return count.reshape(_CELLS, _CELLS), mean.reshape(_CELLS, _CELLS), edges


def _cells(target: Reals) -> tuple[Reals, Integers]:
    """Edges (11,) of the cells of the plane, and the cell (N,) of each label, ``valence * 10 + arousal``."""
    cell = np.clip(((target + 1) / 2 * _CELLS).astype(int), 0, _CELLS - 1)  # (N, 2)
    return np.linspace(-1, 1, _CELLS + 1), cell[:, 0] * _CELLS + cell[:, 1]


def mean_error_over_plane(pred: Reals, target: Reals) -> tuple[Reals, Reals]:
    """Mean Euclidean distance (10, 10) by cell of the labelled plane, valence first, and the cell edges (11,).

    NaN in cells with fewer than five faces. Labels outside [-1, 1] count in the cell at the border.
    """
    edges, flat = _cells(target)
    distance = np.linalg.norm(pred - target, axis=1)
    count = np.bincount(flat, minlength=_CELLS**2)
    total = np.bincount(flat, weights=distance, minlength=_CELLS**2)
    mean = np.where(count >= _MIN_FACES_PER_CELL, total / np.maximum(count, 1), np.nan)
    return mean.reshape(_CELLS, _CELLS), edges


def au_figure(per_unit: dict[int, dict[str, Any]], mean_auc: float) -> Figure:
    """ROC AUC and F1 of every action unit as dots; ``per_unit`` as in ``Evaluation.metrics()["action_units"]``."""
    figure = _figure(8, 2 + 0.32 * max(len(per_unit), 1))
    axes = figure.subplots()
    for row, figures in enumerate(per_unit.values()):
        for key, colour, marker in (("auc", _BLUE, "o"), ("f1", _ORANGE, "s")):
            if figures[key] is not None:
                axes.plot(figures[key], row, marker, color=colour, markersize=6)
    names = [
        f"{au_column(unit).upper()} {FACS_NAMES.get(unit, '')} ({figures['positives']} of {figures['rows']})"
        for unit, figures in per_unit.items()
    ]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1.01)
    axes.grid(axis="both", color="#dddddd")
    axes.set_axisbelow(True)
    axes.axvline(0.5, color=_GREY, linestyle="--", linewidth=1)
    axes.plot([], [], "o", color=_BLUE, label="ROC AUC (chance 0.5)")
    axes.plot([], [], "s", color=_ORANGE, label="F1 at probability 0.5")
    figure.legend(loc="outside lower center", ncols=2)
    axes.set_title(f"Action units (present of known faces): mean ROC AUC {mean_auc:.3f}")
    return figure


def precision_recall_figure(curves: dict[str, PrecisionRecall], areas: dict[str, float], title: str) -> Figure:
    """Precision against recall of several classes or units, each with its average precision in the legend."""
    figure = _figure(8.6, 5.2)
    axes = figure.subplots()
    for n, (name, curve) in enumerate(curves.items()):
        # From recall 0 on, at the precision of the first point: steps, as average precision adds them up.
        recall, precision = np.append(0, curve.recall), np.append(curve.precision[:1], curve.precision)
        style = _DASHES[n // len(_COLOURS) % len(_DASHES)]
        label = f"{name}  {areas[name]:.2f}"
        axes.plot(
            recall,
            precision,
            style,
            color=_COLOURS[n % len(_COLOURS)],
            linewidth=1.4,
            label=label,
            drawstyle="steps-pre",
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.set_title(title)
    figure.legend(loc="outside right upper", title="average precision", fontsize=8, title_fontsize=8)
    return figure


def features_figure(points: Reals, shares: Reals, classes: Integers, names: Sequence[str]) -> Figure:
    """Features on their first two principal components.

    Args:
        points: (N, 2)
        shares: (2,) of the variance.
        classes: (N,) index of the class that colours a point, -1 for none.
        names: of the classes.
    """
    figure = _figure(8, 5.6)
    axes = figure.subplots()
    size = float(np.clip(4000 / max(len(points), 1), 3, 24))
    for n in [-1, *range(len(names))]:
        chosen = points[classes == n]
        if not len(chosen):
            continue
        colour = _GREY if n < 0 else _COLOURS[n % len(_COLOURS)]
        marker = "." if n < 0 else _MARKERS[n % len(_MARKERS)]
        label = "no label" if n < 0 else names[n]
        style: dict[str, Any] = {"s": size, "color": colour, "marker": marker, "alpha": 0.5, "linewidths": 0}
        axes.scatter(chosen[:, 0], chosen[:, 1], label=label, **style)
    axes.set_xlabel(f"first component ({shares[0]:.0%} of the variance)")
    axes.set_ylabel(f"second component ({shares[1]:.0%})")
    axes.set_title("Features, first two principal components")
    legend = figure.legend(loc="outside right upper", fontsize=8)
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)
    return figure


def _scatter(axes: Axes, pred: Reals, target: Reals, title: str, name: str) -> None:
    # Few faces are shown one by one; many would be a blot, so their density is shown.
    if len(pred) <= 500:
        axes.plot(target, pred, "o", color=_BLUE, alpha=0.4, markersize=4, markeredgewidth=0)
    else:
        axes.hexbin(target, pred, gridsize=40, extent=(-1, 1, -1, 1), mincnt=1, bins="log", cmap="viridis")
    axes.plot([-1, 1], [-1, 1], color=_ORANGE, linestyle="--", linewidth=1)
    _cross(axes)
    axes.set_xlabel(f"labelled {name}")
    axes.set_ylabel(f"predicted {name}")
    axes.set_title(title)


def _cross(axes: Axes) -> None:
    """The plane's axes, over the whole range."""
    axes.axhline(0, color=_GREY, linewidth=0.6)
    axes.axvline(0, color=_GREY, linewidth=0.6)
    axes.set_xlim(-1, 1)
    axes.set_ylim(-1, 1)
    axes.set_xticks(np.linspace(-1, 1, 5))
    axes.set_yticks(np.linspace(-1, 1, 5))
    axes.set_aspect("equal")
