"""Writes what was measured for other programs: rows, summaries, annotated video. No Qt.

Every function reads the CSV itself, so that it can run beside a window that goes on, and names its target only when it
is whole. Rows are copied as they are written: an export never changes a digit.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from fer_core.labels import au_column
from fer_core.media.errors import MediaError
from fer_core.media.overlay import draw_overlay
from fer_core.media.source import Source, open_source
from fer_core.media.writer import VideoWriter
from fer_core.record.errors import RecordError, write_error
from fer_core.record.numbers import fixed
from fer_core.record.reader import read_header
from fer_core.record.schema import BASELINE_SUFFIX
from fer_core.record.sidecar import write_atomically
from fer_core.record.spans import Span, in_span
from fer_core.record.summary import FaceSummary
from fer_core.types import Frame
from fer_studio.marks import Mark, MarkKind, excluded_spans
from fer_studio.recording_file import read_recording
from fer_studio.review.statistics import face_statistics, time_in_span_s
from fer_studio.session import Recording
from fer_studio.workers.control import Cancelled, Control

_TELL_EVERY_ROWS = 2000
WHOLE = "all"


def export_rows(source: Path, target: Path, span: Span | None, excluded: Sequence[Span], control: Control) -> int:
    """Copies the rows of a native CSV whose time lies in a span and in no excluded one.

    Rows without a time are left out when there is anything to leave out.

    Returns:
        Rows written.

    Raises:
        RecordError: when either file fails, or they are the same.
        Cancelled: when asked to stop; the target is then as before.
    """
    _refuse_same(source, target)
    read_header(source)
    whole = span is None and not excluded
    part = target.with_name(f".{target.name}.part")
    rows = 0
    size_bytes = max(source.stat().st_size, 1)
    try:
        with source.open("rb") as old, part.open("wb") as new:
            new.write(old.readline())
            for line in old:
                if not line.endswith(b"\n"):
                    break  # torn: it is still being written
                if whole or _is_inside(line, span, excluded):
                    new.write(line)
                    rows += 1
                if rows % _TELL_EVERY_ROWS == 0:
                    _ask(control, old.tell() / size_bytes)
        part.replace(target)
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        part.unlink(missing_ok=True)
    return rows


def export_summary(source: Path, target: Path, marks: Sequence[Mark], control: Control) -> int:
    """One row for each face over the whole recording, and one over each marked range; excluded ranges never count.

    Columns are ``range,start_s,end_s`` and then those of :func:`fer_core.record.summary.write_summary`, with
    ``frames_total`` and ``duration_s`` of that range. With a baseline, figures of the corrected values follow with the
    suffix ``_b``, of the frames that have some.

    Returns:
        Rows written.

    Raises:
        RecordError: when either file fails, or they are the same.
        Cancelled: when asked to stop; the target is then as before.
    """
    _refuse_same(source, target)
    recording = read_recording(source, lambda: _ask(control, math.nan))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_summary_columns(recording))
    rows = []
    for row in _summary_rows(recording, marks):
        _ask(control, math.nan)
        rows.append(row)
    writer.writerows(rows)
    write_atomically(target, text.getvalue())
    return len(rows)


def export_video(source: Path, media: Path, target: Path, control: Control) -> str | None:
    """Draws the results into every frame, at the frame's own time and with the original sound.

    As ``annotate --video`` does, from the decimals of the CSV; where a baseline was subtracted, its values are drawn.

    Returns:
        Why there is no sound, or not all of it, or why the video breaks off; None when all is well.

    Raises:
        RecordError, MediaError: when a file fails.
        Cancelled: when asked to stop; the target is then as before.
    """
    recording = read_recording(source, lambda: _ask(control, math.nan))
    position_of = {frame: position for position, frame in enumerate(recording.frame.tolist())}
    if target.resolve() == media.resolve():
        raise RecordError(target, "is the video itself", "choose another name")
    cut_off: list[MediaError] = []
    with open_source(media) as frames, VideoWriter(target, media, frames.info) as writer:
        recording.size_px = (frames.info.width_px, frames.info.height_px)
        total = frames.info.frame_count or len(recording)
        for frame in _until_it_breaks_off(frames, cut_off):
            _ask(control, frame.index / total if total else math.nan)
            if frame.image_rgb_u8 is None:
                continue
            picture = frame.image_rgb_u8
            position = position_of.get(frame.index)
            if position is not None:
                result = recording.result(position)
                picture = draw_overlay(picture, result, recording.expressions, recording.action_units)
            writer.write(picture, frame.time_s)
    return f"the video {cut_off[0].reason}" if cut_off else writer.sound_problem


def _until_it_breaks_off(source: Source, problems: list[MediaError]) -> Iterator[Frame]:
    try:
        yield from source.frames()
    except MediaError as error:
        problems.append(error)


def _ask(control: Control, share: float) -> None:
    if control.should_stop():
        raise Cancelled
    control.progress(share)


def _refuse_same(source: Path, target: Path) -> None:
    if source.resolve() == target.resolve():
        raise RecordError(target, "is the recording itself", "choose another name")


def _is_inside(line: bytes, span: Span | None, excluded: Sequence[Span]) -> bool:
    cell = line.split(b",", 2)[1]
    if not cell:
        return False
    return bool(in_span(float(cell), span, excluded))


def _summary_columns(recording: Recording) -> list[str]:
    head = ["range", "start_s", "end_s", "face_id", "frames_ok", "frames_total", "time_ok_s", "duration_s"]
    figures = [
        *(f"share_{name}" for name in recording.expressions),
        *("valence_mean", "valence_sd", "arousal_mean", "arousal_sd"),
        *(f"{au_column(unit)}_rate" for unit in recording.action_units),
    ]
    corrected = [name + BASELINE_SUFFIX for name in figures] if recording.with_baseline else []
    return head + figures + corrected


def _summary_rows(recording: Recording, marks: Sequence[Mark]) -> Iterator[list[object]]:
    excluded = excluded_spans(marks)
    ranges: list[tuple[str, Span | None]] = [(WHOLE, None)]
    ranges += [(mark.name, (mark.start_s, mark.end_s)) for mark in marks if mark.kind is MarkKind.RANGE]
    for name, span in ranges:
        start_s, end_s = span or (recording.start_s, recording.end_s)
        frames = int(in_span(recording.time_s, span, excluded).sum())
        length_s = time_in_span_s(recording, span, excluded)
        for face_id in recording.faces():
            face = face_statistics(recording, face_id, span, excluded)
            row = [name, fixed(start_s, 6), fixed(end_s, 6), face_id, face.frames_ok, frames]
            row += [fixed(face.time_ok_s, 6), fixed(length_s, 6), *_figures(face)]
            if recording.with_baseline:
                row += _figures(face_statistics(recording, face_id, span, excluded, corrected=True, strictly=True))
            yield row


def _figures(face: FaceSummary) -> list[str]:
    numbers = [
        *face.expression_share.values(),
        *(face.valence_mean, face.valence_sd, face.arousal_mean, face.arousal_sd),
        *face.au_rate.values(),
    ]
    return [fixed(number, 6) or "nan" for number in numbers]
