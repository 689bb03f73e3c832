"""Any frame of a recording by its number, exact in time: what scrubbing and stepping need.

The times are those of :class:`~fer_core.media.video.VideoSource`. A first pass over the packets, which decodes nothing,
tells when each frame is shown and where decoding may begin; a frame then costs decoding from the key frame before it,
and the next frame only itself. Files whose stamps are missing or repeated are read from their start instead: slow, and
exact. No Qt.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame

from fer_core.media.container import is_in_coding_order, open_container, video_stream
from fer_core.media.errors import MediaError
from fer_core.media.images import IMAGE_SUFFIXES, list_files, read_image
from fer_core.media.source import open_source
from fer_core.media.video import Picture, VideoSource
from fer_core.types import Frame, ImageU8, MediaInfo
from fer_studio.session import Doubles, Ints

#: Decoded frames that are kept, so that stepping back costs nothing.
_CACHE_BYTES = 192 << 20


class FrameReader(Protocol):
    """For one thread at a time."""

    @property
    def info(self) -> MediaInfo:
        """What is known of the media."""

    @property
    def time_s(self) -> Doubles:
        """(F,) presentation time of every frame, rising."""

    def read(self, index: int) -> Frame:
        """One frame; without an image when it cannot be decoded.

        Raises:
            IndexError: when there is no such frame.
        """

    def close(self) -> None:
        """Idempotent."""


def open_reader(path: Path, should_stop: Callable[[], bool] = lambda: False) -> FrameReader:
    """A reader for a video, an image or a folder of images.

    Raises:
        MediaError: when it cannot be read.
    """
    source = open_source(path)
    if isinstance(source, VideoSource):
        return VideoReader(path, source, should_stop)
    source.close()
    return ImageReader(path, source.info)


class ImageReader:
    """Images, one second each as everywhere in the program."""

    def __init__(self, path: Path, info: MediaInfo) -> None:
        self._files = list_files(path, IMAGE_SUFFIXES) if os.path.isdir(path) else [path]
        self.info = info
        self.time_s: Doubles = np.arange(len(self._files), dtype=np.float64)

    def read(self, index: int) -> Frame:
        """One image."""
        file = self._files[index]
        image: ImageU8 | None = None
        with contextlib.suppress(MediaError, OSError):
            image = read_image(file)
        return Frame(index, float(index), image, file.name)

    def close(self) -> None:
        """Nothing stays open."""


@dataclass(frozen=True, slots=True)
class _Index:
    pts: Ints
    """(F,) rising, in ticks."""
    key_pts: Ints
    """(K,) stamps from which decoding may begin, rising; those of frames that are not shown are among them."""


class VideoReader:
    """A video file.

    Args:
        path: the file.
        source: the same file, opened; closed with the reader.
        should_stop: asked while the packets are read; true raises MediaError.
    """

    def __init__(self, path: Path, source: VideoSource, should_stop: Callable[[], bool]) -> None:
        self._path = path
        self._source = source
        self._cache: OrderedDict[int, Frame] = OrderedDict()
        self._room = max(2, _CACHE_BYTES // max(1, 3 * source.info.width_px * source.info.height_px))
        self._container: InputContainer | None = None
        self._decoder: Iterator[VideoFrame] | None = None
        self._sequence: Iterator[Frame] | None = None
        self._next = 0
        self._index, self._time_base = _scan(path, should_stop)
        if self._index is not None:
            self.time_s: Doubles = self._index.pts * self._time_base[0] / self._time_base[1]
        else:
            self.time_s = np.array([picture.time_s for picture in _until_stop(source.pictures(), path, should_stop)])

    @property
    def info(self) -> MediaInfo:
        """What the file says of itself."""
        return self._source.info

    def read(self, index: int) -> Frame:
        """One frame."""
        if not 0 <= index < len(self.time_s):
            raise IndexError(f"{self._path} has no frame {index}, only {len(self.time_s)}")
        if index in self._cache:
            self._cache.move_to_end(index)
            return self._cache[index]
        frame = self._seek(index, self._index) if self._index is not None else self._walk(index)
        self._keep(frame)
        return frame

    def close(self) -> None:
        """Closes the file."""
        self._decoder = self._sequence = None
        if self._container is not None:
            self._container.close()
            self._container = None
        self._source.close()

    def _keep(self, frame: Frame) -> None:
        self._cache[frame.index] = frame
        while len(self._cache) > self._room:
            self._cache.popitem(last=False)

    def _seek(self, index: int, table: _Index) -> Frame:
        pts = int(table.pts[index])
        key = max(int(np.searchsorted(table.key_pts, pts, side="right")) - 1, 0)
        first = int(np.searchsorted(table.pts, table.key_pts[key]))
        picture = None
        if self._decoder is not None and first <= self._next <= index:
            picture = self._decode_to(pts)
        else:
            # Some containers seek too far: then from an earlier key frame, and at last from the start of the file.
            for start in (int(table.key_pts[key]), int(table.key_pts[max(key - 1, 0)]), None):
                self._start_at(start)
                picture = self._decode_to(pts)
                if picture is not None:
                    break
        self._next = index + 1
        image = None
        if picture is not None:
            image = self._source.to_rgb(Picture(float(self.time_s[index]), picture))
        return Frame(index, float(self.time_s[index]), image)

    def _start_at(self, pts: int | None) -> None:
        """Begins decoding at a stamp, or at the start of the file."""
        if pts is None and self._container is not None:
            self._container.close()
            self._container = None
        if self._container is None:
            self._container = open_container(self._path)
            video_stream(self._container, self._path).thread_type = "AUTO"
        if pts is not None:
            self._container.seek(pts, stream=video_stream(self._container, self._path), backward=True)
        self._decoder = _decoded(self._container, self._path)

    def _decode_to(self, pts: int) -> VideoFrame | None:
        """The picture with a stamp; None when decoding has gone beyond it."""
        while self._decoder is not None:
            picture = next(self._decoder, None)
            if picture is None or (picture.pts is not None and picture.pts > pts):
                self._decoder = None
                return None
            if picture.pts == pts:
                return picture
        return None

    def _walk(self, index: int) -> Frame:
        """For files that cannot be sought in."""
        if self._sequence is None or index < self._next:
            self._sequence = self._source.frames()
            self._next = 0
        for frame in self._sequence:
            self._next = frame.index + 1
            self._keep(frame)
            if frame.index == index:
                return frame
        self._sequence = None
        return Frame(index, float(self.time_s[index]), None)


def _decoded(container: InputContainer, path: Path) -> Iterator[VideoFrame]:
    stream = video_stream(container, path)
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except (av.FFmpegError, EOFError):
            continue


def _scan(path: Path, should_stop: Callable[[], bool]) -> tuple[_Index | None, tuple[int, int]]:
    """Stamps of all shown frames, None when they do not tell frames apart; and the unit of stamps."""
    stamps: list[int] = []
    keys: list[int] = []
    whole = True
    with contextlib.closing(open_container(path)) as container:
        stream = video_stream(container, path)
        base = stream.time_base
        if is_in_coding_order(container, stream):
            return None, (1, 1)
        try:
            for packet in container.demux(stream):
                if should_stop():
                    raise MediaError(path, "is not open", "open it again")
                if not packet.size:
                    continue
                if packet.pts is None or packet.is_corrupt:
                    whole = False
                    break
                if packet.is_keyframe:
                    keys.append(packet.pts)
                if not packet.is_discard:
                    stamps.append(packet.pts)
        except av.FFmpegError:
            whole = False
    pts = np.array(sorted(stamps), np.int64)
    if not whole or base is None or not len(keys) or (len(pts) > 1 and not np.all(np.diff(pts) > 0)):
        return None, (1, 1)
    return _Index(pts, np.array(sorted(keys), np.int64)), (base.numerator, base.denominator)


def _until_stop(pictures: Iterator[Picture], path: Path, should_stop: Callable[[], bool]) -> Iterator[Picture]:
    try:
        for picture in pictures:
            if should_stop():
                raise MediaError(path, "is not open", "open it again")
            yield picture
    except MediaError:
        if should_stop():
            raise
