"""Images sorted into folders by expression: ``<expression>/*.jpg``, or ``train|valid|test/<expression>/*.jpg``.

The folders are named as in :data:`fer_core.labels.EXPRESSIONS` or by an adjective (``happy``, ``Angry``); ``val`` and
``validation`` are valid. Without folders for the splits, images are split by their names, 70, 15 and 15 %.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import IMAGE_SUFFIXES, Read, expression_named
from fer_core.data.sample import Sample, one_hot
from fer_core.data.splits import split_groups
from fer_core.data.tables import row_complaints

_SPLITS = {"train": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test"}


def read_plain_folder(archive: Archive) -> Read:
    """Samples with one expression each.

    Raises:
        DataError: when no image lies in a folder, a folder is not named by an expression, or some images lie in folders
            of splits and others do not.
    """
    samples = []
    for path in archive.names():
        if not path.lower().endswith(IMAGE_SUFFIXES):
            continue
        with row_complaints(archive.name, path):
            parts = PurePosixPath(path).parts
            if len(parts) < 2:
                raise ValueError("an image must lie in a folder named by its expression")
            split = next((_SPLITS[p.lower()] for p in parts[:-2] if p.lower() in _SPLITS), "")
            samples.append(Sample(archive.name, path, split, votes=one_hot(expression_named(parts[-2]))))
    if not samples:
        raise DataError(f"{archive.name}: no image in folders such as happiness/ or train/happiness/; check the folder")
    without = [s.path for s in samples if not s.split]
    if not without:
        return samples, {}
    if len(without) < len(samples):
        raise DataError(f"{archive.name}: {without[0]} is in no folder train, valid or test, while others are; move it")
    splits = split_groups(s.path for s in samples)
    return [replace(s, split=splits[s.path]) for s in samples], {}
