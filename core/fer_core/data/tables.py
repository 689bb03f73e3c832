"""CSV label files with exact complaints."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fer_core.data.archive import DataError


def read_table(content: bytes, name: str, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV.

    Raises:
        DataError: when a column of ``columns`` is missing; the message names all that are.
    """
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    missing = [c for c in columns if c not in (reader.fieldnames or [])]
    if missing:
        raise DataError(f"{name}: no column {', '.join(missing)}; is this the official label file?")
    return list(reader)


@contextmanager
def row_complaints(name: str, row: str) -> Iterator[None]:
    """Turns an unreadable value inside the block into a :class:`DataError` that names the file and the row."""
    try:
        yield
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise DataError(f"{name}: the row of {row} cannot be read ({error!r}); restore the official file") from error
