"""CK+ (Lucey et al. 2010) as its authors publish it: 593 sequences of 123 people, from neutral to a posed peak.

Layout, three archives in one folder:

- ``cohn-kanade-images/S005/001/S005_001_00000001.png`` ...: the frames; the first is neutral, the last the peak;
- ``FACS/S005/001/S005_001_00000011_facs.txt``: the units of the peak, a line each, number and intensity (0: not rated,
  1..5 for A..E), such as ``   9.0000000e+00   0.0000000e+00``;
- ``Emotion/S005/001/S005_001_00000011_emotion.txt``: one number, for 327 of the sequences: 0 neutral, 1 anger,
  2 contempt, 3 disgust, 4 fear, 5 happiness, 6 sadness, 7 surprise.

A sequence gives two samples: its peak with the coded units and the expression where there is one, and its first frame
as neutral and without action units (so by the design of the data set; the coders rated the peaks). The test subjects
are the list of this project (``splits/ckplus_test_subjects.txt``).
"""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import Read, action_units
from fer_core.data.sample import Sample, one_hot
from fer_core.data.splits import read_split
from fer_core.data.tables import read_lines, row_complaints
from fer_core.labels import ACTION_UNITS, EXPRESSIONS, Expression
from fer_core.types import Floats

NAME = "ckplus"
IMAGES, UNITS, EMOTIONS = "cohn-kanade-images", "FACS", "Emotion"
CODES = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")


def read_ckplus_official(archive: Archive) -> Read:
    """Peaks and first frames; sequences without frames are dropped and counted.

    Raises:
        DataError: when one of the three folders is missing or a label file cannot be read.
    """
    base = archive.enclosing(IMAGES)
    emotions = {_sequence(n): n for n in archive.names("_emotion.txt")}
    if not emotions:
        raise DataError(
            f"{archive.name}: no {EMOTIONS}/S005/001/S005_001_00000011_emotion.txt; unpack the emotion labels"
        )
    units = [n for n in archive.names("_facs.txt") if f"/{UNITS}/" in f"/{n}"]
    if not units:
        raise DataError(f"{archive.name}: no {UNITS}/S005/001/S005_001_00000011_facs.txt; unpack the FACS labels")
    frames: dict[str, list[str]] = {}
    for path in archive.names(".png"):
        if path.startswith(f"{base}{IMAGES}/"):
            frames.setdefault(_sequence(path), []).append(path)
    test = read_split("ckplus_test_subjects")
    samples, dropped = [], {"sequence_without_frames": 0}
    for member in units:
        sequence = _sequence(member)
        if sequence not in frames:
            dropped["sequence_without_frames"] += 1
            continue
        subject = sequence.split("/")[0]
        first, peak = frames[sequence][0], frames[sequence][-1]
        split = "test" if subject in test else "train"
        for path, votes, au in (
            (first, one_hot(Expression.NEUTRAL), action_units(dict.fromkeys(ACTION_UNITS, 0.0))),
            (peak, _expression(archive, emotions.get(sequence)), _presence(archive, member)),
        ):
            number = int(PurePosixPath(path).stem.split("_")[-1])
            samples.append(Sample(archive.name, path, split, subject, votes, au=au, sequence=sequence, frame=number))
    if not samples:
        raise DataError(f"{archive.name}: no sequence has both frames and FACS labels; unpack archives of one release")
    return samples, dropped


def _sequence(path: str) -> str:
    """Person and number of the sequence that a file belongs to, such as ``S005/001``."""
    return "/".join(PurePosixPath(path).parts[-3:-1])


def _expression(archive: Archive, member: str | None) -> Floats:
    if member is None:
        return np.full(len(EXPRESSIONS), np.nan, np.float32)
    name = f"{archive.name}/{member}"
    with row_complaints(name, "the emotion"):
        return one_hot(CODES[int(float(read_lines(archive.read(member), name)[0]))])


def _presence(archive: Archive, member: str) -> Floats:
    """(A,) 1 for the units in the file, at whatever intensity, 0 for the others."""
    name = f"{archive.name}/{member}"
    presence = dict.fromkeys(ACTION_UNITS, 0.0)
    for line in read_lines(archive.read(member), name):
        with row_complaints(name, line):
            unit, _ = line.split()
            presence[int(float(unit))] = 1.0
    return action_units(presence)
