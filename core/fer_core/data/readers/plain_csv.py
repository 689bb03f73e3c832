"""Images with a table of labels, ``labels.csv``: the way in for a data set of one's own.

Columns: ``path`` (image, or ``clip.mp4#12`` for a frame of a video), and any of

- ``expression``, a name, or ``p_neutral`` ... ``p_contempt``, votes or proportions (all eight columns);
- ``valence`` and ``arousal`` in [-1, 1];
- ``au01``, ``au02``, ...: 1 present, 0 absent, or a probability;
- ``subject``, ``split`` (train, valid, test), ``sequence`` and ``frame``.

An empty cell is a missing label. Without the column ``split``, rows are split by subject where one is given, otherwise
by sequence, video or image, 70, 15 and 15 %.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import Read, action_units, expression_named, keep_present
from fer_core.data.sample import Sample, one_hot
from fer_core.data.splits import split_groups
from fer_core.data.tables import number_within, read_table, row_complaints
from fer_core.labels import EXPRESSIONS
from fer_core.types import Floats

LABELS = "labels.csv"
SPLITS = ("train", "valid", "test")
_VOTES = tuple(f"p_{name}" for name in EXPRESSIONS)
_UNIT = re.compile(r"au(\d\d)")


def read_plain_csv(archive: Archive) -> Read:
    """Samples with the labels that the columns give; rows without any label are dropped and counted.

    Raises:
        DataError: when the table or a column is missing, no column holds labels, a row cannot be read, or all images
            are missing.
    """
    name = f"{archive.name}/{LABELS}"
    rows = read_table(archive.read(LABELS), name, ["path"])
    columns = set(rows[0]) if rows else set()
    labels = {"expression", "valence", "arousal", *_VOTES} | {c for c in columns if _UNIT.fullmatch(c)}
    if rows and not labels & columns:
        raise DataError(f"{name}: no column holds labels; give expression, valence and arousal, or au01 ...")
    samples, dropped = [], {"no_label": 0}
    for row in rows:
        with row_complaints(name, row["path"]):
            sample = _sample(archive.name, row)
        if sample.is_labelled:
            samples.append(sample)
        else:
            dropped["no_label"] += 1
    samples = _keep_present(archive, samples, dropped)
    if "split" in columns:
        return samples, dropped
    splits = split_groups(_group(s) for s in samples)
    return [replace(s, split=splits[_group(s)]) for s in samples], dropped


def _group(sample: Sample) -> str:
    """What must not be in two splits: a person, where that is not told a sequence, a video or an image."""
    return sample.subject or sample.sequence or sample.path.partition("#")[0]


def _keep_present(archive: Archive, samples: list[Sample], dropped: dict[str, int]) -> list[Sample]:
    """Those whose image, or video with the frame, is there."""
    files = [replace(s, path=s.path.partition("#")[0]) if "#" in s.path else s for s in samples]
    present = {s.path for s in keep_present(archive, files, dropped)}
    return [s for s, file in zip(samples, files, strict=True) if file.path in present]


def _sample(dataset: str, row: Mapping[str, str]) -> Sample:
    split = (row.get("split") or "").strip()
    if "split" in row and split not in SPLITS:
        raise ValueError(f"split {split!r} is none of {', '.join(SPLITS)}")
    pair = [row.get(c) or "" for c in ("valence", "arousal")]
    if any(pair) != all(pair):
        raise ValueError("valence and arousal must both be given, or neither")
    va = [number_within(v, -1, 1) if v else np.nan for v in pair]
    units = {int(c[2:]): number_within(v, 0, 1) for c, v in row.items() if v and _UNIT.fullmatch(c or "")}
    return Sample(
        dataset,
        row["path"],
        split,
        subject=row.get("subject") or "",
        votes=_votes(row),
        va=np.array(va, np.float32),
        au=action_units(units),
        sequence=row.get("sequence") or "",
        frame=int(row.get("frame") or -1),
    )


def _votes(row: Mapping[str, str]) -> Floats:
    if row.get("expression"):
        return one_hot(expression_named(row["expression"]))
    given = [row.get(c) or "" for c in _VOTES]
    if not any(given):
        return np.full(len(EXPRESSIONS), np.nan, np.float32)
    votes = np.array([number_within(v, 0, np.inf) for v in given], np.float32)
    if not votes.sum() > 0:
        raise ValueError("the votes sum to 0")
    votes /= votes.sum()
    return votes
