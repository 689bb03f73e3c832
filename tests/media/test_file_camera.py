"""A file at its own pace, with a made clock so that no test depends on the speed of the machine."""

from __future__ import annotations

import threading
import time
from itertools import islice, pairwise

import numpy as np
import pytest

from fer_core.media.errors import MediaError
from fer_core.media.file_camera import FileCamera, open_camera


class MadeTime:
    """A clock that only waiting and the test move on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def clock(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> bool:
        self.now_s += seconds
        return False


def made_camera(path, **options):
    made = MadeTime()
    return made, FileCamera(path, clock=made.clock, wait=made.wait, **options)


def test_file_camera_gives_every_frame_in_time_to_a_fast_reader(make_video):
    path = make_video(pts=[i * 3600 for i in range(10)])
    made, camera = made_camera(path)
    with camera:
        seen = [(frame.index, frame.time_s, made.now_s - 100.0) for frame in camera.frames()]
    assert [i for i, _, _ in seen] == list(range(10))
    assert [t for _, t, _ in seen] == pytest.approx([i * 0.04 for i in range(10)])
    assert [wall for _, _, wall in seen] == pytest.approx([i * 0.04 for i in range(10)])
    assert camera.dropped == 0


def test_file_camera_skips_what_a_slow_reader_misses(make_video):
    path = make_video(pts=[i * 3600 for i in range(50)])
    made, camera = made_camera(path)
    seen = []
    with camera:
        for frame in camera.frames():
            seen.append(frame)
            made.now_s += 0.2  # five frames long
    assert 8 <= len(seen) <= 13
    assert len(seen) + camera.dropped == 50
    assert [f.index for f in seen] == list(range(len(seen)))
    assert all(a.time_s < b.time_s for a, b in pairwise(seen))
    assert all(0.1 < b.time_s - a.time_s < 0.3 for a, b in pairwise(seen[:-1]))


def test_file_camera_still_shows_pictures_when_decoding_is_too_slow(make_video):
    path = make_video(pts=[i * 3600 for i in range(50)])
    made, camera = made_camera(path)
    original = camera._source.pictures

    def slow():
        for picture in original():
            made.now_s += 0.2
            yield picture

    camera._source.pictures = slow
    with camera:
        assert len(list(camera.frames())) >= 10


def test_file_camera_loops_with_rising_times(make_video):
    path = make_video(pts=[900 + i * 3600 for i in range(4)])
    _, camera = made_camera(path, loop=True)
    with camera:
        frames = list(islice(camera.frames(), 10))
    assert np.diff([f.time_s for f in frames]) == pytest.approx([0.04] * 9)
    assert [f.index for f in frames] == list(range(10))


def test_file_camera_in_real_time_takes_as_long_as_the_clip(make_video):
    path = make_video(pts=[i * 3600 for i in range(10)])
    with open_camera(f"file:{path}") as camera:
        begin = time.monotonic()
        count = sum(1 for _ in camera.frames())
        lasted = time.monotonic() - begin
    assert count + camera.dropped == 10
    assert lasted > 0.3


def test_file_camera_closed_from_another_thread_ends_a_waiting_reader(make_video):
    path = make_video(pts=[0, 3600, 90_000 * 60])
    camera = FileCamera(path)
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(camera.frames()))
    reader.start()
    time.sleep(0.3)
    camera.close()
    reader.join(5)
    assert not reader.is_alive()
    assert len(seen) <= 2


def test_open_camera_of_a_missing_file_says_so(tmp_path):
    with pytest.raises(MediaError, match="no such file"):
        open_camera(f"file:{tmp_path / 'nowhere.mp4'}")
