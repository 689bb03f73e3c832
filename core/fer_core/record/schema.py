"""The native columns, and which faces of a frame get a row.

One row per (frame, face), and never fewer rows than frames:

- a frame with at least one usable face: a row for each of its faces, ordered by ``face_id``; a face that is not
  usable keeps its ``face_id``, box and pose, has its reason in ``status`` and empty affect columns;
- a frame without a usable face: exactly one row, ``face_id`` empty. Were faces seen, the row describes the largest
  of them: its reason in ``status``, its box and pose filled. Otherwise ``status`` is that of the frame.

A face is usable when its status is ``ok``. Cells of what was not measured are empty.
"""

from __future__ import annotations

from collections.abc import Sequence

from fer_core.labels import au_column
from fer_core.record.numbers import fixed, fixed_distribution
from fer_core.types import Affect, FaceResult, FrameResult, Status

FACE_COLUMNS: tuple[str, ...] = (
    "frame",
    "time_s",
    "face_id",
    "status",
    "confidence",
    "box_x_px",
    "box_y_px",
    "box_w_px",
    "box_h_px",
    "pitch_deg",
    "yaw_deg",
    "roll_deg",
    "expression",
)
EXPRESSION_PREFIX = "p_"
BASELINE_SUFFIX = "_b"

TIME_DECIMALS = 6
SCORE_DECIMALS = 6
PIXEL_DECIMALS = 1
DEGREE_DECIMALS = 2

_EMPTY_SEEN = ("",) * 8


def native_columns(expressions: Sequence[str], au_units: Sequence[int], with_baseline: bool) -> tuple[str, ...]:
    """Header of the native CSV for a model's labels.

    Args:
        expressions: expression names in the order of the model.
        au_units: FACS numbers in the order of the model.
        with_baseline: append the columns corrected by a neutral baseline, suffix ``_b``.
    """
    affect = (
        *(EXPRESSION_PREFIX + name for name in expressions),
        "valence",
        "arousal",
        *(au_column(unit) for unit in au_units),
    )
    corrected = tuple(name + BASELINE_SUFFIX for name in affect) if with_baseline else ()
    return FACE_COLUMNS + affect + corrected


def is_usable(result: FaceResult) -> bool:
    """Whether the face has affect that counts.

    Raises:
        ValueError: when the status is ``ok`` and there is no affect, which no pipeline may hand over.
    """
    if result.face.status is not Status.OK:
        return False
    if result.affect is None:
        raise ValueError(f"face {result.face.face_id} has status ok but no affect")
    return True


def row_faces(frame: FrameResult) -> tuple[FaceResult | None, ...]:
    """The faces of ``frame`` that get a row, at least one entry; None stands for a frame on which no face was seen."""
    if any(is_usable(result) for result in frame.faces):
        return tuple(sorted(frame.faces, key=lambda result: result.face.face_id))
    if not frame.faces:
        return (None,)
    return (max(frame.faces, key=_prominence),)


def frame_status(frame: FrameResult) -> Status:
    """Why a frame has no face: its own status, and ``no_face`` where that says ``ok``."""
    return Status.NO_FACE if frame.status is Status.OK else frame.status


def format_row(
    frame: FrameResult,
    result: FaceResult | None,
    *,
    expressions: Sequence[str],
    au_units: Sequence[int],
    with_baseline: bool,
    with_id: bool = True,
) -> list[str]:
    """Cells of one native row, in the order of :func:`native_columns`.

    Seconds have 6 decimals, probabilities, confidence, valence and arousal 6, pixels 1, degrees 2.

    Args:
        frame: the frame.
        result: one of its faces, or None when no face was seen.
        expressions: expression names in the order of the model.
        au_units: FACS numbers in the order of the model.
        with_baseline: whether the header has the corrected columns.
        with_id: False leaves ``face_id`` empty (a frame without a usable face).
    """
    head = [str(frame.index), fixed(frame.time_s, TIME_DECIMALS)]
    width = len(expressions) + len(au_units) + 2
    affect = [""] * (width * (2 if with_baseline else 1))
    if result is None:
        return [*head, "", frame_status(frame), *_EMPTY_SEEN, "", *affect]
    face = result.face
    expression = ""
    if is_usable(result) and result.affect is not None:
        expression = expressions[int(result.affect.expression_probs.argmax())]
        affect[:width] = format_affect(result.affect)
        if with_baseline and result.affect_baseline is not None:
            affect[width:] = format_affect(result.affect_baseline)
    return [*head, str(face.face_id) if with_id else "", face.status, *_format_seen(result), expression, *affect]


def format_rows(
    frame: FrameResult, *, expressions: Sequence[str], au_units: Sequence[int], with_baseline: bool
) -> list[list[str]]:
    """All native rows of one frame, by the rules at the top of this module."""
    faces = row_faces(frame)
    with_id = any(result is not None and is_usable(result) for result in faces)
    return [
        format_row(
            frame,
            result,
            expressions=expressions,
            au_units=au_units,
            with_baseline=with_baseline,
            with_id=with_id,
        )
        for result in faces
    ]


def format_affect(affect: Affect) -> list[str]:
    """Cells of the affect columns: expressions, valence, arousal, action units."""
    return [
        *fixed_distribution(affect.expression_probs.tolist()),
        fixed(affect.valence, SCORE_DECIMALS),
        fixed(affect.arousal, SCORE_DECIMALS),
        *(fixed(p, SCORE_DECIMALS) for p in affect.au_probs.tolist()),
    ]


def _format_seen(result: FaceResult) -> list[str]:
    face = result.face
    return [
        fixed(face.confidence, SCORE_DECIMALS),
        *(fixed(v, PIXEL_DECIMALS) for v in (face.box.x_px, face.box.y_px, face.box.w_px, face.box.h_px)),
        *(fixed(v, DEGREE_DECIMALS) for v in (face.pose.pitch_deg, face.pose.yaw_deg, face.pose.roll_deg)),
    ]


def _prominence(result: FaceResult) -> tuple[float, float, int]:
    # The largest face is the one people see in the frame; confidence and the oldest id break ties.
    box = result.face.box
    return (box.w_px * box.h_px, result.face.confidence, -result.face.face_id)
