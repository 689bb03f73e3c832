"""Mailbox, meter, calls that may hang, and the capture thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from fer_core.media import file_camera
from fer_core.media.errors import MediaError
from fer_core.types import Frame, MediaInfo
from fer_studio.live.camera_choice import FILE_PREFIX
from fer_studio.workers.abandon import Abandoned, any_left, call_abandonable
from fer_studio.workers.capture import CameraOpener, CameraRequest, Captured, CaptureThread
from fer_studio.workers.mailbox import Mailbox
from fer_studio.workers.meter import RateMeter

CLOSE_S = 2.0
INFO = MediaInfo("fake camera", 32, 24, 30.0, None, None)


class FakeCamera:
    """Gives pictures until it is closed; may hang, or be unplugged after some."""

    def __init__(self, unplug_after: int | None = None, hang_after: int | None = None) -> None:
        self.info = INFO
        self.dropped = 0
        self.closed = threading.Event()
        self._unplug_after = unplug_after
        self._hang_after = hang_after

    def frames(self) -> Iterator[Frame]:
        for index in range(1_000_000):
            if index == self._unplug_after:
                raise MediaError("fake camera", "stopped giving pictures (unplugged?)", "check the cable")
            if index == self._hang_after:
                self.closed.wait()
            if self.closed.wait(0.005):
                return
            yield Frame(index, index / 30, np.full((24, 32, 3), index % 256, np.uint8))

    def close(self) -> None:
        self.closed.set()

    def __enter__(self) -> FakeCamera:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def test_mailbox_keeps_the_newest_and_counts_what_it_dropped() -> None:
    box: Mailbox[int] = Mailbox()
    assert box.take() is None
    for item in (1, 2, 3):
        box.put(item)
    assert (box.take(), box.take(), box.dropped) == (3, None, 2)
    box.put(4)
    box.clear()
    assert (box.take(), box.dropped) == (None, 2)


def test_mailbox_wait_gets_what_another_thread_puts_later() -> None:
    box: Mailbox[str] = Mailbox()
    threading.Timer(0.05, box.put, ["late"]).start()
    assert box.wait(10.0) == "late"
    assert box.wait(0.0) is None


def test_mailbox_wake_ends_a_wait_once() -> None:
    box: Mailbox[str] = Mailbox()
    threading.Timer(0.05, box.wake).start()
    start_s = time.monotonic()
    assert box.wait(30.0) is None
    assert time.monotonic() - start_s < 10
    box.put("item")
    assert box.wait(0.0) == "item"


def test_mailbox_reader_is_never_behind_a_faster_writer() -> None:
    box: Mailbox[int] = Mailbox()
    for item in range(1000):
        box.put(item)
        if item % 10 == 9:
            assert box.take() == item
    assert box.dropped == 900


def test_meter_gives_events_per_second_of_the_window_alone() -> None:
    now_s = [0.0]
    meter = RateMeter(window_s=2.0, clock=lambda: now_s[0])
    assert meter.rate_hz == 0.0
    for i in range(100):
        now_s[0] = i / 25
        meter.tick()
    assert meter.rate_hz == pytest.approx(25.0)
    assert meter.count == 100
    now_s[0] += 10
    assert meter.rate_hz == 0.0


def test_call_abandonable_hands_on_results_and_errors() -> None:
    assert call_abandonable("test", lambda: 5, lambda: False, print) == 5
    with pytest.raises(ZeroDivisionError):
        call_abandonable("test", lambda: 1 // 0, lambda: False, print)


def test_call_abandonable_goes_on_and_discards_a_late_result() -> None:
    release, discarded = threading.Event(), threading.Event()

    def slow() -> str:
        release.wait(20)
        return "late"

    seen: list[str] = []

    def discard(item: str) -> None:
        seen.append(item)
        discarded.set()

    with pytest.raises(Abandoned):
        call_abandonable("test", slow, lambda: True, discard)
    assert any_left()
    release.set()
    assert discarded.wait(10)
    assert seen == ["late"]
    until_s = time.monotonic() + 10
    while any_left() and time.monotonic() < until_s:
        time.sleep(0.01)
    assert not any_left()


def capture(
    camera: FakeCamera | None = None,
    mailbox: Mailbox[Captured] | None = None,
    open_source: Callable[[CameraRequest], FakeCamera] | None = None,
) -> CaptureThread:
    box = Mailbox() if mailbox is None else mailbox
    return CaptureThread(CameraRequest("0"), 1, box, opener=CameraOpener(open_source or (lambda request: camera)))


def end(thread: CaptureThread) -> None:
    start_s = time.monotonic()
    thread.stop()
    assert thread.wait(5000)
    assert time.monotonic() - start_s < CLOSE_S


def test_file_prefix_is_that_of_the_core() -> None:
    assert file_camera.FILE_PREFIX == FILE_PREFIX


def test_capture_gives_pictures_with_the_time_they_came(qtbot: QtBot) -> None:
    camera, box = FakeCamera(), Mailbox[Captured]()
    thread = capture(camera, box)
    with qtbot.waitSignal(thread.opened, timeout=10_000) as opened:
        thread.start()
    assert opened.args == [INFO]
    qtbot.waitUntil(lambda: thread.rate.count > 5, timeout=10_000)
    before_s = time.perf_counter()
    taken = box.wait(5.0)
    assert taken is not None
    assert taken.session == 1
    assert before_s - 5 < taken.taken_s <= time.perf_counter()
    end(thread)
    assert camera.closed.is_set()


def test_capture_says_why_a_camera_cannot_be_opened(qtbot: QtBot) -> None:
    def refuse(request: CameraRequest) -> FakeCamera:
        raise MediaError("HD Cam", "cannot be opened", "end other programs that use it")

    thread = capture(open_source=refuse)
    with qtbot.waitSignal(thread.failed, timeout=10_000) as failed:
        thread.start()
    assert failed.args == ["HD Cam", "cannot be opened", "end other programs that use it"]
    assert thread.wait(5000)


def test_capture_survives_what_a_driver_throws(qtbot: QtBot) -> None:
    def crash(request: CameraRequest) -> FakeCamera:
        raise RuntimeError("driver bug 5")

    thread = capture(open_source=crash)
    with qtbot.waitSignal(thread.failed, timeout=10_000) as failed:
        thread.start()
    assert "driver bug 5" in failed.args[1]
    assert failed.args[2]
    assert thread.wait(5000)


def test_capture_tells_of_a_camera_that_is_unplugged(qtbot: QtBot) -> None:
    camera = FakeCamera(unplug_after=5)
    thread = capture(camera)
    with qtbot.waitSignal(thread.failed, timeout=10_000) as failed:
        thread.start()
    assert failed.args == ["fake camera", "stopped giving pictures (unplugged?)", "check the cable"]
    assert thread.wait(5000)
    assert camera.closed.is_set()


def test_capture_stops_while_a_driver_hangs_in_opening_and_closes_what_opens_late(qtbot: QtBot) -> None:
    release, camera = threading.Event(), FakeCamera()
    opening = threading.Event()

    def hang(request: CameraRequest) -> FakeCamera:
        opening.set()
        release.wait(20)
        return camera

    thread = capture(open_source=hang)
    thread.start()
    assert opening.wait(10)
    end(thread)
    assert not camera.closed.is_set()
    release.set()
    assert camera.closed.wait(10)


def test_capture_opens_a_camera_after_a_call_that_was_given_up_has_let_go_of_it(qtbot: QtBot) -> None:
    """A driver would refuse it as if another program had it."""
    release, happened, slow = threading.Event(), [], FakeCamera()

    class SlowlyClosed(FakeCamera):
        def close(self) -> None:
            happened.append("let go")
            super().close()

    def open_source(request: CameraRequest) -> FakeCamera:
        happened.append(f"opened {request.spec}")
        if len(happened) == 1:
            release.wait(20)
            return SlowlyClosed()
        return slow

    opener, box = CameraOpener(open_source), Mailbox[Captured]()
    first, second, other = (CaptureThread(CameraRequest(s), 1, box, opener=opener) for s in ("0", "0", "1"))
    first.start()
    qtbot.waitUntil(lambda: happened == ["opened 0"], timeout=10_000)
    end(first)
    second.start()
    other.start()  # nobody holds this one
    qtbot.waitUntil(lambda: other.rate.count > 3, timeout=10_000)
    assert happened == ["opened 0", "opened 1"]
    end(second)  # also while it waits
    third = CaptureThread(CameraRequest("0"), 1, box, opener=opener)
    third.start()
    release.set()
    qtbot.waitUntil(lambda: third.rate.count > 3, timeout=10_000)
    assert happened == ["opened 0", "opened 1", "let go", "opened 0"]
    end(other)
    end(third)


def test_capture_stops_while_the_camera_gives_nothing(qtbot: QtBot) -> None:
    thread = capture(FakeCamera(hang_after=3))
    thread.start()
    qtbot.waitUntil(lambda: thread.rate.count == 3, timeout=10_000)
    end(thread)


def test_capture_paused_leaves_no_pictures(qtbot: QtBot) -> None:
    box = Mailbox[Captured]()
    thread = capture(FakeCamera(), box)
    thread.start()
    qtbot.waitUntil(lambda: thread.rate.count > 3, timeout=10_000)
    thread.set_paused(True)
    box.wait(0.05)  # one may have been on its way
    count = thread.rate.count
    qtbot.waitUntil(lambda: thread.rate.count > count + 5, timeout=10_000)
    assert box.take() is None
    thread.set_paused(False)
    assert box.wait(10.0) is not None
    end(thread)


def test_capture_of_a_file_ends_with_the_file(qtbot: QtBot, media: Path) -> None:
    box = Mailbox[Captured]()
    thread = CaptureThread(CameraRequest(f"file:{media / 'clip.mp4'}"), 1, box)
    with qtbot.waitSignal(thread.ended, timeout=30_000):
        thread.start()
    assert thread.wait(5000)
    assert thread.rate.count + thread.skipped == 24
