"""Columns of the other tools, spelled out from their own sources, and what fills them."""

from __future__ import annotations

import csv
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.faces.pose import rotation_of
from fer_core.record.layout_facereader import video_time, video_time_s
from fer_core.record.layout_openface import openface_rotation
from fer_core.record.layout_pyfeat import approx_time, pyfeat_rotation
from fer_core.record.layouts import LAYOUT_NAMES, Layout, make_layout
from fer_core.record.text import encode_rows, one_line, parse_line
from fer_core.types import Affect, FaceResult, FrameResult, MediaInfo, Pose, Status


def _many(pattern: str, count: int) -> str:
    return ",".join(pattern.format(i) for i in range(count))


OPENFACE = ",".join(
    [
        "frame,face_id,timestamp,confidence,success",
        "gaze_0_x,gaze_0_y,gaze_0_z,gaze_1_x,gaze_1_y,gaze_1_z,gaze_angle_x,gaze_angle_y",
        *(_many(f"eye_lmk_{axis}_{{}}", 56) for axis in "xyXYZ"),
        "pose_Tx,pose_Ty,pose_Tz,pose_Rx,pose_Ry,pose_Rz",
        *(_many(f"{axis}_{{}}", 68) for axis in "xyXYZ"),
        "p_scale,p_rx,p_ry,p_rz,p_tx,p_ty",
        _many("p_{}", 34),
        "AU01_r,AU02_r,AU04_r,AU05_r,AU06_r,AU07_r,AU09_r,AU10_r,AU12_r,AU14_r,AU15_r,AU17_r,AU20_r,AU23_r,AU25_r,"
        "AU26_r,AU45_r",
        "AU01_c,AU02_c,AU04_c,AU05_c,AU06_c,AU07_c,AU09_c,AU10_c,AU12_c,AU14_c,AU15_c,AU17_c,AU20_c,AU23_c,AU25_c,"
        "AU26_c,AU28_c,AU45_c",
    ]
)
PYFEAT = ",".join(
    [
        "FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,FaceScore",
        _many("x_{}", 68),
        _many("y_{}", 68),
        "Pitch,Roll,Yaw,X,Y,Z",
        "AU01,AU02,AU04,AU05,AU06,AU07,AU09,AU10,AU11,AU12,AU14,AU15,AU17,AU20,AU23,AU24,AU25,AU26,AU28,AU43",
        "Neutral,Happy,Sad,Surprise,Fear,Disgust,Anger,valence,arousal,gaze_pitch,gaze_yaw,gaze_angle",
        "Identity,FrameHeight,FrameWidth,input,frame,approx_time",
    ]
)
FACEREADER = (
    "Video Time,Neutral,Happy,Sad,Angry,Surprised,Scared,Disgusted,Contempt,Valence,Arousal,Gender,Age,Beard,Moustache,"
    "Glasses,Ethnicity,Y - Head Orientation,X - Head Orientation,Z - Head Orientation,Landmarks,Quality,Mouth,Left Eye,"
    "Right Eye,Left Eyebrow,Right Eyebrow,Gaze Direction,Identity,Action Unit 01 - Inner Brow Raiser,"
    "Action Unit 02 - Outer Brow Raiser,Action Unit 04 - Brow Lowerer,Action Unit 05 - Upper Lid Raiser,"
    "Action Unit 06 - Cheek Raiser,Action Unit 07 - Lid Tightener,Action Unit 09 - Nose Wrinkler,"
    "Action Unit 10 - Upper Lip Raiser,Action Unit 12 - Lip Corner Puller,Action Unit 14 - Dimpler,"
    "Action Unit 15 - Lip Corner Depressor,Action Unit 17 - Chin Raiser,Action Unit 18 - Lip Puckerer,"
    "Action Unit 20 - Lip Stretcher,Action Unit 23 - Lip Tightener,Action Unit 24 - Lip Pressor,"
    "Action Unit 25 - Lips Part,Action Unit 26 - Jaw Drop,Action Unit 27 - Mouth Stretch,"
    "Action Unit 43 - Eyes Closed,Heart Rate,Stimulus,Event Marker"
)
OTHERS = {"openface": OPENFACE, "pyfeat": PYFEAT, "facereader": FACEREADER}


def _layout(made: SimpleNamespace, name: str, *, with_baseline: bool = False) -> Layout:
    return make_layout(name, made.expressions, made.units, with_baseline=with_baseline)


def _rows(made: SimpleNamespace, name: str, frame: object) -> list[dict[str, str]]:
    layout = _layout(made, name)
    return [dict(zip(layout.columns, row, strict=True)) for row in layout.rows(frame, made.info)]


@pytest.mark.parametrize("name", OTHERS)
def test_make_layout_gives_the_columns_of_the_tool_in_its_order(made: SimpleNamespace, name: str) -> None:
    layout = _layout(made, name)
    assert ",".join(layout.columns) == OTHERS[name]
    assert layout.header_lines(made.info)[-1] == list(layout.columns)


def test_make_layout_names_the_choices_when_there_is_no_such_layout(made: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="no layout 'affdex'; choose one of native, openface, pyfeat, facereader"):
        _layout(made, "affdex")


@pytest.mark.parametrize("name", LAYOUT_NAMES)
def test_layout_leaves_exactly_its_empty_columns_empty_for_a_usable_face(made: SimpleNamespace, name: str) -> None:
    layout = _layout(made, name)
    (row,) = _rows(made, name, made.frame(0, made.face()))
    assert tuple(column for column, cell in row.items() if cell == "") == layout.empty_columns


@pytest.mark.parametrize("name", LAYOUT_NAMES)
def test_layout_fills_none_of_its_empty_columns_whatever_the_frame(made: SimpleNamespace, name: str) -> None:
    layout = _layout(made, name)
    frames = [made.frame(0), made.frame(1, made.face(1, Status.OCCLUDED)), made.frame(2, status=Status.DECODE_ERROR)]
    for frame in frames:
        rows = _rows(made, name, frame)
        assert len(rows) == 1
        assert {rows[0][column] for column in layout.empty_columns} <= {""}


@pytest.mark.parametrize("name", OTHERS)
def test_layout_says_that_a_baseline_is_not_in_it(made: SimpleNamespace, name: str) -> None:
    assert not any("baseline" in note for note in _layout(made, name).notes)
    assert any("baseline" in note for note in _layout(made, name, with_baseline=True).notes)


def test_openface_counts_frames_from_one_and_faces_from_zero(made: SimpleNamespace) -> None:
    rows = _rows(made, "openface", made.frame(4, made.face(1), made.face(3), time_s=0.5))
    assert [(r["frame"], r["face_id"], r["timestamp"], r["success"]) for r in rows] == [
        ("5", "0", "0.500000", "1"),
        ("5", "2", "0.500000", "1"),
    ]


def test_openface_writes_presence_and_no_intensity(made: SimpleNamespace) -> None:
    au_probs = np.zeros(len(made.units), dtype=np.float32)
    au_probs[made.units.index(12)] = 0.5
    au_probs[made.units.index(25)] = 0.49
    base = made.affect()
    shown = Affect(base.expression_probs, 0.0, 0.0, au_probs)
    (row,) = _rows(made, "openface", made.frame(0, made.face(affect_of=shown)))
    assert (row["AU12_c"], row["AU25_c"], row["AU01_c"]) == ("1", "0", "0")
    # The model has neither unit 28 nor 45: empty, not absent.
    assert (row["AU28_c"], row["AU45_c"]) == ("", "")
    assert {cell for column, cell in row.items() if column.endswith("_r")} == {""}
    assert {"AU28_c", "AU45_c", "AU12_r"} <= set(_layout(made, "openface").empty_columns)


def test_openface_marks_failure_with_success_zero(made: SimpleNamespace) -> None:
    (lost,) = _rows(made, "openface", made.frame(0))
    assert (lost["face_id"], lost["confidence"], lost["success"]) == ("0", "0.000", "0")
    assert (lost["x_33"], lost["pose_Rx"], lost["AU12_c"]) == ("0.0", "0.000", "0")
    (unusable,) = _rows(made, "openface", made.frame(0, made.face(2, Status.TOO_SMALL)))
    assert (unusable["face_id"], unusable["success"], unusable["AU12_c"]) == ("1", "0", "0")
    assert float(unusable["x_33"]) > 0.0


def test_openface_writes_the_points_of_the_mesh(made: SimpleNamespace) -> None:
    result = made.face(1)
    (row,) = _rows(made, "openface", made.frame(0, result))
    points = result.face.landmarks_px
    assert float(row["x_30"]) == pytest.approx(points[4, 0], abs=0.051)
    assert float(row["y_8"]) == pytest.approx(points[152, 1], abs=0.051)
    assert float(row["x_3"]) == pytest.approx((points[132, 0] + points[58, 0]) / 2, abs=0.051)


def test_pyfeat_drops_contempt_and_rescales_the_other_seven(made: SimpleNamespace) -> None:
    shown = made.affect([0.1, 0.3, 0.0, 0.05, 0.05, 0.0, 0.0, 0.5])
    (row,) = _rows(made, "pyfeat", made.frame(0, made.face(affect_of=shown)))
    assert float(row["Neutral"]) == pytest.approx(0.2, abs=2e-6)
    assert float(row["Happy"]) == pytest.approx(0.6, abs=2e-6)
    seven = ["Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger"]
    assert sum(float(row[name]) for name in seven) == pytest.approx(1.0, abs=1e-9)


def test_pyfeat_leaves_the_seven_undefined_when_all_is_contempt(made: SimpleNamespace) -> None:
    shown = made.affect([0.0] * 7 + [1.0])
    (row,) = _rows(made, "pyfeat", made.frame(0, made.face(affect_of=shown)))
    assert row["Neutral"] == row["Anger"] == ""
    assert row["valence"] == "0.250000"


def test_pyfeat_gives_a_frame_without_a_face_one_row_of_nan(made: SimpleNamespace) -> None:
    (row,) = _rows(made, "pyfeat", made.frame(61 * 24, time_s=61.9))
    filled = {column: cell for column, cell in row.items() if cell}
    assert filled == {
        "FrameHeight": "360",
        "FrameWidth": "640",
        "input": made.info.name,
        "frame": str(61 * 24),
        "approx_time": "01:01",
    }


def test_pyfeat_keeps_box_and_pose_of_an_unusable_face(made: SimpleNamespace) -> None:
    (row,) = _rows(made, "pyfeat", made.frame(0, made.face(1, Status.OCCLUDED)))
    assert (row["FaceRectWidth"], row["FaceScore"], row["Identity"]) == ("100.0", "0.875000", "Person_0")
    assert row["AU01"] == row["Neutral"] == row["valence"] == ""


def test_facereader_has_eight_lines_before_the_columns(made: SimpleNamespace) -> None:
    lines = encode_rows(_layout(made, "facereader").header_lines(made.info), "\t").decode().splitlines()
    assert lines[0] == "Video analysis detailed log"
    assert lines[5:8] == [f"Filename\t{made.info.name}", "Frame rate\t24.000000000", ""]
    assert lines[8].split("\t")[:2] == ["Video Time", "Neutral"]
    assert len(lines) == 9


def test_facereader_says_why_there_is_no_measurement(made: SimpleNamespace) -> None:
    (lost,) = _rows(made, "facereader", made.frame(0))
    (unusable,) = _rows(made, "facereader", made.frame(0, made.face(2, Status.EXTREME_POSE)))
    measured = [
        "Neutral",
        "Contempt",
        "Arousal",
        "X - Head Orientation",
        "Quality",
        "Action Unit 12 - Lip Corner Puller",
    ]
    assert {lost[column] for column in measured} == {"FIND_FAILED"}
    assert {unusable[column] for column in measured} == {"FIT_FAILED"}
    assert (lost["Identity"], unusable["Identity"]) == ("", "2")


def test_facereader_infers_no_demographics(made: SimpleNamespace) -> None:
    demographics = {"Gender", "Age", "Beard", "Moustache", "Glasses", "Ethnicity"}
    assert demographics <= set(_layout(made, "facereader").empty_columns)


def test_facereader_writes_each_expression_in_its_column(made: SimpleNamespace) -> None:
    shown = made.affect([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.72])
    (row,) = _rows(made, "facereader", made.frame(0, made.face(affect_of=shown)))
    names = ["Neutral", "Happy", "Surprised", "Sad", "Angry", "Disgusted", "Scared", "Contempt"]
    assert [float(row[name]) for name in names] == [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.72]
    assert row["Video Time"] == "00:00:00.000"


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(0.0, "00:00:00.000"), (3661.0416, "01:01:01.042"), (59.9996, "00:01:00.000"), (-0.04, "-00:00:00.040")],
)
def test_video_time_is_hours_minutes_seconds_and_milliseconds(time_s: float, text: str) -> None:
    assert video_time(time_s) == text
    assert video_time_s(text) == pytest.approx(time_s, abs=5.1e-4)


def test_approx_time_is_empty_when_the_time_is_unknown() -> None:
    assert approx_time(math.nan) == video_time(math.nan) == ""


def test_rotation_follows_the_signs_of_the_tool() -> None:
    # Looks up, turned to its own left, tilted clockwise in the image (towards its own left shoulder).
    pose = Pose(pitch_deg=10.0, yaw_deg=20.0, roll_deg=30.0)
    about_one_axis = [Pose(10.0, 0.0, 0.0), Pose(0.0, 20.0, 0.0), Pose(0.0, 0.0, 30.0)]
    turned = [float(openface_rotation(one)[axis]) for axis, one in enumerate(about_one_axis)]
    assert turned == pytest.approx([-0.175, -0.349, 0.524], abs=6e-4)
    pitch, roll, yaw = (float(v) for v in pyfeat_rotation(pose))
    assert (pitch, roll, yaw) == pytest.approx((0.174533, -0.523599, -0.349066), abs=1e-6)


@pytest.mark.parametrize("angles", [(10, 0, 0), (0, 20, 0), (0, 0, 30), (0, 30, 20), (-15, 30, 20)])
def test_openface_rotation_is_that_of_the_head(angles: tuple[float, float, float]) -> None:
    pose = Pose(*angles)
    rx, ry, rz = (float(v) for v in openface_rotation(pose))

    def turn(axis: int, angle: float) -> np.ndarray:
        turned, (i, j) = np.eye(3), [k for k in range(3) if k != axis]
        turned[i, i] = turned[j, j] = np.cos(angle)
        turned[i, j], turned[j, i] = (np.sin(angle), -np.sin(angle)) if axis == 1 else (-np.sin(angle), np.sin(angle))
        return turned

    np.testing.assert_allclose(turn(0, rx) @ turn(1, ry) @ turn(2, rz), rotation_of(pose), atol=2e-3)


def test_pyfeat_gives_a_lost_frame_the_size_of_the_others(made: SimpleNamespace) -> None:
    lost = FrameResult(3, 0.1, 0, 0, Status.DECODE_ERROR, ())
    (cells,) = _layout(made, "pyfeat").rows(lost, made.info)
    row = dict(zip(_layout(made, "pyfeat").columns, cells, strict=True))
    assert (row["FrameWidth"], row["FrameHeight"]) == ("640", "360")


def test_layout_rows_survive_any_file_name(made: SimpleNamespace) -> None:
    name = 'odd "name",\nwith\ttab\x00.mp4'
    info = MediaInfo(name, 1, 1, None, None, None)
    for layout_name in LAYOUT_NAMES:
        layout = _layout(made, layout_name)
        text = encode_rows(layout.rows(made.frame(0), info), layout.delimiter)
        assert text.count(b"\n") == 1
        (cells,) = csv.reader([text.decode()], delimiter=layout.delimiter)
        assert len(cells) == len(layout.columns)
    assert one_line(name) == 'odd "name", with tab .mp4'


@given(st.lists(st.text().map(one_line), min_size=2), st.sampled_from([",", "\t"]))
def test_parse_line_inverts_encode_rows(cells: list[str], delimiter: str) -> None:
    assert parse_line(encode_rows([cells], delimiter), delimiter) == cells


@pytest.mark.parametrize("line", [b'"open,1\n', b"\xff\xfe,1\n"])
def test_parse_line_gives_none_for_what_is_no_row(line: bytes) -> None:
    assert parse_line(line, ",") is None


def test_layout_reads_a_model_with_other_labels(made: SimpleNamespace) -> None:
    shown = Affect(np.asarray([0.25, 0.75], np.float32), 0.0, 0.0, np.asarray([0.9], np.float32))
    result = FaceResult(made.face().face, shown)
    for name in LAYOUT_NAMES:
        layout = make_layout(name, ("fear", "neutral"), (45,))
        (row,) = layout.rows(made.frame(0, result), made.info)
        cells = dict(zip(layout.columns, row, strict=True))
        assert tuple(column for column, cell in cells.items() if cell == "") == layout.empty_columns
        if name == "openface":
            assert cells["AU45_c"] == "1"
        if name == "pyfeat":
            assert (cells["Fear"], cells["Neutral"], cells["Happy"]) == ("0.250000", "0.750000", "")
