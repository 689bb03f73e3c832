"""Whether fewer bits or fewer blocks pay: size, time on one core and what is lost. Run by hand:

    python tests/benchmarks/precision.py --data SHARDS [--models MODEL ...]

Each model as it is, its twin of int8 (fer_core.quantise, ranges of training faces of FER+) and with fp16 weights and
arithmetic, on the processor alone, in one thread. Times are medians of calls that take turns, so that all variants see
the same machine; one face a call, and four. Figures are of the aligned test crops of FER+ and CK+ (see
whole_networks.py).
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16
from whole_networks import figures

from fer_core.data.shards import Shard
from fer_core.infer.engine import Engine
from fer_core.infer.shipped_models import SHIPPED_MODELS, model_file
from fer_core.quantise import quantise

CALLS = 200
BATCHES = (1, 4)


def variants(model: Path, ferplus: Shard, folder: Path) -> dict[str, Path]:
    """The model itself and its copies of fewer bits."""
    copied = Path(shutil.copy(model, folder))  # the twin lands beside it
    made = {"fp32": copied, "int8": quantise(copied, [ferplus]), "fp16": folder / f"{model.stem}-fp16.onnx"}
    onnx.save(convert_float_to_float16(onnx.load(model), keep_io_types=True, op_block_list=["Cast"]), made["fp16"])
    return made


def times_ms(engines: dict[str, Engine], faces: int) -> dict[str, float]:
    """Median milliseconds a face, all engines taking turns."""
    side_px = next(iter(engines.values())).card.geometry.size_px
    crops = np.random.default_rng(0).integers(0, 256, (faces, side_px, side_px, 3), np.uint8)
    taken: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(CALLS):
        for name, engine in engines.items():
            start = time.perf_counter()
            engine.run(crops)
            taken[name].append((time.perf_counter() - start) * 1e3 / faces)
    return {name: float(np.median(all_of_it)) for name, all_of_it in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of fer-core prepare")
    parser.add_argument("--models", type=Path, nargs="+", default=[Path(name) for name in SHIPPED_MODELS])
    options = parser.parse_args()
    ferplus, ckplus = (Shard.load(options.data / f"{name}.npz") for name in ("ferplus", "ckplus128"))
    tests = [shard.select(np.flatnonzero(shard.split == "test")) for shard in (ferplus, ckplus)]
    with tempfile.TemporaryDirectory() as folder:
        files = {
            f"{model.stem} {bits}": path
            for model in (model_file(chosen) for chosen in options.models)
            for bits, path in variants(model, ferplus, Path(folder)).items()
        }
        engines = {name: Engine(path, "cpu") for name, path in files.items()}
        times = [times_ms(engines, faces) for faces in BATCHES]
        headings = " | ".join(f"ms a face, {faces} at a time" for faces in BATCHES)
        print(f"| | MB | {headings} | FER+ accuracy | valence CCC | arousal CCC | AU AUC |\n" + "|---" * 8 + "|")
        for name, engine in engines.items():
            on_ferplus, on_ckplus = (figures(engine, shard) for shard in tests)
            shown = [f"{files[name].stat().st_size / 1e6:.1f}", *(f"{t[name]:.2f}" for t in times)]
            shown += [f"{on_ferplus[key]:.4f}" for key in ("accuracy", "valence CCC", "arousal CCC")]
            print(f"| {name} | {' | '.join(shown)} | {on_ckplus['AU AUC']:.4f} |", flush=True)


if __name__ == "__main__":
    main()
