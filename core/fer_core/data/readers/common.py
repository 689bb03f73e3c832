"""What the readers share: names of expressions, absent images, splits by person, duplicates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from fer_core.data.archive import Archive, DataError
from fer_core.data.sample import Sample
from fer_core.data.splits import split_groups
from fer_core.labels import ACTION_UNITS, EXPRESSIONS, Expression
from fer_core.types import Floats

#: What a reader returns: samples, and how many it dropped for which reason.
Read = tuple[list[Sample], dict[str, int]]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
#: Key of the images that a label file lists and the archive does not hold.
IMAGE_MISSING = "image_missing"

_OTHER_NAMES = {
    "happy": Expression.HAPPINESS,
    "joy": Expression.HAPPINESS,
    "surprised": Expression.SURPRISE,
    "sad": Expression.SADNESS,
    "angry": Expression.ANGER,
    "disgusted": Expression.DISGUST,
    "fearful": Expression.FEAR,
    "afraid": Expression.FEAR,
}
#: Two-letter codes in file names of JAFFE and BU-3DFE.
LETTER_CODES = {
    "AN": Expression.ANGER,
    "DI": Expression.DISGUST,
    "FE": Expression.FEAR,
    "HA": Expression.HAPPINESS,
    "NE": Expression.NEUTRAL,
    "SA": Expression.SADNESS,
    "SU": Expression.SURPRISE,
}


def expression_named(text: str) -> str:
    """Member of ``EXPRESSIONS`` for an English noun or adjective in any case, such as ``Angry``.

    Raises:
        ValueError: for another word.
    """
    name = text.strip().lower()
    if name in EXPRESSIONS:
        return name
    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name]
    raise ValueError(f"{text!r} is no expression; the names are {', '.join(EXPRESSIONS)}")


def action_units(presence: Mapping[int, float]) -> Floats:
    """(A,) presence in the order of ``ACTION_UNITS``, NaN for units not given; units not trained are left out."""
    return np.array([presence.get(unit, np.nan) for unit in ACTION_UNITS], np.float32)


def keep_present(archive: Archive, samples: Sequence[Sample], dropped: dict[str, int]) -> list[Sample]:
    """The samples whose image is in the archive; the others are counted in ``dropped``.

    Raises:
        DataError: when all images are absent, or there are no samples at all.
    """
    there = set(archive.names())
    kept = [s for s in samples if s.path in there]
    dropped[IMAGE_MISSING] = dropped.get(IMAGE_MISSING, 0) + len(samples) - len(kept)
    if not samples:
        raise DataError(f"{archive.name}: the labels are there, but they label no image; restore the official files")
    if not kept:
        raise DataError(
            f"{archive.name}: none of the {len(samples)} labelled images is there, such as {samples[0].path}; "
            "unpack the images beside the labels"
        )
    return kept


def split_by_subject(samples: Sequence[Sample]) -> list[Sample]:
    """The samples with the split of their subject (:func:`fer_core.data.splits.split_groups`)."""
    splits = split_groups(s.subject for s in samples)
    return [replace(s, split=splits[s.subject]) for s in samples]


def digest(content: bytes) -> str:
    """Equal for equal pictures; tells duplicates across splits, keeps nothing secret."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def without_leaks(samples: Sequence[Sample], digests: Sequence[str], dropped: dict[str, int]) -> list[Sample]:
    """Leaves out training images whose very picture is in another split, and counts them.

    Args:
        samples: N.
        digests: (N,) equal for equal pictures, "" where unknown.
        dropped: gets the key ``duplicate_of_valid_or_test``.
    """
    held_out = {d for s, d in zip(samples, digests, strict=True) if s.split != "train" and d}
    kept = [s for s, d in zip(samples, digests, strict=True) if s.split != "train" or d not in held_out]
    dropped["duplicate_of_valid_or_test"] = len(samples) - len(kept)
    return kept
