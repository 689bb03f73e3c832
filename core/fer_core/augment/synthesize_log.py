"""The folder that a batch of synthesised faces grows in: images, ``labels.csv`` and how they were made.

``labels.csv`` is what :mod:`fer_core.data.readers.plain_csv` reads: with the folder ``root/NAME``, ``csv:NAME`` is a
data set. A row is written once its image is there, so that a killed run leaves a data set that is smaller, not broken.
"""

from __future__ import annotations

import csv
import io
import json
import os
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fer_core.data.errors import DataError
from fer_core.data.readers.plain_csv import LABELS

COLUMNS = ("path", "expression", "valence", "arousal", "subject", "split")
#: Says how the images were made; a run is continued only with the same.
SETTINGS = "synthesis.json"


class Existing(StrEnum):
    """What to do with images that are there already."""

    REFUSE = "refuse"
    OVERWRITE = "overwrite"
    RESUME = "resume"


class SynthesisLog:
    """Writes images and their labels. For one thread at a time.

    Args:
        folder: made when missing.
        settings: JSON-ready; how the images are made.
        existing: what to do with images that are there already.

    Raises:
        DataError: when the folder holds images and ``existing`` refuses them, when they were made otherwise (resume),
            or when its labels are not of this command.
        OSError: when it cannot be written.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], existing: Existing = Existing.REFUSE) -> None:
        self.path = folder / LABELS
        self._folder = folder
        self.done: set[str] = set()
        """Paths of the images that are there."""
        if self.path.exists():
            self._take_over(settings, existing)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        self._file = self.path.open("ab", buffering=0)
        if self._file.tell() == 0:
            self._write_row(COLUMNS)

    def add(self, path: str, encoded: bytes, labels: dict[str, str]) -> None:
        """Write an image and then its row.

        Args:
            path: of the image in the folder, with forward slashes.
            encoded: the image file.
            labels: by column, all but the path.
        """
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded)
        self._write_row([path, *(labels.get(column, "") for column in COLUMNS[1:])])
        self.done.add(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def _write_row(self, values: list[str] | tuple[str, ...]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(values)
        self._file.write(text.getvalue().encode("utf-8"))

    def _take_over(self, settings: dict[str, Any], existing: Existing) -> None:
        if existing is Existing.REFUSE:
            raise DataError(f"{self.path} exists already; go on with --resume, replace it with --overwrite, or use -o")
        rows = self._whole_rows()
        if existing is Existing.RESUME:
            if json.loads((self._folder / SETTINGS).read_text(encoding="utf-8")) != json.loads(json.dumps(settings)):
                raise DataError(
                    f"{self.path} was made with other settings (see {SETTINGS} beside it); give the same, start anew "
                    "with --overwrite, or use another folder with -o"
                )
            self.done = set(rows)
            return
        for path in rows:
            (self._folder / path).unlink(missing_ok=True)
        self.path.unlink()

    def _whole_rows(self) -> list[str]:
        """Paths of the rows; a torn row at the end, as a killed run may leave it, is cut off."""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        reader = csv.DictReader(io.StringIO(whole.decode("utf-8"), newline=""))
        if tuple(reader.fieldnames or COLUMNS) != COLUMNS or not (self._folder / SETTINGS).is_file():
            raise DataError(f"{self.path} was not written by this command; use another folder with -o")
        if len(whole) < len(content):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        return [row["path"] for row in reader]
