"""``fer-core reopen``: a model file as a checkpoint, for recipes to start from."""

from __future__ import annotations

import argparse
from pathlib import Path

from fer_core.infer.shipped_models import SHIPPED_MODELS, model_file


def add_reopen(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to those of ``fer-core``."""
    reopen = commands.add_parser(
        "reopen",
        help="a model file as a checkpoint again, to train on from",
        description="Writes a checkpoint with the network of a model file, for start and teachers of a recipe.",
    )
    reopen.set_defaults(run=_reopen)
    add = reopen.add_argument
    add(
        "model",
        type=Path,
        metavar="MODEL",
        help=f"file of fer-core export with linear heads, not of int8; or a shipped one: {', '.join(SHIPPED_MODELS)}",
    )
    add("--data", type=Path, required=True, metavar="DIR", help="folder of the shards, whose faces it will learn from")
    add("--out", type=Path, required=True, metavar="FILE.pt", help="checkpoint")


def _reopen(options: argparse.Namespace) -> None:
    from fer_core.data.prepare import load_shards
    from fer_core.train.reopened import reopen

    card = reopen(model_file(options.model), load_shards(options.data), options.out)
    print(f"{options.out}: {card.name} {card.version}, to start from")
