"""DiffusionFER: synthetic colour faces with human valence, arousal and expression.

The test half is a fixed list of this project (``splits/diffusionfer_test.txt``); it is used for nothing but testing.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np

from fer_core.data.archive import Archive
from fer_core.data.readers.common import Read
from fer_core.data.sample import Sample, one_hot
from fer_core.data.splits import read_split
from fer_core.data.tables import read_table, row_complaints

NAME = "diffusionfer"
LABELS = "dataset_sheet.csv"
#: Codes of the column ``expression``.
CODES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
_PATH_PREFIX = "DiffusionFER/DiffusionEmotion_S/"
#: The images are PNG as published; smaller copies are JPEG.
_SUFFIXES = (".jpg", ".png")


def read_diffusionfer(archive: Archive) -> Read:
    """Samples with expression (of the table, not of the folder) and valence-arousal."""
    columns = ["subDirectory_filePath", "valence", "arousal", "expression"]
    table = read_table(archive.read(LABELS), f"{NAME}/{LABELS}", columns)
    present = {_place(name): name for name in archive.names() if name.endswith(_SUFFIXES)}
    test = read_split("diffusionfer_test")
    samples, dropped = [], {"image_missing": 0}
    for row in table:
        path = present.get(_place(row["subDirectory_filePath"]))
        if path is None:
            dropped["image_missing"] += 1
            continue
        with row_complaints(f"{NAME}/{LABELS}", row["subDirectory_filePath"]):
            votes = one_hot(CODES[int(row["expression"])])
            va = np.array([row["valence"], row["arousal"]], np.float32)
        split = "test" if f"{PurePosixPath(path).stem}.jpg" in test else "train"
        samples.append(Sample(NAME, path, split, votes=votes, va=va))
    return samples, dropped


def _place(path: str) -> str:
    """Folder and name of an image, whatever its format and whether the published folders are around it."""
    return str(PurePosixPath(path.removeprefix(_PATH_PREFIX)).with_suffix(""))
