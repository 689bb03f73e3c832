"""The camera thread, with made devices: giving, silent, busy, hanging and unplugged ones."""

from __future__ import annotations

import sys
import threading
import time
from itertools import islice, pairwise

import cv2
import numpy as np
import pytest

from fer_core.media.camera import CameraInfo, CameraSource, list_cameras
from fer_core.media.errors import MediaError
from fer_core.media.file_camera import open_camera

CAMERAS = [CameraInfo(0, "Front Camera"), CameraInfo(2, "USB Microscope")]


class MadeCapture:
    """Stands in for cv2.VideoCapture."""

    def __init__(self, *, opened=True, pictures=10**9, period_s=0.005, hang=None, shape=(48, 64, 3)):
        self.opened, self.pictures, self.period_s, self.hang = opened, pictures, period_s, hang
        self.shape = shape
        self.settings, self.reads, self.released = {}, 0, threading.Event()

    def isOpened(self):  # noqa: N802
        return self.opened

    def read(self):
        if self.hang is not None and self.reads >= self.pictures:
            self.hang.wait(10)
        time.sleep(self.period_s)
        self.reads += 1
        if self.reads > self.pictures:
            return False, None
        blue = np.zeros(self.shape, np.uint8)
        if self.shape[2:] == (3,):
            blue[:, :, 0] = 255
        return True, blue

    def get(self, prop):
        return 30.0 if prop == cv2.CAP_PROP_FPS else 0.0

    def set(self, prop, value):
        self.settings[prop] = value
        return True

    def release(self):
        self.released.set()


def camera(capture, device=0, **options):
    return CameraSource(device, open_capture=lambda index: capture, cameras=lambda: CAMERAS, **options)


def test_camera_gives_rgb_frames_with_rising_times():
    capture = MadeCapture()
    with camera(capture, width_px=64, height_px=48) as source:
        frames = list(islice(source.frames(), 5))
        assert (source.info.name, source.info.width_px, source.info.height_px) == ("Front Camera", 64, 48)
        assert source.info.frame_rate_hz == 30.0
        assert source.info.frame_count is None
    assert [f.index for f in frames] == list(range(5))
    assert frames[0].time_s == 0.0
    assert all(a.time_s < b.time_s for a, b in pairwise(frames))
    assert (frames[0].image_rgb_u8 == (0, 0, 255)).all()
    assert capture.settings == {cv2.CAP_PROP_FRAME_WIDTH: 64, cv2.CAP_PROP_FRAME_HEIGHT: 48}
    assert capture.released.is_set()


@pytest.mark.parametrize("kind", ["mjpeg", "pictures"])
def test_camera_reads_what_opencv_itself_captures(tmp_path, kind):
    pictures = [np.full((48, 64, 3), (0, 0, 60 + 4 * i), np.uint8) for i in range(30)]
    if kind == "mjpeg":
        target = tmp_path / "camera.avi"
        writer = cv2.VideoWriter(str(target), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
        for picture in pictures:
            writer.write(picture)
        writer.release()
    else:
        target = tmp_path / "camera%02d.png"
        for i, picture in enumerate(pictures):
            cv2.imwrite(str(target) % i, picture)
    capture = cv2.VideoCapture(str(target))
    frames = []
    with camera(capture, width_px=64, height_px=48) as source:
        assert (source.info.width_px, source.info.height_px) == (64, 48)
        with pytest.raises(MediaError, match="unplugged"):
            frames.extend(source.frames())
    red = [int(f.image_rgb_u8[..., 0].mean().round()) for f in frames]
    assert red == sorted(red)
    assert red[0] >= 58
    assert red[-1] == pytest.approx(60 + 4 * 29, abs=3)
    assert max(f.image_rgb_u8[..., 2].max() for f in frames) <= 8
    assert len(frames) + source.dropped == 30
    assert not capture.isOpened()


def test_camera_gives_the_newest_picture_and_counts_the_missed():
    with camera(MadeCapture()) as source:
        frames = source.frames()
        first = next(frames)
        time.sleep(0.2)
        second = next(frames)
        assert second.time_s - first.time_s > 0.1
        assert source.dropped > 3


def test_camera_is_found_by_part_of_its_name():
    with camera(MadeCapture(), "microscope") as source:
        assert source.info.name == "USB Microscope"


def test_camera_that_is_not_there_is_named_with_the_choices():
    with pytest.raises(MediaError, match=r"no such camera; choose one of: 0 \(Front Camera\), 2 \(USB"):
        camera(MadeCapture(), 7)
    with pytest.raises(MediaError, match="has no camera; plug one in"):
        CameraSource(0, cameras=list)


def test_camera_that_is_busy_says_so_and_is_released():
    capture = MadeCapture(opened=False)
    with pytest.raises(MediaError, match="cannot be opened; end other programs"):
        camera(capture)
    assert capture.released.wait(2)


@pytest.mark.skipif(sys.platform != "linux", reason="device files")
def test_camera_that_may_not_be_used_says_so(tmp_path, monkeypatch):
    device = tmp_path / "video0"
    device.touch()
    monkeypatch.setattr("os.access", lambda path, mode: path != str(device))
    cameras = [CameraInfo(0, "Front Camera", str(device))]
    with pytest.raises(MediaError, match="may not be used by you; have yourself added to the group video"):
        CameraSource(0, open_capture=lambda index: MadeCapture(opened=False), cameras=lambda: cameras)


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 1)])
def test_camera_that_sees_grey_gives_grey_pictures(shape):
    with camera(MadeCapture(shape=shape)) as source:
        frame = next(source.frames())
    assert frame.image_rgb_u8.shape == (48, 64, 3)
    assert (frame.image_rgb_u8[..., 0] == frame.image_rgb_u8[..., 2]).all()


def test_camera_of_an_unknown_format_says_so():
    with (
        camera(MadeCapture(shape=(48, 64, 2))) as source,
        pytest.raises(MediaError, match=r"2 channels of uint8.*size"),
    ):
        next(source.frames())


def test_camera_that_hangs_while_opening_is_given_up():
    release = threading.Event()

    def hang(index):
        release.wait(10)
        return MadeCapture()

    begin = time.monotonic()
    with pytest.raises(MediaError, match=r"no picture within 0\.2 s"):
        CameraSource(0, open_capture=hang, cameras=lambda: CAMERAS, open_timeout_s=0.2)
    assert time.monotonic() - begin < 2
    release.set()


def test_camera_that_is_unplugged_ends_with_its_reason():
    with camera(MadeCapture(pictures=5)) as source, pytest.raises(MediaError, match=r"unplugged\?.*plug it in again"):
        for _ in source.frames():
            pass


def test_camera_that_falls_silent_ends_with_its_reason():
    hang = threading.Event()
    capture = MadeCapture(pictures=3, hang=hang)
    source = camera(capture, read_timeout_s=0.3)
    with pytest.raises(MediaError, match=r"gave no picture for 0\.3 s"):
        for _ in source.frames():
            pass
    hang.set()
    source.close()
    assert capture.released.wait(2)


def test_camera_closed_ends_its_reader_and_its_thread():
    capture = MadeCapture()
    source = camera(capture)
    frames = source.frames()
    next(frames)
    source.close()
    source.close()
    assert list(frames) == []
    assert capture.released.is_set()
    assert not any(t.name == "camera 0" for t in threading.enumerate())


def test_list_cameras_is_sorted_by_index():
    cameras = list_cameras()
    assert [c.index for c in cameras] == sorted(c.index for c in cameras)


def test_open_camera_with_an_impossible_index_says_so():
    with pytest.raises(MediaError, match="camera"):
        open_camera("987")
