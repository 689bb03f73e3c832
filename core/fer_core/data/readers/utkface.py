"""Part 1 of UTKFace: 9,780 colour faces from the web, cut out at 200 px; age, gender and race, no affect.

Faces without a label of affect teach nothing by themselves: a stage whose labels come from teachers
(:mod:`fer_core.train.teachers`) gives them what the network itself answers. Its makers name no people, so the splits
go by image.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.common import Read
from fer_core.data.sample import Sample
from fer_core.data.splits import split_groups

NAME = "utkface"
FOLDER = "utkface_part1"
GENDERS = ("male", "female")
RACES = ("white", "black", "Asian", "Indian", "other")
_TRAIN, _VALID = 0.4, 0.1


@dataclass(frozen=True, slots=True)
class Person:
    """What the file name says of the person shown, as the makers estimated it."""

    age: int
    """Years."""
    gender: str
    """Of ``GENDERS``."""
    race: str
    """Of ``RACES``."""


def read_utkface(archive: Archive) -> Read:
    """Samples without labels; two in five to train on, half to test. Images with damaged names are dropped.

    Raises:
        DataError: when there is no image.
    """
    paths = archive.names(".jpg")
    named = [path for path in paths if person_named(path) is not None]
    if not named:
        raise DataError(f"{NAME}: no image is there; unpack crop_part1 anew")
    splits = split_groups(named, train=_TRAIN, valid=_VALID)
    return [Sample(NAME, path, splits[path]) for path in named], {"name_incomplete": len(paths) - len(named)}


def person_named(path: str) -> Person | None:
    """Of ``age_gender_race_time.jpg``; None where a part is missing or unknown."""
    parts = PurePosixPath(path).name.split("_")
    if len(parts) != 4 or not all(part.isdecimal() for part in parts[:3]):
        return None
    age, gender, race = map(int, parts[:3])
    return Person(age, GENDERS[gender], RACES[race]) if gender < len(GENDERS) and race < len(RACES) else None
