"""Pictures that are stored inside other files: rows of a table of pixels, frames of a video."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from fer_core.data.errors import DataError
from fer_core.media.errors import MediaError
from fer_core.media.video import Picture, VideoSource
from fer_core.types import ImageU8

PIXELS = "pixels"


class PixelTable:
    """A CSV with a column ``pixels``: square grey pictures, values 0..255 separated by spaces, row by row."""

    def __init__(self, content: bytes, name: str) -> None:
        """Takes the whole file; ``name`` is for messages.

        Raises:
            DataError: when there is no such column.
        """
        self._name = name
        header, *self._rows = content.removeprefix(b"\xef\xbb\xbf").splitlines()
        columns = [c.strip() for c in next(csv.reader([header.decode("utf-8")]))]
        if PIXELS not in columns:
            raise DataError(f"{name}: no column {PIXELS}; is this the official label file?")
        self._column = columns.index(PIXELS)

    def image(self, index: int) -> ImageU8:
        """Row ``index`` as (S, S, 3) RGB with equal channels.

        Raises:
            DataError: when there is no such row or it holds no square picture.
        """
        try:
            fields = next(csv.reader([self._rows[index].decode("utf-8")]))
            values = np.array(fields[self._column].split(), np.uint8)
            side_px = int(np.sqrt(values.size))
            grey = values.reshape(side_px, side_px)
        except (IndexError, ValueError, OverflowError, StopIteration) as error:
            raise DataError(f"{self._name}: row {index} holds no square picture ({error}); restore the file") from error
        return np.repeat(grey[..., None], 3, axis=2)


class VideoFrames:
    """The frames of one video by number; each is decoded once when the numbers rise."""

    def __init__(self, path: Path, name: str) -> None:
        """Opens the video; ``name`` is for messages.

        Raises:
            DataError: when it is missing or cannot be read.
        """
        self.path = path
        self._name = name
        try:
            self._source = VideoSource(path)
        except MediaError as error:
            raise DataError(f"{name}: {error}") from error
        self.count = self._source.info.frame_count
        """Frames as the container states them, or None."""
        self._next = 0
        self._pictures: Iterator[Picture] = self._source.pictures()

    def image(self, index: int) -> ImageU8:
        """Frame ``index``, counted from 0, as (H, W, 3) RGB.

        Raises:
            DataError: when the video ends before it or the frame cannot be decoded.
        """
        if index < self._next:
            self._next, self._pictures = 0, self._source.pictures()
        try:
            picture = next(islice(self._pictures, index - self._next, None), None)
        except MediaError as error:
            raise DataError(f"{self._name}: frame {index} cannot be reached ({error})") from error
        self._next = index + 1
        image = self._source.to_rgb(picture) if picture else None
        if image is None:
            raise DataError(f"{self._name}: there is no readable frame {index}; copy the video anew")
        return image
