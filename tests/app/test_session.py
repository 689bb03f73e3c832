from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.record.csv import CsvRecorder
from fer_core.record.errors import RecordError
from fer_core.record.layouts import make_layout
from fer_core.record.reader import read_native_columns
from fer_core.types import Affect, Box, Face, FaceResult, FrameResult, MediaInfo, Pose, Status
from fer_studio.recording_file import RecordingTail, recording_for
from fer_studio.session import STATUSES, UNNAMED, Recording

INFO = MediaInfo("made.mp4", 640, 360, 25.0, 100, 4.0)


def affect(seed: int) -> Affect:
    rng = np.random.default_rng(seed)
    probs = rng.random(len(EXPRESSIONS))
    units = rng.random(len(ACTION_UNITS)).astype(np.float32)
    va = rng.uniform(-1, 1, 2)
    return Affect((probs / probs.sum()).astype(np.float32), float(va[0]), float(va[1]), units)


def face(face_id: int, seed: int, status: Status = Status.OK, baseline: bool = False) -> FaceResult:
    seen = Face(face_id, status, 0.5, Box(1.5, 2.5, 30, 40), Pose(1, -2, 3), np.zeros((468, 3), np.float32))
    usable = status is Status.OK
    return FaceResult(seen, affect(seed) if usable else None, affect(seed + 1000) if usable and baseline else None)


def frame(index: int, *faces: FaceResult, time_s: float | None = None) -> FrameResult:
    status = Status.OK if faces else Status.NO_FACE
    return FrameResult(index, index / 25 if time_s is None else time_s, 640, 360, status, faces)


def sample(baseline: bool = False) -> list[FrameResult]:
    """Two faces that come and go, frames without any, and faces that cannot be used."""
    frames = []
    for i in range(600):
        faces = []
        if i % 7:
            faces.append(face(1, i, baseline=baseline))
        if 100 <= i < 400:
            faces.append(face(2, i + 5000, Status.OK if i % 3 else Status.OCCLUDED, baseline))
        frames.append(frame(i, *faces))
    return frames


def write(path: Path, frames: list[FrameResult], baseline: bool = False) -> Path:
    layout = make_layout("native", EXPRESSIONS, ACTION_UNITS, with_baseline=baseline)
    with CsvRecorder(path, layout, INFO) as recorder:
        for result in frames:
            recorder.write(result)
    return path


def recorded(frames: list[FrameResult], baseline: bool = False) -> Recording:
    recording = Recording(EXPRESSIONS, ACTION_UNITS, baseline)
    for result in frames:
        recording.append(result)
    return recording


def assert_same(one: Recording, other: Recording) -> None:
    assert one.faces() == other.faces()
    np.testing.assert_array_equal(one.frame, other.frame)
    np.testing.assert_array_equal(one.status, other.status)
    np.testing.assert_allclose(one.time_s, other.time_s, atol=1e-6)
    for face_id in (*one.faces(), UNNAMED):
        a, b = one.series(face_id), other.series(face_id)
        np.testing.assert_array_equal(a.position, b.position)
        np.testing.assert_array_equal(a.expression, b.expression)
        np.testing.assert_array_equal(a.status, b.status)
        np.testing.assert_allclose(a.box_px, b.box_px, atol=0.051)
        for corrected in (False, True):
            np.testing.assert_allclose(a.probs(corrected), b.probs(corrected), atol=2e-6)
            np.testing.assert_allclose(a.valence(corrected), b.valence(corrected), atol=1e-6)
            np.testing.assert_allclose(a.arousal(corrected), b.arousal(corrected), atol=1e-6)
            np.testing.assert_allclose(a.units(corrected), b.units(corrected), atol=1e-6)


@pytest.mark.parametrize("baseline", [False, True])
def test_session_holds_the_same_rows_from_frames_and_from_their_csv(tmp_path: Path, baseline: bool) -> None:
    frames = sample(baseline)
    assert_same(recorded(frames, baseline), Recording.from_csv(write(tmp_path / "a.csv", frames, baseline)))


def test_session_columns_are_those_of_the_reader(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", sample())
    recording, columns = Recording.from_csv(path), read_native_columns(path)
    of_face = columns["face_id"] == 2
    series = recording.series(2)
    np.testing.assert_allclose(series.valence(), columns["valence"][of_face].astype(np.float32))
    np.testing.assert_allclose(series.units()[:, 3], columns["au05"][of_face].astype(np.float32))
    np.testing.assert_allclose(series.pose_deg[:, 1], columns["yaw_deg"][of_face])
    names = [EXPRESSIONS[code] if code >= 0 else "" for code in series.expression]
    assert names == columns["expression"][of_face].tolist()
    assert [STATUSES[code].value for code in series.status] == columns["status"][of_face].tolist()


def test_session_gives_a_frame_back_as_it_was_measured() -> None:
    frames = sample(baseline=True)
    recording = recorded(frames, baseline=True)
    for i in (1, 101, 102, 350):
        again = recording.result(i)
        assert (again.index, again.time_s, again.status) == (i, frames[i].time_s, Status.OK)
        assert [f.face.face_id for f in again.faces] == [f.face.face_id for f in frames[i].faces]
        for one, other in zip(again.faces, frames[i].faces, strict=True):
            assert (one.face.status, one.face.box, one.face.pose) == (
                other.face.status,
                other.face.box,
                other.face.pose,
            )
            assert (one.affect is None) == (other.affect is None)
            if one.affect and other.affect and one.affect_baseline and other.affect_baseline:
                np.testing.assert_array_equal(one.affect.expression_probs, other.affect.expression_probs)
                assert one.affect_baseline.valence == pytest.approx(other.affect_baseline.valence)


def test_session_answers_for_the_frame_that_is_shown_at_a_time() -> None:
    recording = recorded([frame(0, face(1, 1), time_s=0.5), frame(1, time_s=0.7), frame(2, face(1, 2), time_s=1.5)])
    assert recording.at(0.4, 1) is None
    at_start, later = recording.at(0.69, 1), recording.at(99.0, 1)
    assert at_start is not None
    assert later is not None
    assert at_start.affect is not None
    assert at_start.affect.valence == pytest.approx(affect(1).valence, abs=1e-6)
    assert later.affect is not None
    assert later.affect.valence == pytest.approx(affect(2).valence, abs=1e-6)
    assert recording.at(0.7, 1) is None
    assert recording.at(0.7, 9) is None
    assert recording.position_of(2) == 2
    assert recording.position_of(3) is None
    assert (recording.start_s, recording.end_s) == (0.5, pytest.approx(2.3))


def test_session_forgets_what_came_before_a_time() -> None:
    frames = sample(baseline=True)
    whole, rest = (Recording(EXPRESSIONS, ACTION_UNITS, with_baseline=True) for _ in range(2))
    for result in frames:
        whole.append(result)
    whole.forget_before(450 / 25)
    for result in frames[450:]:
        rest.append(result)
    assert len(whole) == len(rest) == 150
    assert whole.faces() == rest.faces() == (1,)  # face 2 went before
    for name in ("frame", "time_s", "status"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(rest, name))
    for name in ("position", "time_s", "status", "expression", "box_px"):
        np.testing.assert_array_equal(getattr(whole.series(1), name), getattr(rest.series(1), name))
    whole.append(frame(600, face(1, 3)))
    rest.append(frame(600, face(1, 3)))
    assert whole.result(150).faces[0].affect.valence == rest.result(150).faces[0].affect.valence


def test_session_without_frames_has_no_length() -> None:
    recording = Recording(EXPRESSIONS, ACTION_UNITS)
    assert (recording.duration_s, recording.faces(), recording.result_at(1.0)) == (0.0, (), None)


def test_session_keeps_times_in_order_where_they_are_unknown() -> None:
    recording = recorded([frame(0, face(1, 1)), frame(1, face(1, 2), time_s=math.nan), frame(2, face(1, 3))])
    assert recording.time_s.tolist() == [0.0, 0.0, 2 / 25]


@pytest.mark.parametrize("piece_bytes", [1, 97, 5000])
def test_session_tail_follows_a_file_that_grows_in_pieces(tmp_path: Path, piece_bytes: int) -> None:
    frames = sample()[:60] if piece_bytes == 1 else sample()
    whole = write(tmp_path / "whole.csv", frames).read_bytes()
    path = tmp_path / "growing.csv"
    recording: Recording | None = None
    with RecordingTail(path) as tail:
        assert tail.read() is None
        for start in range(0, len(whole), piece_bytes):
            with path.open("ab") as file:
                file.write(whole[start : start + piece_bytes])
            while (chunk := tail.read()) is not None:
                assert not chunk.restarted
                recording = recording or recording_for(chunk.header)
                recording.extend(chunk.rows)
    assert recording is not None
    assert len(recording) == len(frames)
    np.testing.assert_array_equal(
        recording.series(1).valence(), Recording.from_csv(tmp_path / "whole.csv").series(1).valence()
    )


def test_session_tail_starts_anew_when_the_file_is_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", sample()[:10])
    other = write(tmp_path / "b.csv", sample()[:4])
    with RecordingTail(path) as tail:
        first = tail.read()
        assert first is not None
        assert tail.read() is None
        shutil.move(other, path)
        second = tail.read()
    assert second is not None
    assert (first.restarted, second.restarted) == (False, True)
    assert second.rows.frame.tolist() == [0, 1, 2, 3]


def test_session_names_file_and_line_of_a_malformed_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", sample()[:3])
    path.write_bytes(path.read_bytes().replace(b"no_face", b"nonsense"))
    with pytest.raises(RecordError, match=r"a\.csv: line 2 is malformed .*; annotate the input again"):
        Recording.from_csv(path)


@pytest.mark.parametrize(("content", "reason"), [(b"", "no whole line"), (b"a,b\n1,2\n", "is no native CSV")])
def test_session_refuses_what_is_no_recording(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=reason):
        Recording.from_csv(path)


def test_session_of_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="there is no such file"):
        Recording.from_csv(tmp_path / "none.csv")
