"""Image files as sources: one picture, or a folder of pictures as one sequence.

Pictures have no clock: picture ``i`` of a folder (in natural order of the names) has ``time_s = i``, and the frame
rate is None. Everything becomes 8-bit RGB: grey is repeated, 16 bits are scaled down, an alpha channel is dropped,
the EXIF orientation is applied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import cv2
import numpy as np

from fer_core.media.container import check_readable
from fer_core.media.errors import MediaError
from fer_core.types import Frame, ImageU8, MediaInfo

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".jpe", ".png", ".pgm", ".ppm", ".tif", ".tiff", ".webp"})

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*")
_UNSUPPORTED_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")
DECODABLE_HINT = "open it elsewhere to check, and save it again as JPEG or PNG"

# A JPEG marker inside the compressed data: neither a stuffed 0xFF, a restart nor fill.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_JPEG_START_OF_SCAN, _JPEG_END = 0xDA, 0xD9


def natural_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts ``img2`` before ``img10``; the same on every system and in every language."""
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name.casefold())
    key = tuple((0, int(p), "") if p[0] in "0123456789" else (1, 0, p) for p in parts)
    return (*key, (2, 0, path.name))


def is_image(head: bytes) -> bool:
    """Whether the first bytes (32 or more) of a file are those of an image format."""
    if head.startswith(_MAGIC):
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return True
    if head[4:8] == b"ftyp" and head[8:12] in _UNSUPPORTED_BRANDS:
        return True
    # Two letters alone would also fit a text: ask for the zero bytes that a bitmap header must have.
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return True
    return re.match(rb"P[2356]\s", head) is not None


def read_image(path: Path) -> ImageU8:
    """Upright RGB (H, W, 3) of an image file.

    Raises:
        MediaError: missing, empty, cut off, or not an image that can be decoded.
    """
    check_readable(path)
    # Reading with Python and decoding from memory: OpenCV alone cannot open non-ASCII paths on Windows.
    data = path.read_bytes()
    if data[4:8] == b"ftyp" and data[8:12] in _UNSUPPORTED_BRANDS:
        raise MediaError(path, "is a HEIC or AVIF image, which cannot be read", "save it as JPEG or PNG")
    if _is_cut_off(data):
        raise MediaError(path, "is an image that breaks off before its end", DECODABLE_HINT)
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise MediaError(path, f"cannot be decoded ({error.err})", DECODABLE_HINT) from error
    if bgr is None:
        raise MediaError(path, "is not an image that can be decoded", DECODABLE_HINT)
    return cast(ImageU8, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def _is_cut_off(data: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end; OpenCV would fill the missing part with grey and not say so."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data
    if data.startswith(b"\xff\xd8\xff"):
        return not _jpeg_ends(data)
    return False


def _jpeg_ends(data: bytes) -> bool:
    # Walked marker by marker (ITU-T T.81, B.1.1), because an embedded thumbnail has an end marker too.
    position = 2
    while match := _JPEG_MARKER.search(data, position):
        marker = data[match.start() + 1]
        if marker == _JPEG_END:
            return True
        length = int.from_bytes(data[match.end() : match.end() + 2], "big")
        position = match.end() + max(length, 2)
    return False


class ImageSource:
    """One image, or several as a sequence.

    Raises:
        MediaError: no image, or none of them can be decoded.
    """

    def __init__(self, name: str, files: Sequence[Path]) -> None:
        self._files = list(files)
        self._closed = False
        first = self._first_readable()
        height_px, width_px = first.shape[:2]
        self._info = MediaInfo(
            name=name,
            width_px=width_px,
            height_px=height_px,
            frame_rate_hz=None,
            frame_count=len(self._files),
            duration_s=None,
        )

    @classmethod
    def from_file(cls, path: Path) -> ImageSource:
        """A single image: a sequence of one."""
        return cls(path.name, [path])

    @classmethod
    def from_folder(cls, folder: Path) -> ImageSource:
        """The images of a folder (not of its subfolders) in natural order; hidden files are left out."""
        files = list_files(folder, IMAGE_SUFFIXES)
        if not files:
            kinds = " ".join(sorted(IMAGE_SUFFIXES))
            raise MediaError(
                folder,
                "is a folder without videos or images (annotated ones do not count)",
                f"put some into it, not into a subfolder ({kinds})",
            )
        return cls(folder.resolve().name or str(folder), files)

    def _first_readable(self) -> ImageU8:
        problem: MediaError | None = None
        for file in self._files:
            try:
                return read_image(file)
            except MediaError as error:
                problem = problem or error
        if problem is not None and len(self._files) == 1:
            raise problem
        raise MediaError(
            self._files[0].parent, f"none of its {len(self._files)} images can be decoded", DECODABLE_HINT
        ) from problem

    @property
    def info(self) -> MediaInfo:
        """Size of the first image that can be decoded; the others may differ. No frame rate, no duration."""
        return self._info

    def frames(self) -> Iterator[Frame]:
        """Every image; one that cannot be decoded gives a frame without an image."""
        for index, file in enumerate(self._files):
            if self._closed:
                return
            try:
                image = read_image(file)
            except (MediaError, OSError):
                image = None
            yield Frame(index, float(index), image, file.name)

    def close(self) -> None:
        """End reading; nothing stays open between two images."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def list_files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """Visible files of a folder that have one of the (lower-case) suffixes, in natural order.

    Raises:
        MediaError: the folder cannot be listed.
    """
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        raise MediaError(
            folder, f"cannot be listed ({error.strerror})", "check the path and its permissions"
        ) from error
    files = [p for p in entries if p.suffix.lower() in suffixes and not p.name.startswith(".") and p.is_file()]
    return sorted(files, key=natural_key)
