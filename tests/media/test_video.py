"""Video files: every frame with its own time, and every fault with its reason."""

from __future__ import annotations

import gc
import http.server
import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from fer_core.media.errors import MediaError
from fer_core.media.source import open_source
from fer_core.media.video import VideoSource

SHARED_VIDEO = Path(__file__).resolve().parents[3] / "shared" / "video"
VFR_PTS = (0, 3003, 6006, 12012, 12500, 20000, 29000, 29010, 45000, 60000)


def times_by_pyav(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(f.pts * f.time_base) for f in container.decode(video=0)]


def times(path: Path) -> list[float]:
    with open_source(path) as source:
        return [frame.time_s for frame in source.frames()]


@pytest.mark.parametrize(
    ("name", "count"), [("face_leaves_vfr.mov", 169), ("face_enters_vfr.mov", 169), ("laugh_24fps.mp4", 472)]
)
def test_video_gives_every_frame_of_real_clips_at_its_time(name, count):
    path = SHARED_VIDEO / name
    if not path.exists():
        pytest.skip(f"needs {name} beside the checkout")
    got = times(path)
    assert len(got) == count
    assert got == times_by_pyav(path)
    assert all(a < b for a, b in pairwise(got))


def test_video_honours_variable_frame_rate(make_video):
    path = make_video(pts=VFR_PTS)
    assert times(path) == [float(Fraction(p, 90_000)) for p in VFR_PTS] == times_by_pyav(path)


def test_video_in_avi_has_rising_times_where_pictures_refer_to_later_ones(make_video):
    path = make_video("clip.avi", pts=range(14), time_base=Fraction(1, 25), options={"bf": "2"})
    with av.open(str(path)) as container:
        stored = [frame.pts for frame in container.decode(video=0)]
    assert stored != sorted(stored)  # AVI numbers them in the order of coding
    np.testing.assert_allclose(np.diff(times(path)), 1 / 25)
    with open_source(path) as source:
        brightness = [frame.image_rgb_u8.mean() for frame in source.frames()]
    assert brightness == sorted(brightness)  # and the pictures are those of these times


def test_video_in_avi_keeps_its_times_where_a_packet_cannot_be_decoded(make_video):
    path = make_video("clip.avi", pts=range(14), time_base=Fraction(1, 25), codec="mpeg4")
    whole = times(path)
    spoil_packet(path, 6)
    with open_source(path) as source:
        frames = list(source.frames())
    assert [f.time_s for f in frames] == whole
    assert sum(f.image_rgb_u8 is None for f in frames) == 1


def test_video_keeps_the_offset_of_the_first_frame(make_video):
    path = make_video(pts=[9000 + p for p in VFR_PTS])
    assert times(path)[0] == pytest.approx(0.1)
    assert times(path) == times_by_pyav(path)


def test_video_gives_contiguous_rgb_of_the_right_colour(make_video):
    red_left = np.zeros((48, 64, 3), np.uint8)
    red_left[:, :32, 0] = 255
    path = make_video(pts=[0, 3600], images=[red_left, red_left], options={"crf": "5"})
    with open_source(path) as source:
        frames = list(source.frames())
    assert [f.index for f in frames] == [0, 1]
    image = frames[0].image_rgb_u8
    assert image.shape == (48, 64, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert np.abs(image[10:40, 4:28].mean((0, 1)) - (255, 0, 0)).max() < 8
    assert image[10:40, 36:60].mean() < 8


def test_video_rows_are_contiguous_when_the_width_is_odd(make_video):
    path = make_video("clip.mov", codec="png", pix_fmt="rgb24", size=(53, 37), pts=[0, 3600])
    with open_source(path) as source:
        image = next(iter(source.frames())).image_rgb_u8
    assert image.shape == (37, 53, 3)
    assert image.flags.c_contiguous


@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("rotation_deg", [0, 90, -90, 180])
def test_video_turns_pictures_upright(make_video, rotation_deg, hflip):
    stored = np.zeros((48, 64, 3), np.uint8)
    stored[:24, :32] = 255  # white upper left quarter
    path = make_video(pts=[0, 3600], images=[stored] * 2, rotation_deg=rotation_deg, hflip=hflip, options={"crf": "5"})
    expected = np.rot90(stored, rotation_deg // 90)
    expected = expected[:, ::-1] if hflip else expected
    with open_source(path) as source:
        image = next(iter(source.frames())).image_rgb_u8
        assert (source.info.height_px, source.info.width_px) == expected.shape[:2]
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 8


def test_video_info_tells_what_the_file_says(make_video):
    path = make_video(sound_s=0.4)
    with open_source(path) as source:
        info = source.info
    assert (info.name, info.width_px, info.height_px, info.frame_count) == ("clip.mp4", 64, 48, 10)
    assert info.frame_rate_hz == pytest.approx(25.0)
    assert info.duration_s == pytest.approx(0.4, abs=0.05)
    assert info.has_audio
    assert info.time_base == Fraction(1, 90_000)


def test_video_opens_unicode_names_and_names_with_a_colon(make_video):
    for name in ("Gesicht – 顔 é.mp4", "talk:1.mp4"):
        assert len(times(make_video(name))) == 10


def spoil_packet(path: Path, number: int) -> float:
    """Overwrite a packet with zeros; gives its time."""
    with av.open(str(path)) as container:
        packet = [(p.pos, p.size, float(p.pts * p.time_base)) for p in container.demux(video=0) if p.size][number]
    position, size, time_s = packet
    data = bytearray(path.read_bytes())
    data[position : position + size] = bytes(size)
    path.write_bytes(data)
    return time_s


@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("libx264", "yuv420p"), ("mjpeg", "yuvj420p"), ("mpeg4", "yuv420p"), ("png", "rgb24")]
)
def test_video_marks_the_packet_that_cannot_be_decoded_and_goes_on(make_video, codec, pix_fmt):
    path = make_video("clip.mov", pts=range(40), time_base=Fraction(1, 25), codec=codec, pix_fmt=pix_fmt)
    whole = times(path)
    spoilt_s = spoil_packet(path, 15)
    with open_source(path) as source:
        frames = list(source.frames())
    assert [f.time_s for f in frames if f.image_rgb_u8 is None] == [spoilt_s]
    assert [f.time_s for f in frames] == whole
    assert [f.index for f in frames] == list(range(40))


def test_video_that_breaks_off_gives_what_is_there_then_says_so(make_video):
    noise = np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), dtype=np.uint8)
    path = make_video(pts=[i * 3600 for i in range(40)], images=noise, container_options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = []
    with open_source(path) as source, pytest.raises(MediaError, match=r"breaks off after .* copy or download"):
        frames.extend(source.frames())
    assert 5 < len(frames) < 40


@pytest.mark.parametrize(("name", "codec"), [("clip.mkv", "libx264"), ("clip.webm", "libvpx"), ("clip.wmv", "wmv2")])
def test_video_without_sizes_in_its_index_says_so_too_when_it_breaks_off(make_video, name, codec):
    noise = np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), dtype=np.uint8)
    path = make_video(name, pts=range(40), time_base=Fraction(1, 25), images=noise, codec=codec)
    assert len(times(path)) == 40
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = []
    with open_source(path) as source, pytest.raises(MediaError, match=r"breaks off after .* copy or download"):
        frames.extend(source.frames())
    assert 5 < len(frames) < 40


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_video_truncated_before_or_in_its_index_says_so(make_video, kept):
    path = make_video()
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * kept)])
    with pytest.raises(MediaError, match="cut off") as caught:
        open_source(path)
    assert caught.value.source == str(path)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"no video at all\n" * 50, "not a video"),
        ("notes.txt", b"no video at all\n" * 50, "text, not a video"),
        ("zeros.mp4", bytes(4096), "not a video"),
    ],
)
def test_video_refuses_what_is_none(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError, match=reason) as caught:
        open_source(path)
    assert str(caught.value) == f"{path}: {caught.value.reason}; {caught.value.remedy}"


def test_video_refuses_missing_files_and_files_without_pictures(tmp_path, sound_only):
    with pytest.raises(MediaError, match="no such file"):
        open_source(tmp_path / "nowhere.mp4")
    with pytest.raises(MediaError, match=r"no video stream \(it holds: audio\)"):
        open_source(sound_only)


def test_video_playlist_in_disguise_fetches_nothing(tmp_path):
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/a.ts"
        path = tmp_path / "clip.m3u8"
        path.write_text(f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{url}\n#EXT-X-ENDLIST\n")
        try:
            with pytest.raises(MediaError):
                open_source(path)
        finally:
            server.shutdown()
            thread.join()
    assert asked == []


def test_video_can_be_read_again_from_the_start(make_video):
    with open_source(make_video()) as source:
        assert [f.time_s for f in source.frames()] == [f.time_s for f in source.frames()]


def test_video_closed_in_the_middle_leaves_no_thread_and_no_file(make_video):
    path = make_video(pts=[i * 3600 for i in range(60)], size=(320, 240))
    process = psutil.Process()
    times(path)
    threads, files = process.num_threads(), len(process.open_files())
    for _ in range(5):
        source = open_source(path)
        frames = source.frames()
        for _ in range(3):
            next(frames)
        source.close()
        assert list(frames) == []
    gc.collect()
    assert process.num_threads() <= threads
    assert len(process.open_files()) == files
    with pytest.raises(MediaError, match="closed"):
        next(iter(source.frames()))


def test_video_memory_does_not_grow_with_length(make_video):
    path = make_video(pts=[i * 3600 for i in range(300)], size=(640, 360))
    process = psutil.Process()
    gc.collect()
    gc.disable()  # frames must go by themselves, not when the collector comes round
    try:
        sizes = []
        for frame in VideoSource(path).frames():
            del frame
            sizes.append(process.memory_info().rss)
    finally:
        gc.enable()
    # All frames kept would be 300 * 0.69 MB.
    assert sizes[-1] - sizes[60] < 20e6
