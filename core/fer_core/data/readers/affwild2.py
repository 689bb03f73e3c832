"""Aff-Wild2 (Kollias & Zafeiriou 2019) and its static selection s-Aff-Wild2: frames of videos from the web.

The cropped and aligned frames are in ``cropped_aligned/<video>/00001.jpg`` ... (counted from 1). Two kinds of labels:

- *s-Aff-Wild2*, the multi-task challenges: ``training_set_annotations*.txt`` and ``validation_set_annotations*.txt``
  with the header ``image,valence,arousal,expression,aus`` and rows
  ``<video>/<frame>.jpg,<valence>,<arousal>,<expression>,<12 action units>``.
- *per video*: one file a video, line k for frame k, in folders named by challenge (``VA_Estimation_Challenge``,
  ``EXPR_Classification_Challenge`` or ``EXPR_Recognition_Challenge``, ``AU_Detection_Challenge``; before 2022
  ``VA_Set``, ``EXPR_Set``, ``AU_Set``), each with ``Train_Set`` (or ``Training_Set``) and ``Validation_Set``. The
  first line names the columns: ``valence,arousal``; the expressions, of which the code is the place; the units.

Missing labels: -5 for valence and arousal, -1 for expression and action units. Expression codes: 0 neutral, 1 anger,
2 disgust, 3 fear, 4 happiness, 5 sadness, 6 surprise, 7 other. *Other* is none of our classes and counts as no
expression label. Action units: 1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26. People are not named: a video (with its
``_left`` or ``_right``) stands for a subject.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import Read, action_units, expression_named, keep_present
from fer_core.data.sample import Sample, one_hot
from fer_core.data.tables import number_within, read_lines, row_complaints
from fer_core.labels import EXPRESSIONS
from fer_core.types import Floats

NAME = "affwild2"
IMAGES = "cropped_aligned"
CODES = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other")
UNITS = (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)
NO_VA, NO_LABEL = -5.0, -1
_LISTS = {"training_set_annotations": "train", "validation_set_annotations": "valid"}
_FIELDS = 4 + len(UNITS)
_SPLITS = {"Train_Set": "train", "Training_Set": "train", "Validation_Set": "valid"}
_TASKS = {"VA": "va", "EXPR": "votes", "AU": "au"}
_UNLABELLED = "no_label"


def read_saffwild2(archive: Archive) -> Read:
    """Samples of the multi-task lists with whatever labels a frame has; frames without any are dropped.

    Raises:
        DataError: when a list or all frames are missing, or a row cannot be read.
    """
    base = archive.enclosing(IMAGES)
    samples, dropped = [], {_UNLABELLED: 0}
    for prefix, split in _LISTS.items():
        member = _list(archive, prefix)
        name = f"{archive.name}/{member}"
        header, *lines = read_lines(archive.read(member), name) or [""]
        if header.split(",")[:4] != ["image", "valence", "arousal", "expression"]:
            raise DataError(
                f"{name}: the header must begin with image,valence,arousal,expression, not {header[:60]!r}; "
                "is this the official list?"
            )
        for line in lines:
            with row_complaints(name, line.split(",")[0]):
                sample = _multi_task(archive.name, base, line.split(","), split)
            if sample.is_labelled:
                samples.append(sample)
            else:
                dropped[_UNLABELLED] += 1
    return keep_present(archive, samples, dropped), dropped


def read_affwild2(archive: Archive) -> Read:
    """Samples of the files per video, the tasks joined by frame; frames without any label are dropped.

    A video that one task trains on and another validates on goes to validation, with its validation labels only.

    Raises:
        DataError: when no challenge folder, or all frames are missing, or a line cannot be read.
    """
    base = archive.enclosing(IMAGES)
    files = _task_files(archive)
    if not files:
        raise DataError(
            f"{archive.name}: no VA_Estimation_Challenge/Train_Set/<video>.txt nor such files of another task; "
            "unpack the annotations beside the images"
        )
    samples, dropped = [], {_UNLABELLED: 0, "training_labels_of_a_validation_video": 0}
    for video, listed in sorted(files.items()):
        split = "valid" if any(s == "valid" for _, s, _ in listed) else "train"
        used = [(task, member) for task, s, member in listed if s == split]
        dropped["training_labels_of_a_validation_video"] += len(listed) - len(used)
        frames: dict[int, dict[str, Any]] = defaultdict(dict)
        for task, member in used:
            for number, labels in enumerate(_PARSERS[task](archive, member), start=1):
                frames[number][task] = labels
        for number, known in sorted(frames.items()):
            path = f"{base}{IMAGES}/{video}/{number:05d}.jpg"
            frame = Sample(archive.name, path, split, subject=video, sequence=video, frame=number)
            sample = replace(frame, **known)
            if sample.is_labelled:
                samples.append(sample)
            else:
                dropped[_UNLABELLED] += 1
    return keep_present(archive, samples, dropped), dropped


def _list(archive: Archive, prefix: str) -> str:
    found = [n for n in archive.names(".txt") if PurePosixPath(n).name.startswith(prefix)]
    if len(found) != 1:
        state = "is missing" if not found else f"is there {len(found)} times ({', '.join(found[:3])})"
        raise DataError(f"{archive.name}: {prefix}.txt {state}; keep the one list of the challenge you mean")
    return found[0]


def _multi_task(dataset: str, base: str, fields: Sequence[str], split: str) -> Sample:
    if len(fields) != _FIELDS:
        raise ValueError(f"{len(fields)} fields where {_FIELDS} are due")
    image = PurePosixPath(fields[0])
    video = image.parent.name
    return Sample(
        dataset,
        f"{base}{IMAGES}/{fields[0]}",
        split,
        subject=video,
        votes=_votes(int(fields[3]), CODES),
        va=_va(fields[1:3]),
        au=_units(UNITS, fields[4:]),
        sequence=video,
        frame=int(image.stem),
    )


def _task_files(archive: Archive) -> dict[str, list[tuple[str, str, str]]]:
    """Task (field of a sample), split and file of every video."""
    files: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for member in archive.names(".txt"):
        parts = PurePosixPath(member).parts
        if len(parts) < 3 or parts[-2] not in _SPLITS:
            continue
        task = re.match(r"(VA|EXPR|AU)_", parts[-3])
        if task:
            files[PurePosixPath(member).stem].append((_TASKS[task[1]], _SPLITS[parts[-2]], member))
    return files


def _lines(archive: Archive, member: str) -> tuple[list[str], list[str]]:
    """Names of the columns and the lines of the frames."""
    header, *lines = read_lines(archive.read(member), f"{archive.name}/{member}") or [""]
    return [c.strip() for c in header.split(",")], lines


def _read_va(archive: Archive, member: str) -> list[Floats]:
    header, lines = _lines(archive, member)
    if [h.lower() for h in header] != ["valence", "arousal"]:
        raise DataError(f"{archive.name}/{member}: the first line must be valence,arousal; is this the official file?")
    labels = []
    for number, line in enumerate(lines, start=1):
        with row_complaints(f"{archive.name}/{member}", f"frame {number}"):
            labels.append(_va(line.split(",")))
    return labels


def _read_votes(archive: Archive, member: str) -> list[Floats]:
    header, lines = _lines(archive, member)
    with row_complaints(f"{archive.name}/{member}", "the names of the expressions"):
        names = [h.lower() if h.lower() == "other" else expression_named(h) for h in header]
    labels = []
    for number, line in enumerate(lines, start=1):
        with row_complaints(f"{archive.name}/{member}", f"frame {number}"):
            labels.append(_votes(int(line), names))
    return labels


def _read_au(archive: Archive, member: str) -> list[Floats]:
    header, lines = _lines(archive, member)
    with row_complaints(f"{archive.name}/{member}", "the names of the action units"):
        units = [int(h.upper().removeprefix("AU")) for h in header]
    labels = []
    for number, line in enumerate(lines, start=1):
        with row_complaints(f"{archive.name}/{member}", f"frame {number}"):
            labels.append(_units(units, line.split(",")))
    return labels


_PARSERS: dict[str, Callable[[Archive, str], list[Floats]]] = {"va": _read_va, "votes": _read_votes, "au": _read_au}


def _va(pair: Sequence[str]) -> Floats:
    if len(pair) != 2:
        raise ValueError(f"{len(pair)} values where valence and arousal are due")
    values = [np.nan if float(v) == NO_VA else number_within(v, -1, 1) for v in pair]
    return np.array(values if np.isfinite(values).all() else (np.nan, np.nan), np.float32)


def _votes(code: int, names: Sequence[str]) -> Floats:
    if code != NO_LABEL and not 0 <= code < len(names):
        raise ValueError(f"expression code {code} is not within 0..{len(names) - 1}, nor {NO_LABEL} for none")
    if code == NO_LABEL or names[code] == "other":
        return np.full(len(EXPRESSIONS), np.nan, np.float32)
    return one_hot(names[code])


def _units(units: Sequence[int], values: Sequence[str]) -> Floats:
    if len(values) != len(units):
        raise ValueError(f"{len(values)} values for {len(units)} action units")
    presence = [number_within(v, NO_LABEL, 1) for v in values]
    return action_units({u: p for u, p in zip(units, presence, strict=True) if p != NO_LABEL})
