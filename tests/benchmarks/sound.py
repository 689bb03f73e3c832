"""Whether the sound of a review is heard, and when, beside its pictures. Run by hand, on Linux with PulseAudio:

    python tests/benchmarks/sound.py [--speeds 0.25 0.5 0.75 1 1.25 1.5 2] [--report FILE]

A clip is made whose tone is another one in each second, begins with the second and pauses shortly before the next. The
real review workspace plays it into a null sink of a sound server of its own; what comes out there is recorded, and the
moment at which each tone is heard is compared with the end of the paint event that shows the first frame of its second.
Positive figures: the sound comes after the picture. ITU-R BT.1359 puts the threshold at which people notice at 45 ms of
sound ahead and 125 ms behind.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SOUND_HZ, PICTURES_HZ, CLIP_S = 48_000, 25, 12
SINK = "fer_benchmark"
SILENCE_S = 0.06
LOUD = 0.05
#: Where playing begins in the middle of a second, its tone does too.
BEGIN_S = 0.3
PLAY_S = 5.0
PAREC_OPTIONS = ("--format=float32le", "--channels=1", "--latency-msec=5")
SPEEDS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)


def tone_hz(second: int) -> float:
    return 400.0 + 80.0 * second


def make_clip(path: Path) -> Path:
    import av

    time_s = np.arange(CLIP_S * SOUND_HZ) / SOUND_HZ
    wave = 0.5 * np.sin(2 * np.pi * np.cumsum(tone_hz(0) + 80.0 * np.floor(time_s)) / SOUND_HZ)
    wave[time_s % 1 > 1 - SILENCE_S] = 0
    with av.open(str(path), "w") as target:
        video = target.add_stream("libx264", rate=PICTURES_HZ, options={"preset": "veryfast", "g": "25"})
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        sound = target.add_stream("aac", rate=SOUND_HZ, layout="mono")
        for index in range(CLIP_S * PICTURES_HZ):
            grey = np.full((240, 320, 3), index % 200 + 20, np.uint8)
            picture = av.VideoFrame.from_ndarray(grey, format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, PICTURES_HZ)
            target.mux(video.encode(picture))
        target.mux(video.encode())
        for first in range(0, len(wave) - 1023, 1024):
            block = av.AudioFrame.from_ndarray(
                wave[None, first : first + 1024].astype(np.float32), format="fltp", layout="mono"
            )
            block.sample_rate, block.pts, block.time_base = SOUND_HZ, first, Fraction(1, SOUND_HZ)
            target.mux(sound.encode(block))
        target.mux(sound.encode())
    return path


@contextmanager
def sound_server(folder: Path) -> Iterator[None]:
    """PulseAudio with nothing but a null sink, for this process and its children."""
    os.environ |= {"PULSE_RUNTIME_PATH": str(folder), "PULSE_STATE_PATH": str(folder)}
    os.environ.pop("PULSE_SERVER", None)
    modules = ["-L", "module-native-protocol-unix", "-L", f"module-null-sink sink_name={SINK} rate={SOUND_HZ}"]
    server = subprocess.Popen(
        ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", *modules], stderr=subprocess.DEVNULL
    )
    try:
        while subprocess.run(["pactl", "info"], capture_output=True, check=False).returncode and server.poll() is None:
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait()


class Ear:
    """Records what comes out of the sink."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["parec", f"--device={SINK}.monitor", f"--rate={SOUND_HZ}", *PAREC_OPTIONS],
            stdout=subprocess.PIPE,
        )
        self._blocks: list[bytes] = []
        self._start_s = np.inf
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        samples = 0
        while data := self._process.stdout.read(4 * 64):
            self._blocks.append(data)
            samples += len(data) // 4
            self._start_s = min(self._start_s, time.perf_counter() - samples / SOUND_HZ)

    def heard(self, begin_s: float, end_s: float) -> tuple[float, list[tuple[float, int]]]:
        """Share of the time with sound, and when which second of the clip began."""
        wave = np.frombuffer(b"".join(self._blocks), np.float32)
        first = max(round((begin_s - self._start_s) * SOUND_HZ), 0)
        part = wave[first : round((end_s - self._start_s) * SOUND_HZ)]
        loud = np.convolve(np.abs(part), np.ones(48) / 48, "same") > LOUD
        begins = np.flatnonzero(loud[1:] & ~loud[:-1])
        found = []
        for begin in begins:
            tone = part[begin + 200 : begin + 200 + SOUND_HZ // 10]
            if begin < BEGIN_S * SOUND_HZ or len(tone) < SOUND_HZ // 10:
                continue
            if loud[max(begin - SOUND_HZ // 100, 0) : begin - 48].any():
                continue
            spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone)), 1 << 17))
            second = (spectrum.argmax() * SOUND_HZ / (1 << 17) - tone_hz(0)) / 80.0
            if abs(second - round(second)) < 0.2:
                found.append((self._start_s + (first + begin) / SOUND_HZ, round(second)))
        return float(loud.mean()) if len(loud) else float("nan"), found

    def stop(self) -> None:
        self._process.terminate()


class Review:
    """The review workspace with a clip, and when each of its frames was seen."""

    def __init__(self, csv: Path, clip: Path, folder: Path) -> None:
        from PySide6.QtCore import QSettings

        from fer_core.labels import ACTION_UNITS, EXPRESSIONS
        from fer_studio.labels import Labels
        from fer_studio.review.workspace import ReviewWorkspace
        from fer_studio.views.video_view import VideoView

        self.painted: list[tuple[float, int]] = []
        self._index = -1
        paint = VideoView.paintEvent

        def painted(view: VideoView, event: Any) -> None:
            paint(view, event)
            if not self.painted or self.painted[-1][1] != self._index:
                self.painted.append((time.perf_counter(), self._index))

        VideoView.paintEvent = painted
        store = QSettings(str(folder / "studio.ini"), QSettings.Format.IniFormat)
        self.workspace = ReviewWorkspace(Labels(EXPRESSIONS, ACTION_UNITS), store)
        self.player = self.workspace.player
        self.player.frame_shown.connect(self._on_frame)
        self.workspace.resize(1280, 800)
        self.workspace.show()
        self.workspace.open(csv, clip)
        wait(2.5)
        if self.player.sound.problem:
            raise SystemExit(self.player.sound.problem)

    def _on_frame(self, frame: Any) -> None:
        self._index = frame.index

    def play(self, from_s: float, speed: float, seconds: float = PLAY_S) -> tuple[float, float]:
        self.workspace.transport.speed = speed
        self.player.seek(from_s)
        wait(0.4)
        begin_s = time.perf_counter()
        self.player.play()
        wait(seconds)
        return begin_s, time.perf_counter()

    def offsets_ms(self, heard: list[tuple[float, int]]) -> list[float]:
        """Sound minus picture, for each second whose first frames were painted near the time of its tone."""
        found = []
        for heard_s, second in heard:
            near = [t for t, i in self.painted if 0 <= i - PICTURES_HZ * second < 6 and abs(t - heard_s) < 0.6]
            if near:
                found.append(1e3 * (heard_s - near[0]))
        return found


def qt_version() -> str:
    from PySide6.QtCore import qVersion

    return str(qVersion())


def wait(seconds: float) -> None:
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(1e3 * seconds), loop.quit)
    loop.exec()


def measure(folder: Path, speeds: list[float]) -> list[str]:
    from PySide6.QtWidgets import QApplication

    from fer_studio.annotate import annotate_files
    from fer_studio.options import AnnotateOptions

    clip = make_clip(folder / "tones.mp4")
    annotate_files([clip], AnnotateOptions(out_dir=folder, device="cpu"))
    app = QApplication([])
    ear = Ear()
    review = Review(folder / "tones.csv", clip, folder)
    spans: list[tuple[str, float, float]] = []
    for speed in speeds:
        spans.append((f"speed {speed:g}", *review.play(0.5, speed, PLAY_S if speed >= 0.5 else 2 * PLAY_S)))
        review.player.pause()
        wait(0.5)
    stood_s = time.perf_counter()
    wait(1.0)
    spans.append(("paused", stood_s, time.perf_counter()))
    begin_s, _ = review.play(1.5, 1.0, 1.3)
    review.workspace.commands.go_to(6.6)
    wait(3.0)
    spans.append(("leap to 6.6 s while it plays", begin_s, time.perf_counter()))
    review.player.pause()
    review.workspace.timeline.selection_s = (2.7, 4.5)
    review.workspace.commands.looping.trigger()
    spans.append(("loop from 2.7 to 4.5 s", *review.play(2.7, 1.0, 6.0)))
    review.player.pause()
    wait(0.5)
    lines = []
    for title, begin_s, end_s in spans:
        share, heard = ear.heard(begin_s, end_s)
        late_ms = review.offsets_ms(heard)
        figures = f"{statistics.median(late_ms):.0f} | {min(late_ms):.0f} to {max(late_ms):.0f}" if late_ms else "- | -"
        lines.append(f"| {title} | {100 * share:.0f} % | {len(late_ms)} | {figures} |")
    review.workspace.shutdown()
    review.workspace.close()
    ear.stop()
    del app
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speeds", type=float, nargs="+", default=list(SPEEDS))
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT / "app"), str(ROOT / "core")]
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as name, sound_server(Path(name)):
        lines = measure(Path(name), options.speeds)
    head = "| played | time with sound | tones found | sound minus picture, median, ms | from, to, ms |"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, Qt {qt_version()}"
    words = f"`python tests/benchmarks/sound.py` on {machine}, PulseAudio with a null sink."
    report = "\n".join(["# Sound in review\n", f"{words}\n", head, "|---|---|---|---|---|", *lines, ""])
    print(report)
    if options.report:
        options.report.write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
