"""Rows of cells as lines of UTF-8 text and back. A row never spans lines, so a file can be cut at any line end."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def encode_rows(rows: Iterable[Sequence[str]], delimiter: str) -> bytes:
    """Rows as UTF-8, each ended by one ``\\n``; cells that hold the delimiter or a quote are quoted."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def parse_line(line: bytes, delimiter: str) -> list[str] | None:
    """Cells of one line with or without its line end; None when it is not text."""
    try:
        text = line.decode()
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return None


def one_line(text: str) -> str:
    """``text`` with every run of white space, line ends and NUL included, made one space: names may hold anything."""
    return " ".join(text.replace("\0", " ").encode(errors="replace").decode().split())
