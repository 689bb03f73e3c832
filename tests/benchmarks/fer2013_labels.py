"""FER+'s faces under the one label each that FER2013 gave them, for a network that learns those. Run by hand:

    python tests/benchmarks/fer2013_labels.py --root DATA --data SHARDS --out OTHER_SHARDS
    fer-core train RECIPE --data OTHER_SHARDS --out RUN
    fer-core export --checkpoint RUN/checkpoint.pt --data OTHER_SHARDS --out RUN/model.onnx
    python tests/benchmarks/fer2013.py --root DATA --model RUN/model.onnx

DATA holds ferplus with ``labels_merged.csv``; SHARDS are of ``fer-core prepare``. The other shards are the same, with
valence-arousal and units too, but the votes are the old label's; a picture whose copies have different labels has none.
So it is measured what the program's network can reach on FER2013's private test when it is told what is asked there.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from fer2013 import unambiguous

from fer_core.data.archive import Archive
from fer_core.data.readers.ferplus import NAME as FERPLUS
from fer_core.data.sample import one_hot
from fer_core.data.shards import Shard
from fer_core.data.tables import read_table
from fer_core.labels import EXPRESSIONS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--data", type=Path, required=True, help="prepared shards")
    parser.add_argument("--out", type=Path, required=True, help="folder for the same with the old labels")
    options = parser.parse_args()
    columns = ["path", "fer2013_label", "fer2013_ambiguous"]
    table = read_table(Archive(options.root, FERPLUS).read("labels_merged.csv"), "labels_merged.csv", columns)
    labels = unambiguous(table)
    options.out.mkdir(parents=True, exist_ok=True)
    for path in options.data.glob("*.npz"):
        if path.stem != FERPLUS:
            shutil.copy(path, options.out)
    shard = Shard.load(options.data / f"{FERPLUS}.npz")
    unknown = np.full(len(EXPRESSIONS), np.nan, np.float32)
    votes = np.stack([one_hot(labels[name]) if name in labels else unknown for name in shard.path.tolist()])
    replace(shard, votes=votes).save(options.out / f"{FERPLUS}.npz")
    print(f"{np.isfinite(votes[:, 0]).sum()} of {len(shard)} pictures with one old label")


if __name__ == "__main__":
    main()
