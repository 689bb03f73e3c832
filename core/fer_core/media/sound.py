"""The sound of a recording, copied packet by packet beside new pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from fer_core.media.clock import RESTART_S
from fer_core.media.container import open_container
from fer_core.media.errors import MediaError


class SoundCopy:
    """Copies the first audio stream of ``source_path`` into ``target`` without encoding it again.

    Packets go over in step with the pictures (:meth:`copy_until`), so that the muxer never has to hold back more
    than a moment of either, however long the recording is.

    Raises:
        MediaError: the source cannot be opened.
    """

    def __init__(self, source_path: Path, target: OutputContainer) -> None:
        self.problem: str | None = None
        """Why there is no sound, or not all of it; None when all is well or the source has none."""
        self._target = target
        self._source = open_container(source_path)
        self._packets: Iterator[Packet[AudioStream]] | None = None
        self._waiting: Packet[AudioStream] | None = None
        self._last_dts = -(2**63)
        streams = self._source.streams.audio
        if not streams:
            return
        try:
            self._stream = target.add_stream_from_template(streams[0])
        except (ValueError, av.FFmpegError):
            name = streams[0].codec_context.name if streams[0].codec_context else "unknown"
            self.problem = f"{target.format.name} files cannot hold sound of the kind {name}"
            return
        self._packets = self._source.demux(streams[0])

    def copy_until(self, time_s: float) -> None:
        """Copy what sounds before ``time_s``, in the time of the media."""
        while (packet := self._peek()) is not None:
            if packet.dts is not None and packet.time_base is not None and packet.dts * packet.time_base > time_s:
                return
            self._waiting = None
            if self._follows(packet):
                packet.stream = self._stream
                self._copy(packet)

    def _follows(self, packet: Packet[AudioStream]) -> bool:
        """Whether it comes after the one before; where the time begins anew, as in joined recordings, sound ends."""
        assert packet.dts is not None  # by _peek
        before, self._last_dts = self._last_dts, max(packet.dts, self._last_dts)
        if packet.time_base is not None and (before - packet.dts) * packet.time_base >= RESTART_S:
            self._end(f"its times begin anew after {float(before * packet.time_base):.2f} s")
        return packet.dts > before and self._packets is not None

    def _copy(self, packet: Packet[AudioStream]) -> None:
        try:
            self._target.mux_one(packet)
        except av.FFmpegError as error:  # a full disk meets the next picture too
            self._end(f"it cannot be copied on ({error.strerror or error})")

    def _end(self, problem: str) -> None:
        self.problem, self._packets, self._waiting = problem, None, None

    def copy_rest(self) -> None:
        """Copy all that is left."""
        self.copy_until(float("inf"))

    def close(self) -> None:
        """Close the source; idempotent."""
        self._packets = None
        self._source.close()

    def _peek(self) -> Packet[AudioStream] | None:
        while self._waiting is None and self._packets is not None:
            try:
                packet = next(self._packets, None)
            except av.FFmpegError as error:
                self._end(f"the sound of the source cannot be read on ({error.strerror or error})")
                packet = None
            if packet is None:
                self._packets = None
            elif packet.size and packet.dts is not None:
                self._waiting = packet
        return self._waiting


def open_sound(source_path: Path | None, target: OutputContainer) -> SoundCopy | None:
    """The sound of a source that is a file which can be opened; None for cameras, folders and images."""
    if source_path is None or not source_path.is_file():
        return None
    try:
        return SoundCopy(source_path, target)
    except MediaError:
        return None
