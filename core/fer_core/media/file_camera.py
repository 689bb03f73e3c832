"""A file that poses as a camera: everything live can be shown and tested without hardware."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from fer_core.media.camera import CameraSource
from fer_core.media.source import LiveSource
from fer_core.media.video import Picture, VideoSource
from fer_core.types import Frame, MediaInfo

FILE_PREFIX = "file:"
_USUAL_RATE_HZ = 25.0
#: Skipping for longer than this means that decoding itself is too slow: show a frame and set the pace anew.
_LONGEST_SKIP_S = 0.5


class FileCamera:
    """A video file at its own pace. Frames whose time has passed are skipped, as a camera does.

    ``time_s`` is the time in the media, going on from round to round when ``loop`` is set, so it says which picture
    was seen, not when. ``clock`` (seconds, monotonic) and ``wait`` (seconds; True when closed meanwhile) are for
    tests.

    Raises:
        MediaError: the file cannot be read, see :class:`~fer_core.media.video.VideoSource`.
    """

    def __init__(
        self,
        path: Path,
        *,
        loop: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._source = VideoSource(path)
        self._loop = loop
        self._clock = clock
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._dropped = 0
        self._period_s = 1.0 / (self._source.info.frame_rate_hz or _USUAL_RATE_HZ)

    @property
    def info(self) -> MediaInfo:
        """That of the file; with ``loop`` the count and the duration are those of one round."""
        return self._source.info

    @property
    def dropped(self) -> int:
        """Frames that were skipped because the reader, or the decoder, was late."""
        return self._dropped

    def frames(self) -> Iterator[Frame]:
        """Frames when they are due, until the file ends (never with ``loop``) or :meth:`close`.

        ``index`` counts the frames that are given; the skipped ones are in :attr:`dropped`.
        """
        index = 0
        start_s: float | None = None
        asked_s = self._clock()
        for time_s, picture in self._rounds():
            now_s = self._clock()
            start_s = now_s - time_s if start_s is None else start_s
            late_s = now_s - (start_s + time_s)
            if late_s > self._period_s:
                if now_s - asked_s < _LONGEST_SKIP_S:
                    self._dropped += 1
                    continue
                start_s = now_s - time_s
            elif late_s < 0 and self._wait(-late_s):
                return
            if self._stop.is_set():
                return
            yield Frame(index, time_s, self._source.to_rgb(picture))
            index += 1
            asked_s = self._clock()

    def _rounds(self) -> Iterator[tuple[float, Picture]]:
        """Pictures with the time since the first one of the first round, rising across rounds."""
        begin_s = 0.0
        while not self._stop.is_set():
            first_s: float | None = None
            time_s = begin_s
            for picture in self._source.pictures():
                first_s = picture.time_s if first_s is None else first_s
                time_s = begin_s + picture.time_s - first_s
                yield time_s, picture
            begin_s = time_s + self._period_s
            if not self._loop:
                return

    def close(self) -> None:
        """Stop, also from another thread while a reader waits; idempotent."""
        self._stop.set()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_camera(
    spec: str,
    *,
    width_px: int | None = None,
    height_px: int | None = None,
    frame_rate_hz: float | None = None,
    loop: bool = False,
) -> LiveSource:
    """Open what a person named as camera: an index (``0``), a name or part of it, or ``file:clip.mp4``.

    Size and rate are wishes to a real camera, ``loop`` is for files.

    Raises:
        MediaError: no such camera or file, or it cannot be used.
    """
    if spec.startswith(FILE_PREFIX):
        return FileCamera(Path(spec.removeprefix(FILE_PREFIX)), loop=loop)
    device = int(spec) if spec.isdecimal() else spec
    return CameraSource(device, width_px=width_px, height_px=height_px, frame_rate_hz=frame_rate_hz)
