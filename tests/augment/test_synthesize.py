import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_core.assets import asset_path
from fer_core.augment.affect3d import FittedFace, SynthesisError
from fer_core.augment.synthesize import LEAST_SIZE_PX, cut_out, find_photographs, synthesize
from fer_core.augment.synthesize_log import Existing, SynthesisLog
from fer_core.augment.synthesize_targets import parse_targets
from fer_core.cli import main
from fer_core.data.archive import Archive
from fer_core.data.errors import DataError
from fer_core.data.readers.plain_csv import read_plain_csv
from fer_core.labels import EXPRESSIONS
from fer_core.media.errors import MediaError


@pytest.fixture(scope="module")
def neutral(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shipped portrait in colour and in grey, and with what cannot be used."""
    folder = tmp_path_factory.mktemp("neutral")
    portrait = cv2.imread(str(asset_path("demo", "portrait.jpg")))
    cv2.imwrite(str(folder / "colour.png"), portrait)
    cv2.imwrite(str(folder / "grey.png"), cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY))
    cv2.imwrite(str(folder / "nobody.png"), np.full((200, 200, 3), 90, np.uint8))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return folder


@pytest.fixture(scope="module")
def made(neutral: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data") / "made"
    targets = "--targets=0,0;.6,.4"
    assert main(["synthesize", "--neutral", str(neutral), targets, "--size", "200", "-o", str(out)]) == 0
    return out


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def image_of(folder: Path, row: dict[str, str]) -> np.ndarray:
    return cv2.imread(str(folder / row["path"]), cv2.IMREAD_UNCHANGED)


def test_synthesize_writes_what_the_csv_reader_reads(made: Path):
    samples, dropped = read_plain_csv(Archive(made.parent, made.name))
    assert not any(dropped.values())
    assert sorted({s.subject for s in samples}) == ["colour", "grey"]
    assert [s.va.tolist() for s in samples if s.subject == "grey"] == [[0, 0], [pytest.approx(0.6), pytest.approx(0.4)]]
    assert {s.split for s in samples} == {"train"}
    assert all(np.isnan(s.votes).all() for s in samples)  # no expression was asked for


def test_synthesize_changes_the_face_and_keeps_grey_grey(made: Path):
    images = {row["path"]: image_of(made, row) for row in rows_of(made)}
    for subject, channels in (("colour", 3), ("grey", 2)):
        rest, glad = (images[f"images/{subject}/{name}.jpg"] for name in ("v+0.00a+0.00", "v+0.60a+0.40"))
        assert rest.ndim == glad.ndim == channels
        assert max(rest.shape[:2]) == 200
        changed = np.abs(rest.astype(int) - glad).reshape(*rest.shape[:2], -1).max(axis=2) > 12
        assert 0.02 < changed.mean() < 0.5
        assert not changed[:8].any()


def test_synthesize_names_the_photographs_that_it_skips(
    neutral: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    assert main(["synthesize", "--neutral", str(neutral), "--targets", ".6,.4", "-o", str(out)]) == 0
    printed = capsys.readouterr()
    assert "2 images of 2 photographs; 2 skipped" in printed.out
    assert "nobody.png: no face was found" in printed.err
    assert "broken.png: is an image that breaks off" in printed.err


def test_synthesize_fails_when_no_photograph_can_be_used(
    neutral: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ["synthesize", "--neutral", str(neutral / "nobody.png"), "--targets", "six", "-o", str(tmp_path / "o")]
    assert main(arguments) == 1
    assert "error: none of the 1 photographs could be used" in capsys.readouterr().err


def test_synthesize_refuses_resumes_and_overwrites(neutral: Path, tmp_path: Path):
    photographs, out = [neutral / "colour.png"], tmp_path / "out"
    expressions = parse_targets("six", [0.8])
    first = synthesize(photographs, expressions, out)
    assert first.images == 6
    whole, labels = rows_of(out), out / "labels.csv"
    assert [row["expression"] for row in whole] == [t.expression for t in expressions]
    assert {row["expression"] for row in whole} < set(EXPRESSIONS)
    with pytest.raises(DataError, match=r"exists already; go on with --resume, replace it with --overwrite"):
        synthesize(photographs, expressions, out)

    # A killed run: the last rows are missing, one is torn, its image half written.
    content = labels.read_bytes().splitlines(keepends=True)
    labels.write_bytes(b"".join(content[:-2]) + content[-2][:20])
    (out / whole[-2]["path"]).write_bytes(b"half")
    (out / whole[-1]["path"]).unlink()
    resumed = synthesize(photographs, expressions, out, existing=Existing.RESUME)
    assert (resumed.images, resumed.kept) == (2, 4)
    assert rows_of(out) == whole
    assert all(image_of(out, row) is not None for row in whole)

    with pytest.raises(DataError, match="other settings"):
        synthesize(photographs, expressions[:2], out, existing=Existing.RESUME)
    with pytest.raises(DataError, match="other settings"):  # of the same names
        synthesize(photographs, parse_targets("six", [0.804]), out, existing=Existing.RESUME)
    again = synthesize(photographs, expressions[:2], out, existing=Existing.OVERWRITE)
    assert (again.images, again.kept) == (2, 0)
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.jpg")) == sorted(r["path"] for r in rows_of(out))


@pytest.mark.parametrize("existing", [Existing.RESUME, Existing.OVERWRITE])
def test_synthesis_log_leaves_labels_that_are_not_its_own(existing: Existing, tmp_path: Path):
    labels = tmp_path / "labels.csv"
    labels.write_text("path,expression\nmine.jpg,anger\n", encoding="utf-8")
    with pytest.raises(DataError, match="was not written by this command"):
        SynthesisLog(tmp_path, {}, {}, existing)
    assert "mine.jpg" in labels.read_text(encoding="utf-8")


def test_synthesis_log_goes_on_only_with_the_photographs_of_its_images(tmp_path: Path):
    places = {name: tmp_path / f"{name}.png" for name in ("one", "two", "three")}
    for name, place in places.items():
        place.write_text(name)
    one, two, three = places.values()
    out, how = tmp_path / "out", {"size_px": 256}

    def go_on(photographs: dict[str, Path]) -> dict[str, str]:
        with SynthesisLog(out, how, photographs, Existing.RESUME) as log:
            assert log.done == {"images/one/anger-100.jpg"}
        return json.loads((out / "synthesis.json").read_text(encoding="utf-8"))["photographs"]

    with SynthesisLog(out, how, {"one": one, "two": two, "gone": tmp_path / "gone.png"}) as log:
        log.add("images/one/anger-100.jpg", b"image", {"expression": "anger", "subject": "one", "split": "train"})
    first = go_on({"one": one, "two": two})
    assert sorted(first) == ["one", "two"]
    # Of two there is no image yet: any photograph may be two, and two may have any name.
    assert sorted(go_on({"one": one, "two": three, "again": two})) == ["again", "one", "two"]
    assert go_on({"two": two}) == first
    with pytest.raises(DataError, match=r"two\.png: the images of one are not of this photograph; rename it, or start"):
        go_on({"one": two})
    with pytest.raises(DataError, match=r"one\.png: has images already, as one, .* again as my_one_png; .* anew"):
        go_on({"my_one_png": one})
    assert go_on({"two": two}) == first
    (out / "synthesis.json").write_text(json.dumps(how), encoding="utf-8")
    with pytest.raises(DataError, match=r"does not say of which photographs; start anew with --overwrite"):
        go_on({"one": one})


def test_synthesize_refuses_photographs_that_share_a_name(neutral: Path, tmp_path: Path):
    with pytest.raises(ValueError, match="several photographs are named"):
        synthesize([neutral / "colour.png"] * 2, parse_targets("six"), tmp_path / "out")
    with pytest.raises(ValueError, match="too small"):
        synthesize([neutral / "colour.png"], parse_targets("six"), tmp_path / "out", size_px=LEAST_SIZE_PX - 1)


def test_synthesize_skips_a_face_that_is_not_neutral_unless_asked(neutral: Path, tmp_path: Path):
    out = tmp_path / "glad"
    synthesize([neutral / "colour.png"], parse_targets("six"), out, size_px=512)
    glad = [out / "images" / "colour" / "surprise-100.jpg"]
    with pytest.raises(SynthesisError, match="none of the 1"):
        synthesize(glad, parse_targets(".5,.2"), tmp_path / "no")
    assert synthesize(glad, parse_targets(".5,.2"), tmp_path / "yes", expressive=True).images == 1


def test_cut_out_keeps_the_pixels_and_the_mesh_in_place(made_fit: FittedFace):
    whole = cut_out(made_fit, 4000)
    shift = (made_fit.landmarks_px - whole.landmarks_px)[:, :2]
    assert np.allclose(shift, shift[0])
    left, top = np.round(shift[0]).astype(int)
    height, width = whole.photo_rgb_u8.shape[:2]
    assert np.array_equal(whole.photo_rgb_u8, made_fit.photo_rgb_u8[top : top + height, left : left + width])
    small = cut_out(made_fit, 200)
    assert max(small.photo_rgb_u8.shape[:2]) == 200
    assert np.allclose(small.mesh_cm, made_fit.mesh_cm, atol=1e-3)


def test_find_photographs_takes_files_and_folders(neutral: Path, tmp_path: Path):
    names = [p.name for p in find_photographs([neutral / "grey.png", neutral])]
    assert names == ["grey.png", "broken.png", "colour.png", "nobody.png"]
    with pytest.raises(MediaError, match="without images"):
        find_photographs([tmp_path])


@pytest.mark.parametrize(
    "more", [["--intensity", "0"], ["--intensity", "2"], ["--size", "x"], ["--resume", "--overwrite"]]
)
def test_cli_synthesize_refuses_bad_arguments(more: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        main(["synthesize", "--neutral", "a.png", "--targets", "six", "-o", "out", *more])
    assert stopped.value.code == 2
    assert "usage: fer-core synthesize" in capsys.readouterr().err
