"""The columns of Noldus FaceReader's detailed log: tab-separated text after eight lines about the analysis.

A frame without a face reads ``FIND_FAILED`` in every measured column, a face that was found but cannot be used
``FIT_FAILED``. FaceReader logs one face a file; here each face of a frame has its row, told apart by ``Identity``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from fer_core.record.numbers import fixed, fixed_distribution
from fer_core.record.schema import is_usable, row_faces
from fer_core.record.text import one_line
from fer_core.types import Affect, FaceResult, FrameResult, MediaInfo, Pose

#: FaceReader's column of each of our expressions.
EMOTIONS: dict[str, str] = {
    "neutral": "Neutral",
    "happiness": "Happy",
    "sadness": "Sad",
    "anger": "Angry",
    "surprise": "Surprised",
    "fear": "Scared",
    "disgust": "Disgusted",
    "contempt": "Contempt",
}
UNITS: dict[int, str] = {
    1: "Action Unit 01 - Inner Brow Raiser",
    2: "Action Unit 02 - Outer Brow Raiser",
    4: "Action Unit 04 - Brow Lowerer",
    5: "Action Unit 05 - Upper Lid Raiser",
    6: "Action Unit 06 - Cheek Raiser",
    7: "Action Unit 07 - Lid Tightener",
    9: "Action Unit 09 - Nose Wrinkler",
    10: "Action Unit 10 - Upper Lip Raiser",
    12: "Action Unit 12 - Lip Corner Puller",
    14: "Action Unit 14 - Dimpler",
    15: "Action Unit 15 - Lip Corner Depressor",
    17: "Action Unit 17 - Chin Raiser",
    18: "Action Unit 18 - Lip Puckerer",
    20: "Action Unit 20 - Lip Stretcher",
    23: "Action Unit 23 - Lip Tightener",
    24: "Action Unit 24 - Lip Pressor",
    25: "Action Unit 25 - Lips Part",
    26: "Action Unit 26 - Jaw Drop",
    27: "Action Unit 27 - Mouth Stretch",
    43: "Action Unit 43 - Eyes Closed",
}
FIND_FAILED = "FIND_FAILED"
FIT_FAILED = "FIT_FAILED"

_ROTATION_COLUMNS = ("Y - Head Orientation", "X - Head Orientation", "Z - Head Orientation")

COLUMNS: tuple[str, ...] = (
    "Video Time",
    *EMOTIONS.values(),
    *("Valence", "Arousal"),
    *("Gender", "Age", "Beard", "Moustache", "Glasses", "Ethnicity"),
    *_ROTATION_COLUMNS,
    *("Landmarks", "Quality", "Mouth", "Left Eye", "Right Eye", "Left Eyebrow", "Right Eyebrow", "Gaze Direction"),
    "Identity",
    *UNITS.values(),
    *("Heart Rate", "Stimulus", "Event Marker"),
)

_IDENTITY_AT = COLUMNS.index("Identity")

_NOTES = (
    "Expressions are probabilities that sum to 1; FaceReader's are intensities of 0 to 1, each for itself.",
    "Action units are probabilities of presence (0 to 1); FaceReader's are intensities.",
    "Arousal lies in -1 to 1 with neutral at 0; FaceReader's lies in 0 to 1.",
    "Gender, age, beard, moustache, glasses and ethnicity are never inferred.",
    "Head orientation is in degrees with the signs of the native layout (X pitch, Y yaw, Z roll).",
    "Quality is the confidence of the native layout.",
    "Identity is the number of the face within this recording; no one is recognised. FaceReader logs one face a file, "
    "here each face of a frame has a row.",
)
_BASELINE_NOTE = "A neutral baseline was given; this layout holds the raw values, only the native one the corrected."
_TIME = re.compile(r"(-?)(\d+):(\d\d):(\d\d\.\d{3})")


class FaceReaderLayout:
    """``--layout facereader``."""

    name = "facereader"
    suffix = ".txt"
    delimiter = "\t"
    columns = COLUMNS

    def __init__(self, expressions: tuple[str, ...], au_units: tuple[int, ...], with_baseline: bool = False) -> None:
        self._emotion_at = {EMOTIONS[e]: i for i, e in enumerate(expressions) if e in EMOTIONS}
        self._unit_at = {UNITS[u]: i for i, u in enumerate(au_units) if u in UNITS}
        self._measured = (
            *self._emotion_at,
            *("Valence", "Arousal", *_ROTATION_COLUMNS, "Quality"),
            *self._unit_at,
        )
        filled = {"Video Time", "Identity", *self._measured}
        self.empty_columns = tuple(name for name in COLUMNS if name not in filled)
        self.notes = (*_NOTES, _BASELINE_NOTE) if with_baseline else _NOTES

    def header_lines(self, info: MediaInfo) -> list[list[str]]:
        """Eight lines as FaceReader writes them, then the columns.

        The start time stays empty, it is in the sidecar: a run that is repeated or resumed gives the same text.
        """
        rate = "" if info.frame_rate_hz is None else fixed(info.frame_rate_hz, 9)
        return [
            ["Video analysis detailed log"],
            [],
            ["Face Model", "General"],
            ["Calibration", "None"],
            ["Start time", ""],
            ["Filename", one_line(info.name)],
            ["Frame rate", rate],
            [],
            list(COLUMNS),
        ]

    def rows(self, frame: FrameResult, info: MediaInfo) -> list[list[str]]:
        """One row per face, one without a face."""
        return [self._row(frame, result) for result in row_faces(frame)]

    def frame_key(self, cells: Sequence[str]) -> str:
        """The column ``Video Time``: FaceReader numbers no frames."""
        video_time_s(cells[0])
        return cells[0]

    def continues(self, rows: Sequence[Sequence[str]], cells: Sequence[str]) -> bool:
        """Where the time is the same and the face another: two frames may be in one millisecond."""
        return cells[0] == rows[0][0] and bool(cells[_IDENTITY_AT]) and self._is_new_face(rows, cells)

    def frame_index(self, key: str, frames_before: int) -> int:
        """The count of frames before: FaceReader numbers no frames."""
        return frames_before

    def time_s(self, cells: Sequence[str]) -> float | None:
        """The column ``Video Time``, to the millisecond."""
        return video_time_s(cells[0]) if cells[0] else None

    @staticmethod
    def _is_new_face(rows: Sequence[Sequence[str]], cells: Sequence[str]) -> bool:
        return all(row[_IDENTITY_AT] not in ("", cells[_IDENTITY_AT]) for row in rows)

    def _row(self, frame: FrameResult, result: FaceResult | None) -> list[str]:
        cells = dict.fromkeys(COLUMNS, "")
        cells["Video Time"] = video_time(frame.time_s)
        if result is None:
            cells |= dict.fromkeys(self._measured, FIND_FAILED)
            return list(cells.values())
        cells["Identity"] = str(result.face.face_id)
        if is_usable(result) and result.affect is not None:
            cells |= self._affect_cells(result.affect)
            cells |= zip(_ROTATION_COLUMNS, facereader_rotation(result.face.pose), strict=True)
            cells["Quality"] = fixed(result.face.confidence, 6)
        else:
            cells |= dict.fromkeys(self._measured, FIT_FAILED)
        return list(cells.values())

    def _affect_cells(self, affect: Affect) -> dict[str, str]:
        shares = fixed_distribution(affect.expression_probs.tolist())
        return {
            **{name: shares[i] for name, i in self._emotion_at.items()},
            "Valence": fixed(affect.valence, 6),
            "Arousal": fixed(affect.arousal, 6),
            **{name: fixed(float(affect.au_probs[i]), 6) for name, i in self._unit_at.items()},
        }


def facereader_rotation(pose: Pose) -> tuple[str, str, str]:
    """Y (yaw), X (pitch) and Z (roll) head orientation in degrees with 4 decimals."""
    return fixed(pose.yaw_deg, 4), fixed(pose.pitch_deg, 4), fixed(pose.roll_deg, 4)


def video_time(time_s: float) -> str:
    """``HH:MM:SS.mmm``; empty when the time is not known."""
    if not math.isfinite(time_s):
        return ""
    total_ms = round(abs(time_s) * 1000)
    sign = "-" if time_s < 0.0 and total_ms else ""
    minutes, ms = divmod(total_ms, 60_000)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}:{ms / 1000:06.3f}"


def video_time_s(text: str) -> float:
    """Seconds of :func:`video_time`.

    Raises:
        ValueError: when the text is no such time.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time of the form HH:MM:SS.mmm")
    sign, hours, minutes, seconds = match.groups()
    return (-1.0 if sign else 1.0) * (int(hours) * 3600 + int(minutes) * 60 + float(seconds))
