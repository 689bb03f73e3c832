"""Reads a native CSV into a :class:`~fer_studio.session.Recording`, also while another thread or process writes it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from fer_core.record.errors import RecordError
from fer_core.record.reader import NativeHeader
from fer_core.record.schema import FACE_COLUMNS
from fer_core.record.text import parse_line
from fer_studio.session import NO_EXPRESSION, STATUSES, UNNAMED, Recording, RowBatch

_READ_BYTES = 1 << 20
_REMEDY = "choose a CSV written with --layout native"
_CODES = {status.value.encode(): code for code, status in enumerate(STATUSES)}
_FACE_ID, _STATUS, _SEEN, _EXPRESSION = (
    FACE_COLUMNS.index(n) for n in ("face_id", "status", "confidence", "expression")
)


@dataclass(frozen=True, slots=True)
class FileChunk:
    """What was read at once."""

    header: NativeHeader
    rows: RowBatch
    restarted: bool
    """The file was replaced (its baseline was filled in, or it was measured anew): forget the rows before these."""


class RecordingTail:
    """Reads rows that are whole, a piece at a time, from where it stopped.

    Args:
        path: a native CSV; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._header: NativeHeader | None = None
        self._rest = b""
        self._line = 1
        self._begun = False

    def read(self) -> FileChunk | None:
        """The next rows, at most about 1 MB of text; None when there is nothing new now.

        Raises:
            RecordError: when the file cannot be read, is no native CSV or has a malformed row.
        """
        restarted = self._open_if_new()
        if self._file is None:
            return None
        try:
            data = self._rest + self._file.read(_READ_BYTES)
        except OSError as error:
            raise RecordError(self.path, f"cannot be read ({error.strerror or error})", "check the path") from error
        whole, end, self._rest = data.rpartition(b"\n")
        if not end:
            return None
        lines = whole.split(b"\n")
        if self._header is None:
            self._header = self._parse_header(lines.pop(0))
        chunk = FileChunk(self._header, self._parse(lines, self._header), restarted)
        self._begun = True
        return chunk

    def close(self) -> None:
        """Closes the file; idempotent."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open_if_new(self) -> bool:
        """Opens the file when there is none open or another has taken its name; True when that was a replacement."""
        try:
            now = self.path.stat()
            if self._file is not None:
                known = os.fstat(self._file.fileno())
                if (known.st_ino, known.st_dev) == (now.st_ino, now.st_dev) and now.st_size >= self._file.tell():
                    return False
            self.close()
            self._file = self.path.open("rb")
        except FileNotFoundError:
            return False
        except OSError as error:
            raise RecordError(self.path, f"cannot be read ({error.strerror or error})", "check the path") from error
        self._header, self._rest, self._line = None, b"", 1
        return self._begun

    def _parse_header(self, line: bytes) -> NativeHeader:
        try:
            return NativeHeader.parse(parse_line(line, ",") or [])
        except ValueError as error:
            raise RecordError(self.path, f"is no native CSV ({error})", _REMEDY) from error

    def _parse(self, lines: list[bytes], header: NativeHeader) -> RowBatch:
        expressions = {name.encode(): code for code, name in enumerate(header.expressions)} | {b"": NO_EXPRESSION}
        width = len(header.columns)
        integers = np.empty((len(lines), 4), np.int64)
        times = np.empty(len(lines))
        values = np.empty((len(lines), width - len(FACE_COLUMNS) + _EXPRESSION - _SEEN), np.float32)
        for row, line in enumerate(lines):
            self._line += 1
            # No cell of a native row needs quotes: numbers, and names of labels.
            cells = line.split(b",")
            try:
                if len(cells) != width:
                    raise ValueError(f"{len(cells)} cells instead of {width}")
                integers[row] = (
                    *(int(cells[0]), int(cells[_FACE_ID] or UNNAMED)),
                    *(_CODES[cells[_STATUS]], expressions[cells[_EXPRESSION]]),
                )
                times[row] = float(cells[1] or "nan")
                del cells[_EXPRESSION]
                values[row] = [float(cell) if cell else math.nan for cell in cells[_SEEN:]]
            except (ValueError, KeyError) as error:
                raise RecordError(
                    self.path,
                    f"line {self._line} is malformed ({error})",
                    "annotate the input again, with --overwrite",
                ) from error
        frame, face_id, status, expression = integers.T
        return RowBatch(frame, times, face_id, status.astype(np.int8), expression.astype(np.int8), values)


def read_recording(path: Path, each: Callable[[], object] = lambda: None) -> Recording:
    """A native CSV as far as it is written.

    Args:
        path: of the file.
        each: is called after every megabyte or so; what it raises ends the reading.

    Raises:
        RecordError: when it cannot be read or is no native CSV.
    """
    recording: Recording | None = None
    with RecordingTail(path) as tail:
        while (chunk := tail.read()) is not None:
            recording = recording or recording_for(chunk.header)
            recording.extend(chunk.rows)
            each()
    if recording is None:
        reason = "is empty or has no whole line" if os.path.exists(path) else "cannot be read (there is no such file)"
        raise RecordError(path, reason, "annotate the input again")
    return recording


def recording_for(header: NativeHeader) -> Recording:
    """An empty recording with the labels of a file."""
    return Recording(header.expressions, header.au_units, header.with_baseline)
