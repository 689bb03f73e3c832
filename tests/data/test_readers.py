import shutil
from collections import Counter

import numpy as np
import pytest

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.ckplus import read_ckplus
from fer_core.data.readers.diffusionfer import read_diffusionfer
from fer_core.data.readers.ferplus import read_ferplus
from fer_core.data.splits import read_split
from fer_core.labels import ACTION_UNITS, EXPRESSIONS

READERS = {"ferplus": read_ferplus, "ckplus128": read_ckplus, "diffusionfer": read_diffusionfer}
LABELS = {
    "ferplus": "labels_merged.csv",
    "ckplus128": "ckplus128_au_labels.csv",
    "diffusionfer": "dataset_sheet.csv",
}


@pytest.fixture
def root(make_root, tmp_path):
    return make_root(tmp_path)


def votes(**shares: float) -> list[float]:
    return [shares.get(name, 0.0) for name in EXPRESSIONS]


def edit(root, name, old, new):
    path = root / name / LABELS[name]
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_read_ferplus_follows_the_protocol(root):
    samples, dropped = read_ferplus(Archive(root, "ferplus"))
    assert dropped == {"unknown_or_no_face_wins": 2, "no_expression_vote": 1, "duplicate_of_valid_or_test": 1}
    assert Counter(s.split for s in samples) == {"train": 4, "valid": 1, "test": 2}
    by_number = {int(s.path[-11:-4]): s for s in samples}
    assert sorted(by_number) == [0, 1, 6, 7, 8, 9, 10]
    np.testing.assert_allclose(by_number[0].votes, votes(happiness=0.8, neutral=0.2))
    np.testing.assert_allclose(by_number[1].votes, votes(sadness=1))
    np.testing.assert_allclose(by_number[10].votes, votes(contempt=0.6, neutral=0.4))
    assert by_number[9].path == "data/FER2013Test/fer0000009.png"
    assert all(np.isnan(s.va).all() and np.isnan(s.au).all() for s in samples)


def test_read_ckplus_splits_by_subject_and_keeps_uncoded_units_missing(root):
    samples, dropped = read_ckplus(Archive(root, "ckplus128"))
    assert dropped == {}
    assert len(samples) == 14
    test = [s for s in samples if s.split == "test"]
    assert {s.subject for s in test} == {sorted(read_split("ckplus_test_subjects"))[0]}
    assert not {s.subject for s in test} & {s.subject for s in samples if s.split == "train"}
    smile = next(s for s in samples if s.subject == "S910" and "happiness" in s.path)
    assert [u for u, p in zip(ACTION_UNITS, smile.au, strict=True) if p == 1] == [6, 12, 25]
    np.testing.assert_array_equal(smile.votes, votes(happiness=1))
    assert smile.au_weight == 1
    assert np.isfinite(smile.au).all()
    uncoded = next(s for s in samples if s.subject == "S900")
    assert [u for u, p in zip(ACTION_UNITS, uncoded.au, strict=True) if np.isnan(p)] == [27]


def test_read_diffusionfer_reads_the_published_folders_of_png_too(root):
    as_jpeg, _ = read_diffusionfer(Archive(root, "diffusionfer"))
    folder = root / "diffusionfer"
    for file in sorted((folder / "cropped").rglob("*.jpg")):
        published = folder / "DiffusionFER/DiffusionEmotion_S" / file.relative_to(folder).with_suffix(".png")
        published.parent.mkdir(parents=True, exist_ok=True)
        file.rename(published)
    as_png, dropped = read_diffusionfer(Archive(root, "diffusionfer"))
    assert dropped == {"image_missing": 1}
    assert [s.split for s in as_png] == [s.split for s in as_jpeg]
    assert {s.split for s in as_png} == {"train", "test"}
    assert all(s.path.startswith("DiffusionFER/DiffusionEmotion_S/cropped/") for s in as_png)
    assert all(s.path.endswith(".png") for s in as_png)


def test_read_diffusionfer_trusts_the_table_and_keeps_the_test_half(root):
    edit(root, "diffusionfer", "happy/made1.png,-0.2,0.1,1", "happy/made1.png,-0.2,0.1,6")  # a prompt that failed
    samples, dropped = read_diffusionfer(Archive(root, "diffusionfer"))
    assert dropped == {"image_missing": 1}
    assert Counter(s.split for s in samples) == {"train": 7, "test": 1}
    test = next(s for s in samples if s.split == "test")
    assert test.path == f"cropped/angry/{sorted(read_split('diffusionfer_test'))[0]}"
    changed = next(s for s in samples if s.path == "cropped/happy/made1.jpg")
    np.testing.assert_array_equal(changed.votes, votes(anger=1))
    np.testing.assert_allclose(changed.va, (-0.2, 0.1), atol=1e-6)
    sad = next(s for s in samples if "made2" in s.path)
    np.testing.assert_array_equal(sad.votes, votes(sadness=1))


@pytest.mark.parametrize("name", READERS)
def test_readers_read_the_same_from_a_zip(root, tmp_path, name):
    from_folder, dropped = READERS[name](Archive(root, name))
    packed = tmp_path / "packed"
    packed.mkdir()
    shutil.make_archive(str(packed / name), "zip", root / name)
    archive = Archive(packed, name)
    from_zip, dropped_zip = READERS[name](archive)
    assert dropped == dropped_zip
    assert [(s.path, s.split, s.subject) for s in from_zip] == [(s.path, s.split, s.subject) for s in from_folder]
    np.testing.assert_array_equal([s.votes for s in from_zip], [s.votes for s in from_folder])
    for sample in from_zip:
        np.testing.assert_array_equal(archive.image(sample.path), Archive(root, name).image(sample.path))


@pytest.mark.parametrize("name", READERS)
def test_readers_name_the_missing_label_file(root, name):
    (root / name / LABELS[name]).unlink()
    with pytest.raises(DataError, match=f"{name}: {LABELS[name]} is missing"):
        READERS[name](Archive(root, name))


@pytest.mark.parametrize(
    ("name", "column"), [("ferplus", "ferplus_contempt"), ("ckplus128", "AU17"), ("diffusionfer", "arousal")]
)
def test_readers_name_the_missing_column(root, name, column):
    edit(root, name, column, "other")
    with pytest.raises(DataError, match=f"{name}/{LABELS[name]}: no column {column}"):
        READERS[name](Archive(root, name))


@pytest.mark.parametrize(
    ("name", "old", "new", "row"),
    [
        ("ferplus", "PublicTest", "Validation", "fer0000008"),
        ("ferplus", "Training,,2,8", "Training,,2,some", "fer0000000"),
        ("ckplus128", ",happiness,", ",joy,", "S900_001"),
        ("ckplus128", ",neutral,0", ",neutral,yes", "S900_001"),
        ("diffusionfer", "made0.png,-0.3,0.0,0", "made0.png,-0.3,0.0,9", "made0"),
        ("diffusionfer", "made0.png,-0.3", "made0.png,low", "made0"),
    ],
)
def test_readers_name_the_row_that_cannot_be_read(root, name, old, new, row):
    edit(root, name, old, new)
    with pytest.raises(DataError, match=f"{name}/{LABELS[name]}: the row of .*{row}.* cannot be read"):
        READERS[name](Archive(root, name))
