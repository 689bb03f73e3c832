"""Finds where a recording that was cut off goes on.

The last frame of a file is never trusted, whether its rows look whole or not: a run may have been killed between two
of its faces. It is dropped and measured again. The same holds from the first row that is torn or malformed, such as
the zeros that some file systems leave after a loss of power.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fer_core.record.errors import RecordError, write_error
from fer_core.record.layouts import Layout
from fer_core.record.text import encode_rows, parse_line
from fer_core.types import MediaInfo


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """What of a file stays, and what comes next."""

    frame_index: int = 0
    """0-based index of the next frame to process."""
    rows: int = 0
    """Rows that stay."""
    frames: int = 0
    """Frames that stay."""
    first_time_s: float | None = None
    """First known time that stays; None without one, and where the layout keeps no exact time."""
    last_time_s: float | None = None
    """Last known time that stays, likewise."""
    size_bytes: int = 0
    """Length of the part that stays, 0 when not even the header is whole."""


def find_resume_point(path: Path, layout: Layout, info: MediaInfo) -> ResumePoint:
    """Reads ``path`` once, a line at a time, and changes nothing.

    Raises:
        RecordError: when the file cannot be read, or begins with another header than ``layout`` has for ``info``.
    """
    header = encode_rows(layout.header_lines(info), layout.delimiter)
    try:
        with path.open("rb") as file:
            start = file.read(len(header))
            if start == header:
                return _last_whole_frame(file, layout, len(header))
    except OSError as error:
        raise write_error(path, error) from error
    if header.startswith(start):
        return ResumePoint()
    raise RecordError(
        path,
        f"was not written with the columns of this run (layout {layout.name}, this model, this input, these options)",
        "resume with the options of the first run, or start anew with --overwrite",
    )


@dataclass(slots=True)
class _Group:
    """The rows of one frame."""

    offset_bytes: int
    time_s: float | None
    rows: list[list[str]]
    """Their cells."""


def _last_whole_frame(file: BinaryIO, layout: Layout, offset_bytes: int) -> ResumePoint:
    point = ResumePoint(size_bytes=offset_bytes)
    group: _Group | None = None
    for cells, time_s, offset in _rows(file, layout, offset_bytes):
        if group is not None and layout.continues(group.rows, cells):
            group.rows.append(cells)
            continue
        if group is not None:
            point = _after(point, group, offset, layout)
        group = _Group(offset, time_s, [cells])
    if group is None:
        return point
    # The group that is left is the last one: dropped, so its own index is the next to process.
    return ResumePoint(
        _index(group, point, layout),
        point.rows,
        point.frames,
        point.first_time_s,
        point.last_time_s,
        group.offset_bytes,
    )


def _after(point: ResumePoint, group: _Group, end_bytes: int, layout: Layout) -> ResumePoint:
    return ResumePoint(
        _index(group, point, layout) + 1,
        point.rows + len(group.rows),
        point.frames + 1,
        group.time_s if point.first_time_s is None else point.first_time_s,
        point.last_time_s if group.time_s is None else group.time_s,
        end_bytes,
    )


def _index(group: _Group, before: ResumePoint, layout: Layout) -> int:
    return layout.frame_index(layout.frame_key(group.rows[0]), before.frames)


def _rows(file: BinaryIO, layout: Layout, offset_bytes: int) -> Iterator[tuple[list[str], float | None, int]]:
    """Cells, time and offset of every row up to the first that is torn or malformed."""
    width = len(layout.columns)
    for line in file:
        cells = parse_line(line, layout.delimiter) if line.endswith(b"\n") else None
        if cells is None or len(cells) != width:
            return
        try:
            layout.frame_index(layout.frame_key(cells), 0)
            time_s = layout.time_s(cells)
        except ValueError:
            return
        yield cells, time_s, offset_bytes
        offset_bytes += len(line)
