"""RECOLA (Ringeval et al. 2013): five minutes of a person in a video call, valence and arousal rated in time.

Two layouts are read, whichever is there:

- the data set: ``RECOLA-Annotation/emotional_behaviour/{arousal,valence}/P16.csv`` with the columns
  ``time;FM1 ;FM2 ;FM3 ;FF1 ;FF2 ;FF3`` (six raters, -1..1, a row each 0.04 s from 0 on) and
  ``RECOLA-Video-recordings/P16.mp4``. The label is the mean of the raters. No official split: by person.
- the challenge AVEC 2016: ``ratings_gold_standard/{arousal,valence}/train_1.arff`` (attributes ``Instance_name``,
  ``frameTime``, ``GoldStandard``) and ``recordings_video/train_1.mp4``; ``dev`` is validation, ``test`` has no labels.

A label at time t belongs to frame ``round(t * 25)``: the videos have 25 frames/s.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

import numpy as np

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import Read, split_by_subject
from fer_core.data.sample import Sample
from fer_core.data.tables import number_within, read_lines, read_table, row_complaints

NAME = "recola"
FRAME_RATE_HZ = 25
RATERS = ("FM1", "FM2", "FM3", "FF1", "FF2", "FF3")
_RATINGS = "RECOLA-Annotation/emotional_behaviour"
_GOLD = "ratings_gold_standard"
_AVEC_SPLITS = {"train": "train", "dev": "valid"}


def read_recola(archive: Archive) -> Read:
    """One sample a rated frame; ratings beyond the last frame of a video are dropped.

    Raises:
        DataError: when neither layout is there, the ratings of one dimension or a video are missing, or a value
            cannot be read.
    """
    if any(f"{_RATINGS}/valence/" in f"/{n}" for n in archive.names(".csv")):
        samples, dropped = _read(archive, _RATINGS, ".csv", "RECOLA-Video-recordings")
        return split_by_subject(samples), dropped
    if any(f"{_GOLD}/valence/" in f"/{n}" for n in archive.names(".arff")):
        return _read(archive, _GOLD, ".arff", "recordings_video")
    raise DataError(
        f"{archive.name}: neither {_RATINGS}/valence/P16.csv nor {_GOLD}/valence/train_1.arff is there; "
        "unpack the annotations"
    )


def _read(archive: Archive, ratings: str, suffix: str, recordings: str) -> Read:
    base = archive.enclosing(f"{ratings}/valence")
    videos = {PurePosixPath(n).stem: n for n in archive.names() if f"/{recordings}/" in f"/{n}"}
    samples, dropped = [], {"rating_beyond_last_frame": 0}
    for member in (n for n in archive.names(suffix) if n.startswith(f"{base}{ratings}/valence/")):
        person = PurePosixPath(member).stem
        split = "train" if suffix == ".csv" else _AVEC_SPLITS.get(person.split("_")[0])
        if split is None:
            continue  # the test recordings of the challenge
        if person not in videos:
            raise DataError(f"{archive.name}: {recordings}/{person}.mp4 is missing; unpack the recordings")
        read = _raters if suffix == ".csv" else _gold_standard
        valence = read(archive, member)
        arousal = read(archive, f"{base}{ratings}/arousal/{person}{suffix}")
        count = archive.frame_count(videos[person]) or max(valence, default=0) + 1
        for frame in sorted(valence.keys() & arousal.keys()):
            if frame >= count:
                dropped["rating_beyond_last_frame"] += 1
                continue
            path, va = f"{videos[person]}#{frame}", np.array([valence[frame], arousal[frame]], np.float32)
            samples.append(Sample(archive.name, path, split, subject=person, va=va, sequence=person, frame=frame))
    if not samples:
        raise DataError(f"{archive.name}: no frame is rated in both {ratings}/valence and arousal; restore the files")
    return samples, dropped


def _raters(archive: Archive, member: str) -> dict[int, float]:
    """Mean rating by frame."""
    name = f"{archive.name}/{member}"
    rows = read_table(archive.read(member), name, ["time", *RATERS], delimiter=";")
    return _by_frame(name, ((row["time"], [row[r] for r in RATERS]) for row in rows))


def _gold_standard(archive: Archive, member: str) -> dict[int, float]:
    """Rating by frame, from an ARFF file whose columns are found by their attribute names."""
    name = f"{archive.name}/{member}"
    attributes: list[str] = []
    rows: list[list[str]] = []
    for line in read_lines(archive.read(member), name):
        if line.lower().startswith("@attribute"):
            attributes.append(line.split()[1])
        elif not line.startswith(("@", "%")):
            rows.append([cell.strip() for cell in line.split(",")])
    missing = [a for a in ("frameTime", "GoldStandard") if a not in attributes]
    if missing:
        raise DataError(f"{name}: no attribute {', '.join(missing)}; is this the official file?")
    time, value = attributes.index("frameTime"), attributes.index("GoldStandard")
    with row_complaints(name, "data"):
        return _by_frame(name, ((row[time], [row[value]]) for row in rows))


def _by_frame(name: str, rows: Iterable[tuple[str, list[str]]]) -> dict[int, float]:
    ratings = {}
    for time_s, values in rows:
        with row_complaints(name, f"time {time_s}"):
            ratings[round(float(time_s) * FRAME_RATE_HZ)] = float(np.mean([number_within(v, -1, 1) for v in values]))
    return ratings
