"""How fast a synthesised face follows the pointer in the real window. Run by hand:

    xvfb-run -a -s "-screen 0 2560x1440x24" python tests/benchmarks/synthesis_window.py [--photograph FILE]

A photograph of 512 pixels (the built-in portrait by default) is fitted, then the pointer draws circles in the plane at
the pace of a mouse. Told are the pictures a second, the time from a movement of the pointer to the end of the paint
event that shows it, and the longest times for which the window's thread did not come round to a timer of 5 ms.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer, Slot
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication
from watchdog import Watchdog

from fer_core.augment.affect3d.sequence import write_image
from fer_core.media.images import read_image
from fer_studio.app import prepare_process
from fer_studio.engines import SharedEngine
from fer_studio.main_window import MainWindow
from fer_studio.settings import Settings
from fer_studio.synthesis.photo_view import Painted
from fer_studio.synthesis.photograph import built_in_portrait
from fer_studio.synthesis.workspace import SynthesisWorkspace
from fer_studio.theme import ThemeFollower

SIDE_PX = 512
MOUSE_PERIOD_MS = 8
PROBE_PERIOD_MS = 5
TURN_S = 3.0
SETTLE_S = 1.0
"""After the first movement: the first pictures teach the preview how fast the machine is."""
PATIENCE_S = 60.0


class Hand(QObject):
    """Draws circles in the plane, and watches."""

    def __init__(self, space: SynthesisWorkspace, seconds: float) -> None:
        super().__init__(space)
        self._pad, self._seconds = space.panel.pad, seconds
        self.painted: list[tuple[float, Painted]] = []
        self.gaps_ms: list[float] = []
        self.reports: list[str] = []
        self.done = False
        space.view.painted.connect(self._on_painted)
        self._mouse, self._probe = QTimer(self), QTimer(self)
        for timer, period_ms, slot in (
            (self._mouse, MOUSE_PERIOD_MS, self._on_mouse),
            (self._probe, PROBE_PERIOD_MS, self._on_probe),
        ):
            timer.setTimerType(Qt.TimerType.PreciseTimer)
            timer.setInterval(period_ms)
            timer.timeout.connect(slot)

    def begin(self) -> None:
        """Presses the button and goes on by itself."""
        self._start_s = time.perf_counter()
        self._watchdog = Watchdog(PROBE_PERIOD_MS / 1e3)
        self._send(QEvent.Type.MouseButtonPress, Qt.MouseButton.LeftButton)
        self._mouse.start()
        self._probe.start()

    def _send(self, kind: QEvent.Type, button: Qt.MouseButton) -> None:
        turn = 2 * math.pi * (time.perf_counter() - self._start_s) / TURN_S
        place = self._pad.to_widget(0.7 * math.cos(turn), 0.7 * math.sin(turn))
        there = QPointF(self._pad.mapToGlobal(place.toPoint()))
        held = Qt.MouseButton.LeftButton if kind != QEvent.Type.MouseButtonRelease else Qt.MouseButton.NoButton
        event = QMouseEvent(kind, place, there, button, held, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(self._pad, event)

    @Slot()
    def _on_mouse(self) -> None:
        if time.perf_counter() - self._start_s < self._seconds + SETTLE_S:
            self._send(QEvent.Type.MouseMove, Qt.MouseButton.NoButton)
            return
        self._mouse.stop()
        self._probe.stop()
        self.reports = self._watchdog.reports()
        self._watchdog.stop()
        self._send(QEvent.Type.MouseButtonRelease, Qt.MouseButton.LeftButton)
        self.done = True

    @Slot()
    def _on_probe(self) -> None:
        late_s = self._watchdog.tick()
        if time.perf_counter() - self._start_s > SETTLE_S:
            self.gaps_ms.append(1e3 * late_s)
        else:
            self._watchdog.forget()

    @Slot(object)
    def _on_painted(self, painted: Painted) -> None:
        now_s = time.perf_counter()
        if now_s - self._start_s > SETTLE_S:
            self.painted.append((now_s, painted))


def main() -> None:
    """Draws, and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photograph", type=Path)
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 720), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    picture = read_image(options.photograph) if options.photograph else built_in_portrait().image_rgb_u8
    scale = SIDE_PX / max(picture.shape[:2])
    prepare_process()
    app = QApplication(sys.argv[:1])
    theme = ThemeFollower(app)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photograph.png"
        write_image(file, cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
        settings = Settings(Path(folder) / "studio.ini")
        settings.change(notice_seen=True)
        window = MainWindow(settings, SharedEngine(device="cpu"), theme)
        window.resize(*options.size)
        window.show()
        window.tabs.setCurrentIndex(3)
        space = dict(window.parts())["Synthesis"]
        assert isinstance(space, SynthesisWorkspace)
        start_s = time.perf_counter()
        space.open_paths([file])
        _live_until(lambda: space.photo is not None)
        print(f"fitted after {time.perf_counter() - start_s:.2f} s, the networks' loading included")
        assert space.photo is not None
        hand = Hand(space, options.seconds)
        hand.begin()
        _live_until(lambda: hand.done)
        tell(hand, space, app.platformName())
        window.close()


def tell(hand: Hand, space: SynthesisWorkspace, platform: str) -> None:
    """The figures."""
    times_s = np.array([at_s for at_s, _ in hand.painted])
    latency_ms = 1e3 * np.array([painted.latency_s for _, painted in hand.painted])
    render_ms = 1e3 * np.array([painted.render_s for _, painted in hand.painted])
    assert space.photo is not None
    sides = [max(level.fit.region_rgb_u8.shape[:2]) for level in space.photo.levels]
    used = [sides[painted.level] for _, painted in hand.painted]
    rate_hz = (len(times_s) - 1) / (times_s[-1] - times_s[0])
    print(f"{platform}, {space.window().width()} x {space.window().height()}, {len(times_s)} pictures")
    print(f"{rate_hz:.1f} pictures/s; changing part {np.median(used):.0f} px high or wide, of {sides}")
    for name, values in (("rendering", render_ms), ("movement to paint", latency_ms), ("window stalls", hand.gaps_ms)):
        median, late, worst = np.percentile(values, (50, 95, 100))
        print(f"{name}: p50 {median:.1f} ms, p95 {late:.1f} ms, longest {worst:.1f} ms")
    for report in hand.reports:
        print(report)


def _live_until(is_so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > end_s:
            raise TimeoutError(f"waited {PATIENCE_S:g} s for the window")
        QApplication.processEvents()
        time.sleep(0.001)


if __name__ == "__main__":
    main()
