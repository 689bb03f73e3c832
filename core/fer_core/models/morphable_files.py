"""The arrays of a file that holds a morphable model, or an error that says what is wrong with the file."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]


class MorphableImportError(ValueError):
    """A file that cannot be read as a morphable model; the message says what is missing and what to do."""


def read_npz(path: Path) -> Arrays:
    """All arrays of a .npz.

    Raises:
        OSError: when it cannot be opened.
        MorphableImportError: when it is no such file, or a damaged one.
    """
    with path.open("rb") as file:
        try:
            with np.load(file) as archive:
                return {name: archive[name] for name in archive.files}
        except Exception as error:  # of zipfile, zlib or NumPy, whichever meets the damage
            raise MorphableImportError(
                f"{path}: no .npz, or a damaged one ({_about(error)}); copy or download it again"
            ) from error


def read_mat(path: Path) -> Arrays:
    """All arrays of a .mat.

    Raises:
        OSError: when it cannot be opened.
        MorphableImportError: when it is no such file, a damaged one or one of version 7.3, or scipy is missing.
    """
    try:
        from scipy.io import loadmat
    except ImportError:
        raise MorphableImportError(
            f"{path}: reading .mat needs scipy; install it with: python -m pip install scipy"
        ) from None
    with path.open("rb") as file:
        try:
            arrays: Arrays = loadmat(file)
        except Exception as error:  # of scipy, zlib or NumPy, whichever meets the damage
            raise MorphableImportError(
                f"{path}: not a MATLAB file of version 5 or 7, or a damaged one ({_about(error)}); copy or download it "
                "again, or save it with -v7"
            ) from error
    return arrays


def require(path: Path, what: str, names: Container[str], needed: Iterable[str]) -> None:
    """Raises :class:`MorphableImportError` when names are missing that a kind of file has."""
    missing = [name for name in needed if name not in names]
    if missing:
        raise MorphableImportError(
            f"{path}: {', '.join(missing)} missing, which {what} has; give the file as delivered"
        )


def require_arrays(path: Path, what: str, arrays: Arrays, needed: Sequence[str]) -> None:
    """As :func:`require`, and each must hold numbers."""
    require(path, what, arrays, needed)
    for name in needed:
        kind = np.asarray(arrays[name]).dtype
        if kind.kind not in "biuf":
            raise MorphableImportError(f"{path}: {name} holds {kind} and no numbers; give the file as delivered")


def _about(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
