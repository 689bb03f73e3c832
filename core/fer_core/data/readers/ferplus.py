"""FER+ (Barsoum et al. 2016): the FER2013 images with ten crowd votes each, in the official folders.

Two layouts are read:

- the official one: ``fer2013new.csv`` with the columns ``Usage``, ``Image name``, the eight expressions, ``unknown``,
  ``NF`` (not a face), and the pictures made from FER2013 in ``FER2013Train/``, ``FER2013Valid/``, ``FER2013Test/``
  (``fer0000000.png`` ...); rows without an image name were removed by the
  authors, and four images that it lists twice, with different votes, are dropped;
- the packed one: ``labels_merged.csv`` with ``path``, ``usage``, ``dup_md5`` and ``ferplus_<expression>``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import IMAGE_MISSING, Read, digest
from fer_core.data.readers.fer2013 import USAGES
from fer_core.data.sample import Sample
from fer_core.data.tables import read_table, row_complaints
from fer_core.labels import EXPRESSIONS
from fer_core.types import Floats

NAME = "ferplus"
LABELS = "labels_merged.csv"
OFFICIAL_LABELS = "fer2013new.csv"
_FOLDERS = {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}
_REJECTED = ("unknown", "NF")


@dataclass(frozen=True, slots=True)
class _Row:
    path: str
    split: str
    votes: Floats
    """(E + 2,) the expressions, unknown, not a face"""
    digest: str
    """Equal for equal pictures; "" where the picture is known to be the only one."""


def read_ferplus(archive: Archive) -> Read:
    """Samples of all splits, and how many were dropped for which reason.

    Protocol of the FER+ paper for a single label: images whose most frequent vote is ``unknown`` or ``NF`` (no face)
    are dropped, and so are images without a vote for an expression; votes are then proportions over the eight
    expressions. Training images that occur again in the validation or test split are dropped too, whether or not the
    image there was dropped for its votes.

    Raises:
        DataError: when a file or column is missing, or a row cannot be read.
    """
    rows, dropped = _packed_rows(archive) if archive.has(LABELS) else _official_rows(archive)
    held_out = {row.digest for row in rows if row.split != "train" and row.digest}
    dropped |= {"unknown_or_no_face_wins": 0, "no_expression_vote": 0, "duplicate_of_valid_or_test": 0}
    samples = []
    for row in rows:
        expressions = row.votes[: len(EXPRESSIONS)]
        if expressions.sum() == 0:
            dropped["no_expression_vote"] += 1
        elif row.votes[len(EXPRESSIONS) :].max() > expressions.max():
            dropped["unknown_or_no_face_wins"] += 1
        elif row.split == "train" and row.digest in held_out:
            dropped["duplicate_of_valid_or_test"] += 1
        else:
            samples.append(Sample(archive.name, row.path, row.split, votes=expressions / expressions.sum()))
    return samples, dropped


def _packed_rows(archive: Archive) -> tuple[list[_Row], dict[str, int]]:
    columns = [f"ferplus_{name}" for name in (*EXPRESSIONS, *_REJECTED)]
    name = f"{archive.name}/{LABELS}"
    rows = []
    for row in read_table(archive.read(LABELS), name, ["path", "usage", "dup_md5", *columns]):
        with row_complaints(name, row["path"]):
            rows.append(_Row(row["path"], USAGES[row["usage"]], _votes(row, columns), row["dup_md5"]))
    return rows, {}


def _official_rows(archive: Archive) -> tuple[list[_Row], dict[str, int]]:
    if not archive.names(OFFICIAL_LABELS):
        raise DataError(
            f"{archive.name}: {LABELS} is missing, and so is {OFFICIAL_LABELS} of the official layout; "
            "unpack the data set anew"
        )
    member = archive.locate(OFFICIAL_LABELS)
    columns = [*EXPRESSIONS, *_REJECTED]
    name = f"{archive.name}/{member}"
    there = {folder: archive.enclosing(folder) for folder in _FOLDERS.values()}
    present = set(archive.names())
    table = read_table(archive.read(member), name, ["Usage", "Image name", *columns])
    listed = Counter(row["Image name"].strip() for row in table)
    rows, dropped = [], {"removed_by_the_authors": 0, "listed_twice": 0, IMAGE_MISSING: 0}
    for row in table:
        if not row["Image name"].strip():
            dropped["removed_by_the_authors"] += 1
            continue
        if listed[row["Image name"].strip()] > 1:  # four images, each with two different counts of votes
            dropped["listed_twice"] += 1
            continue
        with row_complaints(name, row["Image name"]):
            folder = _FOLDERS[row["Usage"]]
            path = f"{there[folder]}{folder}/{row['Image name'].strip()}"
            if path not in present:
                dropped[IMAGE_MISSING] += 1
                continue
            rows.append(_Row(path, USAGES[row["Usage"]], _votes(row, columns), digest(archive.read(path))))
    return rows, dropped


def _votes(row: Mapping[str, str], columns: list[str]) -> Floats:
    return np.array([float(row[c] or 0) for c in columns], np.float32)
