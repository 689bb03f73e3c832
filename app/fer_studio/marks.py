"""What a person notes on a recording: points, named ranges, and ranges that statistics leave out. No Qt.

They are kept in ``<name>.markers.json`` beside the recording and written in one step, so that no crash leaves half.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from fer_core.record.errors import RecordError
from fer_core.record.sidecar import write_atomically

FORMAT_VERSION = 1
SUFFIX = ".markers.json"


class MarkKind(StrEnum):
    """What a mark means."""

    POINT = "point"
    RANGE = "range"
    """Has its own rows in the summary."""
    EXCLUDED = "excluded"
    """Left out of statistics and exported rows."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """One note, in the time of the media."""

    start_s: float
    end_s: float
    """Equal to ``start_s`` for a point."""
    name: str
    kind: MarkKind

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start_s) and math.isfinite(self.end_s) and self.start_s <= self.end_s):
            raise ValueError(
                f"a mark from {self.start_s} s to {self.end_s} s is none: its end must not precede its start"
            )


Marks = tuple[Mark, ...]


def marks_path(recording: Path) -> Path:
    """``clip.csv`` -> ``clip.markers.json``."""
    return recording.with_name(recording.stem + SUFFIX)


def save_marks(path: Path, marks: Iterable[Mark]) -> None:
    """Replaces the file; an empty list is written too, so that a deletion is one.

    Raises:
        RecordError: when it cannot be written; what was there before stays.
    """
    content = {"format": FORMAT_VERSION, "marks": [asdict(mark) for mark in sorted(marks)]}
    write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def load_marks(path: Path) -> Marks:
    """Marks by rising time; none where there is no file.

    Raises:
        RecordError: when the file cannot be read or holds no marks.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT_VERSION:
            raise ValueError(f"format {content['format']}, this program writes {FORMAT_VERSION}")
        return tuple(
            sorted(
                Mark(float(m["start_s"]), float(m["end_s"]), str(m["name"]), MarkKind(m["kind"]))
                for m in content["marks"]
            )
        )
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise RecordError(path, f"cannot be read ({error.strerror or error})", "check its permissions") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(
            path, f"holds no marks of this program ({error})", "move it away, and marks begin anew"
        ) from error


def excluded_spans(marks: Iterable[Mark]) -> list[tuple[float, float]]:
    """Start and end of the ranges to leave out."""
    return [(mark.start_s, mark.end_s) for mark in marks if mark.kind is MarkKind.EXCLUDED]
