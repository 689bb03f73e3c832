from __future__ import annotations

import math
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fer_core.record.csv import CsvRecorder
from fer_core.record.errors import RecordError
from fer_core.record.layouts import make_layout
from fer_core.record.reader import NativeRow, read_header, read_native, read_native_columns
from fer_core.types import Affect, FaceResult, FrameResult, Status


def _write(path: Path, made: SimpleNamespace, frames: list[FrameResult], *, baseline: bool = False) -> Path:
    layout = make_layout("native", made.expressions, made.units, with_baseline=baseline)
    with CsvRecorder(path, layout, made.info) as recorder:
        for frame in frames:
            recorder.write(frame)
    return path


def _assert_same_affect(read: Affect | None, written: Affect | None) -> None:
    if written is None:
        assert read is None
        return
    assert read is not None
    np.testing.assert_allclose(read.expression_probs, written.expression_probs, rtol=0, atol=2e-6)
    np.testing.assert_allclose(read.au_probs, written.au_probs, rtol=0, atol=6e-7)
    assert (read.valence, read.arousal) == pytest.approx((written.valence, written.arousal), abs=5.1e-7)


def _assert_same_face(row: NativeRow, result: FaceResult, names: tuple[str, ...]) -> None:
    face = result.face
    assert row.status is face.status
    assert row.confidence == pytest.approx(face.confidence, abs=5.1e-7)
    assert row.box is not None
    assert row.pose is not None
    written = (face.box.x_px, face.box.y_px, face.box.w_px, face.box.h_px)
    assert (row.box.x_px, row.box.y_px, row.box.w_px, row.box.h_px) == pytest.approx(written, abs=0.0501)
    angles = (face.pose.pitch_deg, face.pose.yaw_deg, face.pose.roll_deg)
    assert (row.pose.pitch_deg, row.pose.yaw_deg, row.pose.roll_deg) == pytest.approx(angles, abs=0.00501)
    _assert_same_affect(row.affect, result.affect)
    _assert_same_affect(row.affect_baseline, result.affect_baseline)
    if result.affect is None:
        assert row.expression is None
    else:
        assert row.expression is not None
        strongest = result.affect.expression_probs[names.index(row.expression)]
        assert strongest == result.affect.expression_probs.max()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), baseline=st.booleans())
def test_read_native_gives_back_what_was_written(made: SimpleNamespace, data: st.DataObject, baseline: bool) -> None:
    frames = data.draw(made.frame_lists(baseline))
    with tempfile.TemporaryDirectory() as folder:
        path = _write(Path(folder) / "clip.csv", made, frames, baseline=baseline)
        rows = list(read_native(path))
        header = read_header(path)
    assert (header.expressions, header.au_units, header.with_baseline) == (made.expressions, made.units, baseline)
    assert {row.frame for row in rows} == {frame.index for frame in frames}
    for frame in frames:
        mine = [row for row in rows if row.frame == frame.index]
        assert all(row.time_s == pytest.approx(frame.time_s, abs=5.1e-7) for row in mine)
        by_id = {result.face.face_id: result for result in frame.faces}
        if any(result.affect is not None for result in frame.faces):
            assert [row.face_id for row in mine] == sorted(by_id)
            for row in mine:
                assert row.face_id is not None
                _assert_same_face(row, by_id[row.face_id], made.expressions)
            continue
        (row,) = mine
        assert row.face_id is None
        if not frame.faces:
            assert (row.status, row.box, row.affect) == (frame.status, None, None)
        else:
            areas = [result.face.box.w_px * result.face.box.h_px for result in frame.faces]
            largest = [r for r, area in zip(frame.faces, areas, strict=True) if area == max(areas)]
            assert row.status in {result.face.status for result in largest}


def test_read_native_leaves_a_torn_last_line_out(tmp_path: Path, made: SimpleNamespace) -> None:
    path = _write(tmp_path / "clip.csv", made, [made.frame(i, made.face()) for i in range(3)])
    path.write_bytes(path.read_bytes()[:-20])
    assert [row.frame for row in read_native(path)] == [0, 1]


def test_read_native_names_the_line_that_is_malformed(tmp_path: Path, made: SimpleNamespace) -> None:
    path = _write(tmp_path / "clip.csv", made, [made.frame(i, made.face()) for i in range(3)])
    text = path.read_text()
    path.write_text(text.replace(",ok,", ",fine,"))
    with pytest.raises(RecordError, match=r"line 2 is malformed \('fine' is not a valid Status\)"):
        list(read_native(path))
    path.write_text(text.replace("\n1,", "\n1,,"))
    with pytest.raises(RecordError, match=r"line 3 is malformed .* cells instead of"):
        list(read_native(path))


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00", b"frame,time_s\n"])
def test_read_native_refuses_what_is_no_native_csv(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"other\.csv: is no.* choose a CSV written with --layout native"):
        list(read_native(path))


def test_read_native_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"gone\.csv: cannot be read \(No such file"):
        read_header(tmp_path / "gone.csv")


def test_read_native_columns_gives_arrays_with_nan_for_empty(tmp_path: Path, made: SimpleNamespace) -> None:
    frames = [made.frame(0, made.face()), made.frame(1), made.frame(2, made.face(1, Status.OCCLUDED))]
    columns = read_native_columns(_write(tmp_path / "clip.csv", made, frames))
    assert tuple(columns) == read_header(tmp_path / "clip.csv").columns
    assert columns["status"].tolist() == ["ok", "no_face", "occluded"]
    np.testing.assert_array_equal(columns["frame"], [0, 1, 2])
    np.testing.assert_array_equal(columns["valence"], [0.25, np.nan, np.nan])
    np.testing.assert_array_equal(columns["box_w_px"], [100.0, np.nan, 100.0])


def test_read_native_keeps_an_unknown_time_unknown(tmp_path: Path, made: SimpleNamespace) -> None:
    path = _write(tmp_path / "clip.csv", made, [made.frame(0, status=Status.DECODE_ERROR, time_s=math.nan)])
    (row,) = read_native(path)
    assert math.isnan(row.time_s)
    assert row.status is Status.DECODE_ERROR
