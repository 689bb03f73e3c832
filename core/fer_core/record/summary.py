"""What each face showed over a finished native CSV, weighted by time.

Every frame counts for the time until the next one (the last for as long as the one before it), so that a variable
frame rate does not favour the dense parts. A recording without extent in time, such as a single image, counts frames.
Only rows with status ``ok`` enter. Means and deviations are those of the whole recording (population deviation, after
West 1979, doi:10.1145/359146.359153). What is undefined is NaN.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer_core.labels import au_column
from fer_core.record.numbers import fixed
from fer_core.record.reader import NativeHeader, NativeRow, read_header, read_native
from fer_core.record.sidecar import write_atomically
from fer_core.types import Status

#: An action unit counts as present from this probability on.
AU_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class FaceSummary:
    """One face over the recording. Shares and rates are of the time in which the face was usable, 0..1."""

    face_id: int
    frames_ok: int
    """Frames with a usable measurement of this face."""
    time_ok_s: float
    """The time they stand for."""
    expression_share: dict[str, float]
    """Share of time in which an expression was the strongest."""
    valence_mean: float
    valence_sd: float
    arousal_mean: float
    arousal_sd: float
    au_rate: dict[int, float]
    """Share of time in which the unit was present (probability of at least ``AU_THRESHOLD``)."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A recording."""

    frames_total: int
    frames_ok: int
    """Frames with at least one usable face."""
    duration_s: float
    faces: tuple[FaceSummary, ...]
    """By rising ``face_id``."""


def summarise(path: Path) -> Summary:
    """Reads a native CSV once, a frame at a time.

    Raises:
        RecordError: when it cannot be read, is no native CSV, or has a malformed row.
    """
    header = read_header(path)
    by_time: dict[int, _Face] = {}
    by_frame: dict[int, _Face] = {}
    frames_total = frames_ok = 0
    duration_s = 0.0
    for rows, length_s in _frames(path):
        usable = [row for row in rows if row.status is Status.OK]
        frames_total += 1
        frames_ok += bool(usable)
        duration_s += length_s
        for row in usable:
            if row.face_id is not None:
                by_time.setdefault(row.face_id, _Face(header)).add(row, length_s)
                by_frame.setdefault(row.face_id, _Face(header)).add(row, 1.0)
    chosen = by_time if duration_s > 0.0 else by_frame
    faces = tuple(chosen[face_id].summary(face_id, by_time[face_id].weight_sum) for face_id in sorted(chosen))
    return Summary(frames_total, frames_ok, duration_s, faces)


def write_summary(path: Path, out: Path | None = None) -> Path:
    """Writes the summary of a native CSV, one row per face, as CSV.

    Args:
        path: the native CSV.
        out: file to write; ``<name>.summary.csv`` beside it by default. Replaced when it exists.

    Returns:
        The file written.

    Raises:
        RecordError: when either file fails.
    """
    target = out if out is not None else path.with_name(f"{path.stem}.summary.csv")
    header, summary = read_header(path), summarise(path)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            *("face_id", "frames_ok", "frames_total", "time_ok_s", "duration_s"),
            *(f"share_{name}" for name in header.expressions),
            *("valence_mean", "valence_sd", "arousal_mean", "arousal_sd"),
            *(f"{au_column(unit)}_rate" for unit in header.au_units),
        ]
    )
    for face in summary.faces:
        numbers = [
            *face.expression_share.values(),
            *(face.valence_mean, face.valence_sd, face.arousal_mean, face.arousal_sd),
            *face.au_rate.values(),
        ]
        times = (fixed(face.time_ok_s, 6), fixed(summary.duration_s, 6))
        counts = (face.face_id, face.frames_ok, summary.frames_total)
        writer.writerow([*counts, *times, *(fixed(n, 6) or "nan" for n in numbers)])
    write_atomically(target, text.getvalue())
    return target


def _frames(path: Path) -> Iterator[tuple[list[NativeRow], float]]:
    """Rows of each frame and the seconds it stands for, never negative; 0 where times are unknown."""
    rows: list[NativeRow] = []
    length_s = 0.0
    for row in read_native(path):
        if rows and row.frame != rows[0].frame:
            difference_s = row.time_s - rows[0].time_s
            length_s = max(difference_s, 0.0) if math.isfinite(difference_s) else 0.0
            yield rows, length_s
            rows = []
        rows.append(row)
    if rows:
        yield rows, length_s


@dataclass(slots=True)
class _Face:
    """Running weighted sums of one face."""

    header: NativeHeader
    frames: int = 0
    weight_sum: float = 0.0
    expression_weight: dict[str, float] = field(init=False)
    au_weight: npt.NDArray[np.float64] = field(init=False)
    mean: npt.NDArray[np.float64] = field(init=False)
    """(2,): valence, arousal."""
    squares: npt.NDArray[np.float64] = field(init=False)
    """(2,): weighted sum of squared deviations from the mean."""

    def __post_init__(self) -> None:
        self.expression_weight = dict.fromkeys(self.header.expressions, 0.0)
        self.au_weight = np.zeros(len(self.header.au_units))
        self.mean = np.zeros(2)
        self.squares = np.zeros(2)

    def add(self, row: NativeRow, weight: float) -> None:
        self.frames += 1
        if weight <= 0.0 or row.affect is None or row.expression is None:
            return
        self.weight_sum += weight
        self.expression_weight[row.expression] += weight
        self.au_weight += weight * (row.affect.au_probs >= AU_THRESHOLD)
        # West (1979): stable in one pass.
        deviation = np.array([row.affect.valence, row.affect.arousal]) - self.mean
        step = deviation * (weight / self.weight_sum)
        self.mean += step
        self.squares += step * deviation * (self.weight_sum - weight)

    def summary(self, face_id: int, time_ok_s: float) -> FaceSummary:
        total = self.weight_sum
        nothing = total <= 0.0
        mean = [math.nan] * 2 if nothing else self.mean.tolist()
        deviation = [math.nan] * 2 if nothing else np.sqrt(self.squares / total).tolist()
        return FaceSummary(
            face_id=face_id,
            frames_ok=self.frames,
            time_ok_s=time_ok_s,
            expression_share={e: math.nan if nothing else w / total for e, w in self.expression_weight.items()},
            valence_mean=mean[0],
            valence_sd=deviation[0],
            arousal_mean=mean[1],
            arousal_sd=deviation[1],
            au_rate={
                unit: math.nan if nothing else weight / total
                for unit, weight in zip(self.header.au_units, self.au_weight.tolist(), strict=True)
            },
        )
