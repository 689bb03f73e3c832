"""RAF-DB (Li, Deng & Du, CVPR 2017): faces from the web, each labelled by about forty people.

The official folders ``basic/`` (seven expressions) and ``compound/`` (eleven pairs of expressions) have the same
layout: ``EmoLabel/list_patition_label.txt`` (spelt so) with lines ``train_00001.jpg 5``, and the aligned images
``Image/aligned/train_00001_aligned.jpg`` or the originals ``Image/original/train_00001.jpg``. The originals are
preferred where both are there: this project aligns faces itself, and a crop cut tightly loses what its alignment needs.

Basic codes: 1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness, 6 anger, 7 neutral. Compound codes: see
``COMPOUND_CODES``; such a face gets half of the votes for each of its two expressions.
"""

from __future__ import annotations

import numpy as np

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import Read, keep_present
from fer_core.data.sample import Sample, one_hot
from fer_core.data.tables import read_lines, row_complaints
from fer_core.types import Floats

NAME = "rafdb"
LABELS = "EmoLabel/list_patition_label.txt"
BASIC_CODES = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
COMPOUND_CODES = (
    ("happiness", "surprise"),
    ("happiness", "disgust"),
    ("sadness", "fear"),
    ("sadness", "anger"),
    ("sadness", "surprise"),
    ("sadness", "disgust"),
    ("fear", "anger"),
    ("fear", "surprise"),
    ("anger", "surprise"),
    ("anger", "disgust"),
    ("disgust", "surprise"),
)


def read_rafdb(archive: Archive) -> Read:
    """Samples of ``basic``: official splits train and test.

    Raises:
        DataError: when the list or all images are missing, or a line cannot be read.
    """
    return _read(archive, "basic", [one_hot(name) for name in BASIC_CODES])


def read_rafdb_compound(archive: Archive) -> Read:
    """Samples of ``compound``: official splits train and test, two expressions with a half each.

    Raises:
        DataError: when the list or all images are missing, or a line cannot be read.
    """
    return _read(archive, "compound", [(one_hot(a) + one_hot(b)) / np.float32(2) for a, b in COMPOUND_CODES])


def _read(archive: Archive, part: str, votes_by_code: list[Floats]) -> Read:
    member = archive.locate(f"{part}/{LABELS}")
    base = member.removesuffix(LABELS)
    originals = any(n.startswith(f"{base}Image/original/") for n in archive.names())
    samples = []
    for line in read_lines(archive.read(member), f"{archive.name}/{member}"):
        with row_complaints(f"{archive.name}/{member}", line):
            file, code = line.split()
            if not 1 <= int(code) <= len(votes_by_code):
                raise ValueError(f"code {code} is not within 1..{len(votes_by_code)}")
            split = {"train": "train", "test": "test"}[file.split("_")[0]]
            stem, _, suffix = file.rpartition(".")
            path = f"original/{file}" if originals else f"aligned/{stem}_aligned.{suffix}"
            samples.append(Sample(archive.name, f"{base}Image/{path}", split, votes=votes_by_code[int(code) - 1]))
    if not samples:
        raise DataError(f"{archive.name}: {member} lists no image; restore the official file")
    dropped: dict[str, int] = {}
    return keep_present(archive, samples, dropped), dropped
