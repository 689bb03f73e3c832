"""Starts the window: looks at the system first, because Qt ends the whole program where a library is missing."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fer_core.allocator import keep_memory_together
from fer_studio.doctor import QT_LIBRARIES, missing_libraries

if TYPE_CHECKING:
    from fer_studio.main_window import MainWindow

EXIT_OK, EXIT_NO_WINDOW = 0, 1

#: Set by OpenCV when it is imported; they lead Qt to OpenCV's own plugins, which are of another version.
_OPENCV_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
#: Threads that compute give way to the one that draws after this long; Python's own 5 ms add up to what is seen.
_SWITCH_INTERVAL_S = 0.001
#: How often Python looks whether Ctrl-C came.
_SIGNAL_PERIOD_MS = 200


def window_problem(platform: str, environment: Mapping[str, str]) -> str | None:
    """Why no window can open here, and what to do; None when nothing is known to be missing.

    Args:
        platform: ``sys.platform``.
        environment: ``os.environ``.
    """
    if platform != "linux":
        return None
    plugin = environment.get("QT_QPA_PLATFORM", "").split(":")[0]
    libraries = QT_LIBRARIES
    if plugin not in ("", "xcb"):  # offscreen and others draw without X11
        libraries = {"libegl1": QT_LIBRARIES["libegl1"]}
    elif not environment.get("DISPLAY") and not environment.get("WAYLAND_DISPLAY"):
        return (
            "there is no screen (DISPLAY is not set); start it from a desktop session, "
            "or measure files without a window: fer-studio annotate PATH..."
        )
    missing = missing_libraries(libraries)
    if missing:
        return f"the window needs libraries that this system lacks; install them: apt install {' '.join(missing)}"
    return None


def run_window(
    *,
    files: Sequence[Path] = (),
    camera: str | None = None,
    loop: bool = False,
    model: Path | None = None,
    device: str | None = None,
) -> int:
    """Opens the window and runs until it is closed.

    Args:
        files: queued for measuring.
        camera: opened at once, as :func:`fer_core.media.file_camera.open_camera` takes it.
        loop: whether a file that poses as the camera begins again.
        model, device: instead of those in the settings, for this time.

    Returns:
        The exit code.
    """
    problem = window_problem(sys.platform, os.environ)
    if problem is not None:
        print(f"fer-studio: {problem}", file=sys.stderr)
        return EXIT_NO_WINDOW

    from PySide6.QtCore import QTimer
    from PySide6.QtGui import QIcon
    from PySide6.QtWidgets import QApplication

    from fer_core.assets import asset_path
    from fer_studio.engines import SharedEngine
    from fer_studio.live.camera_choice import file_choice
    from fer_studio.main_window import MainWindow
    from fer_studio.settings import Settings
    from fer_studio.theme import ThemeChoice, ThemeFollower
    from fer_studio.workers.abandon import any_left

    prepare_process()
    app = QApplication([sys.argv[0]])
    app.setApplicationName("fer-studio")
    app.setDesktopFileName("fer-studio")
    app.setWindowIcon(QIcon(str(asset_path("icon", "fer-studio.ico"))))
    settings = Settings()
    preferences = settings.preferences
    theme = ThemeFollower(app, ThemeChoice(preferences.theme))
    theme.set_text_percent(preferences.text_percent)
    chosen_model = model or (Path(preferences.model) if preferences.model else None)
    engine = SharedEngine(chosen_model, device or preferences.device)
    window = MainWindow(settings, engine, theme, camera=file_choice(camera, loop) if camera else None, files=files)
    keep_collections_short(window)
    signal.signal(signal.SIGINT, lambda number, frame: window.close())
    signal.signal(signal.SIGTERM, lambda number, frame: window.close())
    awake = QTimer()  # Qt's loop is not Python: without this a signal waits for the next event
    awake.timeout.connect(_let_python_run)
    awake.start(_SIGNAL_PERIOD_MS)
    window.show()
    code = app.exec()
    awake.stop()
    if any_left():
        # A driver or a library being loaded cannot be interrupted, and must not run into a Python that ends.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _let_python_run() -> None:
    """Being called is all it takes."""


def keep_collections_short(window: MainWindow) -> None:
    """Lets the collection of garbage rest until all is loaded and made, and never look at that.

    That would take a tenth of a second each time, in which nothing is drawn; libraries are not garbage.
    """
    gc.disable()
    window.settled.connect(_on_settled)


def _on_settled() -> None:
    gc.freeze()
    gc.enable()


def prepare_process() -> None:
    """To be called after all imports, before the application object exists."""
    keep_memory_together()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    for name in _OPENCV_VARIABLES:
        if "cv2" in os.environ.get(name, ""):
            del os.environ[name]
