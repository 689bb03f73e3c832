"""FER+ (Barsoum et al. 2016): the FER2013 images with ten crowd votes each, in the official folders."""

from __future__ import annotations

import numpy as np

from fer_core.data.archive import Archive
from fer_core.data.sample import Sample
from fer_core.data.tables import read_table, row_complaints
from fer_core.labels import EXPRESSIONS

NAME = "ferplus"
LABELS = "labels_merged.csv"
_SPLITS = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}
_REJECTED = ("unknown", "NF")


def read_ferplus(archive: Archive) -> tuple[list[Sample], dict[str, int]]:
    """Samples of all splits, and how many were dropped for which reason.

    Protocol of the FER+ paper for a single label: images whose most frequent vote is ``unknown`` or ``NF`` (no face)
    are dropped, and so are images without a vote for an expression; votes are then proportions over the eight
    expressions. Training images that occur again in the validation or test split (``dup_md5``) are dropped too.
    """
    columns = [f"ferplus_{name}" for name in (*EXPRESSIONS, *_REJECTED)]
    table = read_table(archive.read(LABELS), f"{NAME}/{LABELS}", ["path", "usage", "dup_md5", *columns])
    held_out = {row["dup_md5"] for row in table if row["usage"] != "Training" and row["dup_md5"]}
    dropped = {"unknown_or_no_face_wins": 0, "no_expression_vote": 0, "duplicate_of_valid_or_test": 0}
    samples = []
    for row in table:
        with row_complaints(f"{NAME}/{LABELS}", row["path"]):
            votes = np.array([float(row[c] or 0) for c in columns], np.float32)
            split = _SPLITS[row["usage"]]
        expressions = votes[: len(EXPRESSIONS)]
        if expressions.sum() == 0:
            dropped["no_expression_vote"] += 1
        elif votes[len(EXPRESSIONS) :].max() > expressions.max():
            dropped["unknown_or_no_face_wins"] += 1
        elif split == "train" and row["dup_md5"] in held_out:
            dropped["duplicate_of_valid_or_test"] += 1
        else:
            samples.append(Sample(NAME, row["path"], split, votes=expressions / expressions.sum()))
    return samples, dropped
