"""A camera as a source, by OpenCV.

One thread owns the device: it opens it, reads without pause so that no old picture waits inside the driver, and
releases it. The reader gets the newest picture. Opening, reading and closing all wait for a bounded time.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, cast

import cv2
import numpy as np
from cv2_enumerate_cameras import enumerate_cameras, supported_backends

from fer_core.media.errors import MediaError
from fer_core.types import Frame, ImageU8, MediaInfo

OPEN_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 2.0
#: Reads that may fail in a row: some drivers need a moment for their first picture.
_FAILED_READS = 10

_BACKENDS = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}

_UNPLUGGED_REMEDY = "check the cable, plug it in again and start anew"


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera that the system lists."""

    index: int
    """To open it by."""
    name: str
    path: str | None = None
    """Device path, where the system has one."""


class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that is used."""

    def isOpened(self) -> bool: ...  # noqa: D102, N802
    def read(self) -> tuple[bool, ImageU8 | None]: ...  # noqa: D102
    def get(self, propId: int) -> float: ...  # noqa: D102, N803
    def set(self, propId: int, value: float) -> bool: ...  # noqa: D102, N803
    def release(self) -> None: ...  # noqa: D102


def list_cameras() -> list[CameraInfo]:
    """The cameras of this machine, by index; empty when there is none."""
    cameras = enumerate_cameras(_backend())
    return sorted((CameraInfo(c.index, str(c.name), c.path) for c in cameras), key=lambda c: c.index)


def _backend() -> int:
    backend = _BACKENDS.get(sys.platform, cv2.CAP_ANY)
    return int(backend if backend in supported_backends else cv2.CAP_ANY)


def _open_capture(index: int) -> Capture:
    return cast(Capture, cv2.VideoCapture(index, _backend()))


class CameraSource:
    """A live camera. ``time_s`` is the monotonic time since its first picture.

    Width, height and rate are wishes: the camera takes the nearest it can; ``info`` tells what it gives.

    Raises:
        MediaError: no such camera, it cannot be opened (another program has it, no permission), or it gives no
            picture within ``open_timeout_s``.
    """

    def __init__(
        self,
        device: int | str,
        *,
        width_px: int | None = None,
        height_px: int | None = None,
        frame_rate_hz: float | None = None,
        open_timeout_s: float = OPEN_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        open_capture: Callable[[int], Capture] = _open_capture,
        cameras: Callable[[], list[CameraInfo]] = list_cameras,
    ) -> None:
        self._camera = _find(device, cameras())
        self._wishes = (
            (cv2.CAP_PROP_FRAME_WIDTH, width_px),
            (cv2.CAP_PROP_FRAME_HEIGHT, height_px),
            (cv2.CAP_PROP_FPS, frame_rate_hz),
        )
        self._read_timeout_s = read_timeout_s
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._newest: tuple[float, ImageU8] | None = None
        self._problem: MediaError | None = None
        self._rate_hz = 0.0
        self._dropped = 0
        self._thread = threading.Thread(
            target=self._run, args=(open_capture,), name=f"camera {self._camera.index}", daemon=True
        )
        self._thread.start()
        self._info = self._wait_for_first(open_timeout_s)

    @property
    def info(self) -> MediaInfo:
        """Size and rate that the camera gives; no count, no duration."""
        return self._info

    @property
    def dropped(self) -> int:
        """Pictures that were replaced by a newer one before the reader came."""
        return self._dropped

    def frames(self) -> Iterator[Frame]:
        """The newest picture each time, until :meth:`close`.

        Raises:
            MediaError: the camera was unplugged, gave no picture within ``read_timeout_s``, or gives pictures of a kind
                that cannot be read.
        """
        index = 0
        start_s: float | None = None
        while (item := self._next()) is not None:
            taken_s, bgr = item
            start_s = taken_s if start_s is None else start_s
            yield Frame(index, taken_s - start_s, self._to_rgb(bgr))
            index += 1

    def close(self) -> None:
        """Stop and release the camera; idempotent. A driver that hangs is left to end by itself."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(_CLOSE_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _wait_for_first(self, timeout_s: float) -> MediaInfo:
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._problem, timeout_s)
            newest, problem = self._newest, self._problem
        if newest is None:
            self._stop.set()
            raise problem or MediaError(
                self._camera.name,
                f"gave no picture within {timeout_s:g} s",
                "end other programs that use it, or unplug it and plug it in again",
            )
        height_px, width_px = newest[1].shape[:2]
        rate_hz = self._rate_hz if self._rate_hz > 0 else None
        return MediaInfo(self._camera.name, width_px, height_px, rate_hz, frame_count=None, duration_s=None)

    def _next(self) -> tuple[float, ImageU8] | None:
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: self._newest or self._problem or self._stop.is_set(), self._read_timeout_s
            )
            if self._stop.is_set():
                return None
            if self._newest is None:
                raise self._problem or MediaError(
                    self._camera.name, f"gave no picture for {self._read_timeout_s:g} s", _UNPLUGGED_REMEDY
                )
            assert arrived
            item, self._newest = self._newest, None
            return item

    def _run(self, open_capture: Callable[[int], Capture]) -> None:
        capture = open_capture(self._camera.index)
        try:
            if not capture.isOpened():
                self._fail(*_refusal(self._camera.path))
                return
            for prop, wish in self._wishes:
                if wish is not None:
                    capture.set(prop, wish)
            self._rate_hz = capture.get(cv2.CAP_PROP_FPS)
            self._read(capture)
        except cv2.error as error:
            self._fail(f"failed ({error.err})", _UNPLUGGED_REMEDY)
        finally:
            capture.release()

    def _read(self, capture: Capture) -> None:
        failures = 0
        while not self._stop.is_set():
            ok, picture = capture.read()
            taken_s = time.monotonic()
            if ok and picture is not None:
                failures = 0
                self._post(taken_s, picture)
                continue
            failures += 1
            if failures >= _FAILED_READS:
                self._fail("stopped giving pictures (unplugged?)", _UNPLUGGED_REMEDY)
                return
            self._stop.wait(0.02)

    def _to_rgb(self, picture: ImageU8) -> ImageU8:
        channels = 1 if picture.ndim == 2 else picture.shape[2]
        code = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB}.get(channels)
        if code is None or picture.dtype != np.uint8:
            raise MediaError(
                self._camera.name,
                f"gives pictures of a format that cannot be read ({channels} channels of {picture.dtype})",
                "choose another size of the pictures, or another camera",
            )
        return cast(ImageU8, cv2.cvtColor(picture, code))

    def _post(self, taken_s: float, picture: ImageU8) -> None:
        with self._changed:
            self._dropped += self._newest is not None
            self._newest = (taken_s, picture)
            self._changed.notify_all()

    def _fail(self, reason: str, remedy: str) -> None:
        with self._changed:
            self._problem = MediaError(self._camera.name, reason, remedy)
            self._changed.notify_all()


def _refusal(path: str | None) -> tuple[str, str]:
    """Why a camera cannot be opened, and what to do."""
    if sys.platform == "linux" and path is not None and Path(path).exists() and not os.access(path, os.R_OK | os.W_OK):
        return "may not be used by you", "have yourself added to the group video (see groups), and log in again"
    return (
        "cannot be opened",
        "end other programs that use it (calls, browsers) and allow this program to use the camera in the privacy "
        "settings of the system",
    )


def _find(device: int | str, cameras: list[CameraInfo]) -> CameraInfo:
    """The camera of that index, or of that name (whole or in part, upper or lower case)."""
    if isinstance(device, int):
        found = [c for c in cameras if c.index == device]
    else:
        wanted = device.casefold()
        found = [c for c in cameras if c.name.casefold() == wanted] or [
            c for c in cameras if wanted in c.name.casefold()
        ]
    if found:
        return found[0]
    if not cameras:
        raise MediaError(
            f"camera {device}",
            "this machine has no camera",
            "plug one in and try again",
        )
    names = ", ".join(f"{c.index} ({c.name})" for c in cameras)
    raise MediaError(f"camera {device}", "there is no such camera", f"choose one of: {names}")
