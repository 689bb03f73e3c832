from __future__ import annotations

import csv
import errno
import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from fer_core.record.reader import read_native
from fer_core.record.sidecar import hash_file, read_sidecar
from fer_core.types import Status
from fer_studio.annotate import annotate_files
from fer_studio.options import LAYOUTS, AnnotateOptions, Existing
from fer_studio.outcome import End

FRAMES = 24


@pytest.fixture
def options(model: Path, tmp_path: Path) -> Callable[..., AnnotateOptions]:
    def build(**changes: object) -> AnnotateOptions:
        return AnnotateOptions(**{"out_dir": tmp_path / "out", "model": model, "device": "cpu", **changes})

    return build


Options = Callable[..., AnnotateOptions]


def pts_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(f.pts * f.time_base) for f in container.decode(video=0)]


def test_annotate_writes_a_row_for_every_frame_at_its_time(media: Path, options: Options) -> None:
    (outcome,) = annotate_files([media / "clip.mp4"], options())
    assert outcome.end is End.DONE
    rows = list(read_native(options().out_dir / "clip.csv"))
    assert [row.time_s for row in rows] == pytest.approx(pts_of(media / "clip.mp4"), abs=1e-6)
    assert len(rows) == outcome.frames == outcome.rows == FRAMES
    assert all(row.status is Status.OK and row.face_id == 1 for row in rows)
    valences = [row.affect.valence for row in rows if row.affect]
    assert len(set(valences)) > FRAMES // 2  # the face moves, and the model looks at it


def test_annotate_writes_a_sidecar_that_suffices_to_repeat_the_run(media: Path, options: Options, model: Path) -> None:
    (outcome,) = annotate_files([media / "clip.mp4"], options(smooth_s=0.25, max_faces=2))
    record = read_sidecar(options().out_dir / "clip.json")
    assert record.complete
    assert record.program == "fer-studio"
    assert (record.model_name, record.model_sha256) == ("tiny", hash_file(model))
    assert (record.input_name, record.input_sha256) == ("clip.mp4", hash_file(media / "clip.mp4"))
    assert (record.options["smooth_s"], record.options["max_faces"]) == (0.25, 2)
    assert (record.provider, record.frame_rate_hz) == ("CPUExecutionProvider", 25.0)
    assert (record.frame_count, record.row_count) == (outcome.frames, outcome.rows) == (FRAMES, FRAMES)
    assert (record.first_time_s, record.last_time_s) == (0.0, pytest.approx((FRAMES - 1) / 25))
    assert record.started_utc <= (record.ended_utc or "")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_annotate_writes_every_layout(layout: str, media: Path, options: Options) -> None:
    (outcome,) = annotate_files([media / "stills"], options(layout=layout))
    assert outcome.end is End.DONE
    assert outcome.recording is not None
    lines = outcome.recording.read_text(encoding="utf-8").splitlines()
    delimiter = "\t" if layout == "facereader" else ","
    table = list(csv.reader(lines, delimiter=delimiter))
    first = {"native": "frame", "openface": "frame", "pyfeat": "FaceRectX", "facereader": "Video Time"}[layout]
    at = next(i for i, cells in enumerate(table) if cells and cells[0] == first)
    assert len(table) - at - 1 == 3
    assert {len(cells) for cells in table[at:]} == {len(table[at])}
    assert read_sidecar(outcome.recording.with_suffix(".json")).layout == layout


def test_annotate_writes_no_rows_of_excluded_parts_and_shows_them_in_the_video(media: Path, options: Options) -> None:
    whole, part = (
        options(out_dir=options().out_dir / "whole"),
        options(excluded_s=((0.08, 0.16), (0.6, 9.0)), video=True),
    )
    for chosen in (whole, part):
        annotate_files([media / "clip.mp4"], chosen)
    lines = (whole.out_dir / "clip.csv").read_bytes().splitlines()
    kept = [n for n in range(FRAMES) if not (2 <= n <= 4 or n >= 15)]
    assert (part.out_dir / "clip.csv").read_bytes().splitlines() == [lines[0], *(lines[1 + n] for n in kept)]
    assert read_sidecar(part.out_dir / "clip.json").options["excluded_s"] == [[0.08, 0.16], [0.6, 9.0]]
    assert len(pts_of(part.out_dir / "clip.annotated.mp4")) == FRAMES


def test_annotate_takes_a_folder_of_images_in_order(media: Path, options: Options) -> None:
    (outcome,) = annotate_files([media / "stills"], options())
    assert (outcome.end, outcome.frames) == (End.DONE, 3)
    record = read_sidecar(options().out_dir / "stills.json")
    assert record.input_files == ("still0.png", "still1.png", "still2.png")
    assert record.frame_rate_hz is None


def test_annotate_draws_a_video_at_the_times_of_the_source_with_its_sound(media: Path, options: Options) -> None:
    (outcome,) = annotate_files([media / "clip.mp4"], options(video=True))
    assert (outcome.end, outcome.notes) == (End.DONE, ())
    target = options().out_dir / "clip.annotated.mp4"
    assert pts_of(target) == pytest.approx(pts_of(media / "clip.mp4"), abs=1e-6)
    with av.open(str(target)) as drawn, av.open(str(media / "clip.mp4")) as source:
        assert len(drawn.streams.audio) == 1
        pair = (next(c.decode(video=0)).to_ndarray(format="rgb24").astype(int) for c in (drawn, source))
        difference = np.abs(np.subtract(*pair)).max(axis=2)
    assert 0.01 < (difference > 60).mean() < 0.9  # something is drawn, and the picture is still there


def test_annotate_finishes_the_others_when_inputs_are_bad(media: Path, options: Options) -> None:
    bad = {
        "missing.mp4": "there is no such file",
        "empty.mp4": "is empty",
        "text.mp4": "not a video",
        "headless.mp4": "not a video that can be read",
        "song.mp4": "has no video stream",
        "no_pictures": "is a folder without videos or images",
    }
    inputs = [media / "clip.mp4", *(media / name for name in bad), media / "stills"]
    outcomes = annotate_files(inputs, options())
    assert [o.end for o in outcomes] == [End.DONE, *[End.FAILED] * len(bad), End.DONE]
    for outcome, (name, reason) in zip(outcomes[1:-1], bad.items(), strict=True):
        assert outcome.problem.startswith(f"{media / name}: ")
        assert reason in outcome.problem
        assert ";" in outcome.problem  # the remedy
        assert outcome.trace == ""
    assert {p.name for p in options().out_dir.iterdir()} == {"clip.csv", "clip.json", "stills.csv", "stills.json"}


def test_annotate_keeps_what_came_before_the_place_where_a_video_breaks_off(cut_clip: Path, options: Options) -> None:
    (outcome,) = annotate_files([cut_clip], options(video=True))
    assert outcome.end is End.FAILED
    assert "breaks off" in outcome.problem
    rows = list(read_native(options().out_dir / "cut.csv"))
    assert 3 < len(rows) < FRAMES
    assert not read_sidecar(options().out_dir / "cut.json").complete
    assert len(pts_of(options().out_dir / "cut.annotated.mp4")) == len(
        [row for row in rows if row.status is not Status.DECODE_ERROR]
    )


def test_annotate_survives_an_unforeseen_error(media: Path, options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    from fer_studio import file_run

    real = file_run.open_source

    def broken(path: Path) -> object:
        if path.name == "clip.mp4":
            raise ZeroDivisionError("made up")
        return real(path)

    monkeypatch.setattr(file_run, "open_source", broken)
    failed, done = annotate_files([media / "clip.mp4", media / "stills"], options())
    assert (failed.end, done.end) == (End.FAILED, End.DONE)
    assert f"{media / 'clip.mp4'}: unexpected problem (ZeroDivisionError: made up)" in failed.problem
    assert "Traceback" in failed.trace


def test_annotate_does_not_touch_results_that_exist(media: Path, options: Options) -> None:
    still = media / "stills" / "still0.png"
    annotate_files([still], options())
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in options().out_dir.iterdir()}
    (outcome,) = annotate_files([still], options(smooth_s=1.0))
    assert outcome.end is End.FAILED
    assert "exists already; go on with --resume, replace it with --overwrite" in outcome.problem
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in options().out_dir.iterdir()} == before


def test_annotate_overwrites_when_told_to(media: Path, options: Options) -> None:
    target = options().out_dir / "still0.csv"
    target.parent.mkdir()
    target.write_text("something else\n" * 100)
    (outcome,) = annotate_files([media / "stills" / "still0.png"], options(existing=Existing.OVERWRITE))
    assert outcome.end is End.DONE
    assert len(list(read_native(target))) == 1


def test_annotate_never_replaces_an_input(media: Path, options: Options) -> None:
    folder = options().out_dir
    folder.mkdir()
    content = (media / "clip.mp4").read_bytes()
    (folder / "clip.mp4").write_bytes(content)
    (folder / "clip.annotated.mp4").write_bytes(content)
    inputs = [folder / "clip.mp4", folder / "clip.annotated.mp4"]
    outcomes = annotate_files(inputs, options(video=True, existing=Existing.OVERWRITE))
    assert [o.end for o in outcomes] == [End.FAILED, End.DONE]
    assert "would replace an input" in outcomes[0].problem
    assert (folder / "clip.annotated.mp4").read_bytes() == content


def test_annotate_says_that_it_cannot_write(media: Path, options: Options, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    (outcome,) = annotate_files([media / "stills" / "still0.png"], options())
    assert outcome.end is End.FAILED
    assert "cannot be written (its folder is a file); choose another folder with -o" in outcome.problem


@pytest.mark.skipif(sys.platform != "linux", reason="needs names of files that are no text")
def test_annotate_takes_names_that_are_no_text(media: Path, options: Options, tmp_path: Path) -> None:
    name = os.fsdecode(b"gr\xfcn\n")
    clip, folder = tmp_path / f"{name}.mp4", tmp_path / name
    clip.write_bytes((media / "clip.mp4").read_bytes())
    folder.mkdir()
    (folder / f"{name}.png").write_bytes((media / "stills" / "still0.png").read_bytes())
    outcomes = annotate_files([clip, folder], options())
    assert [o.end for o in outcomes] == [End.DONE, End.DONE], outcomes
    records = [read_sidecar(o.recording.with_name(f"{o.recording.stem}.json")) for o in outcomes if o.recording]
    assert (records[0].input_name, records[1].input_files) == ("gr?n\n.mp4", ("gr?n\n.png",))


@pytest.mark.skipif(sys.platform == "win32", reason="makes a link that goes round in circles")
def test_annotate_names_links_and_names_that_lead_nowhere(media: Path, options: Options, tmp_path: Path) -> None:
    loop, long = tmp_path / "loop.mp4", tmp_path / f"{'long' * 80}.mp4"
    loop.symlink_to(loop)
    outcomes = annotate_files([loop, long, media / "stills"], options())
    assert [o.end for o in outcomes] == [End.FAILED, End.FAILED, End.DONE]
    assert outcomes[0].problem.startswith(f"{loop}: cannot be read (")
    assert outcomes[1].problem.startswith(f"{long}: cannot be read (")
    assert not any(o.trace for o in outcomes)


def test_annotate_stops_at_the_next_frame_and_goes_on_to_the_same_bytes(media: Path, options: Options) -> None:
    whole = options(out_dir=options().out_dir / "whole", smooth_s=0.3, video=True)
    annotate_files([media / "clip.mp4"], whole)
    asked = iter([False] * 9 + [True] * 9)
    changed = options(smooth_s=0.3, video=True)
    outcomes = annotate_files([media / "clip.mp4", media / "other.mp4"], changed, should_stop=lambda: next(asked))
    assert [o.end for o in outcomes] == [End.INTERRUPTED, End.INTERRUPTED]
    assert outcomes[0].frames == 8
    assert not read_sidecar(changed.out_dir / "clip.json").complete
    assert {p.name for p in changed.out_dir.iterdir() if p.is_file()} == {"clip.csv", "clip.json"}
    (resumed,) = annotate_files([media / "clip.mp4"], options(smooth_s=0.3, video=True, existing=Existing.RESUME))
    assert (resumed.end, resumed.frames, resumed.measured_frames) == (End.DONE, FRAMES, FRAMES)
    assert (changed.out_dir / "clip.csv").read_bytes() == (whole.out_dir / "clip.csv").read_bytes()
    assert len(pts_of(changed.out_dir / "clip.annotated.mp4")) == FRAMES
    ignored = ("started_utc", "ended_utc")
    records = [json.loads((o.out_dir / "clip.json").read_text()) for o in (changed, whole)]
    assert len({json.dumps({k: v for k, v in r.items() if k not in ignored}) for r in records}) == 1


def test_resume_leaves_a_complete_recording_alone(media: Path, options: Options) -> None:
    still = media / "stills" / "still0.png"
    annotate_files([still], options())
    before = (options().out_dir / "still0.csv").stat().st_mtime_ns
    (outcome,) = annotate_files([still], options(existing=Existing.RESUME))
    assert (outcome.end, outcome.frames, outcome.measured_frames) == (End.UP_TO_DATE, 1, 0)
    assert (options().out_dir / "still0.csv").stat().st_mtime_ns == before


def test_resume_measures_again_what_was_cut_from_a_complete_recording(media: Path, options: Options) -> None:
    annotate_files([media / "stills"], options())
    target = options().out_dir / "stills.csv"
    whole = target.read_bytes()
    target.write_bytes(whole[:-200])
    (outcome,) = annotate_files([media / "stills"], options(existing=Existing.RESUME))
    assert outcome.end is End.DONE
    assert target.read_bytes() == whole


@pytest.mark.parametrize("changed", ["options", "model", "input", "no sidecar"])
def test_resume_refuses_to_mix_two_measurements(
    changed: str, media: Path, options: Options, other_model: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes((media / "stills" / "still0.png").read_bytes())
    annotate_files([picture], options())
    other: dict[str, object] = {}
    match changed:
        case "options":
            other["smooth_s"] = 0.5
        case "model":
            other["model"] = other_model
        case "input":
            picture.write_bytes((media / "stills" / "still1.png").read_bytes())
        case _:
            (options().out_dir / "picture.json").unlink()
    before = (options().out_dir / "picture.csv").read_bytes()
    (outcome,) = annotate_files([picture], options(existing=Existing.RESUME, **other))
    assert outcome.end is End.FAILED
    assert "--overwrite" in outcome.problem
    assert ("has no .json" if changed == "no sidecar" else f"another {changed}") in outcome.problem
    assert (options().out_dir / "picture.csv").read_bytes() == before


@pytest.mark.parametrize("existing", [Existing.OVERWRITE, Existing.RESUME])
@pytest.mark.parametrize("other", ["layout native", "not of a recording"])
def test_annotate_replaces_no_json_that_is_not_its_own(
    existing: Existing, other: str, media: Path, options: Options
) -> None:
    still = media / "stills" / "still0.png"
    sidecar = options().out_dir / "still0.json"
    if other == "layout native":
        annotate_files([still], options())
    else:
        sidecar.parent.mkdir()
        sidecar.write_text('{"my": "notes"}')
    before = sidecar.read_bytes()
    (outcome,) = annotate_files([still], options(existing=existing, layout="facereader"))
    assert outcome.end is End.FAILED
    assert str(sidecar) in outcome.problem
    assert other in outcome.problem
    assert sidecar.read_bytes() == before


def test_overwrite_takes_another_layout_of_the_same_file(media: Path, options: Options) -> None:
    still = media / "stills" / "still0.png"
    annotate_files([still], options())
    (outcome,) = annotate_files([still], options(existing=Existing.OVERWRITE, layout="openface"))
    assert outcome.end is End.DONE
    assert read_sidecar(options().out_dir / "still0.json").layout == "openface"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="the rights of files are of POSIX")
def test_overwrite_leaves_the_sidecar_of_a_recording_that_cannot_be_written(
    media: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = media / "stills" / "still0.png"
    annotate_files([still], options())
    recording, sidecar = (options().out_dir / f"still0.{kind}" for kind in ("csv", "json"))
    before = sidecar.read_bytes()
    real = os.open

    def refused(path: object, flags: int, *args: int) -> int:
        if path == recording and flags & os.O_WRONLY:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, flags, *args)

    monkeypatch.setattr(os, "open", refused)
    (outcome,) = annotate_files([still], options(existing=Existing.OVERWRITE, smooth_s=0.5))
    assert outcome.end is End.FAILED
    assert "Permission denied" in outcome.problem
    assert sidecar.read_bytes() == before


@pytest.mark.parametrize("existing", list(Existing))
def test_annotate_names_a_folder_that_may_not_be_entered(
    existing: Existing, media: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.stat

    def refused(path: Path, **kwargs: bool) -> os.stat_result:
        if options().out_dir in path.parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, **kwargs)

    monkeypatch.setattr(Path, "stat", refused)
    (outcome,) = annotate_files([media / "stills" / "still0.png"], options(existing=existing))
    assert outcome.trace == ""


def test_annotate_says_that_a_name_is_too_long_for_what_it_becomes(
    media: Path, options: Options, tmp_path: Path
) -> None:
    fits, long = (tmp_path / f"{'n' * count}.png" for count in (249, 251))
    for path in (fits, long):
        path.write_bytes((media / "stills" / "still0.png").read_bytes())
    outcomes = annotate_files([fits, long], options())
    assert [o.end for o in outcomes] == [End.DONE, End.FAILED]
    assert "its name is too long); give the input a shorter name" in outcomes[1].problem


def test_auto_baseline_leaves_photographs_alone(media: Path, options: Options) -> None:
    (outcome,) = annotate_files([media / "stills"], options(baseline="auto"))
    assert outcome.end is End.DONE
    assert any("may show somebody else" in note for note in outcome.notes)
    assert all(row.affect_baseline is None for row in read_native(options().out_dir / "stills.csv"))
    assert any("may show somebody else" in note for note in read_sidecar(options().out_dir / "stills.json").notes)


def test_columns_that_have_no_baseline_are_not_said_to_lack_one(media: Path, options: Options) -> None:
    (outcome,) = annotate_files([media / "stills"], options(baseline="auto", layout="pyfeat"))
    assert outcome.end is End.DONE
    assert not outcome.notes


def test_auto_baseline_fills_the_corrected_columns_at_the_end(media: Path, options: Options) -> None:
    (outcome,) = annotate_files([media / "clip.mp4"], options(baseline="auto"))
    assert outcome.end is End.DONE
    rows = list(read_native(options().out_dir / "clip.csv"))
    assert len(rows) == FRAMES
    assert all(row.affect_baseline is not None for row in rows)
    corrected = np.median([math.hypot(r.affect_baseline.valence, r.affect_baseline.arousal) for r in rows])
    raw = np.median([math.hypot(r.affect.valence, r.affect.arousal) for r in rows])
    assert corrected < raw


def test_baseline_of_a_picture_moves_that_picture_to_neutral(media: Path, options: Options) -> None:
    still = media / "stills" / "still0.png"
    (outcome,) = annotate_files([still], options(baseline=str(still)))
    assert outcome.end is End.DONE
    (row,) = read_native(options().out_dir / "still0.csv")
    assert row.affect_baseline is not None
    assert (row.affect_baseline.valence, row.affect_baseline.arousal) == pytest.approx((0.0, 0.0), abs=1e-4)
    name, sha256 = str(read_sidecar(options().out_dir / "still0.json").options["baseline"]).split()
    assert (name, sha256) == ("still0.png", hash_file(still))


def test_annotate_tells_its_listener_of_every_frame(media: Path, options: Options, listener) -> None:
    inputs = [media / "missing.mp4", media / "stills"]
    annotate_files(inputs, options(), listener)
    assert listener.begun == [media / "stills"]
    assert listener.frames == {media / "stills": 3}
    assert listener.ended == inputs
