"""Reads a native CSV back into the values it was written from, within its decimals."""

from __future__ import annotations

import contextlib
import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from fer_core.record.errors import RecordError
from fer_core.record.schema import BASELINE_SUFFIX, EXPRESSION_PREFIX, FACE_COLUMNS, native_columns
from fer_core.types import Affect, Box, Pose, Status

_AU = re.compile(r"au(\d{2})")
_TEXT_COLUMNS = ("status", "expression")
_RERUN = "annotate the input again, with --overwrite"
_REMEDY = "choose a CSV written with --layout native"


@dataclass(frozen=True, slots=True)
class NativeHeader:
    """The labels that the columns of a native CSV name."""

    expressions: tuple[str, ...]
    au_units: tuple[int, ...]
    with_baseline: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The header that these labels give."""
        return native_columns(self.expressions, self.au_units, self.with_baseline)

    @classmethod
    def parse(cls, columns: Sequence[str]) -> NativeHeader:
        """The inverse of :func:`fer_core.record.schema.native_columns`.

        Raises:
            ValueError: when the columns are not those of a native CSV.
        """
        plain = [name for name in columns[len(FACE_COLUMNS) :] if not name.endswith(BASELINE_SUFFIX)]
        header = cls(
            tuple(name.removeprefix(EXPRESSION_PREFIX) for name in plain if name.startswith(EXPRESSION_PREFIX)),
            tuple(int(match[1]) for match in map(_AU.fullmatch, plain) if match),
            any(name.endswith(BASELINE_SUFFIX) for name in columns),
        )
        if header.columns != tuple(columns):
            raise ValueError("its columns are not the native ones")
        return header


@dataclass(frozen=True, slots=True)
class NativeRow:
    """One row. What its cells leave empty is None (NaN for ``time_s``)."""

    frame: int
    time_s: float
    face_id: int | None
    status: Status
    confidence: float | None
    box: Box | None
    pose: Pose | None
    expression: str | None
    affect: Affect | None
    affect_baseline: Affect | None


def read_header(path: Path) -> NativeHeader:
    """Labels of a native CSV.

    Raises:
        RecordError: when it cannot be read or is none.
    """
    with _open(path) as file:
        return _parse_header(path, file)


def read_native(path: Path) -> Iterator[NativeRow]:
    """The rows of a native CSV one by one, up to the last whole one: a torn last line is left out.

    Raises:
        RecordError: when it cannot be read, is none, or has a malformed row (the message has its line).
    """
    with _open(path) as file:
        header = _parse_header(path, file)
        for number, cells in _whole_rows(path, file, header):
            try:
                yield _parse_row(cells, header)
            except ValueError as error:
                raise _malformed(path, number, str(error)) from error


def read_native_columns(path: Path) -> dict[str, npt.NDArray[np.float64] | npt.NDArray[np.str_]]:
    """All columns as arrays of equal length: text for ``status`` and ``expression``, else numbers (NaN where empty).

    Holds the whole file in memory; see :func:`read_native` for long ones.

    Raises:
        RecordError: as :func:`read_native`.
    """
    with _open(path) as file:
        header = _parse_header(path, file)
        names = header.columns
        columns: list[list[str]] = [[] for _ in names]
        for _, cells in _whole_rows(path, file, header):
            for column, cell in zip(columns, cells, strict=True):
                column.append(cell)
    return {name: _as_array(path, name, column) for name, column in zip(names, columns, strict=True)}


@contextlib.contextmanager
def _open(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield file
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordError(path, f"is not CSV in UTF-8 ({error})", _REMEDY) from error
    except OSError as error:
        raise RecordError(path, f"cannot be read ({error.strerror or error})", "check the path") from error


def _parse_header(path: Path, file: TextIO) -> NativeHeader:
    line = file.readline()
    try:
        return NativeHeader.parse(next(csv.reader([line]), []))
    except (ValueError, csv.Error) as error:
        raise RecordError(path, f"is no native CSV ({error})", _REMEDY) from error


def _whole_rows(path: Path, file: TextIO, header: NativeHeader) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every row; a last line without its end is torn and left out."""
    width = len(header.columns)
    for number, line in enumerate(file, start=2):
        if not line.endswith("\n"):
            return
        cells = next(csv.reader([line]), [])
        if len(cells) != width:
            raise _malformed(path, number, f"{len(cells)} cells instead of {width}")
        yield number, cells


def _parse_row(cells: Sequence[str], header: NativeHeader) -> NativeRow:
    seen = [float(cell) if cell else math.nan for cell in cells[4:12]]
    width = len(header.expressions) + 2 + len(header.au_units)
    affect = cells[len(FACE_COLUMNS) :]
    return NativeRow(
        frame=int(cells[0]),
        time_s=float(cells[1]) if cells[1] else math.nan,
        face_id=int(cells[2]) if cells[2] else None,
        status=Status(cells[3]),
        confidence=float(cells[4]) if cells[4] else None,
        box=Box(*seen[1:5]) if any(cells[5:9]) else None,
        pose=Pose(*seen[5:8]) if any(cells[9:12]) else None,
        expression=cells[12] or None,
        affect=_parse_affect(affect[:width], header),
        affect_baseline=_parse_affect(affect[width:], header),
    )


def _parse_affect(cells: Sequence[str], header: NativeHeader) -> Affect | None:
    if not any(cells):
        return None
    values = [float(cell) if cell else math.nan for cell in cells]
    count = len(header.expressions)
    return Affect(
        expression_probs=np.asarray(values[:count], dtype=np.float32),
        valence=values[count],
        arousal=values[count + 1],
        au_probs=np.asarray(values[count + 2 :], dtype=np.float32),
    )


def _as_array(path: Path, name: str, column: list[str]) -> npt.NDArray[np.float64] | npt.NDArray[np.str_]:
    if name in _TEXT_COLUMNS:
        return np.asarray(column, dtype=np.str_)
    try:
        return np.asarray([float(cell) if cell else math.nan for cell in column], dtype=np.float64)
    except ValueError as error:
        raise RecordError(path, f"column {name} is malformed ({error})", _RERUN) from error


def _malformed(path: Path, number: int, reason: str) -> RecordError:
    return RecordError(path, f"line {number} is malformed ({reason})", _RERUN)
