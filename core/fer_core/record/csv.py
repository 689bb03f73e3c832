"""Writes rows while they are measured, so that nothing measured is lost.

The rows of a frame go to the operating system in one unbuffered write. A killed process (SIGKILL included) therefore
leaves every frame it had finished, and at worst the torn rows of one; only a loss of power can take what the system had
not yet put on the disk. The file is synchronised to the disk when it is closed. When a write fails (disk full), the
torn rows are cut off again and the file ends with its last whole frame.
"""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from fer_core.record.errors import RecordError, write_error
from fer_core.record.layouts import Layout
from fer_core.record.resume import ResumePoint, find_resume_point
from fer_core.record.text import encode_rows
from fer_core.types import FrameResult, MediaInfo

# On Windows a file opened without it would get \r\n.
_BINARY = getattr(os, "O_BINARY", 0)


def require_writable(path: Path) -> None:
    """Does nothing to a file that may be written or is not there yet.

    Raises:
        RecordError: when it is there and cannot be opened for writing.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | _BINARY))
    except FileNotFoundError:
        return
    except OSError as error:
        raise write_error(path, error) from error


class CsvRecorder:
    """Streams frame results into one file. For one thread at a time.

    Args:
        path: file to write; missing folders are made.
        layout: its columns, see :func:`fer_core.record.layouts.make_layout`.
        info: the source that is measured; parts of it stand in the file in some layouts.
        resume: go on with an existing file from its last whole frame; start anew where there is none.
        overwrite: replace an existing file.

    Raises:
        RecordError: when the file exists and neither ``resume`` nor ``overwrite`` is given, when it was written with
            other columns (``resume``), or when it cannot be written.
        ValueError: when both ``resume`` and ``overwrite`` are given.
    """

    def __init__(
        self, path: Path, layout: Layout, info: MediaInfo, *, resume: bool = False, overwrite: bool = False
    ) -> None:
        if resume and overwrite:
            raise ValueError("resume keeps an existing file and overwrite replaces it: give one of them")
        self.path = path
        self.layout = layout
        self._info = info
        self._resume_point = find_resume_point(path, layout, info) if resume and os.path.exists(path) else ResumePoint()
        self._frames = self._resume_point.frames
        self._rows = self._resume_point.rows
        self._first_time_s = self._resume_point.first_time_s
        self._last_time_s = self._resume_point.last_time_s
        self._last_index = self._resume_point.frame_index - 1
        self._size_bytes = self._resume_point.size_bytes
        self._fd: int | None = self._open(replace=overwrite or resume)
        if self._size_bytes == 0:
            self._append(encode_rows(layout.header_lines(info), layout.delimiter))

    @property
    def frames(self) -> int:
        """Frames in the file, those before a resume included."""
        return self._frames

    @property
    def rows(self) -> int:
        """Rows in the file, those before a resume included."""
        return self._rows

    @property
    def first_time_s(self) -> float | None:
        """First known time of a frame; None without one, or where a resumed layout keeps no exact time."""
        return self._first_time_s

    @property
    def last_time_s(self) -> float | None:
        """Last known time of a frame, likewise."""
        return self._last_time_s

    def resume_from(self) -> ResumePoint:
        """Where this recording went on; frame 0 and no rows when it is new."""
        return self._resume_point

    def write(self, frame: FrameResult) -> int:
        """Appends all rows of one frame; they are with the operating system when this returns.

        Returns:
            The number of rows.

        Raises:
            RecordError: when they cannot be written; the file then ends with the frame before, and is closed.
            ValueError: when frames do not come in rising order, or after closing.
        """
        if frame.index <= self._last_index:
            raise ValueError(f"frame {frame.index} came after frame {self._last_index}: frames must rise")
        rows = self.layout.rows(frame, self._info)
        self._append(encode_rows(rows, self.layout.delimiter))
        self._last_index = frame.index
        if math.isfinite(frame.time_s):
            self._first_time_s = frame.time_s if self._first_time_s is None else self._first_time_s
            self._last_time_s = frame.time_s
        self._frames += 1
        self._rows += len(rows)
        return len(rows)

    def close(self) -> None:
        """Puts the file on the disk and closes it. Harmless when repeated.

        Raises:
            RecordError: when the operating system reports a late write error.
        """
        if self._fd is None:
            return
        fd, self._fd = self._fd, None
        try:
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise write_error(self.path, error, kept=True) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, *, replace: bool) -> int:
        flags = os.O_WRONLY | os.O_CREAT | _BINARY | (0 if replace else os.O_EXCL)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path, flags, 0o666)
        except FileExistsError as error:
            raise self._exists(error) from error
        except OSError as error:
            raise write_error(self.path, error) from error
        try:
            os.ftruncate(fd, self._size_bytes)
            os.lseek(fd, self._size_bytes, os.SEEK_SET)
        except OSError as error:
            os.close(fd)
            raise write_error(self.path, error) from error
        return fd

    def _exists(self, error: FileExistsError) -> RecordError:
        if not os.path.exists(self.path):  # mkdir met a file where a folder of the path should be
            return write_error(self.path, error)
        return RecordError(self.path, "exists already", "go on with --resume, replace it with --overwrite, or use -o")

    def _append(self, data: bytes) -> None:
        if self._fd is None:
            raise ValueError(f"{self.path} is closed")
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            self._cut_torn_rows(self._fd)
            raise write_error(self.path, error, kept=True) from error
        self._size_bytes += len(data)

    def _cut_torn_rows(self, fd: int) -> None:
        self._fd = None
        with contextlib.suppress(OSError):
            os.ftruncate(fd, self._size_bytes)
        with contextlib.suppress(OSError):
            os.close(fd)
