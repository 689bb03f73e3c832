"""Label files with exact complaints."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fer_core.data.errors import DataError


def read_table(content: bytes, name: str, columns: Sequence[str], *, delimiter: str = ",") -> list[dict[str, str]]:
    """Rows of a CSV; blanks around the names of columns do not count.

    Raises:
        DataError: when a column of ``columns`` is missing, and the message names all that are; when a row has no cell
            in one of them, or cannot be read.
    """
    return list(iterate_table(content, name, columns, delimiter=delimiter))


def iterate_table(
    content: bytes, name: str, columns: Sequence[str], *, delimiter: str = ","
) -> Iterator[dict[str, str]]:
    """As :func:`read_table`, one row at a time, for files too large to keep."""
    reader = csv.DictReader(io.StringIO(decode(content, name), newline=""), delimiter=delimiter)
    reader.fieldnames = [c.strip() for c in reader.fieldnames or []]
    missing = [c for c in columns if c not in reader.fieldnames]
    if missing:
        raise DataError(f"{name}: no column {', '.join(missing)}; is this the official label file?")
    try:
        for row in reader:
            if any(row[c] is None for c in columns):
                raise DataError(f"{name}: line {reader.line_num} is cut short; restore the official file")
            yield row
    except csv.Error as error:
        raise DataError(
            f"{name}: cannot be read near line {reader.line_num} ({error}); restore the official file"
        ) from error


def decode(content: bytes, name: str) -> str:
    """Text of a label file, with or without a byte order mark.

    Raises:
        DataError: when it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is no text in UTF-8 ({error}); restore the official file") from error


def read_lines(content: bytes, name: str) -> list[str]:
    """Lines of a label file that are not blank, without blanks around them.

    Raises:
        DataError: when it is not UTF-8.
    """
    return [line.strip() for line in decode(content, name).splitlines() if line.strip()]


def number_within(text: str, low: float, high: float) -> float:
    """A number of a label file.

    Raises:
        ValueError: when it is no number or outside ``low..high``.
    """
    value = float(text)
    if not low <= value <= high:
        raise ValueError(f"{text} is not within {low:g}..{high:g}")
    return value


@contextmanager
def row_complaints(name: str, row: str) -> Iterator[None]:
    """Turns an unreadable value inside the block into a :class:`DataError` that names the file and the row."""
    try:
        yield
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise DataError(f"{name}: the row of {row} cannot be read ({error!r}); restore the official file") from error
