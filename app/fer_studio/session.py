"""Everything measured of one recording, by the time of the media: what timeline, player and statistics read.

Filled either frame by frame while it is measured (:meth:`Recording.append`) or from a native CSV, which may still grow
(:mod:`fer_studio.recording_file`). Both ways hold the same rows, those of :mod:`fer_core.record.schema`. No Qt, and for
one thread at a time. A row takes about 4 bytes a number, and nothing is copied to read a column (so columns that were
read do not outlast :meth:`Recording.forget_before`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from fer_core.record.schema import frame_status, is_usable, row_faces
from fer_core.types import Affect, Box, Face, FaceResult, Floats, FrameResult, Pose, Status

#: Statuses by the code that columns hold.
STATUSES: tuple[Status, ...] = tuple(Status)
#: ``face_id`` of the row of a frame without a usable face.
UNNAMED = 0
#: Code of "no expression" in the column ``expression``.
NO_EXPRESSION = -1

_CODES = {status: code for code, status in enumerate(STATUSES)}
#: confidence, box (4), pose (3): what stands before the affect of a row.
_SEEN = 8
_FIRST_CAPACITY = 256

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]
Column = TypeVar("Column", Ints, Doubles, Codes, Bools)


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows in the order of the file, ``n`` of them."""

    frame: Ints
    """(n,)"""
    time_s: Doubles
    """(n,)"""
    face_id: Ints
    """(n,), ``UNNAMED`` where the row names no face."""
    status: Codes
    """(n,), index into ``STATUSES``."""
    expression: Codes
    """(n,), index into the expressions, or ``NO_EXPRESSION``."""
    values: Floats
    """(n, 8 + E + 2 + A), and as much affect again with a baseline; NaN where nothing was measured."""


class Growing:
    """Numbers, or rows of ``width`` numbers, that grow at their end in constant time a row.

    Each column lies in one piece of memory: a curve over a long recording is read ten times as fast as from rows.
    """

    def __init__(self, dtype: npt.DTypeLike, width: int | None = None) -> None:
        self._data: npt.NDArray[Any] = np.empty((1 if width is None else width, _FIRST_CAPACITY), dtype)
        self._single = width is None
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def extend(self, rows: npt.NDArray[Any]) -> None:
        """Appends rows, (n,) or (n, width)."""
        end = self._size + len(rows)
        if end > self._data.shape[1]:
            grown = np.empty((len(self._data), max(end, 2 * self._data.shape[1])), self._data.dtype)
            grown[:, : self._size] = self._data[:, : self._size]
            self._data = grown
        self._data[:, self._size : end] = rows.T
        self._size = end

    def drop(self, rows: int) -> None:
        """Forgets the first rows; those that stay are moved."""
        kept = self._size - rows
        self._data[:, :kept] = self._data[:, rows : self._size].copy()
        self._size = kept

    @property
    def view(self) -> npt.NDArray[Any]:
        """All rows so far, (n,) or (n, width), not copied."""
        filled = self._data[:, : self._size]
        return filled[0] if self._single else filled.T


class _Filled(Generic[Column]):
    """The filled part of the :class:`Growing` that has the same name with an underscore before it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    def __get__(self, holder: object, owner: type | None = None) -> Column:
        filled: Column = getattr(holder, self._name).view
        return filled


@dataclass(frozen=True, slots=True)
class ValueColumns:
    """Where the numbers of a row stand: what was seen, then affect, then affect corrected by a baseline."""

    expression_count: int
    unit_count: int
    with_baseline: bool

    @property
    def affect_width(self) -> int:
        """Probabilities of expressions, valence, arousal, action units."""
        return self.expression_count + 2 + self.unit_count

    @property
    def width(self) -> int:
        """All of a row."""
        return _SEEN + self.affect_width * (2 if self.with_baseline else 1)

    def affect(self, corrected: bool) -> slice:
        """Affect; the raw one where nothing is corrected."""
        start = _SEEN + (self.affect_width if corrected and self.with_baseline else 0)
        return slice(start, start + self.affect_width)


class FaceSeries:
    """The rows of one face; every property is a view of ``n`` rows by rising time."""

    position = _Filled[Ints]()
    """(n,) place of the row's frame among all frames of the recording."""
    time_s = _Filled[Doubles]()
    """(n,)"""
    status = _Filled[Codes]()
    """(n,) index into ``STATUSES``."""
    expression = _Filled[Codes]()
    """(n,) index of the strongest expression, ``NO_EXPRESSION`` where the face was not usable."""
    corrected_expression = _Filled[Codes]()
    """(n,) the same by the corrected probabilities."""
    is_corrected = _Filled[Bools]()
    """(n,) whether a baseline was subtracted; elsewhere the corrected values are the raw ones."""

    def __init__(self, columns: ValueColumns) -> None:
        self._columns = columns
        self._position = Growing(np.int64)
        self._time_s = Growing(np.float64)
        self._status = Growing(np.int8)
        self._expression = Growing(np.int8)
        self._corrected_expression = Growing(np.int8)
        self._is_corrected = Growing(np.bool_)
        self._values = Growing(np.float32, columns.width)

    def __len__(self) -> int:
        return len(self._position)

    def extend(self, position: Ints, batch: RowBatch, rows: npt.NDArray[np.bool_]) -> None:
        """Appends the marked rows of a batch; ``position`` (n,) is that of each row of the batch."""
        self._position.extend(position[rows])
        self._time_s.extend(batch.time_s[rows])
        self._status.extend(batch.status[rows])
        values, expression = batch.values[rows], batch.expression[rows]
        raw, corrected = (values[:, self._columns.affect(which)] for which in (False, True))
        is_corrected = np.isfinite(corrected[:, self._columns.expression_count]) & self._columns.with_baseline
        corrected[~is_corrected] = raw[~is_corrected]
        strongest = corrected[:, : self._columns.expression_count].argmax(axis=1)
        self._expression.extend(expression)
        self._corrected_expression.extend(np.where(is_corrected, strongest, expression))
        self._is_corrected.extend(is_corrected)
        self._values.extend(values)

    def forget(self, frames: int) -> None:
        """Drops the rows of the first frames of the recording; the others count from the frame after these."""
        rows = int(np.searchsorted(self.position, frames))
        columns = (self._position, self._time_s, self._status, self._expression, self._values)
        for column in (*columns, self._corrected_expression, self._is_corrected):
            column.drop(rows)
        self.position[:] -= frames

    @property
    def confidence(self) -> Floats:
        """(n,)"""
        return self._values.view[:, 0]

    @property
    def box_px(self) -> Floats:
        """(n, 4): x, y, w, h."""
        return self._values.view[:, 1:5]

    @property
    def pose_deg(self) -> Floats:
        """(n, 3): pitch, yaw, roll."""
        return self._values.view[:, 5:8]

    def probs(self, corrected: bool = False) -> Floats:
        """(n, E) expression probabilities; ``corrected`` by the baseline where there is one, else raw."""
        return self._affect(corrected)[:, : self._columns.expression_count]

    def valence(self, corrected: bool = False) -> Floats:
        """(n,)"""
        return self._affect(corrected)[:, self._columns.expression_count]

    def arousal(self, corrected: bool = False) -> Floats:
        """(n,)"""
        return self._affect(corrected)[:, self._columns.expression_count + 1]

    def units(self, corrected: bool = False) -> Floats:
        """(n, A) action-unit probabilities."""
        return self._affect(corrected)[:, self._columns.expression_count + 2 :]

    @property
    def baseline_share(self) -> float:
        """Of the rows with values those that are corrected, 0..1; 0 without any."""
        measured = np.count_nonzero(self.expression != NO_EXPRESSION)
        return np.count_nonzero(self.is_corrected) / measured if measured else 0.0

    def row_at(self, position: int) -> int | None:
        """The row of a frame, None when the face has none there."""
        row = int(np.searchsorted(self.position, position))
        return row if row < len(self) and self.position[row] == position else None

    def result(self, row: int, face_id: int) -> FaceResult:
        """One row as the pipeline would hand it over, without landmarks."""
        seen = self._values.view[row]
        face = Face(
            face_id,
            STATUSES[self.status[row]],
            float(seen[0]),
            Box(*(float(v) for v in seen[1:5])),
            Pose(*(float(v) for v in seen[5:8])),
            np.empty((0, 3), np.float32),
        )
        corrected = self._affect_of(row, corrected=True) if self.is_corrected[row] else None
        return FaceResult(face, self._affect_of(row, corrected=False), corrected)

    def _affect_of(self, row: int, corrected: bool) -> Affect | None:
        valence = float(self.valence(corrected)[row])
        if math.isnan(valence):
            return None
        arousal = float(self.arousal(corrected)[row])
        return Affect(self.probs(corrected)[row].copy(), valence, arousal, self.units(corrected)[row].copy())

    def _affect(self, corrected: bool) -> Floats:
        return self._values.view[:, self._columns.affect(corrected)]


class Recording:
    """All frames of one recording and the rows of each of its faces.

    Args:
        expressions: names in the order of the model.
        action_units: numbers in the order of the model.
        with_baseline: whether there are values corrected by a baseline.
    """

    frame = _Filled[Ints]()
    """(F,) index of each frame in its source."""
    time_s = _Filled[Doubles]()
    """(F,) never falling."""
    status = _Filled[Codes]()
    """(F,) index into ``STATUSES``: ``ok`` when a face was usable, else why there is none."""

    def __init__(self, expressions: Sequence[str], action_units: Sequence[int], with_baseline: bool = False) -> None:
        self.expressions = tuple(expressions)
        self.action_units = tuple(action_units)
        self.with_baseline = with_baseline
        self._columns = ValueColumns(len(self.expressions), len(self.action_units), with_baseline)
        self.size_px = (0, 0)
        """Width and height of the frames; (0, 0) while unknown, as a CSV does not hold it."""
        self._frame = Growing(np.int64)
        self._time_s = Growing(np.float64)
        self._status = Growing(np.int8)
        self._faces: dict[int, FaceSeries] = {}

    @classmethod
    def from_csv(cls, path: Path) -> Recording:
        """Reads a native CSV as far as it is written.

        Raises:
            fer_core.record.errors.RecordError: when it cannot be read or is no native CSV.
        """
        from fer_studio.recording_file import read_recording  # it builds on this module

        return read_recording(path)

    def __len__(self) -> int:
        """Frames so far."""
        return len(self._frame)

    @property
    def start_s(self) -> float:
        """Time of the first frame, 0 without one."""
        return float(self.time_s[0]) if len(self) else 0.0

    @property
    def end_s(self) -> float:
        """When the last frame ends: it is shown for as long as the one before it."""
        if not len(self):
            return 0.0
        last_s = float(self.time_s[-1])
        return last_s + (last_s - float(self.time_s[-2]) if len(self) > 1 else 0.0)

    @property
    def duration_s(self) -> float:
        """From the start of the first frame to the end of the last."""
        return self.end_s - self.start_s

    def faces(self) -> tuple[int, ...]:
        """Ids of all faces that were usable at some time, rising."""
        return tuple(sorted(face_id for face_id in self._faces if face_id != UNNAMED))

    def baseline_shares(self) -> dict[int, float]:
        """The faces whose neutral was subtracted, and in which share of their rows, above 0 and up to 1."""
        shares = {face_id: self._faces[face_id].baseline_share for face_id in self.faces()}
        return {face_id: share for face_id, share in shares.items() if share > 0.0}

    def series(self, face_id: int) -> FaceSeries:
        """The rows of one face; of ``UNNAMED`` those of faces seen in frames without a usable one.

        Raises:
            KeyError: when the recording has no such face.
        """
        return self._faces[face_id]

    def position_at(self, time_s: float) -> int | None:
        """Place of the frame that is shown at a time; None before the first one."""
        position = int(np.searchsorted(self.time_s, time_s, side="right")) - 1
        return position if position >= 0 else None

    def position_of(self, frame: int) -> int | None:
        """Place of a frame, by its index in its source; None when it is not (yet) in the recording."""
        position = int(np.searchsorted(self.frame, frame))
        return position if position < len(self) and self.frame[position] == frame else None

    def at(self, time_s: float, face_id: int) -> FaceResult | None:
        """What was measured of a face in the frame that is shown at a time; None when it was not seen there."""
        position = self.position_at(time_s)
        if position is None or face_id not in self._faces:
            return None
        row = self._faces[face_id].row_at(position)
        return None if row is None else self._faces[face_id].result(row, face_id)

    def result_at(self, time_s: float) -> FrameResult | None:
        """All that was measured in the frame that is shown at a time; None before the first one.

        A face that was seen in a frame without a usable face has the id ``UNNAMED``.
        """
        position = self.position_at(time_s)
        return None if position is None else self.result(position)

    def result(self, position: int) -> FrameResult:
        """All that was measured in a frame, by its place."""
        faces = []
        for face_id, series in sorted(self._faces.items()):
            row = series.row_at(position)
            if row is not None and not np.isnan(series.box_px[row, 0]):
                faces.append(series.result(row, face_id))
        status = STATUSES[self.status[position]]
        return FrameResult(int(self.frame[position]), float(self.time_s[position]), *self.size_px, status, tuple(faces))

    def append(self, result: FrameResult) -> None:
        """Adds the rows of the next frame."""
        faces = row_faces(result)
        count = len(faces)
        affects = [face.affect if face and is_usable(face) else None for face in faces]
        named = any(face and is_usable(face) for face in faces)
        self.size_px = (result.width_px, result.height_px) if result.width_px else self.size_px
        self.extend(
            RowBatch(
                np.full(count, result.index, np.int64),
                np.full(count, result.time_s),
                np.array([face.face.face_id if face and named else UNNAMED for face in faces], np.int64),
                np.array([_CODES[face.face.status if face else frame_status(result)] for face in faces], np.int8),
                np.array([int(a.expression_probs.argmax()) if a else NO_EXPRESSION for a in affects], np.int8),
                np.stack([self._values_of(*pair) for pair in zip(faces, affects, strict=True)]),
            )
        )

    def extend(self, batch: RowBatch) -> None:
        """Adds rows; the first may go on with the last frame. Times that are unknown or fall stay at the last one."""
        if not len(batch.frame):
            return
        starts = np.flatnonzero(np.diff(batch.frame, prepend=self.frame[-1] if len(self) else batch.frame[0] - 1))
        last_s = float(self.time_s[-1]) if len(self) else 0.0
        times = np.fmax.accumulate(np.concatenate(([last_s if len(self) else batch.time_s[0]], batch.time_s)))[1:]
        times = np.nan_to_num(times)
        position = len(self) - 1 + np.searchsorted(starts, np.arange(len(batch.frame)), side="right")
        self._frame.extend(batch.frame[starts])
        self._time_s.extend(times[starts])
        self._status.extend(_status_of_frames(batch.status, starts))
        rows = RowBatch(batch.frame, times, batch.face_id, batch.status, batch.expression, batch.values)
        for face_id in np.unique(batch.face_id).tolist():
            if face_id not in self._faces:
                self._faces[face_id] = FaceSeries(self._columns)
            self._faces[face_id].extend(position, rows, batch.face_id == face_id)

    def forget_before(self, time_s: float) -> None:
        """Drops the frames before a time, and faces of which nothing is left."""
        frames = int(np.searchsorted(self.time_s, time_s))
        for column in (self._frame, self._time_s, self._status):
            column.drop(frames)
        for series in self._faces.values():
            series.forget(frames)
        self._faces = {face_id: series for face_id, series in self._faces.items() if len(series)}

    def _values_of(self, face: FaceResult | None, affect: Affect | None) -> Floats:
        values = np.full(self._columns.width, np.nan, np.float32)
        if face is None:
            return values
        box, pose = face.face.box, face.face.pose
        values[:_SEEN] = (
            *(face.face.confidence, box.x_px, box.y_px, box.w_px, box.h_px),
            *(pose.pitch_deg, pose.yaw_deg, pose.roll_deg),
        )
        if affect is not None:
            values[self._columns.affect(corrected=False)] = _flat(affect)
            if self.with_baseline and face.affect_baseline is not None:
                values[self._columns.affect(corrected=True)] = _flat(face.affect_baseline)
        return values


def _flat(affect: Affect) -> Floats:
    return np.concatenate(
        (affect.expression_probs, [affect.valence, affect.arousal], affect.au_probs), dtype=np.float32
    )


def _status_of_frames(status: Codes, starts: Ints) -> Codes:
    """Of each frame: ``ok`` is the lowest code, and a frame with a usable face is ok."""
    if not len(starts):
        return status[:0]
    return np.minimum.reduceat(status, starts)
