from __future__ import annotations

import csv
import math
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fer_core.record.csv import CsvRecorder
from fer_core.record.layouts import make_layout
from fer_core.record.reader import read_native
from fer_core.record.summary import summarise, write_summary
from fer_core.types import FrameResult, Status

NEUTRAL = [0.93] + [0.01] * 7
HAPPY = [0.01, 0.93] + [0.01] * 6


def _write(path: Path, made: SimpleNamespace, frames: list[FrameResult]) -> Path:
    with CsvRecorder(path, make_layout("native", made.expressions, made.units), made.info) as recorder:
        for frame in frames:
            recorder.write(frame)
    return path


def test_summarise_weights_by_time(tmp_path: Path, made: SimpleNamespace) -> None:
    neutral = made.face(1, affect_of=made.affect(NEUTRAL, valence=0.0, au=0.1))
    happy = made.face(1, affect_of=made.affect(HAPPY, valence=0.8, au=0.9))
    # 3 s neutral, then 1 s happy: the last frame stands for as long as the one before it.
    frames = [made.frame(0, neutral, time_s=0.0), made.frame(1, happy, time_s=3.0)]
    frames += [made.frame(2, happy, time_s=3.5), made.frame(3, time_s=4.0)]
    summary = summarise(_write(tmp_path / "clip.csv", made, frames))
    assert (summary.frames_total, summary.frames_ok, summary.duration_s) == (4, 3, 4.5)
    (face,) = summary.faces
    assert (face.face_id, face.frames_ok, face.time_ok_s) == (1, 3, 4.0)
    assert face.expression_share["neutral"] == pytest.approx(0.75)
    assert face.expression_share["happiness"] == pytest.approx(0.25)
    assert face.valence_mean == pytest.approx(0.2)
    assert face.valence_sd == pytest.approx(0.8 * math.sqrt(0.25 * 0.75))
    assert face.au_rate[12] == pytest.approx(0.25)
    assert (face.arousal_mean, face.arousal_sd) == pytest.approx((-0.5, 0.0))


def test_summarise_counts_frames_where_time_has_no_extent(tmp_path: Path, made: SimpleNamespace) -> None:
    shown = made.face(1, affect_of=made.affect(HAPPY, valence=0.5))
    summary = summarise(_write(tmp_path / "image.csv", made, [made.frame(0, shown)]))
    (face,) = summary.faces
    assert (summary.duration_s, face.time_ok_s) == (0.0, 0.0)
    assert (face.expression_share["happiness"], face.valence_mean, face.valence_sd) == (1.0, 0.5, 0.0)


def test_summarise_keeps_faces_apart_and_leaves_unusable_rows_out(tmp_path: Path, made: SimpleNamespace) -> None:
    frames = [
        made.frame(0, made.face(3), made.face(1, Status.OCCLUDED)),
        made.frame(1, made.face(3), made.face(1)),
        made.frame(2, made.face(2, Status.TOO_SMALL), status=Status.NO_FACE),
        made.frame(3, status=Status.DECODE_ERROR),
    ]
    summary = summarise(_write(tmp_path / "clip.csv", made, frames))
    assert [(face.face_id, face.frames_ok) for face in summary.faces] == [(1, 1), (3, 2)]
    assert (summary.frames_total, summary.frames_ok) == (4, 2)


def test_summarise_of_no_face_has_no_faces(tmp_path: Path, made: SimpleNamespace) -> None:
    summary = summarise(_write(tmp_path / "clip.csv", made, [made.frame(i) for i in range(3)]))
    assert summary.faces == ()
    assert (summary.frames_total, summary.frames_ok) == (3, 0)
    assert summarise(_write(tmp_path / "empty.csv", made, [])).frames_total == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_summarise_agrees_with_numpy(made: SimpleNamespace, data: st.DataObject) -> None:
    frames = data.draw(made.frame_lists(max_size=8))
    with tempfile.TemporaryDirectory() as folder:
        path = _write(Path(folder) / "clip.csv", made, frames)
        summary = summarise(path)
        rows = list(read_native(path))
    times_s = [next(row.time_s for row in rows if row.frame == frame.index) for frame in frames]
    lengths_s = np.append(np.diff(times_s), np.diff(times_s)[-1:])
    weights = lengths_s if lengths_s.sum() > 0 else np.ones(len(frames))
    assert summary.duration_s == pytest.approx(float(lengths_s.sum()))
    assert len(summary.faces) == len({row.face_id for row in rows if row.status is Status.OK})
    for face in summary.faces:
        mine = [row for row in rows if row.face_id == face.face_id and row.affect is not None]
        w = np.array([weights[row.frame] for row in mine])
        v = np.array([row.affect.valence for row in mine])  # type: ignore[union-attr]
        mean = np.average(v, weights=w)
        assert face.valence_mean == pytest.approx(mean, abs=1e-9)
        assert face.valence_sd == pytest.approx(math.sqrt(np.average((v - mean) ** 2, weights=w)), abs=1e-7)
        assert sum(face.expression_share.values()) == pytest.approx(1.0)
        present = np.array([row.affect.au_probs[0] >= 0.5 for row in mine])  # type: ignore[union-attr]
        assert face.au_rate[made.units[0]] == pytest.approx(np.average(present, weights=w))


def test_write_summary_writes_a_row_per_face(tmp_path: Path, made: SimpleNamespace) -> None:
    frames = [made.frame(i, made.face(1), made.face(2)) for i in range(4)]
    out = write_summary(_write(tmp_path / "clip.csv", made, frames))
    assert out == tmp_path / "clip.summary.csv"
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["face_id"] for row in rows] == ["1", "2"]
    assert (rows[0]["frames_ok"], rows[0]["frames_total"]) == ("4", "4")
    assert (rows[0]["share_happiness"], rows[0]["valence_mean"], rows[0]["au12_rate"]) == (
        "1.000000",
        "0.250000",
        "1.000000",
    )
