"""One's own images: folders by expression, and a table."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.plain_csv import read_plain_csv
from fer_core.data.readers.plain_folder import read_plain_folder
from fer_core.labels import ACTION_UNITS, EXPRESSIONS


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")


def table(root: Path, *lines: str) -> Archive:
    (root / "mine").mkdir(exist_ok=True)
    (root / "mine" / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Archive(root, "mine")


def test_read_plain_folder_with_folders_of_splits(tmp_path):
    touch(tmp_path / "mine", "train/happy/a.jpg", "val/Sad/b.PNG", "test/contempt/c.jpeg", "train/notes.txt")
    samples, dropped = read_plain_folder(Archive(tmp_path, "mine"))
    assert dropped == {}
    assert {(s.path, EXPRESSIONS[int(s.votes.argmax())], s.split) for s in samples} == {
        ("train/happy/a.jpg", "happiness", "train"),
        ("val/Sad/b.PNG", "sadness", "valid"),
        ("test/contempt/c.jpeg", "contempt", "test"),
    }


def test_read_plain_folder_splits_images_itself(tmp_path):
    touch(tmp_path / "mine", *(f"{e}/{k}.png" for e in ("fear", "neutral") for k in range(20)))
    samples, _ = read_plain_folder(Archive(tmp_path, "mine"))
    assert Counter(s.split for s in samples) == {"train": 28, "valid": 6, "test": 6}
    assert [s.split for s in samples] == [s.split for s in read_plain_folder(Archive(tmp_path, "mine"))[0]]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["smirk/a.png"], "the row of smirk/a.png cannot be read.*no expression"),
        (["a.png"], "a.png cannot be read.*folder named by its expression"),
        (["fear/a.png", "train/fear/b.png"], "fear/a.png is in no folder train, valid or test"),
        (["fear/a.txt"], "no image in folders"),
    ],
)
def test_read_plain_folder_says_what_is_wrong(tmp_path, paths, message):
    touch(tmp_path / "mine", *paths)
    with pytest.raises(DataError, match=message):
        read_plain_folder(Archive(tmp_path, "mine"))


def test_read_plain_csv_takes_every_kind_of_label(tmp_path):
    touch(tmp_path / "mine", "a.png", "b.png", "c.png", "clip.mp4")
    archive = table(
        tmp_path,
        "path,subject,split,expression,valence,arousal,au01,au12,sequence,frame",
        "a.png,p1,train,happy,0.5,-0.25,1,0.75,,",
        "b.png,p2,test,,,,,0,,",
        "c.png,p2,test,,,,,,,",
        "clip.mp4#3,p3,valid,fear,,,,,clip,3",
        "absent.png,p3,valid,fear,,,,,,",
    )
    samples, dropped = read_plain_csv(archive)
    assert dropped == {"no_label": 1, "image_missing": 1}
    assert [(s.path, s.subject, s.split) for s in samples] == [
        ("a.png", "p1", "train"),
        ("b.png", "p2", "test"),
        ("clip.mp4#3", "p3", "valid"),
    ]
    np.testing.assert_allclose(samples[0].va, (0.5, -0.25))
    au = dict(zip(ACTION_UNITS, samples[0].au, strict=True))
    assert (au[1], au[12]) == (1, 0.75)
    assert np.isnan(au[4])
    assert np.isnan(samples[1].votes).all()
    assert np.isnan(samples[1].va).all()
    assert (samples[2].sequence, samples[2].frame) == ("clip", 3)


def test_read_plain_csv_takes_votes_and_splits_by_subject(tmp_path):
    names = ",".join(f"p_{e}" for e in EXPRESSIONS)
    touch(tmp_path / "mine", *(f"{k}.png" for k in range(12)))
    lines = [f"{k}.png,s{k // 2},{','.join(['3', '1'] + ['0'] * 6)}" for k in range(12)]
    samples, _ = read_plain_csv(table(tmp_path, f"path,subject,{names}", *lines))
    np.testing.assert_allclose(samples[0].votes[:2], (0.75, 0.25))
    assert {s.split for s in samples} == {"train", "valid", "test"}
    assert all(len({s.split for s in samples if s.subject == f"s{n}"}) == 1 for n in range(6))


@pytest.mark.parametrize("sequence", ["", "one"])
def test_read_plain_csv_keeps_the_frames_of_a_video_in_one_split(tmp_path, sequence):
    touch(tmp_path / "mine", "clip.mp4", "other.mp4")
    lines = [f"{name}.mp4#{k},fear,{sequence and name}" for name in ("clip", "other") for k in range(20)]
    samples, _ = read_plain_csv(table(tmp_path, "path,expression,sequence", *lines))
    assert all(len({s.split for s in samples if s.path.startswith(name)}) == 1 for name in ("clip", "other"))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("image,expression", "a.png,fear"), "labels.csv: no column path"),
        (("path,mood", "a.png,fear"), "no column holds labels"),
        (("expression,path", "fear"), r"labels\.csv: line 2 is cut short"),
        (("path,expression", '"a.png,fear' + "x" * 140_000), r"labels\.csv: cannot be read near line \d+"),
        (("path,expression,split", "a.png,fear,dev"), "the row of a.png cannot be read.*split 'dev'"),
        (("path,valence,arousal", "a.png,0.5,"), "valence and arousal must both be given"),
        (("path,valence,arousal", "a.png,5,1"), "not within -1..1"),
        (("path,au01", "a.png,2"), "not within 0..1"),
        (("path,expression", "b.png,fear"), "none of the 1 labelled images is there, such as b.png"),
    ],
)
def test_read_plain_csv_says_what_is_wrong(tmp_path, lines, message):
    touch(tmp_path / "mine", "a.png")
    with pytest.raises(DataError, match=message):
        read_plain_csv(table(tmp_path, *lines))
