"""What a face showed over a part of a recording, weighted by time as :mod:`fer_core.record.summary` does. No Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fer_core.record.spans import Span, in_span
from fer_core.record.summary import AU_THRESHOLD, FaceSummary
from fer_core.types import Status
from fer_studio.session import STATUSES, Doubles, Recording

_OK = STATUSES.index(Status.OK)


def frame_lengths_s(time_s: Doubles) -> Doubles:
    """(F,) how long each frame is shown: until the next one, the last for as long as the one before it."""
    if len(time_s) < 2:
        return np.zeros(len(time_s))
    lengths = np.diff(time_s)
    return np.append(lengths, lengths[-1])


def time_in_span_s(recording: Recording, span: Span | None, excluded: Sequence[Span] = ()) -> float:
    """How long the frames of a span are shown."""
    times = recording.time_s
    return float(frame_lengths_s(times)[in_span(times, span, excluded)].sum())


def face_statistics(
    recording: Recording,
    face_id: int,
    span: Span | None = None,
    excluded: Sequence[Span] = (),
    *,
    corrected: bool = False,
    strictly: bool = False,
) -> FaceSummary:
    """Time shares of expressions, mean and deviation of valence and arousal, and base rates of action units.

    Frames whose time lies in the span count, each for the time it is shown; a recording without extent in time, such
    as a single image, counts frames. Only usable rows enter; what is undefined is NaN. With the whole recording and
    raw values the figures are those of :func:`fer_core.record.summary.summarise`.

    Args:
        recording: is read as far as it is there.
        face_id: one of its faces.
        span: start and end in seconds, None for all.
        excluded: spans to leave out.
        corrected: by the values from which a baseline was subtracted, and by the raw ones where there are none.
        strictly: leaves out the rows where there are none.

    Raises:
        KeyError: when the recording has no such face.
    """
    series = recording.series(face_id)
    counts = in_span(series.time_s, span, excluded) & (series.status == _OK)
    rows = np.flatnonzero(counts & series.is_corrected if strictly else counts)
    lengths = frame_lengths_s(recording.time_s)[series.position[rows]]
    weights = lengths if recording.duration_s > 0.0 else np.ones(len(rows))
    total = float(weights.sum())
    strongest = series.corrected_expression if corrected else series.expression
    shares = np.bincount(strongest[rows], weights, len(recording.expressions))
    rates = weights @ (series.units(corrected)[rows] >= AU_THRESHOLD)
    valence, arousal = (_moments(v[rows], weights) for v in (series.valence(corrected), series.arousal(corrected)))
    return FaceSummary(
        face_id=face_id,
        frames_ok=len(rows),
        time_ok_s=float(lengths.sum()),
        expression_share={name: _ratio(float(w), total) for name, w in zip(recording.expressions, shares, strict=True)},
        valence_mean=valence[0],
        valence_sd=valence[1],
        arousal_mean=arousal[0],
        arousal_sd=arousal[1],
        au_rate={unit: _ratio(float(w), total) for unit, w in zip(recording.action_units, rates, strict=True)},
    )


def _ratio(part: float, total: float) -> float:
    return part / total if total > 0.0 else math.nan


def _moments(values: npt.NDArray[np.float32], weights: Doubles) -> tuple[float, float]:
    """Weighted mean and population deviation."""
    total = float(weights.sum())
    if total <= 0.0:
        return math.nan, math.nan
    exact = values.astype(np.float64)
    mean = float(weights @ exact) / total
    return mean, math.sqrt(float(weights @ (exact - mean) ** 2) / total)
