"""Blendshape scores of a face landmarker for many images, from which action units are labelled."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fer_core.data.archive import DataError
from fer_core.types import Floats

#: Soft labels of units stay within; they are rank and direction, not calibration.
SOFT_RANGE = (0.05, 0.95)
_KEYS = ("dataset", "path", "pitch_deg", "yaw_deg", "roll_deg")


def both_sides(*stems: str) -> tuple[str, ...]:
    """ARKit's names of both halves of the face."""
    return tuple(stem + side for stem in stems for side in ("Left", "Right"))


@dataclass(frozen=True, slots=True)
class BlendshapeTable:
    """Blendshape scores of many images."""

    datasets: tuple[str, ...]
    """(N,) such as ``ferplus``."""
    paths: tuple[str, ...]
    """(N,) path inside that data set's archive."""
    names: tuple[str, ...]
    """(B,) ARKit names."""
    scores: Floats
    """(N, B), each 0..1."""

    def select(self, dataset: str, paths: Sequence[str]) -> tuple[npt.NDArray[np.int64], BlendshapeTable]:
        """Rows of those images, in their order, and which of ``paths`` they are (an image without a face has none)."""
        row_of = {key: row for row, key in enumerate(zip(self.datasets, self.paths, strict=True))}
        found = [(i, row_of[dataset, path]) for i, path in enumerate(paths) if (dataset, path) in row_of]
        rows = np.array([row for _, row in found], np.int64)
        kept = tuple(paths[i] for i, _ in found)
        table = BlendshapeTable((dataset,) * len(kept), kept, self.names, self.scores[rows])
        return np.array([i for i, _ in found], np.int64), table

    def columns(self, names: Sequence[str]) -> Floats:
        """(N, len(names)) scores.

        Raises:
            DataError: when a blendshape is not in the table.
        """
        missing = [n for n in names if n not in self.names]
        if missing:
            raise DataError(f"no blendshape {', '.join(missing)} in the table; it must hold the 52 ARKit scores")
        return self.scores[:, [self.names.index(n) for n in names]]


def load_blendshapes(path: Path) -> BlendshapeTable:
    """Read the gzipped CSV: data set, path, head rotation, then one column a blendshape.

    Raises:
        DataError: when the file is missing, has another header, or holds a score that is no number.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing; weak action-unit labels need the table of blendshape scores")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if tuple(header[: len(_KEYS)]) != _KEYS:
            raise DataError(
                f"{path}: the header must begin with {','.join(_KEYS)}, not {','.join(header[: len(_KEYS)])}"
            )
        rows = list(reader)
    try:
        scores = np.array([row[len(_KEYS) :] for row in rows], np.float32).reshape(len(rows), len(header) - len(_KEYS))
    except ValueError as error:
        raise DataError(f"{path}: a row is not complete or a score is no number ({error}); restore the file") from error
    return BlendshapeTable(tuple(r[0] for r in rows), tuple(r[1] for r in rows), tuple(header[len(_KEYS) :]), scores)
