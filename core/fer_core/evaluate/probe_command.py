"""``fer-core probe``: its arguments, and the page that it writes. The network is loaded when it runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer_core.cli_tables import number, print_figures, table

LABEL_SIMILARITY = "label-similarity.png"


def add_probe(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to those of ``fer-core``."""
    probe = commands.add_parser(
        "probe",
        help="figures of a checkpoint on prepared faces, and a look into its features",
        description="Measures a trained network before it is exported, and also those that are not exported. Adds how "
        "sure it is when right and when wrong, and on demand a support vector machine on its frozen features.",
    )
    probe.set_defaults(run=_probe)
    add = probe.add_argument
    add("--checkpoint", type=Path, required=True, metavar="FILE", help="of fer-core train")
    add("--data", type=Path, required=True, metavar="DIR", help="folder of the shards")
    add("--datasets", nargs="+", metavar="NAME", help="those of the shards that are measured (default: all)")
    add("--split", choices=("test", "valid", "train"), default="test", help="default: test")
    add(
        "--svm",
        choices=("rbf", "linear"),
        help="fit a support vector machine of this kernel on the features of the training split, in place of the "
        "network's own classifier",
    )
    add("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    add("--report", type=Path, metavar="DIR", help="write a page with pictures, one of the learned label vectors too")


def _probe(options: argparse.Namespace) -> None:
    from fer_core.data.prepare import load_shards
    from fer_core.evaluate.probe import chosen_shards, probe, read_trained
    from fer_core.evaluate.svm_features import SvmOptions

    shards = chosen_shards(load_shards(options.data), options.datasets)
    trained = read_trained(options.checkpoint, shards)
    found = probe(trained, shards, options.split, svm=SvmOptions(kernel=options.svm) if options.svm else None)
    names = ", ".join(shard.dataset for shard in shards)
    figures = {
        "model": {"name": str(options.checkpoint), "version": trained.recipe.backbone},
        "dataset": names,
        "split": options.split,
        **found.figures,
    }
    print_figures(figures)
    print("\n" + table(_more(figures)))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    if options.report:
        from fer_core.evaluate.figures import save_png
        from fer_core.evaluate.label_similarity import label_similarity_figure
        from fer_core.evaluate.probe import label_vectors
        from fer_core.evaluate.report import write_report

        title = f"{options.checkpoint} on {names}, {options.split}"
        page = write_report(
            found.evaluation, options.report, title=title, figures_json=figures, features=found.features
        )
        header, *body = _more(figures)
        rule = ("---",) * len(header)
        sections = ["## In the network", "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *body))]
        vectors = label_vectors(trained)
        if vectors is not None:
            save_png(label_similarity_figure(*vectors), options.report / LABEL_SIMILARITY)
            sections.append(f"![Cosine similarity of the learned vectors]({LABEL_SIMILARITY})")
        page.write_text("\n\n".join([page.read_text(encoding="utf-8").rstrip(), *sections]) + "\n", encoding="utf-8")


def _more(figures: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What no exported file is asked for, as rows of a table."""
    rows: list[tuple[str, ...]] = [("in the network", "value", "faces")]
    rows += [
        (f"{statistic} confidence when {outcome}", number(about[statistic]), str(about["count"]))
        for outcome, about in figures["confidence"].items()
        for statistic in ("mean", "median")
    ]
    if "svm" in figures:
        svm, faces = figures["svm"], str(figures["expression_rows"])
        rows.append(("accuracy of its own classifier", number(svm["softmax"]), faces))
        rows.append((f"accuracy of a support vector machine, {svm['kernel']}", number(svm["svm"]), faces))
    rows += [(f"not taught: {task}", "", "") for task in figures["untaught"]]
    return rows
