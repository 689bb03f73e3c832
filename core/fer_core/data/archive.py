"""Files of a data set, from its folder or straight from its zip."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import cv2
import numpy as np

from fer_core.data.errors import DataError
from fer_core.data.pictures import PixelTable, VideoFrames
from fer_core.types import ImageU8

__all__ = ["Archive", "DataError"]

#: A picture inside another file: row of a table of pixels, or frame of a video, counted from 0.
_INSIDE = re.compile(r"(?P<member>.+\.(?:(?P<table>csv)|mp4|avi|mov|mkv|webm))#(?P<index>\d+)", re.IGNORECASE)


class Archive:
    """Read access to ``root/name/`` or, when that is absent, ``root/name.zip``."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self._folder = root / name
        self._zip: zipfile.ZipFile | None = None
        self._names: list[str] | None = None
        self._tables: dict[str, PixelTable] = {}
        self._video: VideoFrames | None = None
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

    def has(self, member: str) -> bool:
        """Whether there is such a file; cheaper than listing the archive."""
        return member in self._zip.NameToInfo if self._zip else (self._folder / member).is_file()

    def state(self, member: str) -> str:
        """Text that becomes another when an image is replaced: size and checksum, or size and time of change.

        Raises:
            DataError: when the file is missing.
        """
        inside = _INSIDE.fullmatch(member)
        name = inside["member"] if inside else member
        try:
            if self._zip:
                stored = self._zip.getinfo(name)
                return f"{stored.file_size} {stored.CRC:08x}"
            found = (self._folder / name).stat()
            return f"{found.st_size} {found.st_mtime_ns}"
        except (KeyError, FileNotFoundError):
            raise DataError(f"{self.name}: {name} is missing; unpack the data set anew") from None

    def names(self, suffix: str = "") -> list[str]:
        """Paths of all files, sorted, that end in ``suffix``; the archive is listed once."""
        if self._names is None:
            if self._zip:
                found = [n for n in self._zip.namelist() if not n.endswith("/")]
            else:
                walked = os.walk(self._folder, followlinks=True)  # large data sets are often linked into place
                found = [
                    (Path(folder) / file).relative_to(self._folder).as_posix()
                    for folder, _, files in walked
                    for file in files
                ]
            self._names = sorted(found)
        return [n for n in self._names if n.endswith(suffix)]

    def locate(self, path: str) -> str:
        """The file with this path, at the top or inside folders that enclose the data set.

        Raises:
            DataError: when there is none, or more than one.
        """
        found = [n for n in self.names(path) if n == path or n.endswith(f"/{path}")]
        if len(found) == 1:
            return found[0]
        if not found:
            raise DataError(f"{self.name}: {path} is missing; unpack the data set anew")
        raise DataError(f"{self.name}: {path} is there {len(found)} times ({', '.join(found[:3])}); keep one copy")

    def enclosing(self, folder: str) -> str:
        """What stands before ``folder`` in the paths of its files: "" or a path that ends in ``/``.

        Raises:
            DataError: when no file lies in such a folder, or the folder is there more than once.
        """
        inner = f"/{folder}/"
        found = sorted({f"/{n}".split(inner)[0] + "/" for n in self.names() if inner in f"/{n}"})
        if len(found) == 1:
            return found[0].removeprefix("/")
        if not found:
            raise DataError(f"{self.name}: the folder {folder} is missing or empty; unpack the data set anew")
        raise DataError(f"{self.name}: the folder {folder} is there {len(found)} times; keep one copy")

    def image(self, member: str) -> ImageU8:
        """An image as (H, W, 3) RGB.

        ``fer2013.csv#12`` is the picture in row 12 of a table with a column of pixels, ``clip.mp4#12`` frame 12 of a
        video, both counted from 0. Frames are fast to get in rising order.

        Raises:
            DataError: when it is missing or no image.
        """
        inside = _INSIDE.fullmatch(member)
        if inside:
            return self._image_inside(inside["member"], int(inside["index"]), is_table=inside["table"] is not None)
        content = self.read(member)
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
        if decoded is None:
            raise DataError(f"{self.name}: {member} is no image; unpack the data set anew")
        return np.ascontiguousarray(decoded[:, :, ::-1])

    def frame_count(self, video: str) -> int | None:
        """Frames of a video as its container states them; None when it does not.

        Raises:
            DataError: when the video is missing, in a zip, or cannot be read.
        """
        return self._frames_of(video).count

    def _image_inside(self, member: str, index: int, *, is_table: bool) -> ImageU8:
        if not is_table:
            return self._frames_of(member).image(index)
        if member not in self._tables:
            self._tables[member] = PixelTable(self.read(member), f"{self.name}/{member}")
        return self._tables[member].image(index)

    def _frames_of(self, video: str) -> VideoFrames:
        if self._zip:
            raise DataError(f"{self.name}: {video} is in a zip file, where videos cannot be read; unpack it")
        path = self._folder / video
        if self._video is None or self._video.path != path:
            self._video = VideoFrames(path, f"{self.name}/{video}")
        return self._video
