from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from fer_core.media.errors import MediaError
from fer_core.media.video import VideoSource
from fer_core.types import Frame
from fer_studio.review.frame_loader import FrameLoader
from fer_studio.review.frame_reader import VideoReader, open_reader

VARIABLE = [0, 1, 2, 5, 6, 9, 10, 11, 20, 21]


def write(path: Path, pictures: list[np.ndarray], ticks: list[int], **options: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "medium", **options})
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for picture, tick in zip(pictures, ticks, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = tick * 40, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(params=["constant", "variable", "open groups", "mpegts", "avi"])
def clip(request: pytest.FixtureRequest, tmp_path: Path, pictures: list[np.ndarray]) -> Path:
    many = [*pictures, *pictures[::-1]]
    ticks = list(range(len(many)))
    if request.param == "variable":
        ticks = [tick + 25 * (i // len(VARIABLE)) for i, tick in enumerate((VARIABLE * 5)[: len(many)])]
    options = {"g": "9", "bf": "3"}
    if request.param == "open groups":
        options["x264-params"] = "open-gop=1"
    name = {"mpegts": "clip.ts", "avi": "clip.avi"}.get(request.param, "clip.mp4")
    return write(tmp_path / name, many, ticks, **options)


def test_reader_gives_every_frame_at_its_time_in_any_order(clip: Path) -> None:
    expected = list(VideoSource(clip).frames())
    reader = open_reader(clip)
    assert reader.time_s.tolist() == [frame.time_s for frame in expected]
    order = list(range(len(expected)))
    random.Random(1).shuffle(order)
    for index in [*order, 20, 21, 22, 21, 20, 19, 0, len(expected) - 1]:
        frame = reader.read(index)
        assert (frame.index, frame.time_s) == (index, expected[index].time_s)
        np.testing.assert_array_equal(frame.image_rgb_u8, expected[index].image_rgb_u8)
    with pytest.raises(IndexError, match="has no frame"):
        reader.read(len(expected))
    reader.close()


def test_reader_without_an_index_reads_from_the_start(clip: Path) -> None:
    expected = list(VideoSource(clip).frames())
    reader = open_reader(clip)
    assert isinstance(reader, VideoReader)
    reader._index = None
    reader._cache.clear()
    for index in (5, 30, 2):
        np.testing.assert_array_equal(reader.read(index).image_rgb_u8, expected[index].image_rgb_u8)
    reader.close()


def test_reader_of_a_video_that_breaks_off_gives_what_is_there(cut_clip: Path) -> None:
    expected = []
    with pytest.raises(MediaError, match="breaks off"):
        expected.extend(VideoSource(cut_clip).frames())
    reader = open_reader(cut_clip)
    for frame in expected:
        if frame.image_rgb_u8 is not None:
            np.testing.assert_array_equal(reader.read(frame.index).image_rgb_u8, frame.image_rgb_u8)
    reader.close()


def test_reader_takes_images_and_folders(media: Path) -> None:
    folder = open_reader(media / "stills")
    assert folder.time_s.tolist() == [0.0, 1.0, 2.0]
    assert folder.read(1).name == "still1.png"
    single = open_reader(media / "stills" / "still1.png")
    np.testing.assert_array_equal(single.read(0).image_rgb_u8, folder.read(1).image_rgb_u8)


def test_loader_answers_the_latest_request(qtbot: QtBot, clip: Path) -> None:
    frames: list[Frame] = []
    loader = FrameLoader(clip)
    loader.frame_ready.connect(frames.append)
    with qtbot.waitSignal(loader.opened):
        loader.start()
    for index in range(40):
        loader.request(index)
    qtbot.waitUntil(lambda: bool(frames) and frames[-1].index == 39, timeout=20_000)
    assert len(frames) < 40
    loader.stop()
    assert loader.wait(2000)


def test_loader_says_why_a_file_cannot_be_shown(qtbot: QtBot, media: Path) -> None:
    loader = FrameLoader(media / "text.mp4")
    with qtbot.waitSignal(loader.failed) as caught:
        loader.start()
    assert "text.mp4: is" in caught.args[0]
    assert loader.wait(2000)
