"""The columns of a py-feat 2.x ``Fex`` as ``Detectorv2`` fills it (Cheong et al., 2023).

Missing values are empty cells, which pandas reads as NaN. A frame without a face has one row of NaN besides the size
of the frame, input, frame and time; a face that cannot be used keeps its box, landmarks and pose.

Head pose in py-feat since 2.1.1: radians, positive pitch looks up, positive yaw turns to the own right, positive roll
tilts to the own right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fer_core.record.ibug68 import ibug68_from_mesh
from fer_core.record.numbers import fixed, fixed_distribution
from fer_core.record.schema import is_usable, row_faces
from fer_core.record.text import one_line
from fer_core.types import Affect, Face, FaceResult, FrameResult, MediaInfo, Pose

UNITS: tuple[int, ...] = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)
#: py-feat's column of each of our expressions; contempt has none.
EMOTIONS: dict[str, str] = {
    "neutral": "Neutral",
    "happiness": "Happy",
    "sadness": "Sad",
    "surprise": "Surprise",
    "fear": "Fear",
    "disgust": "Disgust",
    "anger": "Anger",
}

_POINTS = range(68)
_RECT_COLUMNS = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore")
_POINT_COLUMNS = (*(f"x_{i}" for i in _POINTS), *(f"y_{i}" for i in _POINTS))
_POSE_COLUMNS = ("Pitch", "Roll", "Yaw")
_POSITION_COLUMNS = ("X", "Y", "Z")
_GAZE_COLUMNS = ("gaze_pitch", "gaze_yaw", "gaze_angle")
_FRAME_COLUMNS = ("FrameHeight", "FrameWidth", "input", "frame", "approx_time")

COLUMNS: tuple[str, ...] = (
    *_RECT_COLUMNS,
    *_POINT_COLUMNS,
    *_POSE_COLUMNS,
    *_POSITION_COLUMNS,
    *(f"AU{unit:02d}" for unit in UNITS),
    *EMOTIONS.values(),
    *("valence", "arousal"),
    *_GAZE_COLUMNS,
    "Identity",
    *_FRAME_COLUMNS,
)
_FRAME_AT = COLUMNS.index("frame")

_NOTES = (
    "py-feat has seven emotions: contempt is dropped and the other seven are rescaled to sum to 1.",
    "AU.. is the probability that the unit is present.",
    "Head position (X, Y, Z) and gaze are not measured.",
    "x_0..67 and y_0..67 are read from a 468-point face mesh.",
    "Pitch, Roll and Yaw are radians in py-feat's signs (positive: up, tilt and turn to the own right).",
    "approx_time is minutes and seconds as py-feat writes it; the native layout has the exact time of each frame.",
    "Identity is the number of the face within this recording; no one is recognised.",
)
_BASELINE_NOTE = "A neutral baseline was given; this layout holds the raw values, only the native one the corrected."


class PyFeatLayout:
    """``--layout pyfeat``."""

    name = "pyfeat"
    suffix = ".csv"
    delimiter = ","
    columns = COLUMNS

    def __init__(self, expressions: tuple[str, ...], au_units: tuple[int, ...], with_baseline: bool = False) -> None:
        self._emotion_at = {EMOTIONS[e]: i for i, e in enumerate(expressions) if e in EMOTIONS}
        self._unit_at = {f"AU{u:02d}": i for i, u in enumerate(au_units) if u in UNITS}
        lacking = {*_POSITION_COLUMNS, *_GAZE_COLUMNS}
        lacking |= {f"AU{u:02d}" for u in UNITS} - set(self._unit_at)
        lacking |= set(EMOTIONS.values()) - set(self._emotion_at)
        self.empty_columns = tuple(name for name in COLUMNS if name in lacking)
        self.notes = (*_NOTES, _BASELINE_NOTE) if with_baseline else _NOTES

    def header_lines(self, info: MediaInfo) -> list[list[str]]:
        """The column names alone."""
        return [list(COLUMNS)]

    def rows(self, frame: FrameResult, info: MediaInfo) -> list[list[str]]:
        """One row per face, one without a face."""
        return [self._row(frame, result, info) for result in row_faces(frame)]

    def frame_key(self, cells: Sequence[str]) -> str:
        """The column ``frame``."""
        return cells[_FRAME_AT]

    def continues(self, rows: Sequence[Sequence[str]], cells: Sequence[str]) -> bool:
        """Where the column ``frame`` is the same."""
        return cells[_FRAME_AT] == rows[0][_FRAME_AT]

    def frame_index(self, key: str, frames_before: int) -> int:
        """py-feat counts frames from 0."""
        return int(key)

    def time_s(self, cells: Sequence[str]) -> float | None:
        """None: ``approx_time`` has whole seconds only."""
        return None

    def _row(self, frame: FrameResult, result: FaceResult | None, info: MediaInfo) -> list[str]:
        cells = dict.fromkeys(COLUMNS, "")
        cells["FrameHeight"] = str(frame.height_px or info.height_px)  # a frame that was not decoded has no size
        cells["FrameWidth"] = str(frame.width_px or info.width_px)
        cells["input"] = one_line(frame.name or info.name)
        cells["frame"] = str(frame.index)
        cells["approx_time"] = approx_time(frame.time_s)
        if result is not None:
            cells |= zip((*_RECT_COLUMNS, *_POINT_COLUMNS, *_POSE_COLUMNS), _seen_cells(result.face), strict=True)
            cells["Identity"] = f"Person_{result.face.face_id - 1}"
            if is_usable(result) and result.affect is not None:
                cells |= self._affect_cells(result.affect)
        return list(cells.values())

    def _affect_cells(self, affect: Affect) -> dict[str, str]:
        kept = [float(affect.expression_probs[i]) for i in self._emotion_at.values()]
        total = sum(kept)
        # All mass on dropped classes leaves the seven undefined: NaN, not zero.
        shares = fixed_distribution([p / total for p in kept]) if total > 0.0 else [""] * len(kept)
        return {
            **dict(zip(self._emotion_at, shares, strict=True)),
            "valence": fixed(affect.valence, 6),
            "arousal": fixed(affect.arousal, 6),
            **{name: fixed(float(affect.au_probs[i]), 6) for name, i in self._unit_at.items()},
        }


def _seen_cells(face: Face) -> list[str]:
    points_px = ibug68_from_mesh(face.landmarks_px[:, :2])
    return [
        *(fixed(v, 1) for v in (face.box.x_px, face.box.y_px, face.box.w_px, face.box.h_px)),
        fixed(face.confidence, 6),
        *(fixed(v, 1) for v in points_px.T.reshape(-1).tolist()),
        *pyfeat_rotation(face.pose),
    ]


def pyfeat_rotation(pose: Pose) -> tuple[str, str, str]:
    """``Pitch, Roll, Yaw`` in radians with 6 decimals, in py-feat's signs."""
    pitch, roll, yaw = pose.pitch_deg, -pose.roll_deg, -pose.yaw_deg
    return fixed(math.radians(pitch), 6), fixed(math.radians(roll), 6), fixed(math.radians(yaw), 6)


def approx_time(time_s: float) -> str:
    """``MM:SS``, whole seconds rounded down; empty when the time is not known."""
    if not math.isfinite(time_s):
        return ""
    minutes, seconds = divmod(max(int(time_s), 0), 60)
    return f"{minutes:02d}:{seconds:02d}"
