"""FER2013, FER+, RAF-DB, AffectNet: tiny archives in the official layouts."""

import csv
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.affectnet import COLUMNS, read_affectnet, read_affectnet7
from fer_core.data.readers.common import expression_named
from fer_core.data.readers.fer2013 import read_fer2013
from fer_core.data.readers.ferplus import read_ferplus
from fer_core.data.readers.rafdb import read_rafdb, read_rafdb_compound
from fer_core.labels import EXPRESSIONS


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def named(sample) -> str:
    return EXPRESSIONS[int(sample.votes.argmax())] if np.isfinite(sample.votes).all() else "none"


def pixels(level: int) -> str:
    return " ".join(str((level + n) % 256) for n in range(48 * 48))


# ---- FER2013


@pytest.mark.parametrize(("table", "header"), [("fer2013.csv", "emotion,pixels,Usage"), ("icml_face_data.csv", None)])
def test_read_fer2013_table_gives_pictures_and_drops_leaks(tmp_path, table, header):
    rows = [(0, 1, "Training"), (3, 2, "Training"), (6, 3, "PublicTest"), (5, 2, "PrivateTest")]
    if header:
        lines = [f"{code},{pixels(level)},{usage}" for code, level, usage in rows]
    else:
        header = "emotion, Usage, pixels"
        lines = [f"{code},{usage},{pixels(level)}" for code, level, usage in rows]
    write(tmp_path / "fer2013" / table, "\n".join([header, *lines]) + "\n")
    archive = Archive(tmp_path, "fer2013")
    samples, dropped = read_fer2013(archive)
    assert [(named(s), s.split) for s in samples] == [("anger", "train"), ("neutral", "valid"), ("surprise", "test")]
    assert dropped == {"duplicate_of_valid_or_test": 1}
    picture = archive.image(samples[2].path)
    assert picture.shape == (48, 48, 3)
    np.testing.assert_array_equal(picture[..., 1].ravel(), np.array(pixels(2).split(), np.uint8))


def test_read_fer2013_folders(tmp_path):
    for number, path in enumerate(["train/angry/a.png", "train/fear/b.png", "test/happy/c.png"]):
        full = tmp_path / "fer2013" / path
        full.parent.mkdir(parents=True)
        cv2.imwrite(str(full), np.full((48, 48), number, np.uint8))
    (tmp_path / "fer2013" / "train" / "angry" / "copy.png").write_bytes(full.read_bytes())
    samples, dropped = read_fer2013(Archive(tmp_path, "fer2013"))
    assert sorted((named(s), s.split) for s in samples) == [
        ("anger", "train"),
        ("fear", "train"),
        ("happiness", "test"),
    ]
    assert dropped == {"duplicate_of_valid_or_test": 1}


def test_read_fer2013_names_what_is_missing(tmp_path):
    touch(tmp_path, "fer2013/readme.txt")
    with pytest.raises(DataError, match=r"fer2013\.csv nor icml_face_data\.csv nor images in train/"):
        read_fer2013(Archive(tmp_path, "fer2013"))
    write(tmp_path / "fer2013" / "fer2013.csv", "emotion,pixel,Usage\n")
    with pytest.raises(DataError, match=r"fer2013\.csv: no column pixels"):
        read_fer2013(Archive(tmp_path, "fer2013"))
    write(tmp_path / "fer2013" / "fer2013.csv", f"emotion,pixels,Usage\n7,{pixels(0)},Training\n")
    with pytest.raises(DataError, match=r"the row of image 0 cannot be read"):
        read_fer2013(Archive(tmp_path, "fer2013"))


def test_archive_image_names_a_row_without_a_square_picture(tmp_path):
    write(tmp_path / "set" / "a.csv", "emotion,pixels\n0,1 2 3\n")
    archive = Archive(tmp_path, "set")
    for index in (0, 4):
        with pytest.raises(DataError, match=rf"set/a\.csv: row {index} holds no square picture"):
            archive.image(f"a.csv#{index}")


# ---- FER+


def ferplus(root: Path) -> Path:
    names = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF"]
    rows = [
        ("Training", "fer0000000.png", {"anger": 6, "neutral": 4}),
        ("Training", "", {"NF": 10}),
        ("Training", "fer0000002.png", {"unknown": 8, "fear": 2}),
        ("Training", "fer0000003.png", {"sadness": 10}),
        ("PublicTest", "fer0000004.png", {"surprise": 10}),
        ("PublicTest", "fer0000007.png", {"fear": 10}),
        ("PublicTest", "fer0000007.png", {"NF": 10}),
        ("PrivateTest", "fer0000005.png", {"sadness": 9, "neutral": 1}),
        ("PrivateTest", "fer0000006.png", {"contempt": 10}),
    ]
    folders = {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}
    lines = [",".join(["Usage", "Image name", *names])]
    for usage, file, votes in rows:
        lines.append(",".join([usage, file, *(str(votes.get(n, 0)) for n in names)]))
        if file and file != "fer0000006.png":
            full = root / "ferplus" / "data" / folders[usage] / file
            full.parent.mkdir(parents=True, exist_ok=True)
            same = {"fer0000005.png": 3}.get(file, int(file[3:10]))
            cv2.imwrite(str(full), np.full((48, 48), same, np.uint8))
    write(root / "ferplus" / "fer2013new.csv", "\n".join(lines) + "\n")
    return root


def test_read_ferplus_official_layout(tmp_path):
    samples, dropped = read_ferplus(Archive(ferplus(tmp_path), "ferplus"))
    assert [(s.path, s.split) for s in samples] == [
        ("data/FER2013Train/fer0000000.png", "train"),
        ("data/FER2013Valid/fer0000004.png", "valid"),
        ("data/FER2013Test/fer0000005.png", "test"),
    ]
    np.testing.assert_allclose(samples[0].votes, [0.4, 0, 0, 0, 0.6, 0, 0, 0], rtol=1e-6)
    assert dropped == {
        "removed_by_the_authors": 1,
        "listed_twice": 2,
        "image_missing": 1,
        "unknown_or_no_face_wins": 1,
        "no_expression_vote": 0,
        "duplicate_of_valid_or_test": 1,
    }


def test_read_ferplus_official_layout_names_what_is_missing(tmp_path):
    import shutil

    root = ferplus(tmp_path)
    shutil.rmtree(root / "ferplus" / "data" / "FER2013Valid")
    with pytest.raises(DataError, match="the folder FER2013Valid is missing"):
        read_ferplus(Archive(root, "ferplus"))
    table = root / "ferplus" / "fer2013new.csv"
    table.write_text(table.read_text().replace("contempt", "scorn"))
    with pytest.raises(DataError, match="the folder FER2013Valid"):
        read_ferplus(Archive(root, "ferplus"))
    touch(root, "ferplus/data/FER2013Valid/x.png")
    with pytest.raises(DataError, match=r"fer2013new\.csv: no column contempt"):
        read_ferplus(Archive(root, "ferplus"))


# ---- RAF-DB


def rafdb(root: Path, images: str) -> Archive:
    basic = {"train_00001": 5, "train_00002": 7, "test_0001": 1}
    compound = {"train_0001": 1, "test_0001": 11, "test_0002": 7}
    for part, codes in (("basic", basic), ("compound", compound)):
        write(
            root / "rafdb" / part / "EmoLabel" / "list_patition_label.txt",
            "".join(f"{n}.jpg {c}\n" for n, c in codes.items()),
        )
        for name in codes:
            touch(root, f"rafdb/{part}/Image/{images}/{name}{'_aligned' if images == 'aligned' else ''}.jpg")
    return Archive(root, "rafdb")


@pytest.mark.parametrize("images", ["aligned", "original"])
def test_read_rafdb_basic_and_compound(tmp_path, images):
    archive = rafdb(tmp_path, images)
    samples, dropped = read_rafdb(archive)
    assert [(named(s), s.split) for s in samples] == [("sadness", "train"), ("neutral", "train"), ("surprise", "test")]
    assert dropped == {"image_missing": 0}
    assert samples[0].path.startswith(f"basic/Image/{images}/train_00001")
    pairs, _ = read_rafdb_compound(archive)
    shown = [{n for n, v in zip(EXPRESSIONS, s.votes, strict=True) if v == 0.5} for s in pairs]
    assert shown == [{"happiness", "surprise"}, {"disgust", "surprise"}, {"fear", "anger"}]
    assert [s.split for s in pairs] == ["train", "test", "test"]


def test_read_rafdb_names_what_is_missing(tmp_path):
    archive = rafdb(tmp_path, "aligned")
    labels = tmp_path / "rafdb" / "basic" / "EmoLabel" / "list_patition_label.txt"
    for text, message in (
        ("train_00001.jpg 8\n", r"the row of train_00001\.jpg 8 cannot be read"),
        ("valid_00001.jpg 1\n", "valid_00001"),
        ("train_99999.jpg 1\n", r"none of the 1 labelled images is there, such as basic/Image/aligned/train_99999_al"),
        ("", "lists no image"),
    ):
        labels.write_text(text)
        with pytest.raises(DataError, match=message):
            read_rafdb(archive)
    labels.unlink()
    with pytest.raises(DataError, match=r"basic/EmoLabel/list_patition_label\.txt is missing"):
        read_rafdb(Archive(tmp_path, "rafdb"))


# ---- AffectNet

ROWS_2017 = [
    ("1/a.jpg", 1, 0.5, -0.25),
    ("1/b.jpg", 7, -0.5, 0.5),
    ("2/c.jpg", 8, 0.0, 0.125),
    ("2/d.jpg", 9, -2, -2),
    ("2/e.jpg", 10, -2, -2),
    ("2/absent.jpg", 0, 0, 0),
]


def affectnet_2017(root: Path, *, header: bool = True, rows=ROWS_2017) -> Archive:
    lists = root / "affectnet" / "Manually_Annotated_file_lists"
    lists.mkdir(parents=True, exist_ok=True)
    for part in ("training", "validation"):
        with (lists / f"{part}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            if header or part == "training":
                writer.writerow(COLUMNS)
            writer.writerows(
                [[f, 1, 2, 3, 4, "1;2;3", e, v, a] for f, e, v, a in (rows if part == "training" else rows[:1])]
            )
    images = "affectnet/Manually_Annotated/Manually_Annotated_Images"
    touch(root, *(f"{images}/{f}" for f, *_ in ROWS_2017 if "absent" not in f))
    return Archive(root, "affectnet")


@pytest.mark.parametrize("header", [True, False])
def test_read_affectnet_2017(tmp_path, header):
    samples, dropped = read_affectnet(affectnet_2017(tmp_path, header=header))
    assert [(named(s), s.split) for s in samples] == [
        ("happiness", "train"),
        ("contempt", "train"),
        ("none", "train"),
        ("happiness", "valid"),
    ]
    np.testing.assert_allclose([s.va for s in samples], [(0.5, -0.25), (-0.5, 0.5), (0, 0.125), (0.5, -0.25)])
    assert dropped == {"uncertain": 1, "no_face": 1, "image_missing": 1}
    assert samples[0].path == "Manually_Annotated/Manually_Annotated_Images/1/a.jpg"


def test_read_affectnet_leaves_out_missing_valence_arousal(tmp_path):
    samples, _ = read_affectnet(affectnet_2017(tmp_path, rows=[("1/a.jpg", 1, -2, -2)]))
    assert all(np.isnan(s.va).all() and named(s) == "happiness" for s in samples)


def test_read_affectnet7_leaves_out_contempt_and_keeps_faces_without_an_expression(tmp_path):
    samples, dropped = read_affectnet7(affectnet_2017(tmp_path))
    assert Counter(named(s) for s in samples) == {"happiness": 2, "none": 1}
    assert dropped["contempt"] == 1


@pytest.mark.parametrize("row", [("1/a.jpg", 11, 0, 0), ("1/a.jpg", 1, 1.5, 0), ("1/a.jpg", "x", 0, 0)])
def test_read_affectnet_2017_names_the_row(tmp_path, row):
    with pytest.raises(DataError, match=r"training\.csv: the row of 1/a\.jpg cannot be read"):
        read_affectnet(affectnet_2017(tmp_path, rows=[row]))


@pytest.mark.parametrize("stored", [str, float])
def test_read_affectnet_2021(tmp_path, stored):
    for part, number, labels in (
        ("train_set", 0, (6, -0.5, 0.75)),
        ("train_set", 3, (7, -0.5, 0.5)),
        ("val_set", 1, (0, 0, 0)),
    ):
        folder = tmp_path / "affectnet" / part
        (folder / "annotations").mkdir(parents=True, exist_ok=True)
        for kind, value in zip(("exp", "val", "aro"), labels, strict=True):
            np.save(
                folder / "annotations" / f"{number}_{kind}.npy", np.array(str(value) if stored is str else float(value))
            )
        touch(folder, f"images/{number}.jpg")
    samples, _ = read_affectnet(Archive(tmp_path, "affectnet"))
    assert [(s.path, named(s), s.split) for s in samples] == [
        ("train_set/images/0.jpg", "anger", "train"),
        ("train_set/images/3.jpg", "contempt", "train"),
        ("val_set/images/1.jpg", "neutral", "valid"),
    ]
    np.testing.assert_allclose(samples[0].va, (-0.5, 0.75))
    assert len(read_affectnet7(Archive(tmp_path, "affectnet"))[0]) == 2
    (tmp_path / "affectnet" / "train_set" / "annotations" / "3_aro.npy").unlink()
    with pytest.raises(DataError, match=r"train_set/annotations/3_aro\.npy is missing"):
        read_affectnet(Archive(tmp_path, "affectnet"))


def test_read_affectnet_names_both_releases_when_neither_is_there(tmp_path):
    touch(tmp_path, "affectnet/readme.txt")
    with pytest.raises(DataError, match=r"training\.csv \(release of 2017\) nor train_set/annotations/"):
        read_affectnet(Archive(tmp_path, "affectnet"))


def test_expression_named_knows_the_names_in_use():
    for text, name in (("Angry", "anger"), ("happy", "happiness"), ("Neutral", "neutral"), (" FEAR ", "fear")):
        assert expression_named(text) == name
    with pytest.raises(ValueError, match="'smirk' is no expression; the names are neutral, "):
        expression_named("smirk")
