"""The columns of this program."""

from __future__ import annotations

from collections.abc import Sequence

from fer_core.record.schema import format_rows, native_columns
from fer_core.types import FrameResult, MediaInfo


class NativeLayout:
    """``--layout native``, see :mod:`fer_core.record.schema`."""

    name = "native"
    suffix = ".csv"
    delimiter = ","

    def __init__(self, expressions: tuple[str, ...], au_units: tuple[int, ...], with_baseline: bool = False) -> None:
        self.columns = native_columns(expressions, au_units, with_baseline)
        self.empty_columns: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()
        self._expressions = expressions
        self._au_units = au_units
        self._with_baseline = with_baseline

    def header_lines(self, info: MediaInfo) -> list[list[str]]:
        """The column names alone."""
        return [list(self.columns)]

    def rows(self, frame: FrameResult, info: MediaInfo) -> list[list[str]]:
        """See :func:`fer_core.record.schema.format_rows`."""
        return format_rows(
            frame, expressions=self._expressions, au_units=self._au_units, with_baseline=self._with_baseline
        )

    def frame_key(self, cells: Sequence[str]) -> str:
        """The column ``frame``."""
        return cells[0]

    def continues(self, rows: Sequence[Sequence[str]], cells: Sequence[str]) -> bool:
        """Where the column ``frame`` is the same."""
        return cells[0] == rows[0][0]

    def frame_index(self, key: str, frames_before: int) -> int:
        """Frames count from 0."""
        return int(key)

    def time_s(self, cells: Sequence[str]) -> float | None:
        """The column ``time_s``."""
        return float(cells[1]) if cells[1] else None
