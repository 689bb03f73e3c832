"""A video file as a source: every frame, upright, with its own presentation time.

PyAV decodes. A picture that cannot be decoded becomes a frame without an image, and reading goes on. Pictures that
the decoder repairs (error concealment) count as decoded. Pixels are delivered as stored, without stretching
non-square ones (:attr:`MediaInfo.sample_aspect_ratio` tells their shape).
"""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from fer_core.media.clock import PresentationClock
from fer_core.media.container import is_in_coding_order, open_container, video_stream
from fer_core.media.errors import MediaError
from fer_core.media.ledger import CodingOrderLedger, PacketLedger
from fer_core.media.orientation import Orientation
from fer_core.media.stated_size import is_shorter_than_stated
from fer_core.types import Frame, ImageU8, MediaInfo

_PROBE_PACKETS = 250
_READ_FAILURES_IN_A_ROW = 32
_USUAL_RATE_HZ = 25.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture that has not been turned into RGB yet."""

    time_s: float
    raw: VideoFrame | None
    """None when it could not be decoded."""


class VideoSource:
    """A video file. Each call of :meth:`frames` reads from the start; one thread at a time.

    Raises:
        MediaError: missing, empty, not a video, no video stream, or not one picture that can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed = False
        self._running: weakref.WeakSet[Generator[Picture, None, None]] = weakref.WeakSet()
        # One converter for all frames: a converter per frame is set up anew each time and halves the speed.
        self._reformatter = VideoReformatter()
        container = open_container(path)
        try:
            stream = video_stream(container, path)
            first = _first_picture(container, stream, path)
            self._orientation = _orientation(first)
            self._info = _describe(path, container, stream, first, self._orientation)
        finally:
            container.close()

    @property
    def info(self) -> MediaInfo:
        """What the file says of itself; width and height are those of the upright picture."""
        return self._info

    def frames(self) -> Iterator[Frame]:
        """Every frame in order of presentation.

        ``time_s`` is ``float(pts * time_base)`` as PyAV reports it, without removing an offset of the first frame (in
        AVI, which stores none, of the picture's place in the order of presentation);
        :class:`~fer_core.media.clock.PresentationClock` says what happens to stamps that are missing or do not rise.

        Raises:
            MediaError: after the last readable frame, when the file breaks off before its end.
        """
        for index, picture in enumerate(self.pictures()):
            yield Frame(index, picture.time_s, self.to_rgb(picture))

    def pictures(self) -> Generator[Picture, None, None]:
        """As :meth:`frames`, with the conversion to RGB left to the caller (:meth:`to_rgb`), who may skip it."""
        if self._closed:
            raise MediaError(self._path, "is closed", "open it again")
        generator = self._decode()
        self._running.add(generator)
        return generator

    def to_rgb(self, picture: Picture) -> ImageU8 | None:
        """Upright, contiguous RGB (H, W, 3) of a picture; None when it could not be decoded."""
        if picture.raw is None:
            return None
        try:
            # More than one thread per conversion only takes time from the decoder.
            rgb = self._reformatter.reformat(picture.raw, format="rgb24", threads=1).to_ndarray()
        except av.FFmpegError:
            return None
        image = cast(ImageU8, rgb)
        return np.ascontiguousarray(image) if self._orientation.is_identity else self._orientation.apply(image)

    def close(self) -> None:
        """End reading, also in the middle; iterators that are still open end at their next frame. Idempotent."""
        self._closed = True
        for generator in list(self._running):
            try:
                generator.close()
            except ValueError:  # it runs in another thread at this moment and sees the flag at its next packet
                continue

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _decode(self) -> Generator[Picture, None, None]:
        container = open_container(self._path)
        try:
            stream = video_stream(container, self._path)
            stream.thread_type = "AUTO"
            clock = PresentationClock(_time_base(stream), 1.0 / (self._info.frame_rate_hz or _USUAL_RATE_HZ))
            ledger = CodingOrderLedger() if is_in_coding_order(container, stream) else PacketLedger()
            time_s = 0.0
            for packet in _packets(container, stream, self._path):
                for raw in _pictures_of(packet, ledger):
                    if self._closed:
                        return
                    lost, pts = ledger.delivered(raw.pts, key=bool(raw.key_frame))
                    for lost_pts in lost:
                        yield Picture(clock.place(lost_pts), None)
                    time_s = clock.place(pts)
                    yield Picture(time_s, raw)
            for lost_pts in ledger.finish():
                yield Picture(clock.place(lost_pts), None)
            if _is_cut_off(stream, self._path) or is_shorter_than_stated(self._path):
                raise MediaError(
                    self._path,
                    f"breaks off after {time_s:.2f} s of {self._info.duration_s or 0.0:.2f} s",
                    "everything up to there was read; copy or download the file again for the rest",
                )
        finally:
            container.close()


def _packets(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[Packet[VideoStream]]:
    """All packets and the final flush; spoiled stretches are stepped over."""
    failures = 0
    while True:
        try:
            for packet in container.demux(stream):
                failures = 0
                yield packet
        except av.FFmpegError as error:
            failures += 1
            if failures > _READ_FAILURES_IN_A_ROW or not isinstance(error, av.InvalidDataError):
                raise MediaError(
                    path,
                    f"cannot be read on ({error.strerror or error})",
                    "everything up to there was read; check the disk or copy the file again",
                ) from error
        else:
            return


def _pictures_of(packet: Packet[VideoStream], ledger: PacketLedger) -> list[VideoFrame]:
    if packet.size:
        ledger.sent(packet.pts if packet.pts is not None else packet.dts, shown=not packet.is_discard)
    try:
        return packet.decode()
    except (av.FFmpegError, EOFError):
        ledger.failed()
        return []


def _first_picture(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    """The first picture that can be decoded: only it tells orientation and true size."""
    ledger = PacketLedger()
    count = 0
    for count, packet in enumerate(_packets(container, stream, path), start=1):
        pictures = _pictures_of(packet, ledger)
        if pictures:
            return pictures[0]
        if count >= _PROBE_PACKETS:
            break
    if count <= 1:  # the flush alone
        raise MediaError(path, "has a video stream without a single picture", "record or export it again")
    raise MediaError(
        path,
        f"holds video ({stream.codec_context.name}) of which no picture can be decoded",
        "play it elsewhere to check, then convert it to H.264 in MP4",
    )


def _orientation(picture: VideoFrame) -> Orientation:
    # Read once per file: PyAV's side data and its frame refer to each other, and would keep every frame alive
    # until the garbage collector comes round.
    matrix = picture.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation()
    return Orientation.from_display_matrix(np.frombuffer(bytes(cast(SideData, matrix)), np.int32).tolist())


def _time_base(stream: VideoStream) -> Fraction:
    return stream.time_base or Fraction(1, 90_000)


def _describe(
    path: Path, container: InputContainer, stream: VideoStream, first: VideoFrame, orientation: Orientation
) -> MediaInfo:
    rate = stream.average_rate or stream.guessed_rate
    duration_s = None
    if stream.duration:
        duration_s = float(stream.duration * _time_base(stream))
    elif container.duration:
        duration_s = container.duration / av.time_base
    frame_count = stream.frames or (round(duration_s * float(rate)) if duration_s and rate else None)
    width_px, height_px = first.width, first.height
    ratio = stream.sample_aspect_ratio
    if orientation.transpose:
        width_px, height_px = height_px, width_px
    return MediaInfo(
        name=path.name,
        width_px=width_px,
        height_px=height_px,
        frame_rate_hz=float(rate) if rate else None,
        frame_count=frame_count,
        duration_s=duration_s,
        has_audio=bool(container.streams.audio),
        time_base=stream.time_base,
        start_s=(container.start_time or 0) / av.time_base,
        sample_aspect_ratio=1 / ratio if ratio and orientation.transpose else ratio or None,
    )


def _is_cut_off(stream: VideoStream, path: Path) -> bool:
    """Whether the index of the file points beyond its end, as in a download that stopped."""
    entries = stream.index_entries
    if not len(entries):
        return False
    last = entries[-1]
    return bool(last.pos + last.size > path.stat().st_size)
