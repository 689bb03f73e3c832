"""Annotated videos keep the times, the sound and the good name of the target."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import struct
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from fer_core.media import writer as writer_module
from fer_core.media.errors import MediaError
from fer_core.media.source import open_source
from fer_core.media.writer import VideoWriter
from fer_core.types import MediaInfo

VFR_PTS = (0, 3003, 6006, 12012, 12500, 20000, 29000, 29010, 45000, 60000)


def info(width_px=64, height_px=48, time_base=None, rate_hz=25.0):
    return MediaInfo("made", width_px, height_px, rate_hz, None, None, time_base=time_base)


def copy(source_path, target):
    """Write all frames of a source again; gives the problem with the sound."""
    with open_source(source_path) as source, VideoWriter(target, source_path, source.info) as writer:
        for frame in source.frames():
            writer.write(frame.image_rgb_u8, frame.time_s)
    return writer.sound_problem


def times(path):
    with open_source(path) as source:
        return [f.time_s for f in source.frames()]


def times_before_the_end_is_torn(path):
    kept = []
    with open_source(path) as source, contextlib.suppress(MediaError):
        kept.extend(frame.time_s for frame in source.frames())
    return kept


def sound_packets(path):
    with av.open(str(path)) as container:
        return [
            (float(p.pts * p.time_base), hashlib.sha256(bytes(p)).hexdigest())
            for p in container.demux(audio=0)
            if p.size
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("offset", [0, 9_000])
def test_writer_keeps_variable_times_and_sound_exactly(make_video, tmp_path, suffix, offset):
    clip = make_video(pts=[p + offset for p in VFR_PTS], sound_s=1.5)
    target = tmp_path / f"out{suffix}"
    assert copy(clip, target) is None
    assert times(target) == times(clip)
    assert len(times(target)) == len(VFR_PTS)
    assert len(sound_packets(clip)) > 60
    assert sound_packets(target) == sound_packets(clip)
    assert not list(tmp_path.glob("*.part"))


def test_writer_makes_h264_that_players_read(make_video, tmp_path):
    target = tmp_path / "out.mp4"
    copy(make_video(), target)
    with av.open(str(target)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert not container.streams.audio


def test_writer_keeps_colours(tmp_path):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32], image[:, 32:] = (220, 60, 30), (20, 90, 200)
    with VideoWriter(tmp_path / "out.mp4", None, info()) as writer:
        writer.write(image, 0.0)
        writer.write(image, 0.04)
    with open_source(tmp_path / "out.mp4") as source:
        back = next(iter(source.frames())).image_rgb_u8
    assert np.abs(back[8:40, 6:26].mean((0, 1)) - (220, 60, 30)).max() < 8
    assert np.abs(back[8:40, 38:58].mean((0, 1)) - (20, 90, 200)).max() < 8


def test_writer_continues_odd_sizes_by_one_pixel(tmp_path):
    image = np.full((49, 63, 3), 90, np.uint8)
    with VideoWriter(tmp_path / "out.mp4", None, info(63, 49)) as writer:
        writer.write(image, 0.0)
        writer.write(np.full((20, 30, 3), 90, np.uint8), 0.5)
    with open_source(tmp_path / "out.mp4") as source:
        assert (source.info.width_px, source.info.height_px) == (64, 50)
        for frame in source.frames():
            assert np.abs(frame.image_rgb_u8.astype(int) - 90).max() < 6


def test_writer_without_h264_falls_back_to_mpeg4_with_the_same_times(make_video, tmp_path, monkeypatch):
    monkeypatch.setattr(writer_module, "CODECS", ("no_such_encoder", "mpeg4"))
    clip = make_video(pts=VFR_PTS, sound_s=0.5)
    target = tmp_path / "out.mp4"
    copy(clip, target)
    with av.open(str(target)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    assert times(target) == pytest.approx(times(clip), abs=1 / 60_000)
    assert [h for _, h in sound_packets(target)] == [h for _, h in sound_packets(clip)]


def test_writer_gives_images_a_clock(tmp_path):
    source_info = MediaInfo("folder", 64, 48, None, 3, None)
    with VideoWriter(tmp_path / "out.mp4", None, source_info) as writer:
        for i in range(3):
            writer.write(np.full((48, 64, 3), 50 * i, np.uint8), float(i))
    assert times(tmp_path / "out.mp4") == [0.0, 1.0, 2.0]


def test_writer_keeps_pictures_apart_that_fall_on_one_tick(tmp_path):
    with VideoWriter(tmp_path / "out.mp4", None, info(time_base=Fraction(1, 25))) as writer:
        for time_s in (0.0, 0.04, 0.06, 0.07, 0.08):
            writer.write(np.zeros((48, 64, 3), np.uint8), time_s)
    assert times(tmp_path / "out.mp4") == pytest.approx([0.0, 0.04, 0.06, 0.07, 0.08])


def test_writer_keeps_the_shape_of_pixels(tmp_path):
    wide = replace(info(72, 56), sample_aspect_ratio=Fraction(4, 3))
    with VideoWriter(tmp_path / "wide.mp4", None, wide) as writer:
        for n in range(3):
            writer.write(np.zeros((56, 72, 3), np.uint8), n / 25)
    with open_source(tmp_path / "wide.mp4") as source:
        assert source.info.sample_aspect_ratio == Fraction(4, 3)


def test_writer_goes_on_without_sound_whose_times_begin_anew(make_video, tmp_path):
    once = make_video("once.ts", pts=range(0, 144_000, 3600), sound_s=1.6)
    (tmp_path / "twice.ts").write_bytes(once.read_bytes() * 2)
    problem = copy(tmp_path / "twice.ts", tmp_path / "out.mp4")
    assert "its times begin anew after" in problem
    assert len(times(tmp_path / "out.mp4")) == len(times(tmp_path / "twice.ts"))
    assert sound_packets(tmp_path / "out.mp4")


def test_writer_goes_on_without_sound_that_the_head_refuses(make_video, tmp_path, monkeypatch):
    source = make_video(sound_s=0.5)
    real = av.container.OutputContainer.start_encoding

    def refused(container):
        if container.streams.audio:
            raise av.ArgumentError(22, "Invalid argument")
        real(container)

    monkeypatch.setattr("fer_core.media.writer._write_head", refused)
    problem = copy(source, tmp_path / "out.mp4")
    assert "cannot hold it as it is (Invalid argument)" in problem
    assert times(tmp_path / "out.mp4") == times(source)


def test_writer_names_sound_that_the_target_cannot_hold(tmp_path):
    clip = tmp_path / "clip.wav"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("adpcm_ms", rate=8000, layout="mono")
        samples = np.zeros((1, 8000), np.int16)
        frame = av.AudioFrame.from_ndarray(samples, "s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoWriter(tmp_path / "out.mp4", clip, info()) as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8), 0.0)
    assert "adpcm_ms" in writer.sound_problem
    assert times(tmp_path / "out.mp4") == [0.0]


def test_writer_leaves_nothing_under_the_name_after_an_exception(tmp_path):
    target = tmp_path / "out.mp4"
    target.write_bytes(b"older result")

    def interrupted():
        with VideoWriter(target, None, info()) as writer:
            writer.write(np.zeros((48, 64, 3), np.uint8), 0.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_bytes() == b"older result"
    assert list(tmp_path.iterdir()) == [target]


def test_writer_refuses_impossible_targets(tmp_path):
    with pytest.raises(MediaError, match=r"\.avi is no known kind"):
        VideoWriter(tmp_path / "out.avi", None, info())
    with pytest.raises(MediaError, match="cannot be written"):
        VideoWriter(tmp_path / "nowhere" / "out.mp4", None, info())
    with pytest.raises(MediaError, match="without a picture"), VideoWriter(tmp_path / "out.mp4", None, info()):
        pass
    assert list(tmp_path.iterdir()) == []


_WRITE_NOISE = """
import sys, resource, signal
from pathlib import Path
import numpy as np
from fer_core.media.errors import MediaError
from fer_core.media.writer import VideoWriter
from fer_core.types import MediaInfo
limit, crash_safe = int(sys.argv[2]), sys.argv[3] == "crash_safe"
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
rng = np.random.default_rng(0)
try:
    info = MediaInfo("noise", 320, 240, 25.0, None, None)
    with VideoWriter(Path(sys.argv[1]), None, info, crash_safe=crash_safe) as writer:
        for i in range(200):
            writer.write(rng.integers(0, 255, (240, 320, 3), dtype=np.uint8), i / 25)
            if i == 60:
                print("writing", flush=True)
except MediaError as error:
    print(error)
    sys.exit(3)
"""


def noise_command(target, limit_bytes=0, crash_safe=False):
    how = "crash_safe" if crash_safe else "whole"
    return [sys.executable, "-c", _WRITE_NOISE, str(target), str(limit_bytes), how]


def write_noise(target, **options):
    return subprocess.run(noise_command(target, **options), capture_output=True, text=True, check=False)


def kill_while_writing_noise(target, **options):
    with subprocess.Popen(noise_command(target, **options), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
        process.wait(10)


def boxes(path):
    """Names of the boxes of the outermost level of an MP4 file."""
    names, data, place = [], path.read_bytes(), 0
    while place < len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, place + 8)
        names.append(name.decode())
        place += size
    return names


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on file size as POSIX has them")
def test_writer_on_a_full_disk_says_so_and_leaves_nothing(tmp_path):
    target = tmp_path / "out.mp4"
    done = write_noise(target, limit_bytes=300_000)
    assert done.returncode == 3, done.stderr
    assert f"{target}: cannot be written" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on file size as POSIX has them")
def test_writer_on_a_full_disk_keeps_what_a_crash_safe_file_holds(tmp_path):
    target = tmp_path / "out.mp4"
    done = write_noise(target, limit_bytes=2_000_000, crash_safe=True)
    assert done.returncode == 3, done.stderr
    assert f"{target}: cannot be written" in done.stdout
    assert len(times_before_the_end_is_torn(target)) > 20
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_writer_killed_in_the_middle_leaves_no_file_under_the_name(tmp_path):
    target = tmp_path / "out.mp4"
    kill_while_writing_noise(target)
    assert not target.exists()
    with VideoWriter(target, None, info()) as writer:  # what was left is no obstacle
        writer.write(np.zeros((48, 64, 3), np.uint8), 0.0)
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_writer_killed_in_the_middle_leaves_a_crash_safe_file_that_plays(tmp_path):
    target = tmp_path / "out.mp4"
    kill_while_writing_noise(target, crash_safe=True)
    kept = times_before_the_end_is_torn(target)
    assert len(kept) > 60 - 25  # of 61 pictures or more, all but the last second
    assert kept == pytest.approx([i / 25 for i in range(len(kept))])
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("codecs", [writer_module.CODECS, ("no_such_encoder", "mpeg4")])
def test_writer_closes_a_crash_safe_file_as_an_ordinary_one(tmp_path, monkeypatch, codecs):
    monkeypatch.setattr(writer_module, "CODECS", codecs)
    target = tmp_path / "out.mp4"
    target.write_bytes(b"older result")
    shown_s = [pts / 15_000 for pts in VFR_PTS]
    with VideoWriter(target, None, info(), crash_safe=True) as writer:
        for time_s in shown_s:
            writer.write(np.full((48, 64, 3), 90, np.uint8), time_s)
    assert times(target) == pytest.approx(shown_s)
    assert set(boxes(target)) == {"ftyp", "free", "mdat", "moov"}  # one index, and no fragments
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert stream.frames == len(shown_s)
        container.seek(round(3.0 / stream.time_base), stream=stream)
        reached = [frame.time for frame in container.decode(stream)]
    assert reached[-1] == pytest.approx(shown_s[-1])


def test_writer_leaves_no_crash_safe_file_without_a_picture(tmp_path):
    writer = VideoWriter(tmp_path / "out.mp4", None, info(), crash_safe=True)
    with pytest.raises(MediaError, match="without a picture"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_writer_memory_does_not_grow_with_length(make_video, tmp_path):
    clip = make_video(pts=[i * 3600 for i in range(400)], sound_s=16)
    process = psutil.Process()
    image = np.zeros((360, 640, 3), np.uint8)
    sizes = []
    with VideoWriter(tmp_path / "out.mp4", clip, info(640, 360)) as writer:
        for i in range(400):
            writer.write(image, i * 0.04)
            sizes.append(process.memory_info().rss)
    assert sizes[-1] - sizes[100] < 20e6
    assert len(sound_packets(tmp_path / "out.mp4")) == len(sound_packets(clip))


def test_writer_interleaves_sound_with_pictures(make_video, tmp_path):
    clip = make_video(pts=[i * 3600 for i in range(150)], sound_s=6)
    copy(clip, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        packets = [p for p in container.demux(video=0, audio=0) if p.size]
    by_place = sorted(packets, key=lambda p: p.pos)
    behind = [float(p.dts * p.time_base) for p in by_place]
    newest = np.maximum.accumulate(behind)
    assert (newest - behind).max() < 1.5  # never is one stream far behind the other in the file


@pytest.mark.parametrize("name", ["face_leaves_vfr.mov", "face_enters_vfr.mov", "single_face_30fps.mp4"])
def test_writer_keeps_times_and_sound_of_real_clips(tmp_path, name):
    clip = Path(__file__).resolve().parents[3] / "shared" / "video" / name
    if not clip.exists():
        pytest.skip(f"needs {name} beside the checkout")
    target = tmp_path / "out.mp4"
    copy(clip, target)
    assert times(target) == times(clip)
    assert [h for _, h in sound_packets(target)] == [h for _, h in sound_packets(clip)]
    ours, theirs = ([t for t, _ in sound_packets(p)] for p in (target, clip))
    assert ours == pytest.approx(theirs, abs=1e-4)
