"""How smooth the live view is. Run by hand, on a machine that does nothing else:

    python tests/benchmarks/live.py [--rates 30 60] [--minutes 1] [--model FILE] [--report assets/reports/live.md]

For every rate a 640x480 clip with a face is made from the demo clip, and poses as the camera of the real window, in a
process of its own, on a virtual screen (xvfb-run where it is installed, else Qt's offscreen platform). The whole
program is given two processor cores. Latency runs from the arrival of a picture to the end of the paint event that
shows it with its results; a stall is the time for which the window's thread did not come round to a timer of 5 ms. Of
the longest ones it is said what the thread did, what it waited for, and who ran meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from watchdog import Watchdog

ROOT = Path(__file__).resolve().parents[2]
CORES = 2
PROBE_PERIOD_MS = 5
#: After the network is ready: the first pictures are slower, and are reported apart.
SETTLE_S = 3.0
START_PATIENCE_S = 180
TAB_S = 1.0
ROUNDS = 3


def make_clip(rate_hz: int, out: Path) -> Path:
    """640x480 around the face of the demo clip, its frames where it is in view, forth and back without a leap."""
    import av

    from fer_core.assets import asset_path

    with av.open(str(asset_path("demo", "demo.mp4"))) as source:
        first = [frame.to_ndarray(format="rgb24") for _, frame in zip(range(60), source.decode(video=0), strict=False)]
    height, width = first[0].shape[:2]
    side = min(width, height * 4 // 3)
    left = (width - side) // 2
    pictures = [picture[:, left : left + side] for picture in first]
    with av.open(str(out), "w") as target:
        stream = target.add_stream("libx264", rate=rate_hz, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for index, picture in enumerate((pictures + pictures[::-1]) * ROUNDS):
            frame = av.VideoFrame.from_ndarray(picture.copy(), format="rgb24").reformat(width=640, height=480)
            frame.pts, frame.time_base = index, Fraction(1, rate_hz)
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    return out


class Probe:
    """Watches a window from inside its thread."""

    def __init__(self, window: Any) -> None:
        from PySide6.QtCore import QTimer

        self._watchdog = Watchdog(PROBE_PERIOD_MS / 1e3)
        self._pending_s: float | None = None
        self.latencies_ms: list[float] = []
        self.stalls_ms: list[float] = []
        self.painted = 0
        self._wrap(window.live)
        self._timer = QTimer(window)
        self._timer.setInterval(PROBE_PERIOD_MS)
        self._timer.timeout.connect(self._on_tick)
        self._timer.start()

    def _wrap(self, live: Any) -> None:
        take = live.controller.take

        def noted() -> Any:
            shown = take()
            if shown is not None and shown.result is not None:
                self._pending_s = shown.captured.taken_s
            return shown

        live.controller.take = noted

    def on_painted(self) -> None:
        if self._pending_s is not None:
            self.latencies_ms.append(1e3 * (time.perf_counter() - self._pending_s))
            self._pending_s = None
            self.painted += 1

    def _on_tick(self) -> None:
        self.stalls_ms.append(1e3 * self._watchdog.tick())

    def forget(self) -> None:
        """What was seen so far does not count."""
        self.latencies_ms.clear()
        self.stalls_ms.clear()
        self.painted = 0
        self._watchdog.forget()

    def stop(self) -> list[str]:
        """Why the longest stalls were."""
        self._timer.stop()
        self._watchdog.stop()
        return self._watchdog.reports()


def measure(clip: Path, seconds: float, model: Path | None, started_s: float) -> dict[str, Any]:
    """In the child: opens the window, watches it, closes it."""
    import psutil

    from fer_studio.app import keep_collections_short, prepare_process

    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    from PySide6.QtWidgets import QApplication

    from fer_studio.engines import SharedEngine
    from fer_studio.live.camera_choice import file_choice
    from fer_studio.main_window import MainWindow
    from fer_studio.settings import Settings
    from fer_studio.theme import ThemeFollower
    from fer_studio.views.video_view import VideoView

    figures: dict[str, Any] = {}
    painters: list[Callable[[], None]] = []
    paint = VideoView.paintEvent

    def painted(view: VideoView, event: Any) -> None:
        paint(view, event)
        figures.setdefault("first_paint_s", time.time() - started_s)
        for tell in painters:
            tell()

    VideoView.paintEvent = painted
    prepare_process()
    app = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder) / "studio.ini")
        settings.change(notice_seen=True)
        camera = file_choice(f"file:{clip}", loop=True)
        window = MainWindow(settings, SharedEngine(model, "cpu"), ThemeFollower(app), camera=camera)
        keep_collections_short(window)
        settled: list[bool] = []
        window.settled.connect(lambda: settled.append(True))
        probe = Probe(window)
        painters.append(probe.on_painted)
        window.show()
        _run_until(lambda: probe.painted > 0, START_PATIENCE_S)
        figures["first_result_s"] = time.time() - started_s
        figures["start_stall_ms"] = max(probe.stalls_ms, default=0.0)
        probe.forget()
        _run_until(lambda: bool(settled), START_PATIENCE_S)
        figures["settle_stall_ms"] = max(probe.stalls_ms, default=0.0)
        _run_until(lambda: False, SETTLE_S)
        probe.forget()
        controller = window.live.controller
        counts = (controller._analysis.rate.count, controller._capture.rate.count)
        dropped = controller.stats().dropped
        process, begin_s, cpu_s, busy_s = psutil.Process(), time.perf_counter(), time.process_time(), _busy_s()
        memory_mb: list[tuple[float, float]] = []
        while (elapsed_s := time.perf_counter() - begin_s) < seconds:
            memory_mb.append((elapsed_s, process.memory_info().rss / 1e6))
            _run_until(lambda: False, min(1.0, seconds / 20))
        elapsed_s = time.perf_counter() - begin_s
        figures |= {
            "camera_hz": (controller._capture.rate.count - counts[1]) / elapsed_s,
            "analysed_hz": (controller._analysis.rate.count - counts[0]) / elapsed_s,
            "displayed_hz": probe.painted / elapsed_s,
            "dropped_share": (controller.stats().dropped - dropped) / elapsed_s,
            "latency_p50_ms": statistics.median(probe.latencies_ms),
            "latency_p95_ms": statistics.quantiles(probe.latencies_ms, n=20)[-1],
            "longest_stall_ms": max(probe.stalls_ms),
            "cpu_cores": (time.process_time() - cpu_s) / elapsed_s,
            "other_cores": (_busy_s() - busy_s - (time.process_time() - cpu_s)) / elapsed_s,
            "memory_early_mb": min(memory_mb, key=lambda item: abs(item[0] - min(60.0, seconds / 3)))[1],
            "memory_end_mb": memory_mb[-1][1],
        }
        figures |= _open_tabs(window, probe)
        figures["stalls"] = probe.stop()
        close_s = time.perf_counter()
        window.close()
        figures["close_s"] = time.perf_counter() - close_s
    return figures


def _open_tabs(window: Any, probe: Probe) -> dict[str, float]:
    """Longest stall around the first opening of each tab."""
    figures = {}
    for index in range(1, window.tabs.count()):
        probe.stalls_ms.clear()
        window.tabs.setCurrentIndex(index)
        _run_until(lambda: False, TAB_S)
        figures[f"{window.tabs.tabText(index).lower()}_stall_ms"] = max(probe.stalls_ms)
        window.tabs.setCurrentIndex(0)
        _run_until(lambda: False, TAB_S)
    return figures


def _busy_s() -> float:
    """Time that all cores of the machine have worked for anybody."""
    import psutil

    times = psutil.cpu_times()
    return float(sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq")))


def _run_until(done: Callable[[], bool], seconds: float) -> None:
    """Lets Qt's own loop run, as the program does."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    check = QTimer()
    check.setInterval(20)
    until_s = time.perf_counter() + seconds

    def look() -> None:
        if done() or time.perf_counter() >= until_s:
            loop.quit()

    check.timeout.connect(look)
    check.start()
    loop.exec()
    check.stop()


def in_child(clip: Path, seconds: float, model: Path | None) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "app"), str(ROOT / "core")])}
    child = [sys.executable, __file__, "--child", str(clip), str(seconds), str(model or "")]
    # The clock starts with Python, not with the virtual screen.
    command = ["sh", "-c", 'FER_STARTED_S=$(date +%s.%N) exec "$@"', "sh", *child]
    if not environment.get("DISPLAY") and shutil.which("xvfb-run"):
        command = ["xvfb-run", "-a", "-s", "-screen 0 1920x1080x24", *command]
        environment.pop("QT_QPA_PLATFORM", None)
    elif not environment.get("DISPLAY"):
        environment["QT_QPA_PLATFORM"] = "offscreen"
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


ROWS = (
    ("pictures in, per s", "camera_hz", "{:.1f}"),
    ("analysed, per s", "analysed_hz", "{:.1f}"),
    ("displayed with results, per s", "displayed_hz", "{:.1f}"),
    ("dropped, per s", "dropped_share", "{:.1f}"),
    ("latency capture to paint, median, ms", "latency_p50_ms", "{:.0f}"),
    ("latency capture to paint, 95 %, ms", "latency_p95_ms", "{:.0f}"),
    ("longest stall of the window's thread, ms", "longest_stall_ms", "{:.0f}"),
    ("processor cores used", "cpu_cores", "{:.2f}"),
    ("cores used by others, the virtual screen included", "other_cores", "{:.2f}"),
    ("memory after a minute (a third of the time, when shorter), MB", "memory_early_mb", "{:.0f}"),
    ("memory at the end, MB", "memory_end_mb", "{:.0f}"),
    ("start to first paint, s", "first_paint_s", "{:.2f}"),
    ("start to first result, s", "first_result_s", "{:.2f}"),
    ("longest stall until the first result, ms", "start_stall_ms", "{:.0f}"),
    ("longest stall while the other tabs are made ready, ms", "settle_stall_ms", "{:.0f}"),
    ("longest stall at the first opening of Files, ms", "files_stall_ms", "{:.0f}"),
    ("longest stall at the first opening of Review, ms", "review_stall_ms", "{:.0f}"),
    ("longest stall at the first opening of Synthesis, ms", "synthesis_stall_ms", "{:.0f}"),
    ("closing, s", "close_s", "{:.2f}"),
)


def machine() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
    return f"{model}, {CORES} cores, Python {platform.python_version()}, {platform.system()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, nargs="+", default=[30, 60])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        clip, seconds, model = options.child
        started_s = float(os.environ["FER_STARTED_S"])
        print(json.dumps(measure(Path(clip), float(seconds), Path(model) if model else None, started_s)))
        return
    sys.path[:0] = [str(ROOT / "app"), str(ROOT / "core")]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    columns = []
    with tempfile.TemporaryDirectory() as folder:
        for rate_hz in options.rates:
            clip = make_clip(rate_hz, Path(folder) / f"{rate_hz}.mp4")
            columns.append(in_child(clip, 60 * options.minutes, options.model))
    head = " | ".join(f"{rate} in" for rate in options.rates)
    lines = [f"| 640x480 | {head} |", f"|---|{'---|' * len(options.rates)}"]
    lines += [f"| {title} | {' | '.join(form.format(c[name]) for c in columns)} |" for title, name, form in ROWS]
    report = (
        f"# Live view\n\n`python tests/benchmarks/live.py --minutes {options.minutes:g}` on {machine()}.\n\n"
        + "\n".join(lines)
        + "\n"
    )
    print(report)
    for rate_hz, figures in zip(options.rates, columns, strict=True):
        print(f"Longest stalls, {rate_hz} in:", *figures["stalls"], sep="\n")
    if options.report:
        options.report.write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
