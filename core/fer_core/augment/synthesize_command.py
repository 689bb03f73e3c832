"""``fer-core synthesize``: its arguments, and how it is run. The networks are loaded when it runs."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from tqdm import tqdm

from fer_core.augment.synthesize_log import Existing
from fer_core.data.errors import DataError


def add_synthesize(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to those of ``fer-core``."""
    synthesize = commands.add_parser(
        "synthesize",
        help="neutral photographs to labelled synthetic faces, to train on",
        description="Gives each photograph every target. OUT becomes a data set: prepare --root PARENT --datasets "
        "csv:OUT reads it. Take photographs of people of the training split only.",
    )
    synthesize.set_defaults(run=_synthesize)
    add = synthesize.add_argument
    add("--neutral", type=Path, nargs="+", required=True, metavar="DIR|FILE", help="photographs of one neutral face")
    add(
        "--targets",
        required=True,
        metavar="TARGETS",
        help="six (expressions), grid:5 (points of the valence-arousal plane, five a side), points as "
        "'.5,.2;-.4,.1' (with = before a minus: --targets=-.4,.1), or FILE.csv with the columns valence and arousal, "
        "or expression and intensity",
    )
    add(
        "--intensity",
        type=_intensity,
        nargs="+",
        default=[1.0],
        metavar="I",
        help="of expressions, above 0 to 1.5; each gives an image (default: 1)",
    )
    add("--size", type=_size, default=256, metavar="PX", help="largest side of an image (default: 256)")
    add("--expressive", action="store_true", help="use photographs too whose faces do not look neutral")
    add("-o", dest="out", type=Path, required=True, metavar="OUT", help="folder for the images and labels.csv")
    existing = synthesize.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace images that are there already")
    existing.add_argument("--resume", action="store_true", help="go on with a run that was interrupted")


def _intensity(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1.5:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 and up to 1.5")
    return value


def _size(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of pixels")
    return int(text)


def _synthesize(options: argparse.Namespace) -> None:
    from fer_core.augment.synthesize import find_photographs, synthesize
    from fer_core.augment.synthesize_targets import parse_targets
    from fer_core.media.errors import MediaError

    existing = Existing.OVERWRITE if options.overwrite else Existing.RESUME if options.resume else Existing.REFUSE
    targets = parse_targets(options.targets, options.intensity)
    try:
        photographs = find_photographs(options.neutral)
    except MediaError as error:
        raise DataError(str(error)) from error
    with tqdm(total=len(photographs), unit="photograph", disable=not sys.stderr.isatty()) as progress:
        done = synthesize(
            photographs,
            targets,
            options.out,
            size_px=options.size,
            expressive=options.expressive,
            existing=existing,
            on_skip=lambda path, reason: progress.write(f"skipped {path}: {reason}", file=sys.stderr),
            on_photograph=progress.update,
        )
    kept = f", {done.kept} were there" if done.kept else ""
    skipped = f"; {len(done.skipped)} skipped" if done.skipped else ""
    print(f"{options.out}: {done.images} images of {done.photographs} photographs{kept}{skipped}")
