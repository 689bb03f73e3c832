"""Files of a data set, from its folder or straight from its zip."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np

from fer_core.types import ImageU8


class DataError(Exception):
    """A data set is not what its reader expects; the message names the file or column and the remedy."""


class Archive:
    """Read access to ``root/name/`` or, when that is absent, ``root/name.zip``."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self._folder = root / name
        self._zip: zipfile.ZipFile | None = None
        if not self._folder.is_dir():
            path = root / f"{name}.zip"
            if not path.is_file():
                raise DataError(f"{name}: neither the folder {self._folder} nor {path} exists; check --root")
            try:
                self._zip = zipfile.ZipFile(path)
            except zipfile.BadZipFile as error:
                raise DataError(f"{name}: {path} is no whole zip file ({error}); copy it anew") from error

    def read(self, member: str) -> bytes:
        """Content of a file.

        Raises:
            DataError: when it is missing.
        """
        try:
            return self._zip.read(member) if self._zip else (self._folder / member).read_bytes()
        except (KeyError, FileNotFoundError):
            raise DataError(f"{self.name}: {member} is missing; unpack the data set anew") from None

    def names(self, suffix: str = "") -> list[str]:
        """Paths of all files, sorted, that end in ``suffix``."""
        if self._zip:
            found = [n for n in self._zip.namelist() if not n.endswith("/")]
        else:
            found = [p.relative_to(self._folder).as_posix() for p in self._folder.rglob("*") if p.is_file()]
        return sorted(n for n in found if n.endswith(suffix))

    def image(self, member: str) -> ImageU8:
        """An image as (H, W, 3) RGB.

        Raises:
            DataError: when it is missing or no image.
        """
        content = self.read(member)
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
        if decoded is None:
            raise DataError(f"{self.name}: {member} is no image; unpack the data set anew")
        return np.ascontiguousarray(decoded[:, :, ::-1])
