"""Tiny media made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

MakeVideo = Callable[..., Path]

#: Uneven on purpose: frame times in ticks of 1/90000 s.
VFR_PTS = (0, 3003, 6006, 12012, 12500, 20000, 29000, 29010, 45000, 60000)
VFR_BASE = Fraction(1, 90_000)


def picture(index: int, width_px: int, height_px: int) -> np.ndarray:
    """A smooth picture whose brightness tells its index."""
    x = np.linspace(0, 40, width_px)[None, :, None]
    y = np.linspace(0, 40, height_px)[:, None, None]
    return (40 + 8 * (index % 16) + x + y + np.zeros((1, 1, 3))).astype(np.uint8)


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """Writes a video and gives its path."""

    def make(
        name: str = "clip.mp4",
        *,
        pts: Sequence[int] = tuple(range(0, 36_000, 3600)),
        time_base: Fraction = VFR_BASE,
        size: tuple[int, int] = (64, 48),
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        sound_s: float = 0.0,
        rotation_deg: int = 0,
        hflip: bool = False,
        images: Sequence[np.ndarray] | None = None,
        options: dict[str, str] | None = None,
        container_options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", options=container_options or {}) as container:
            stream = container.add_stream(codec, rate=25, options=options or {})
            stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
            stream.codec_context.time_base = stream.time_base = time_base
            if rotation_deg or hflip:
                stream.set_display_rotation(rotation_deg, hflip=hflip)
            if sound_s:
                # Before the pictures: streams must exist when the header is written.
                sound = container.add_stream("aac", rate=44_100, layout="mono")
            for i, stamp in enumerate(pts):
                image = images[i] if images is not None else picture(i, *size)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = stamp, time_base
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            if sound_s:
                _encode_tone(container, sound, sound_s)
        return path

    return make


def _encode_tone(container: av.container.OutputContainer, stream: av.AudioStream, duration_s: float) -> None:
    for i in range(round(duration_s * 44_100 / 1024)):
        t = np.arange(i * 1024, (i + 1) * 1024) / 44_100
        tone = (np.sin(2 * np.pi * 440 * t) * 0.3).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, "fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44_100, i * 1024, Fraction(1, 44_100)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


@pytest.fixture
def sound_only(tmp_path: Path) -> Path:
    """A music file: sound, no pictures."""
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        _encode_tone(container, container.add_stream("aac", rate=44_100, layout="mono"), 0.5)
    return path
