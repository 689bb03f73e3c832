import csv
import io
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fer_core.data.splits import balanced_groups, read_split, split_groups, stratified_half
from fer_core.labels import ACTION_UNITS

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def test_read_split_returns_the_fixed_lists():
    subjects, images = read_split("ckplus_test_subjects"), read_split("diffusionfer_test")
    assert len(subjects) == 43
    assert all(name[0] == "S" and name[1:].isdigit() for name in subjects)
    assert len(images) == 641
    assert all(name.endswith(".jpg") and "/" not in name for name in images)


def test_read_split_names_the_choices_for_an_unknown_list():
    with pytest.raises(ValueError, match="ckplus_test_subjects, diffusionfer_test"):
        read_split("nope")


def test_balanced_groups_beats_random_draws_and_ignores_order():
    rng = np.random.default_rng(3)
    names = [f"s{i:02d}" for i in range(40)]
    positives = rng.poisson(0.7, (40, 6))
    chosen = balanced_groups(names, positives, 14, seed=5, starts=5)
    assert len(set(chosen)) == 14

    target = positives.sum(0) * 14 / 40

    def imbalance(group: list[int]) -> float:
        return float(((positives[group].sum(0) - target) ** 2 / target).sum())

    ours = imbalance([names.index(n) for n in chosen])
    assert ours < min(imbalance(list(rng.permutation(40)[:14])) for _ in range(200))
    order = rng.permutation(40)
    assert balanced_groups([names[i] for i in order], positives[order], 14, seed=5, starts=5) == chosen


def test_balanced_groups_refuses_impossible_requests():
    with pytest.raises(ValueError, match="repeat"):
        balanced_groups(["a", "a"], [[1], [0]], 1)
    with pytest.raises(ValueError, match="cannot choose 2"):
        balanced_groups(["a", "b"], [[1], [0]], 2)
    with pytest.raises(ValueError, match="shape"):
        balanced_groups(["a", "b"], [[1]], 1)


def test_stratified_half_takes_half_of_each_class():
    names = [f"n{i}" for i in range(15)]
    classes = ["a"] * 10 + ["b"] * 5
    half = stratified_half(names, classes, seed=1)
    assert sum(classes[names.index(n)] == "a" for n in half) == 5
    assert sum(classes[names.index(n)] == "b" for n in half) == 2
    assert half == stratified_half(names[::-1], classes[::-1], seed=1)
    with pytest.raises(ValueError, match="distinct"):
        stratified_half(["x", "x"], ["a", "a"])


@pytest.mark.slow
def test_splits_are_halves_of_the_real_data():
    if not SHARED.is_dir():
        pytest.skip("the research data is not beside the checkout")
    with zipfile.ZipFile(SHARED / "ckplus128.zip") as archive:
        name = next(n for n in archive.namelist() if n.endswith("ckplus128_au_labels.csv"))
        rows = list(csv.DictReader(io.StringIO(archive.read(name).decode())))
    test = read_split("ckplus_test_subjects")
    subjects = {row["subject"] for row in rows}
    assert test < subjects
    assert len(subjects - test) == 80
    for unit in ACTION_UNITS:
        held_out = [row["subject"] in test for row in rows if row[f"AU{unit}"] == "1"]
        assert abs(sum(held_out) - len(held_out) * 43 / 123) < 1.0
    with zipfile.ZipFile(SHARED / "diffusionfer.zip") as archive:
        images = {Path(n).name for n in archive.namelist() if n.endswith(".jpg")}
    assert read_split("diffusionfer_test") < images


def test_split_groups_is_fixed_and_leaves_no_split_empty():
    names = [f"person {n}" for n in range(100)]
    splits = split_groups(names)
    assert splits == split_groups(reversed([*names, *names]))
    counts = Counter(splits.values())
    assert counts == {"train": 70, "valid": 15, "test": 15}
    for few in range(3, 8):
        assert set(split_groups(names[:few]).values()) == {"train", "valid", "test"}
    assert set(split_groups(names[:1]).values()) == {"train"}


def test_split_groups_refuses_shares_without_a_test_part():
    with pytest.raises(ValueError, match="leave no test groups"):
        split_groups(["a"], train=0.8, valid=0.2)
