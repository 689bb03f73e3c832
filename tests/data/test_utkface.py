from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.utkface import FOLDER, Person, person_named, read_utkface


def made(folder: Path, names: list[str]) -> Archive:
    for name in names:
        path = folder / FOLDER / "crop_part1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return Archive(folder, FOLDER)


def test_utkface_has_no_labels_and_half_of_it_is_for_testing(tmp_path: Path):
    names = [f"{age}_0_1_2017{age:04}.jpg.chip.jpg" for age in range(1, 101)]
    samples, dropped = read_utkface(made(tmp_path, [*names, "61_1_20170109.jpg.chip.jpg"]))
    assert Counter(s.split for s in samples) == {"train": 40, "valid": 10, "test": 50}
    assert dropped == {"name_incomplete": 1}
    for sample in samples:
        assert not sample.is_labelled
        assert np.isnan(sample.votes).all()


def test_file_names_say_who_is_shown():
    assert person_named("crop_part1/48_1_2_20170109002813437.jpg.chip.jpg") == Person(48, "female", "Asian")
    assert person_named("crop_part1/39_1_20170109142408075.jpg.chip.jpg") is None
    assert person_named("crop_part1/39_1_7_20170109142408075.jpg.chip.jpg") is None


def test_utkface_refuses_an_archive_without_images(tmp_path: Path):
    with pytest.raises(DataError, match="no image is there; unpack crop_part1"):
        read_utkface(made(tmp_path, ["x.jpg"]))
