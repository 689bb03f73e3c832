"""The thread that reads the camera and leaves its newest picture in a mailbox."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QThread, Signal

from fer_core.media.errors import MediaError
from fer_core.types import Frame
from fer_studio.workers.abandon import Abandoned, call_abandonable
from fer_studio.workers.libraries import load_libraries
from fer_studio.workers.mailbox import Mailbox
from fer_studio.workers.meter import RateMeter

if TYPE_CHECKING:
    from fer_core.media.source import LiveSource

_POLL_S = 0.02
#: A camera that is held for longer than the core waits for one to open will not be free soon.
_HELD_S = 15.0


@dataclass(frozen=True, slots=True)
class CameraRequest:
    """What to open, and how."""

    spec: str
    """As :func:`fer_core.media.file_camera.open_camera` takes it: an index, a name, or ``file:clip.mp4``."""
    width_px: int | None = None
    """A wish, as the other two; None leaves it to the camera."""
    height_px: int | None = None
    frame_rate_hz: float | None = None
    loop: bool = False
    """Whether a file begins again at its end."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A picture and when this program got it."""

    frame: Frame
    taken_s: float
    """``time.perf_counter()``; for latency only, every measurement carries ``frame.time_s``."""
    session: int
    """Which start of a camera it belongs to: pictures of an older one may still be on their way."""


OpenSource = Callable[[CameraRequest], "LiveSource"]


def open_live_source(request: CameraRequest) -> LiveSource:
    """Opens a camera or a file in its place.

    Raises:
        MediaError: it cannot be used.
    """
    # OpenCV and PyAV are slow to load: not before the window is there.
    load_libraries()
    from fer_core.media.file_camera import open_camera

    return open_camera(
        request.spec,
        width_px=request.width_px,
        height_px=request.height_px,
        frame_rate_hz=request.frame_rate_hz,
        loop=request.loop,
    )


class CameraOpener:
    """Opens cameras for one thread after the other, and none that is still held.

    A call that was given up may hold its camera for some more seconds. Opened beside it, the camera would be refused as
    if another program had it.

    Args:
        open_source: opens one.
    """

    def __init__(self, open_source: OpenSource = open_live_source) -> None:
        self._open_source = open_source
        self._given_up: dict[str, threading.Event] = {}

    def open(self, request: CameraRequest, should_stop: Callable[[], bool]) -> LiveSource:
        """What ``open_source`` returns or raises.

        Raises:
            Abandoned: it should stop.
        """
        self._wait_for(request.spec, should_stop)
        try:
            return call_abandonable(
                "opening a camera", lambda: self._open_source(request), should_stop, lambda late: late.close()
            )
        except Abandoned as given_up:
            self._given_up[request.spec] = given_up.done
            raise

    def _wait_for(self, spec: str, should_stop: Callable[[], bool]) -> None:
        until_s = time.monotonic() + _HELD_S
        while (done := self._given_up.get(spec)) is not None:
            if done.wait(_POLL_S) or time.monotonic() > until_s:
                del self._given_up[spec]
            elif should_stop():
                raise Abandoned(done)


class CaptureThread(QThread):
    """Opens a camera, reads it until :meth:`stop`, closes it. One camera, once."""

    opened = Signal(object)
    """:class:`~fer_core.types.MediaInfo`"""
    failed = Signal(str, str, str)
    """Source, reason and remedy: it could not be opened, or broke off."""
    ended = Signal()
    """The file that posed as a camera is at its end."""

    def __init__(
        self,
        request: CameraRequest,
        session: int,
        mailbox: Mailbox[Captured],
        parent: QObject | None = None,
        opener: CameraOpener | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("capture")
        self.rate = RateMeter()
        self._request = request
        self._session = session
        self._mailbox = mailbox
        self._opener = opener or CameraOpener()
        self._stop = threading.Event()
        self._paused = threading.Event()
        self._lock = threading.Lock()
        self._source: LiveSource | None = None

    @property
    def skipped(self) -> int:
        """Pictures that the camera had, and that this thread came too late for."""
        source = self._source
        return source.dropped if source else 0

    def set_paused(self, paused: bool) -> None:
        """Pictures are read, so that none grows old in the driver, and thrown away."""
        if paused:
            self._paused.set()
            self._mailbox.clear()
        else:
            self._paused.clear()

    def stop(self) -> None:
        """Asks it to end; returns at once. Then ``wait()``."""
        self._stop.set()
        with self._lock:
            source = self._source
        if source is not None:
            # Wakes a reader that waits for a camera which gives nothing. Closing may itself wait for a driver.
            threading.Thread(target=source.close, name="closes the camera", daemon=True).start()

    def run(self) -> None:
        """In its own thread."""
        try:
            source = self._opener.open(self._request, self._stop.is_set)
        except Abandoned:
            return
        except MediaError as error:
            self.failed.emit(error.source, error.reason, error.remedy)
            return
        except Exception as error:  # a driver or a library; the window must live on
            self.failed.emit(*_unforeseen(self._request.spec, error))
            return
        with self._lock:
            self._source = source
        self._read(source)

    def _read(self, source: LiveSource) -> None:
        try:
            with source:
                self.opened.emit(source.info)
                for frame in source.frames():
                    if self._stop.is_set():
                        return
                    self.rate.tick()
                    if frame.image_rgb_u8 is not None and not self._paused.is_set():
                        self._mailbox.put(Captured(frame, time.perf_counter(), self._session))
        except Exception as error:
            if self._stop.is_set():  # closed by stop() in the middle of a read
                return
            problem = (
                (error.source, error.reason, error.remedy)
                if isinstance(error, MediaError)
                else _unforeseen(self._request.spec, error)
            )
            self.failed.emit(*problem)
        else:
            if not self._stop.is_set():
                self.ended.emit()


def _unforeseen(spec: str, error: Exception) -> tuple[str, str, str]:
    return spec, f"failed ({type(error).__name__}: {error})", "try again, or choose another camera"
