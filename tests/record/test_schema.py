from __future__ import annotations

from types import SimpleNamespace

import pytest

from fer_core.record.schema import format_rows, native_columns
from fer_core.types import FaceResult, Status

CONTRACT_UNITS = (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)
CONTRACT = (
    "frame,time_s,face_id,status,confidence,box_x_px,box_y_px,box_w_px,box_h_px,pitch_deg,yaw_deg,roll_deg,expression,"
    "p_neutral,p_happiness,p_surprise,p_sadness,p_anger,p_disgust,p_fear,p_contempt,valence,arousal,"
    "au01,au02,au04,au06,au07,au10,au12,au15,au23,au24,au25,au26"
)


def _rows(made: SimpleNamespace, frame: object, *, with_baseline: bool = False) -> list[dict[str, str]]:
    columns = native_columns(made.expressions, made.units, with_baseline)
    rows = format_rows(frame, expressions=made.expressions, au_units=made.units, with_baseline=with_baseline)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def test_native_columns_are_those_of_the_contract(made: SimpleNamespace) -> None:
    assert ",".join(native_columns(made.expressions, CONTRACT_UNITS, False)) == CONTRACT


def test_native_columns_append_corrected_affect_with_a_baseline() -> None:
    columns = native_columns(("neutral", "fear"), (4,), True)
    assert columns[13:] == (
        *("p_neutral", "p_fear", "valence", "arousal", "au04"),
        *("p_neutral_b", "p_fear_b", "valence_b", "arousal_b", "au04_b"),
    )


def test_format_rows_writes_a_usable_face_with_fixed_decimals(made: SimpleNamespace) -> None:
    (row,) = _rows(made, made.frame(7, made.face(3), time_s=0.2916666))
    assert row["frame"] == "7"
    assert row["time_s"] == "0.291667"
    assert (row["face_id"], row["status"], row["confidence"]) == ("3", "ok", "0.875000")
    assert [row[c] for c in ("box_x_px", "box_y_px", "box_w_px", "box_h_px")] == ["10.0", "20.5", "100.0", "100.0"]
    assert [row[c] for c in ("pitch_deg", "yaw_deg", "roll_deg")] == ["10.00", "-20.00", "5.00"]
    assert row["expression"] == "happiness"
    assert row["p_happiness"] == "0.600000"
    assert (row["valence"], row["arousal"], row["au12"]) == ("0.250000", "-0.500000", "0.750000")


@pytest.mark.parametrize("status", [Status.NO_FACE, Status.DECODE_ERROR])
def test_format_rows_gives_a_frame_without_a_face_one_row_with_the_reason(
    made: SimpleNamespace, status: Status
) -> None:
    (row,) = _rows(made, made.frame(2, status=status))
    assert row.pop("frame") == "2"
    assert row.pop("time_s") != ""
    assert row.pop("status") == status
    assert set(row.values()) == {""}


def test_format_rows_never_says_ok_of_a_frame_without_a_face(made: SimpleNamespace) -> None:
    (row,) = _rows(made, made.frame(0, status=Status.OK))
    assert row["status"] == "no_face"


def test_format_rows_gives_one_row_without_id_when_no_face_is_usable(made: SimpleNamespace) -> None:
    small = made.face(1, Status.TOO_SMALL, size_px=20.0)
    large = made.face(2, Status.OCCLUDED, size_px=200.0)
    (row,) = _rows(made, made.frame(0, small, large, status=Status.NO_FACE))
    assert (row["face_id"], row["status"]) == ("", "occluded")
    assert (row["box_w_px"], row["pitch_deg"], row["confidence"]) == ("200.0", "10.00", "0.875000")
    assert row["expression"] == row["p_neutral"] == row["valence"] == row["au04"] == ""


def test_format_rows_keeps_the_id_of_an_unusable_face_beside_a_usable_one(made: SimpleNamespace) -> None:
    rows = _rows(made, made.frame(0, made.face(5), made.face(2, Status.EXTREME_POSE)))
    assert [(r["face_id"], r["status"]) for r in rows] == [("2", "extreme_pose"), ("5", "ok")]
    assert rows[0]["valence"] == rows[0]["expression"] == ""
    assert rows[0]["yaw_deg"] == "-20.00"
    assert rows[1]["valence"] == "0.250000"


def test_format_rows_fills_corrected_columns_only_where_there_is_a_baseline(made: SimpleNamespace) -> None:
    corrected = made.affect(valence=0.1)
    rows = _rows(made, made.frame(0, made.face(1, baseline=corrected), made.face(2)), with_baseline=True)
    assert [(r["valence"], r["valence_b"]) for r in rows] == [("0.250000", "0.100000"), ("0.250000", "")]


def test_format_rows_leaves_what_is_not_finite_empty(made: SimpleNamespace) -> None:
    (row,) = _rows(made, made.frame(0, status=Status.DECODE_ERROR, time_s=float("nan")))
    assert (row["time_s"], row["status"]) == ("", "decode_error")


def test_format_rows_refuses_a_usable_face_without_affect(made: SimpleNamespace) -> None:
    broken = FaceResult(made.face(4).face, None)
    with pytest.raises(ValueError, match="face 4 has status ok but no affect"):
        _rows(made, made.frame(0, broken))
