"""Writes pictures as a video at the times of the original, with the original sound.

Every picture keeps its time stamp, so a variable frame rate stays one. What can be made again grows under a temporary
name and gets its own only when it is complete. What cannot, a camera's pictures, is written crash-safe: in fragments
that can be played whatever ends the program, and that closing turns into one ordinary file.
"""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
import cv2
from av.codec.codec import Codec, UnknownCodecError
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream

from fer_core.media.container import file_url
from fer_core.media.errors import MediaError
from fer_core.media.sound import SoundCopy, open_sound
from fer_core.types import ImageU8, MediaInfo

# Matroska is left out: it rounds times to milliseconds, and moves all of them when the sound begins before zero.
_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}

#: H.264 where the installed build of FFmpeg has an encoder for it. MPEG-4 part 2 is in every build; its files are
#: larger, and browsers do not play them.
CODECS = ("libx264", "mpeg4")
_OPTIONS = {"libx264": {"preset": "veryfast", "crf": "20"}, "mpeg4": {"qmin": "2", "qmax": "5"}}
#: Of a crash-safe file: the encoder keeps no picture back, and what it gave is handed to the system twice a second.
#: "hybrid_fragmented" hides the fragments in an ordinary file when it is closed, without copying.
_PROMPT_OPTIONS = {"libx264": {"tune": "zerolatency"}, "mpeg4": {}}
_FRAGMENT_OPTIONS = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof+hybrid_fragmented",
    "frag_duration": "500000",  # microseconds
    "flush_packets": "1",
}

_COARSEST_HZ = 1_000
_FINEST_HZ = 65_535  # MPEG-4 part 2 stores the ticks of a second in 16 bits
_USUAL_TIME_BASE = Fraction(1, 60_000)
_USUAL_RATE_HZ = 25.0


class VideoWriter:
    """A video file that is written picture by picture.

    Args:
        path: the target (.mp4, .m4v or .mov), replaced when complete. Until then ``<name>.part`` beside it grows;
            a killed run leaves only that.
        source_path: the recording whose sound is copied; None, a folder or a file without sound gives a silent one.
        info: size, rate and time base of the source.
        crash_safe: the file has its own name from the start, replaces another of this name at once, and can be
            played up to the last second whatever ends the program; what was written stays, also after a failure.

    Leaving the context normally completes the file (:meth:`close`), leaving it by an exception throws it away
    (:meth:`abort`) unless it is crash-safe.

    Raises:
        MediaError: unknown suffix, or the target cannot be written (folder, permission, disk full).
    """

    def __init__(self, path: Path, source_path: Path | None, info: MediaInfo, *, crash_safe: bool = False) -> None:
        format_name = _FORMATS.get(path.suffix.lower())
        if format_name is None:
            known = ", ".join(_FORMATS)
            raise MediaError(path, f"{path.suffix or 'no suffix'} is no known kind of video", f"use one of {known}")
        self._path = path
        self._crash_safe = crash_safe
        self._part = path if crash_safe else path.with_name(path.name + ".part")
        self._width_px, self._height_px = info.width_px + info.width_px % 2, info.height_px + info.height_px % 2
        self._reformatter = VideoReformatter()
        self._last_pts: int | None = None
        self._open = True
        codec = _available_codec()
        self._time_base = _time_base(info, codec)
        # The muxer stores where a stream begins in ticks of the whole file, by default milliseconds.
        options = {"movie_timescale": str(self._time_base.denominator)}
        if crash_safe:
            options |= _FRAGMENT_OPTIONS
        self._refused_sound: str | None = None
        try:
            self._part.write_bytes(b"")  # a path that cannot be written is refused before anything else
        except OSError as error:
            raise self._cannot_write(error) from error
        try:
            try:
                self._begin(codec, info, source_path, format_name, options)
            except _SoundRefusedError as refusal:
                self._refused_sound = f"{format_name} files cannot hold it as it is ({refusal})"
                self._begin(codec, info, None, format_name, options)
        except (av.FFmpegError, OSError) as error:
            self._part.unlink(missing_ok=True)
            raise self._cannot_write(error) from error
        except BaseException:
            self._part.unlink(missing_ok=True)
            raise

    def _begin(
        self, codec: str, info: MediaInfo, source_path: Path | None, format_name: str, options: dict[str, str]
    ) -> None:
        """Opens the file with its streams, and writes its head, which may refuse the sound."""
        container = av.open(file_url(self._part), mode="w", format=format_name, options=options)
        sound: SoundCopy | None = None
        try:
            stream = self._add_video_stream(container, codec, info)
            sound = open_sound(source_path, container)
            _write_head(container)
        except BaseException as error:
            with contextlib.suppress(av.FFmpegError, OSError):
                container.close()
            if sound is None:
                raise
            sound.close()
            if not isinstance(error, av.FFmpegError):
                raise
            raise _SoundRefusedError(error.strerror or str(error)) from error
        self._container, self._stream, self._sound = container, stream, sound

    @property
    def sound_problem(self) -> str | None:
        """Why the sound of the source is missing or incomplete; None when nothing is."""
        return self._sound.problem if self._sound else self._refused_sound

    def write(self, image_rgb_u8: ImageU8, time_s: float) -> None:
        """Append a picture (H, W, 3) that is shown from ``time_s`` on, in the time of the source.

        Odd sizes are continued by one pixel; a picture of another size than ``info`` said is scaled.

        Raises:
            MediaError: the target cannot be written, for instance because the disk is full.
        """
        frame = self._to_frame(image_rgb_u8)
        pts = round(time_s / self._time_base)
        if self._last_pts is not None:
            pts = max(pts, self._last_pts + 1)
        frame.pts = self._last_pts = pts
        frame.time_base = self._time_base
        try:
            self._container.mux(self._stream.encode(frame))
            if self._sound:
                self._sound.copy_until(time_s)
        except (av.FFmpegError, OSError) as error:
            raise self._cannot_write(error) from error

    def close(self) -> None:
        """Complete the file, with all the sound that is left, and give it its name; idempotent.

        Raises:
            MediaError: no picture was written, or the target cannot be written. Nothing is left under the name,
                unless the file is crash-safe and holds a picture.
        """
        if not self._open:
            return
        if self._last_pts is None:
            self.abort()
            raise MediaError(self._path, "would be a video without a picture", "give a source with pictures")
        try:
            self._container.mux(self._stream.encode(None))
            if self._sound:
                self._sound.copy_rest()
            self._container.close()
            os.replace(self._part, self._path)  # noqa: PTH105  Path.replace hides which of the two failed
        except (av.FFmpegError, OSError) as error:
            self.abort()
            raise self._cannot_write(error) from error
        self._release()

    def abort(self) -> None:
        """Throw away what was written, but for the pictures of a crash-safe file; idempotent."""
        if not self._open:
            return
        try:
            self._container.close()
        except (av.FFmpegError, OSError):
            pass  # the file is thrown away, or stays as far as it goes
        finally:
            self._release()
            if not self._crash_safe or self._last_pts is None:
                self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _release(self) -> None:
        self._open = False
        if self._sound:
            self._sound.close()

    def _to_frame(self, image: ImageU8) -> VideoFrame:
        height_px, width_px = image.shape[:2]
        extra_h, extra_w = self._height_px - height_px, self._width_px - width_px
        if extra_h in (0, 1) and extra_w in (0, 1):
            if extra_h or extra_w:
                image = cv2.copyMakeBorder(image, 0, extra_h, 0, extra_w, cv2.BORDER_REPLICATE)
        else:
            image = cv2.resize(image, (self._width_px, self._height_px), interpolation=cv2.INTER_AREA)
        rgb = VideoFrame.from_ndarray(image, format="rgb24")
        return self._reformatter.reformat(
            rgb,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )

    def _add_video_stream(self, container: OutputContainer, codec: str, info: MediaInfo) -> VideoStream:
        rate = Fraction(info.frame_rate_hz or _USUAL_RATE_HZ).limit_denominator(1001)
        options = _OPTIONS[codec] | (_PROMPT_OPTIONS[codec] if self._crash_safe else {})
        stream = cast(VideoStream, container.add_stream(codec, rate=rate, options=options))
        stream.width, stream.height, stream.pix_fmt = self._width_px, self._height_px, "yuv420p"
        context = stream.codec_context
        # Threads that share the work by frames keep as many frames back as they are.
        context.thread_type = "SLICE" if self._crash_safe else "AUTO"
        # After the rate, which sets it too: the unit of the source keeps the times of the source.
        context.time_base = stream.time_base = self._time_base
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        if info.sample_aspect_ratio is not None:
            context.sample_aspect_ratio = info.sample_aspect_ratio
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return stream

    def _cannot_write(self, error: Exception) -> MediaError:
        reason = getattr(error, "strerror", None) or str(error)
        return MediaError(
            self._path, f"cannot be written ({reason})", "check that its folder exists, may be written and has space"
        )


class _SoundRefusedError(Exception):
    """The head of a file could not be written with the sound in it; the message says why."""


def _write_head(container: OutputContainer) -> None:
    """Opens the encoder too; PyAV would do both at the first packet."""
    container.start_encoding()


def _available_codec() -> str:
    for name in CODECS:
        try:
            Codec(name, "w")
        except UnknownCodecError:
            continue
        return name
    raise MediaError("video encoder", f"this build of FFmpeg has none of {', '.join(CODECS)}", "reinstall PyAV")


def _time_base(info: MediaInfo, codec: str) -> Fraction:
    base = info.time_base or _USUAL_TIME_BASE
    if codec == "mpeg4" and base.denominator > _FINEST_HZ:
        return _USUAL_TIME_BASE
    if base.denominator < _COARSEST_HZ:
        # Finer than the source, by a whole number, to leave room between two of its ticks.
        return base / -(-_COARSEST_HZ // base.denominator)
    return base
