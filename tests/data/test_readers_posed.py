"""CK+, JAFFE, BU-3DFE: tiny archives in the official layouts."""

from pathlib import Path

import numpy as np
import pytest

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.bu3dfe import read_bu3dfe
from fer_core.data.readers.ckplus_official import read_ckplus_official
from fer_core.data.readers.jaffe import read_jaffe
from fer_core.data.splits import read_split
from fer_core.labels import ACTION_UNITS, EXPRESSIONS


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")


def named(sample) -> str:
    return EXPRESSIONS[int(sample.votes.argmax())] if np.isfinite(sample.votes).all() else "none"


def present(sample) -> list[int]:
    return [u for u, p in zip(ACTION_UNITS, sample.au, strict=True) if p == 1]


def ckplus(root: Path) -> Path:
    """One training and one test subject; three sequences, two with frames, one with an emotion."""
    test = sorted(read_split("ckplus_test_subjects"))[0]
    for subject, sequence, frames in (("S999", "001", 3), (test, "002", 2), ("S999", "003", 0)):
        place = f"{subject}/{sequence}"
        stem = f"{subject}_{sequence}"
        touch(root, *(f"ckplus/cohn-kanade-images/{place}/{stem}_{k + 1:08d}.png" for k in range(frames)))
        facs = root / "ckplus" / "FACS" / place / f"{stem}_{frames:08d}_facs.txt"
        facs.parent.mkdir(parents=True)
        facs.write_text(
            "   1.0000000e+00   0.0000000e+00\n   2.5000000e+01   4.0000000e+00\n   3.8000000e+01   1.0000000e+00\n"
        )
    emotion = root / "ckplus" / "Emotion" / "S999" / "001" / "S999_001_00000003_emotion.txt"
    emotion.parent.mkdir(parents=True)
    emotion.write_text("   7.0000000e+00\n")
    return root


def test_read_ckplus_official_takes_peak_and_onset(tmp_path):
    samples, dropped = read_ckplus_official(Archive(ckplus(tmp_path), "ckplus"))
    assert dropped == {"sequence_without_frames": 1}
    found = [(s.frame, named(s), present(s), s.split) for s in samples if s.subject == "S999"]
    assert found == [(1, "neutral", [], "train"), (3, "surprise", [1, 25], "train")]
    assert [(s.frame, named(s), present(s)) for s in samples if s.split == "test"] == [
        (1, "neutral", []),
        (2, "none", [1, 25]),
    ]
    assert all(np.isfinite(s.au).all() and np.isnan(s.va).all() for s in samples)
    assert samples[0].sequence.count("/") == 1


def test_read_ckplus_official_names_what_is_missing(tmp_path):
    import shutil

    folder = ckplus(tmp_path) / "ckplus"
    facs = next(folder.rglob("S999_001_*_facs.txt"))
    facs.write_text("6\n")
    with pytest.raises(DataError, match=r"facs\.txt: the row of 6 cannot be read"):
        read_ckplus_official(Archive(tmp_path, "ckplus"))
    facs.write_text("   6.0   1.0\n")
    emotion = next(folder.rglob("*_emotion.txt"))
    emotion.write_text("9.0\n")
    with pytest.raises(DataError, match=r"emotion\.txt: the row of the emotion cannot be read"):
        read_ckplus_official(Archive(tmp_path, "ckplus"))
    for part, message in (
        ("Emotion", "unpack the emotion labels"),
        ("FACS", "no FACS|emotion"),
        ("cohn-kanade-images", "cohn-kanade-images is missing"),
    ):
        kept = tmp_path / "aside"
        shutil.move(folder / part, kept)
        with pytest.raises(DataError, match=message):
            read_ckplus_official(Archive(tmp_path, "ckplus"))
        shutil.move(kept, folder / part)


def test_read_jaffe_reads_the_names_of_the_files(tmp_path):
    names = ["KA.AN1.39.tiff", "KA.NE2.27.tiff", "KL.SU3.164.tiff", "TM.SA1.184.tiff", "YM.HA1.52.tiff"]
    touch(tmp_path / "jaffe" / "jaffedbase", *names, "README_FIRST.txt", "KA.XX1.1.tiff")
    samples, dropped = read_jaffe(Archive(tmp_path, "jaffe"))
    assert dropped == {}
    expected = ["anger", "neutral", "surprise", "sadness", "happiness"]
    assert {(s.path, named(s), s.subject) for s in samples} == {
        (f"jaffedbase/{n}", e, n[:2]) for n, e in zip(names, expected, strict=True)
    }
    assert {s.split for s in samples} == {"train", "valid", "test"}
    assert len({s.split for s in samples if s.subject == "KA"}) == 1


def test_read_bu3dfe_takes_frontal_textures_only(tmp_path):
    names = ["F0001_AN01WH_F2D.bmp", "F0001_NE00WH_F2D.bmp", "M0002_FE04AE_F2D.bmp", "M0044_DI02BL_F2D.bmp"]
    touch(tmp_path / "bu3dfe", *(f"{n[:5]}/{n}" for n in names))
    touch(tmp_path / "bu3dfe" / "F0001", "F0001_AN01WH_F3D.wrl", "F0001_AN01WH_RAW.bmp", "F0001_AN09WH_F2D.bmp")
    samples, _ = read_bu3dfe(Archive(tmp_path, "bu3dfe"))
    assert [(s.subject, named(s)) for s in samples] == [
        ("F0001", "anger"),
        ("F0001", "neutral"),
        ("M0002", "fear"),
        ("M0044", "disgust"),
    ]
    assert {s.split for s in samples} == {"train", "valid", "test"}


@pytest.mark.parametrize(
    ("read", "example"), [(read_jaffe, r"KA\.AN1\.39\.tiff"), (read_bu3dfe, r"F0001_AN01WH_F2D\.bmp")]
)
def test_posed_readers_name_the_file_that_they_look_for(tmp_path, read, example):
    touch(tmp_path, "set/other.tiff")
    with pytest.raises(DataError, match=f"set: no image such as .*{example} is there"):
        read(Archive(tmp_path, "set"))
