"""The columns of OpenFace 2.2 ``FeatureExtraction`` (Baltrusaitis et al., FG 2018), all of them, in its order.

Filled: frame (from 1), face id (from 0), time, confidence, success, head rotation, the 68 image points, and presence
(``_c``) of the action units that the model has. A face that cannot be used, and a frame without a face, get OpenFace's
habit: ``success`` 0 and zeros in the measured columns; ``success`` must be looked at first, as with OpenFace.

Head rotation: OpenFace gives R = Rx Ry Rz in a camera frame with x to the right of the image, y down and z away from
the camera, in radians. The face looks along -z, so a positive Rx turns it down, a positive Ry to its own right (image
left), and a positive Rz tilts it clockwise in the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fer_core.faces.pose import rotation_of
from fer_core.record.ibug68 import ibug68_from_mesh
from fer_core.record.numbers import fixed
from fer_core.record.schema import is_usable, row_faces
from fer_core.types import FaceResult, FrameResult, MediaInfo, Pose

INTENSITY_UNITS: tuple[int, ...] = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
PRESENCE_UNITS: tuple[int, ...] = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45)
PRESENCE_THRESHOLD = 0.5

_POINTS = range(68)
_EYE_POINTS = range(56)
_X_COLUMNS = tuple(f"x_{i}" for i in _POINTS)
_Y_COLUMNS = tuple(f"y_{i}" for i in _POINTS)
_ROTATION_COLUMNS = ("pose_Rx", "pose_Ry", "pose_Rz")

COLUMNS: tuple[str, ...] = (
    *("frame", "face_id", "timestamp", "confidence", "success"),
    *("gaze_0_x", "gaze_0_y", "gaze_0_z", "gaze_1_x", "gaze_1_y", "gaze_1_z", "gaze_angle_x", "gaze_angle_y"),
    *(f"eye_lmk_{axis}_{i}" for axis in ("x", "y", "X", "Y", "Z") for i in _EYE_POINTS),
    *("pose_Tx", "pose_Ty", "pose_Tz", *_ROTATION_COLUMNS),
    *(*_X_COLUMNS, *_Y_COLUMNS),
    *(f"{axis}_{i}" for axis in ("X", "Y", "Z") for i in _POINTS),
    *("p_scale", "p_rx", "p_ry", "p_rz", "p_tx", "p_ty"),
    *(f"p_{i}" for i in range(34)),
    *(f"AU{unit:02d}_r" for unit in INTENSITY_UNITS),
    *(f"AU{unit:02d}_c" for unit in PRESENCE_UNITS),
)

_NOTES = (
    "Action unit intensities (AU.._r, 0 to 5) are empty: presence is measured, not intensity.",
    f"AU.._c is 1 where the probability of presence is at least {PRESENCE_THRESHOLD}; the native layout has the "
    "probabilities.",
    "Gaze, eye landmarks, head position in millimetres, 3D landmarks and shape parameters are not measured.",
    "x_0..67 and y_0..67 are read from a 468-point face mesh.",
    "pose_R* follow OpenFace's signs (positive: down, to the own right, clockwise in the image), in radians.",
    "success is 0 and measured columns hold zeros (or the values of an unusable face) where no usable face was found.",
    "Expressions, valence and arousal have no column in this layout.",
)
_BASELINE_NOTE = "A neutral baseline was given; this layout holds the raw values, only the native one the corrected."


class OpenFaceLayout:
    """``--layout openface``."""

    name = "openface"
    suffix = ".csv"
    delimiter = ","
    columns = COLUMNS

    def __init__(self, expressions: tuple[str, ...], au_units: tuple[int, ...], with_baseline: bool = False) -> None:
        self._unit_at = {f"AU{u:02d}_c": i for i, u in enumerate(au_units) if u in PRESENCE_UNITS}
        filled = {*COLUMNS[:5], *_ROTATION_COLUMNS, *_X_COLUMNS, *_Y_COLUMNS, *self._unit_at}
        self.empty_columns = tuple(name for name in COLUMNS if name not in filled)
        self.notes = (*_NOTES, _BASELINE_NOTE) if with_baseline else _NOTES

    def header_lines(self, info: MediaInfo) -> list[list[str]]:
        """The column names alone."""
        return [list(COLUMNS)]

    def rows(self, frame: FrameResult, info: MediaInfo) -> list[list[str]]:
        """One row per face, one without a face."""
        return [self._row(frame, result) for result in row_faces(frame)]

    def frame_key(self, cells: Sequence[str]) -> str:
        """The column ``frame``."""
        return cells[0]

    def continues(self, rows: Sequence[Sequence[str]], cells: Sequence[str]) -> bool:
        """Where the column ``frame`` is the same."""
        return cells[0] == rows[0][0]

    def frame_index(self, key: str, frames_before: int) -> int:
        """OpenFace counts frames from 1."""
        return int(key) - 1

    def time_s(self, cells: Sequence[str]) -> float | None:
        """The column ``timestamp``."""
        return float(cells[2]) if cells[2] else None

    def _row(self, frame: FrameResult, result: FaceResult | None) -> list[str]:
        cells = dict.fromkeys(COLUMNS, "")
        cells["frame"] = str(frame.index + 1)
        cells["timestamp"] = fixed(frame.time_s, 6)
        cells.update(dict.fromkeys(self._unit_at, "0"))
        if result is None:
            cells |= {"face_id": "0", "confidence": "0.000", "success": "0"}
            cells |= dict.fromkeys(_ROTATION_COLUMNS, "0.000")
            cells |= dict.fromkeys((*_X_COLUMNS, *_Y_COLUMNS), "0.0")
            return list(cells.values())
        usable = is_usable(result)
        cells["face_id"] = str(result.face.face_id - 1)
        cells["confidence"] = fixed(result.face.confidence, 3)
        cells["success"] = "1" if usable else "0"
        cells |= zip(_ROTATION_COLUMNS, openface_rotation(result.face.pose), strict=True)
        points_px = ibug68_from_mesh(result.face.landmarks_px[:, :2])
        cells |= zip(_X_COLUMNS, (fixed(x, 1) for x in points_px[:, 0].tolist()), strict=True)
        cells |= zip(_Y_COLUMNS, (fixed(y, 1) for y in points_px[:, 1].tolist()), strict=True)
        if usable and result.affect is not None:
            probs = result.affect.au_probs.tolist()
            cells |= {name: "1" if probs[i] >= PRESENCE_THRESHOLD else "0" for name, i in self._unit_at.items()}
        return list(cells.values())


def openface_rotation(pose: Pose) -> tuple[str, str, str]:
    """``pose_Rx, pose_Ry, pose_Rz`` in radians with 3 decimals: the same rotation, taken apart as ``Rx @ Ry @ Rz``."""
    rotation = rotation_of(pose)
    rx = math.atan2(-rotation[1, 2], rotation[2, 2])
    ry = math.asin(min(max(rotation[0, 2], -1.0), 1.0))
    rz = math.atan2(-rotation[0, 1], rotation[0, 0])
    return fixed(rx, 3), fixed(ry, 3), fixed(rz, 3)
