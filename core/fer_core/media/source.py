"""What every source of frames offers, and how a path becomes one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from fer_core.media.container import check_readable
from fer_core.media.errors import MediaError
from fer_core.media.images import DECODABLE_HINT, IMAGE_SUFFIXES, ImageSource, is_image, list_files
from fer_core.media.video import VideoSource
from fer_core.types import Frame, MediaInfo

VIDEO_SUFFIXES = frozenset(
    {
        ".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
        ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv",
    }
)  # fmt: skip

__all__ = [
    "ANNOTATED_SUFFIX",
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "LiveSource",
    "Source",
    "expand_inputs",
    "open_source",
]

_HEAD_BYTES = 64

#: How the names of the program's own annotated videos end.
ANNOTATED_SUFFIX = ".annotated.mp4"


@runtime_checkable
class Source(Protocol):
    """Frames in order. A context manager: leaving it closes the source, also in the middle."""

    @property
    def info(self) -> MediaInfo:
        """What is known before reading."""

    def frames(self) -> Iterator[Frame]:
        """Upright, contiguous RGB uint8 frames with strictly rising ``time_s``; memory does not grow with length.

        A frame that cannot be decoded has no image, and the frames after it still come.
        """

    def close(self) -> None:
        """Release everything; idempotent. Iterators that are still open end."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


@runtime_checkable
class LiveSource(Source, Protocol):
    """A source that does not wait for its reader."""

    @property
    def dropped(self) -> int:
        """Frames so far that came while the reader was busy, and were skipped."""


def open_source(path: Path) -> Source:
    """Open a folder of images, an image or a video; the content decides, not the name.

    Raises:
        MediaError: nothing there, or nothing that can be read, with the reason and the remedy.
    """
    if os.path.isdir(path):
        return ImageSource.from_folder(path)
    check_readable(path)
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if is_image(head):
        return ImageSource.from_file(path)
    try:
        return VideoSource(path)
    except MediaError as error:
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            raise
        raise MediaError(path, "is no image that can be decoded, whatever its name says", DECODABLE_HINT) from error


def expand_inputs(paths: Sequence[Path]) -> list[Path]:
    """The inputs to work on, one source each.

    A folder that holds videos stands for these videos in natural order (images beside them, such as posters, are
    left out, and so are annotated videos of the program itself); any other folder stays, as one sequence of images.
    Files and paths that do not exist stay as they are, so that opening them names the problem. Subfolders and hidden
    files are not visited; what is named twice counts once, at its first place.
    """
    expanded: dict[Path, Path] = {}
    for path in paths:
        for item in _expand(path):
            # Not resolve: a symbolic link is an input of its own.
            expanded.setdefault(Path(os.path.abspath(item)), item)  # noqa: PTH100
    return list(expanded.values())


def _expand(path: Path) -> list[Path]:
    if not os.path.isdir(path):
        return [path]
    try:
        videos = list_files(path, VIDEO_SUFFIXES)
    except MediaError:
        return [path]
    return [video for video in videos if not video.name.casefold().endswith(ANNOTATED_SUFFIX)] or [path]
