"""How the window starts: what it loads before it can be seen, and how it keeps pauses short."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SLOW = ("av", "cv2", "mediapipe", "onnxruntime", "pyqtgraph", "PySide6.QtMultimedia", "torch")


def run(program: str, *arguments: object) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_start_loads_nothing_slow_before_the_window_can_be_seen(model: Path, tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from PySide6.QtWidgets import QApplication
from fer_studio.engines import SharedEngine
from fer_studio.main_window import MainWindow
from fer_studio.settings import Settings
from fer_studio.theme import ThemeFollower
app = QApplication([])
MainWindow._begin = lambda self: None
window = MainWindow(Settings(Path(sys.argv[2])), SharedEngine(Path(sys.argv[1]), "cpu"), ThemeFollower(app))
window.show()
app.processEvents()
print([name for name in {SLOW!r} if name in sys.modules])
window.close()
"""
    assert run(program, model, tmp_path / "studio.ini").strip() == "[]"


UNTIL_SETTLED = """
import gc, sys, time
from pathlib import Path
from PySide6.QtWidgets import QApplication
from fer_studio.app import keep_collections_short
from fer_studio.engines import SharedEngine
from fer_studio.main_window import MainWindow
from fer_studio.settings import Settings
from fer_studio.theme import ThemeFollower
app = QApplication([])
window = MainWindow(Settings(Path(sys.argv[2])), SharedEngine(Path(sys.argv[1]), "cpu"), ThemeFollower(app))
keep_collections_short(window)
assert not gc.isenabled()
window.show()
until_s = time.monotonic() + 100
while not gc.isenabled() and time.monotonic() < until_s:
    app.processEvents()
    time.sleep(0.01)
print(gc.isenabled(), gc.get_freeze_count(), len(gc.get_objects()), window.live.controller.engine is not None)
window.close()
"""


def test_start_leaves_libraries_out_of_the_collection_of_garbage(model: Path, tmp_path: Path) -> None:
    enabled, kept, looked_at, network = run(UNTIL_SETTLED, model, tmp_path / "studio.ini").split()
    assert (enabled, network) == ("True", "True")
    assert int(kept) > 50_000
    assert int(looked_at) < int(kept) / 10


def test_start_collects_garbage_again_also_without_a_network(tmp_path: Path) -> None:
    enabled, _, _, network = run(UNTIL_SETTLED, tmp_path / "none.onnx", tmp_path / "studio.ini").split()
    assert (enabled, network) == ("True", "False")
