"""Aff-Wild2, Aff-Wild, AFEW-VA, AFEW, RECOLA: tiny archives in the official layouts."""

import json
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest

from fer_core.data.archive import Archive, DataError
from fer_core.data.readers.afew import read_afew
from fer_core.data.readers.afewva import read_afewva
from fer_core.data.readers.affwild import read_affwild
from fer_core.data.readers.affwild2 import UNITS, read_affwild2, read_saffwild2
from fer_core.data.readers.recola import read_recola
from fer_core.labels import ACTION_UNITS, EXPRESSIONS


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def film(path: Path, frames: int) -> None:
    """A video whose frame k has the grey level 20 k."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 64, 64, "yuv420p", 2_000_000
        for k in range(frames):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * k, np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def named(sample) -> str:
    return EXPRESSIONS[int(sample.votes.argmax())] if np.isfinite(sample.votes).all() else "none"


def present(sample) -> list[int]:
    return [u for u, p in zip(ACTION_UNITS, sample.au, strict=True) if p == 1]


def level(archive: Archive, path: str) -> float:
    return float(archive.image(path).mean())


# ---- frames of a video


def test_archive_image_reads_frames_of_a_video_in_any_order(tmp_path):
    film(tmp_path / "set" / "a.mp4", 6)
    archive = Archive(tmp_path, "set")
    assert archive.frame_count("a.mp4") == 6
    for index in (0, 1, 4, 2, 2, 5):
        assert level(archive, f"a.mp4#{index}") == pytest.approx(20 * index, abs=3)
    with pytest.raises(DataError, match=r"set/a\.mp4: there is no readable frame 6"):
        archive.image("a.mp4#6")
    with pytest.raises(DataError, match=r"set/b\.mp4: .*no such file"):
        archive.image("b.mp4#0")


def test_archive_image_of_a_video_in_a_zip_says_to_unpack_it(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        packed.writestr("a.mp4", b"")
    with pytest.raises(DataError, match=r"a\.mp4 is in a zip file, where videos cannot be read; unpack it"):
        Archive(tmp_path, "set").image("a.mp4#0")


# ---- s-Aff-Wild2

HEADER = "image,valence,arousal,expression,aus"


def saffwild2(root: Path, lines: list[str], header: str = HEADER) -> Archive:
    folder = root / "saffwild2"
    write(folder / "training_set_annotations.txt", "\n".join([header, *lines]) + "\n")
    write(folder / "validation_set_annotations.txt", f"{HEADER}\nvideo9/00002.jpg,0.5,0.5,6,{','.join(['-1'] * 12)}\n")
    touch(
        folder,
        "cropped_aligned/video9/00002.jpg",
        *(f"cropped_aligned/{n.split(',')[0]}" for n in lines if "absent" not in n),
    )
    return Archive(root, "saffwild2")


def test_read_saffwild2_masks_every_missing_label(tmp_path):
    units = "1,0,0,1,0,0,1,0,0,0,1,0"
    none = ",".join(["-1"] * 12)
    lines = [
        f"video1/00001.jpg,-0.25,0.5,4,{units}",
        f"video1/00002.jpg,-5,-5,2,{none}",
        f"video2_left/00007.jpg,-5.0,-5.0,-1,{units}",
        f"video2_left/00008.jpg,0.1,0.2,7,{none}",
        f"video3/00001.jpg,-5,-5,-1,{none}",
    ]
    lines.append(f"video3/00099.jpg,-5,-5,0,{none}")
    archive = saffwild2(tmp_path, lines)
    (tmp_path / "saffwild2" / "cropped_aligned" / "video3" / "00099.jpg").unlink()
    samples, dropped = read_saffwild2(archive)
    assert dropped == {"no_label": 1, "image_missing": 1}
    assert [(s.path.split("/", 1)[1], s.split, s.subject, s.frame, named(s)) for s in samples] == [
        ("video1/00001.jpg", "train", "video1", 1, "happiness"),
        ("video1/00002.jpg", "train", "video1", 2, "disgust"),
        ("video2_left/00007.jpg", "train", "video2_left", 7, "none"),
        ("video2_left/00008.jpg", "train", "video2_left", 8, "none"),
        ("video9/00002.jpg", "valid", "video9", 2, "surprise"),
    ]
    np.testing.assert_allclose(samples[0].va, (-0.25, 0.5))
    assert present(samples[0]) == [1, 6, 12, 25]
    coded = [u for u, p in zip(ACTION_UNITS, samples[0].au, strict=True) if np.isfinite(p)]
    assert coded == list(UNITS)
    assert np.isnan(samples[1].va).all()
    assert np.isnan(samples[1].au).all()
    assert np.isnan(samples[2].va).all()
    assert present(samples[2]) == [1, 6, 12, 25]
    np.testing.assert_allclose(samples[3].va, (0.1, 0.2), rtol=1e-6)


@pytest.mark.parametrize(
    "line",
    [
        "video1/00001.jpg,0,0,8,0,0,0,0,0,0,0,0,0,0,0,0",
        "video1/00001.jpg,0,2,1,0,0,0,0,0,0,0,0,0,0,0,0",
        "video1/00001.jpg,0,0,1,0,0,0,0,0,0,0,0,0,0,0",
        "video1/00001.jpg,0,0,1,0,0,0,0,0,0,0,0,0,0,0,3",
    ],
)
def test_read_saffwild2_names_the_row(tmp_path, line):
    with pytest.raises(DataError, match=r"training_set_annotations\.txt: the row of video1/00001\.jpg cannot be read"):
        read_saffwild2(saffwild2(tmp_path, [line]))


def test_read_saffwild2_names_the_missing_list_and_a_wrong_header(tmp_path):
    with pytest.raises(DataError, match="the header must begin with image,valence,arousal,expression"):
        read_saffwild2(saffwild2(tmp_path, [], header="image,expression"))
    (tmp_path / "saffwild2" / "validation_set_annotations.txt").rename(tmp_path / "saffwild2" / "v.txt")
    write(tmp_path / "saffwild2" / "training_set_annotations.txt", HEADER + "\n")
    with pytest.raises(DataError, match=r"validation_set_annotations\.txt is missing"):
        read_saffwild2(Archive(tmp_path, "saffwild2"))


# ---- Aff-Wild2, a file a video


def affwild2(root: Path) -> Path:
    folder = root / "affwild2"
    base = folder / "6th ABAW Annotations"
    expressions = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"
    write(base / "VA_Estimation_Challenge" / "Train_Set" / "1-30.txt", "valence,arousal\n0.1,0.2\n-5,-5\n-0.5,0.5\n")
    write(base / "EXPR_Recognition_Challenge" / "Train_Set" / "1-30.txt", f"{expressions}\n4\n-1\n7\n")
    units = ",".join(f"AU{u}" for u in UNITS)
    write(
        base / "AU_Detection_Challenge" / "Train_Set" / "1-30.txt",
        f"{units}\n{','.join('1' * 12)}\n" + f"{','.join(['-1'] * 12)}\n" * 2,
    )
    write(base / "EXPR_Recognition_Challenge" / "Validation_Set" / "2_left.txt", f"{expressions}\n0\n5\n")
    write(base / "VA_Estimation_Challenge" / "Train_Set" / "2_left.txt", "valence,arousal\n0,0\n0,0\n")
    touch(
        folder, "cropped_aligned/1-30/00001.jpg", "cropped_aligned/1-30/00003.jpg", "cropped_aligned/2_left/00002.jpg"
    )
    return root


def test_read_affwild2_joins_the_tasks_by_frame(tmp_path):
    samples, dropped = read_affwild2(Archive(affwild2(tmp_path), "affwild2"))
    assert [(s.subject, s.frame, s.split, named(s)) for s in samples] == [
        ("1-30", 1, "train", "happiness"),
        ("1-30", 3, "train", "none"),
        ("2_left", 2, "valid", "sadness"),
    ]
    np.testing.assert_allclose(samples[0].va, (0.1, 0.2), rtol=1e-6)
    assert present(samples[0]) == list(UNITS)
    np.testing.assert_allclose(samples[1].va, (-0.5, 0.5))
    assert np.isnan(samples[2].va).all(), "a training label of a video that is validated on must not be used"
    assert dropped == {"no_label": 1, "training_labels_of_a_validation_video": 1, "image_missing": 1}


def test_read_affwild2_names_what_is_wrong(tmp_path):
    base = affwild2(tmp_path) / "affwild2" / "6th ABAW Annotations"
    file = base / "VA_Estimation_Challenge" / "Train_Set" / "1-30.txt"
    for text, message in (
        ("valence\n0\n", r"1-30\.txt: the first line must be valence,arousal"),
        ("valence,arousal\n0,0\n0,x\n", r"1-30\.txt: the row of frame 2 cannot be read"),
        ("valence,arousal\n0,7\n", r"1-30\.txt: the row of frame 1 cannot be read.*not within -1\.\.1"),
    ):
        file.write_text(text)
        with pytest.raises(DataError, match=message):
            read_affwild2(Archive(tmp_path, "affwild2"))
    import shutil

    shutil.rmtree(base)
    with pytest.raises(DataError, match=r"no VA_Estimation_Challenge/Train_Set/<video>\.txt"):
        read_affwild2(Archive(tmp_path, "affwild2"))


# ---- Aff-Wild


def affwild(root: Path) -> Path:
    for number in range(3):
        film(root / "affwild" / "videos" / "train" / f"{105 + number}.mp4", 3)
        for kind, sign in (("valence", 1), ("arousal", -1)):
            lines = "".join(f"{sign * (k + number) / 10}\n" for k in range(4 if number == 0 else 3))
            write(root / "affwild" / "annotations" / "train" / kind / f"{105 + number}.txt", lines)
    return root


def test_read_affwild_pairs_line_and_frame(tmp_path):
    archive = Archive(affwild(tmp_path), "affwild")
    samples, dropped = read_affwild(archive)
    assert dropped == {"label_beyond_last_frame": 1}
    assert Counter(s.subject for s in samples) == {"105": 3, "106": 3, "107": 3}
    assert {len({s.split for s in samples if s.subject == v}) for v in ("105", "106", "107")} == {1}
    assert {s.split for s in samples} == {"train", "valid", "test"}
    second = next(s for s in samples if s.subject == "106" and s.frame == 1)
    np.testing.assert_allclose(second.va, (0.2, -0.2), rtol=1e-6)
    assert level(archive, second.path) == pytest.approx(20, abs=3)


def test_read_affwild_names_what_is_missing(tmp_path):
    folder = affwild(tmp_path) / "affwild"
    arousal = folder / "annotations" / "train" / "arousal" / "106.txt"
    arousal.write_text("0.1\n")
    with pytest.raises(DataError, match=r"3 values in annotations/train/valence/106\.txt and 1 for arousal"):
        read_affwild(Archive(tmp_path, "affwild"))
    arousal.unlink()
    with pytest.raises(DataError, match=r"annotations/train/arousal/106\.txt is missing"):
        read_affwild(Archive(tmp_path, "affwild"))
    (folder / "videos" / "train" / "105.mp4").unlink()
    with pytest.raises(DataError, match=r"videos/train/105\.mp4 is missing"):
        read_affwild(Archive(tmp_path, "affwild"))


# ---- AFEW-VA


def afewva(root: Path) -> Path:
    for clip, actor in (("001", "A"), ("002", "B"), ("003", "C"), ("551", "A")):
        folder = root / "afewva" / ("01" if clip < "051" else "12") / clip
        frames = {f"{k:05d}": {"landmarks": [[1.0, 2.0]], "valence": float(k - 10), "arousal": 10.0} for k in range(2)}
        write(folder / f"{clip}.json", json.dumps({"video_id": clip, "actor": actor, "frames": frames}))
        touch(folder, "00000.png", "00001.png")
    return root


def test_read_afewva_scales_and_splits_by_actor(tmp_path):
    samples, dropped = read_afewva(Archive(afewva(tmp_path), "afewva"))
    assert dropped == {"image_missing": 0}
    assert len(samples) == 8
    assert {s.split for s in samples} == {"train", "valid", "test"}
    assert len({s.split for s in samples if s.subject == "A"}) == 1
    frame = next(s for s in samples if s.path == "12/551/00001.png")
    np.testing.assert_allclose(frame.va, (-0.9, 1.0), rtol=1e-6)
    assert (frame.subject, frame.sequence, frame.frame) == ("A", "551", 1)


def test_read_afewva_names_what_is_wrong(tmp_path):
    file = afewva(tmp_path) / "afewva" / "01" / "001" / "001.json"
    for text, message in (
        (json.dumps({"frames": {"00000": {"valence": 11, "arousal": 0}}}), r"the row of frame 00000 .*-10\.\.10"),
        (json.dumps({"frames": {"00000": {"valence": 1}}}), "the row of frame 00000 .*arousal"),
        ("{}", r"001\.json is no annotation of a clip"),
        ("[", r"001\.json is no annotation of a clip"),
    ):
        file.write_text(text)
        with pytest.raises(DataError, match=message):
            read_afewva(Archive(tmp_path, "afewva"))
    touch(tmp_path, "empty/a.txt")
    with pytest.raises(DataError, match=r"no annotation such as 001/001\.json is there"):
        read_afewva(Archive(tmp_path, "empty"))


# ---- AFEW


def test_read_afew_gives_faces_the_expression_of_their_clip(tmp_path):
    root = tmp_path / "afew"
    touch(root, "Train_AFEW/Angry/000046280.avi", "Train_AFEW/Happy/000099999.avi", "Val_AFEW/Sad/000100000.avi")
    touch(root, "Train_AFEW/Fear/000000001.avi", "Train_AFEW/Sad/000000001.avi")
    faces = "AlignedFaces_LBPTOP_Points"
    touch(root, *(f"Train_AFEW/{faces}/Faces/000046280/000046280-00{k}.jpg" for k in (1, 2)))
    touch(root, f"Val_AFEW/{faces}_Val/Faces/000100000/000100000-001.jpg")
    samples, dropped = read_afew(Archive(tmp_path, "afew"))
    assert [(named(s), s.split, s.subject, s.frame) for s in samples] == [
        ("anger", "train", "000046280", 0),
        ("anger", "train", "000046280", 1),
        ("sadness", "valid", "000100000", 0),
    ]
    assert dropped == {"clip_without_faces": 1, "clip_of_two_expressions": 1}


def test_read_afew_names_the_missing_part(tmp_path):
    touch(tmp_path, "afew/Train_AFEW/Angry/1.avi")
    with pytest.raises(DataError, match=r"no faces in Train_AFEW/AlignedFaces_LBPTOP_Points\*/Faces"):
        read_afew(Archive(tmp_path, "afew"))
    touch(tmp_path, "afew/Train_AFEW/AlignedFaces_LBPTOP_Points/Faces/1/1-001.jpg")
    with pytest.raises(DataError, match="the folder Val_AFEW is missing"):
        read_afew(Archive(tmp_path, "afew"))


# ---- RECOLA


def test_read_recola_averages_the_raters_and_splits_by_person(tmp_path):
    root = tmp_path / "recola"
    for person in ("P16", "P17", "P19"):
        film(root / "RECOLA-Video-recordings" / f"{person}.mp4", 3)
        for kind, sign in (("arousal", -1), ("valence", 1)):
            lines = ["time;FM1 ;FM2 ;FM3 ;FF1 ;FF2 ;FF3"]
            lines += [
                f"{k * 0.04:.2f};{';'.join(f'{sign * (0.1 * k + 0.01 * r):.2f}' for r in range(6))}" for k in range(4)
            ]
            write(root / "RECOLA-Annotation" / "emotional_behaviour" / kind / f"{person}.csv", "\n".join(lines) + "\n")
    archive = Archive(tmp_path, "recola")
    samples, dropped = read_recola(archive)
    assert dropped == {"rating_beyond_last_frame": 3}
    assert len(samples) == 9
    assert {s.split for s in samples} == {"train", "valid", "test"}
    second = next(s for s in samples if s.subject == "P17" and s.frame == 2)
    np.testing.assert_allclose(second.va, (0.225, -0.225), rtol=1e-5)
    assert level(archive, second.path) == pytest.approx(40, abs=3)


def arff(root: Path, kind: str, name: str, values: list[float], attribute: str = "GoldStandard") -> None:
    attributes = f"@attribute Instance_name string\n@attribute frameTime numeric\n@attribute {attribute} numeric\n"
    head = f"@relation GOLDSTANDARD\n\n{attributes}\n@data\n\n"
    rows = "".join(f"'{name}.wav',{k * 0.04:.2f},{v}\n" for k, v in enumerate(values))
    write(root / "recola" / "ratings_gold_standard" / kind / f"{name}.arff", head + rows)


def test_read_recola_of_the_challenge(tmp_path):
    for name in ("train_1", "dev_1", "test_1"):
        film(tmp_path / "recola" / "recordings_video" / f"{name}.mp4", 2)
        for kind in ("arousal", "valence"):
            arff(tmp_path, kind, name, [0.25, -0.5])
    samples, dropped = read_recola(Archive(tmp_path, "recola"))
    assert [(s.subject, s.frame, s.split) for s in samples] == [
        ("dev_1", 0, "valid"),
        ("dev_1", 1, "valid"),
        ("train_1", 0, "train"),
        ("train_1", 1, "train"),
    ]
    np.testing.assert_allclose(samples[1].va, (-0.5, -0.5))
    assert dropped == {"rating_beyond_last_frame": 0}
    arff(tmp_path, "valence", "train_1", [2.0])
    with pytest.raises(DataError, match=r"train_1\.arff: the row of time 0\.00 cannot be read"):
        read_recola(Archive(tmp_path, "recola"))
    arff(tmp_path, "valence", "train_1", [0.0], attribute="gold")
    with pytest.raises(DataError, match=r"train_1\.arff: no attribute GoldStandard"):
        read_recola(Archive(tmp_path, "recola"))
    (tmp_path / "recola" / "recordings_video" / "dev_1.mp4").unlink()
    with pytest.raises(DataError, match=r"recordings_video/dev_1\.mp4 is missing"):
        read_recola(Archive(tmp_path, "recola"))


def test_read_recola_names_both_layouts_and_a_missing_rater(tmp_path):
    touch(tmp_path, "recola/readme.txt")
    with pytest.raises(
        DataError, match=r"neither RECOLA-Annotation/.* nor ratings_gold_standard/valence/train_1\.arff"
    ):
        read_recola(Archive(tmp_path, "recola"))
    write(tmp_path / "recola" / "RECOLA-Annotation" / "emotional_behaviour" / "valence" / "P16.csv", "time;FM1 ;FM2 \n")
    film(tmp_path / "recola" / "RECOLA-Video-recordings" / "P16.mp4", 1)
    with pytest.raises(DataError, match=r"P16\.csv: no column FM3, FF1, FF2, FF3"):
        read_recola(Archive(tmp_path, "recola"))
