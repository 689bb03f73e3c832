"""The folder that a batch of synthesised faces grows in: images, ``labels.csv`` and how they were made.

``labels.csv`` is what :mod:`fer_core.data.readers.plain_csv` reads: with the folder ``root/NAME``, ``csv:NAME`` is a
data set. A row is written once its image is there, so that a killed run leaves a data set that is smaller, not broken.
``synthesis.json`` says how the images were made, and of which photographs: a run is continued only in the same way, and
never with another photograph in place of one that has images, or with the same one under another name.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fer_core.data.errors import DataError
from fer_core.data.readers.plain_csv import LABELS
from fer_core.files import replacing
from fer_core.infer.engine import file_sha256

COLUMNS = ("path", "expression", "valence", "arousal", "subject", "split")
SETTINGS = "synthesis.json"
#: The entry of that file with the SHA-256 of the photograph of each subject.
_PHOTOGRAPHS = "photographs"
_ANEW = "start anew with --overwrite, or use another folder with -o"


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
        photographs: what the images are made of, by subject.
        existing: what to do with images that are there already.

    Raises:
        DataError: when the folder holds images and ``existing`` refuses them, when they were made otherwise or of
            other photographs (resume), or when its labels are not of this command.
        OSError: when it cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any],
        photographs: Mapping[str, Path],
        existing: Existing = Existing.REFUSE,
    ) -> None:
        self.path = folder / LABELS
        self._folder = folder
        self.done: set[str] = set()
        """Paths of the images that are there."""
        before = self._take_over(settings, existing) if self.path.exists() else {}
        hashes = _hashes(photographs)
        _check_same(photographs, hashes, before)
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / SETTINGS) as file:
            file.write_text(json.dumps({**settings, _PHOTOGRAPHS: before | hashes}, indent=1) + "\n", encoding="utf-8")
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

    def _take_over(self, settings: dict[str, Any], existing: Existing) -> dict[str, str]:
        """Hashes of the photographs of the images that are kept, by subject."""
        if existing is Existing.REFUSE:
            raise DataError(f"{self.path} exists already; go on with --resume, replace it with --overwrite, or use -o")
        rows = self._whole_rows()
        if existing is Existing.RESUME:
            before = json.loads((self._folder / SETTINGS).read_text(encoding="utf-8"))
            hashes = before.pop(_PHOTOGRAPHS, None)
            if before != json.loads(json.dumps(settings)):
                raise DataError(
                    f"{self.path} was made with other settings (see {SETTINGS} beside it); give the same, {_ANEW}"
                )
            if hashes is None:
                raise DataError(f"{self.path}: {SETTINGS} beside it does not say of which photographs; {_ANEW}")
            self.done = {row["path"] for row in rows}
            with_images = {row["subject"] for row in rows}
            return {subject: sha256 for subject, sha256 in hashes.items() if subject in with_images}
        for row in rows:
            (self._folder / row["path"]).unlink(missing_ok=True)
        self.path.unlink()
        return {}

    def _whole_rows(self) -> list[dict[str, str]]:
        """The rows; a torn one at the end, as a killed run may leave it, is cut off."""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        reader = csv.DictReader(io.StringIO(whole.decode("utf-8"), newline=""))
        if tuple(reader.fieldnames or COLUMNS) != COLUMNS or not (self._folder / SETTINGS).is_file():
            raise DataError(f"{self.path} was not written by this command; use another folder with -o")
        if len(whole) < len(content):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        return list(reader)


def _hashes(photographs: Mapping[str, Path]) -> dict[str, str]:
    """By subject, of those that can be read: the others will be skipped."""
    hashes = {}
    for subject, photograph in photographs.items():
        with suppress(OSError):
            hashes[subject] = file_sha256(photograph)
    return hashes


def _check_same(photographs: Mapping[str, Path], hashes: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Raises :class:`DataError` for a photograph in place of one that has images, and for one that has them already."""
    subjects = {sha256: subject for subject, sha256 in before.items()}
    for subject, sha256 in hashes.items():
        if before.get(subject, sha256) != sha256:
            raise DataError(
                f"{photographs[subject]}: the images of {subject} are not of this photograph; rename it, or {_ANEW}"
            )
        if subject not in before and sha256 in subjects:
            raise DataError(
                f"{photographs[subject]}: has images already, as {subjects[sha256]}, and would get them again as "
                f"{subject}; give the photographs of the earlier run as they were given then, or {_ANEW}"
            )
