"""Opens media files for reading, and says in plain words why one cannot be opened."""

from __future__ import annotations

import stat
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from fer_core.media.errors import MediaError

#: FFmpeg draws plain text as "video" with this reader; nobody means that.
_TEXT_FORMATS = frozenset({"tty"})

#: Codecs whose pictures are shown in another order than they are stored in.
_REORDERED = frozenset({"h264", "hevc"})

# The local-file protocol alone: a playlist that pretends to be a clip must not make the program fetch anything.
_LOCAL_ONLY = {"protocol_whitelist": "file"}


def file_url(path: Path) -> str:
    """The path for FFmpeg. The prefix keeps a colon in a file name from being read as a protocol."""
    return f"file:{path}"


def check_readable(path: Path) -> None:
    """Raise MediaError unless ``path`` is a file with content that may be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise MediaError(path, "is not a regular file", "give a video, an image or a folder")
        with path.open("rb") as file:
            first = file.read(1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MediaError(path, "there is no such file", "check the path and its spelling") from error
    except OSError as error:
        raise MediaError(path, f"cannot be read ({error.strerror})", "check the path and its permissions") from error
    if not first:
        raise MediaError(path, "is empty (0 bytes)", "copy or record it again")


def open_container(path: Path) -> InputContainer:
    """Open a media file that holds local content only.

    Raises:
        MediaError: missing, empty, unreadable, or not media.
    """
    check_readable(path)
    try:
        container = av.open(file_url(path), options=_LOCAL_ONLY)
    except av.FFmpegError as error:
        raise MediaError(
            path,
            f"is not a video that can be read ({error.strerror or error})",
            "it may be cut off or no video at all: play it elsewhere to check, copy or download it again, "
            "or convert it to MP4",
        ) from error
    if container.format.name in _TEXT_FORMATS:
        container.close()
        raise MediaError(path, "is text, not a video", "give a video, an image or a folder")
    return container


def is_in_coding_order(container: InputContainer, stream: VideoStream) -> bool:
    """Whether stamps are those of packets as they are stored, not of pictures as they are shown.

    AVI holds no others. FFmpeg finds the right ones for codecs of one picture a packet at most, but not where pictures
    may be shown in any order.
    """
    return container.format.name == "avi" and stream.codec_context.name in _REORDERED


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The video stream of a file; cover pictures of music files do not count.

    Raises:
        MediaError: no video stream, or no decoder for it.
    """
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        kinds = {s.type for s in container.streams}
        if not kinds - {"data", "unknown"}:
            raise MediaError(
                path, "is cut off or damaged: none of its streams can be read", "copy, download or record it again"
            )
        raise MediaError(
            path, f"has no video stream (it holds: {', '.join(sorted(kinds))})", "give a file with moving pictures"
        )
    stream = max(streams, key=lambda s: bool(s.disposition & Disposition.default))
    if stream.codec_context is None:
        raise MediaError(path, "has video in a format that cannot be decoded", "convert it to H.264 in MP4")
    return stream
