"""The window as a whole: tabs, drops, what it remembers, how it starts and closes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QScrollBar, QTableView, QTextBrowser, QWidget
from pytestqt.qtbot import QtBot

from fer_core import __version__
from fer_core.infer.engine import Engine
from fer_studio import app
from fer_studio.dialogs.about import AboutDialog
from fer_studio.dialogs.model_field import ModelField
from fer_studio.dialogs.settings_dialog import SettingsDialog
from fer_studio.dialogs.shortcuts import ShortcutsDialog, shortcuts_of
from fer_studio.engines import SharedEngine
from fer_studio.live.camera_choice import file_choice
from fer_studio.main_window import MainWindow
from fer_studio.notices import FIRST_START
from fer_studio.settings import Preferences, Settings
from fer_studio.theme import ThemeFollower

PATIENCE_MS = 60_000
CLOSE_S = 2.0
TAB = Qt.FocusPolicy.TabFocus
Open = Callable[..., MainWindow]


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "studio.ini"


@pytest.fixture
def open_window(qtbot: QtBot, qapp: QApplication, model: Path, settings_file: Path) -> Iterator[Open]:
    theme = ThemeFollower(qapp)
    opened: list[MainWindow] = []

    def build(**options: object) -> MainWindow:
        window = MainWindow(Settings(settings_file), SharedEngine(model, "cpu"), theme, **options)
        qtbot.addWidget(window)
        opened.append(window)
        window.show()
        return window

    yield build
    for window in opened:
        start_s = time.monotonic()
        window.close()
        assert time.monotonic() - start_s < CLOSE_S
    theme.setParent(None)


def drop(window: MainWindow, paths: list[Path]) -> bool:
    """As the system does it; whether the window took it."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    where, buttons, keys = QPointF(300, 300), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(where.toPoint(), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(window, enter)
    if not enter.isAccepted():
        return False
    QApplication.sendEvent(window, QDropEvent(where, Qt.DropAction.CopyAction, data, buttons, keys))
    return True


# --- the window


def test_window_says_four_things_at_the_first_start_and_never_again(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    assert window.first_start.isVisible()
    assert window.first_start.text.split("\n") == list(FIRST_START)
    assert len(FIRST_START) == 4
    for words in ("Nothing leaves this machine", "not emotion", "Art. 5(1)(f)"):
        assert words in window.first_start.text
    understood = next(b for b in window.findChildren(QPushButton) if b.text() == "Understood")
    qtbot.mouseClick(understood, Qt.MouseButton.LeftButton)
    assert not window.first_start.isVisible()
    window.close()
    assert not open_window().first_start.isVisible()


def test_window_makes_its_tabs_before_they_are_opened(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    with qtbot.waitSignal(window.settled, timeout=PATIENCE_MS):
        pass
    pages = [window._files, window._review, window._synthesis]
    made = [page.content for page in pages if page is not None]
    assert len(made) == 3
    assert all(made)
    for index in range(window.tabs.count()):
        window.tabs.setCurrentIndex(index)
    assert [page.get() for page in pages if page is not None] == made


def test_window_can_be_gone_through_with_the_tab_key(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    with qtbot.waitSignal(window.settled, timeout=PATIENCE_MS):
        window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    for index in range(window.tabs.count()):
        window.tabs.setCurrentIndex(index)
        assert not any(table.tabKeyNavigation() for table in window.findChildren(QTableView))
        stops = {w for w in window.findChildren(QWidget) if w.isVisible() and w.isEnabled() and w.focusPolicy() & TAB}
        stops = {w for w in stops if w.focusProxy() is None and not isinstance(w, QScrollBar)}
        window.tabs.tabBar().setFocus()
        reached: list[QWidget | None] = []
        while (stop := QApplication.focusWidget()) not in reached:
            reached.append(stop)
            qtbot.keyClick(stop or window, Qt.Key.Key_Tab)
        assert stops <= set(reached), [w.accessibleName() or repr(w) for w in stops - set(reached)]


def test_window_analyses_the_camera_of_the_command_line(open_window: Open, long_clip: Path, qtbot: QtBot) -> None:
    window = open_window(camera=file_choice(f"file:{long_clip}", loop=True))
    qtbot.waitUntil(lambda: window.light.lit, timeout=PATIENCE_MS)
    assert window.light.accessibleName() == "analysing faces"
    start_s = time.monotonic()
    window.close()
    assert time.monotonic() - start_s < CLOSE_S


def test_window_closes_at_once_while_everything_loads(open_window: Open, long_clip: Path) -> None:
    window = open_window(camera=file_choice(f"file:{long_clip}", loop=True))
    QApplication.processEvents()
    start_s = time.monotonic()
    window.close()
    assert time.monotonic() - start_s < CLOSE_S


def test_window_remembers_its_size(open_window: Open) -> None:
    window = open_window()
    height_px = window.height()
    window.resize(window.width(), height_px - 50)
    window.close()
    # Qt fits a remembered window into the screen; the one that tests draw on is small.
    assert open_window().height() == height_px - 50


def test_window_measures_files_that_are_dropped_anywhere_and_reviews_them(
    open_window: Open, media: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    clip = tmp_path / "dropped.mp4"
    shutil.copy(media / "clip.mp4", clip)
    window = open_window()
    window.tabs.setCurrentIndex(0)
    assert drop(window, [clip])
    jobs = window._files.get().jobs
    assert [job.path for job in jobs] == [clip]
    qtbot.waitUntil(lambda: window.tabs.currentWidget() is window._review, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: jobs[0].is_over, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: window._review.get().recording is not None, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: len(window._review.get().recording) == 24, timeout=PATIENCE_MS)


def test_window_reviews_a_live_recording_when_it_ends(
    open_window: Open, long_clip: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    window = open_window(camera=file_choice(f"file:{long_clip}", loop=True))
    window.settings.change(recordings_folder=str(tmp_path / "recordings"))
    qtbot.waitUntil(lambda: window.light.lit, timeout=PATIENCE_MS)
    window.live.toolbar.record.trigger()
    qtbot.waitUntil(
        lambda: any(p.read_bytes().count(b"\n") > 3 for p in (tmp_path / "recordings").glob("*/*.csv")),
        timeout=PATIENCE_MS,
    )
    window.live.toolbar.record.trigger()
    qtbot.waitUntil(lambda: window.tabs.currentWidget() is window._review, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: bool(window._review.get().recording), timeout=PATIENCE_MS)


def test_window_that_is_closed_begins_nothing_any_more(open_window: Open, tmp_path: Path) -> None:
    window = open_window()
    QApplication.processEvents()
    window.close()
    window.live.recording_opened.emit(tmp_path / "late.csv", tmp_path / "late.mp4")
    window.add_paths([tmp_path / "late.mp4"])
    window._on_layout_requested(tmp_path / "late.mp4", "openface", None, ())
    assert (window._review.content, window._files.content) == (None, None)


def test_window_gives_the_keys_to_the_tab_that_is_opened(open_window: Open, qtbot: QtBot, tmp_path: Path) -> None:
    window = open_window()
    with qtbot.waitSignal(window.settled, timeout=PATIENCE_MS):
        window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    review = window._review.get()
    qtbot.keyClick(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    assert window.focusWidget() is review
    window.tabs.setCurrentIndex(1)
    window.review(tmp_path / "gone.csv", tmp_path / "gone.mp4")
    assert window.focusWidget() is review


def test_window_text_grows_with_the_setting_and_back(open_window: Open) -> None:
    window = open_window()
    size, width_px = window.font().pointSizeF(), window.live.toolbar.sizeHint().width()
    window.settings.change(text_percent=200)
    QApplication.processEvents()
    assert window.live.status.font().pointSizeF() == pytest.approx(2 * size)
    assert window.live.toolbar.sizeHint().width() > 1.3 * width_px
    window.settings.change(text_percent=100)
    QApplication.processEvents()
    assert window.live.status.font().pointSizeF() == pytest.approx(size)


def test_window_without_files_workspace_refuses_drops(open_window: Open, media: Path) -> None:
    window = open_window()
    window._files = None
    assert not drop(window, [media / "clip.mp4"])


def test_window_loads_another_model_from_the_settings(
    open_window: Open, other_model: Path, long_clip: Path, qtbot: QtBot
) -> None:
    window = open_window(camera=file_choice(f"file:{long_clip}", loop=True))
    qtbot.waitUntil(lambda: window.light.lit, timeout=PATIENCE_MS)
    window.settings.change(model=str(other_model), max_faces=2)
    with qtbot.waitSignal(window.live.engine_ready, timeout=PATIENCE_MS) as ready:
        pass
    assert ready.args[0].card.version == "2"
    qtbot.waitUntil(lambda: window.light.lit, timeout=PATIENCE_MS)


def test_window_lists_every_key_of_its_actions(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    shortcuts = shortcuts_of(window.parts())
    keys = [s.keys for s in shortcuts]
    everywhere = [s.keys for s in shortcuts if s.where == "Window"]
    for part in ("Live", "Files", "Review"):
        active = everywhere + [s.keys for s in shortcuts if s.where == part]
        assert len(active) == len(set(active)), f"a key does two things in {part}"
    for key in ("F1", "F5", "P", "Ctrl+R", "Ctrl+N", "Ctrl+Q", "Ctrl+1"):
        assert key in keys
    assert all(s.what for s in shortcuts)
    dialog = ShortcutsDialog(shortcuts, window)
    qtbot.addWidget(dialog)


# --- dialogs


def test_settings_dialog_gives_what_was_chosen(qtbot: QtBot, model: Path) -> None:
    before = Preferences(camera="Wide", theme="dark", max_faces=3)
    dialog = SettingsDialog(before)
    qtbot.addWidget(dialog)
    assert dialog.preferences() == before
    dialog._model.chosen = str(model)
    dialog._max_faces.setValue(1)
    dialog._mesh.setChecked(True)
    dialog._theme.setCurrentIndex(dialog._theme.findData("light"))
    dialog._on_accept()
    assert dialog.result() == SettingsDialog.DialogCode.Accepted
    chosen = dialog.preferences()
    assert (chosen.model, chosen.max_faces, chosen.show_mesh, chosen.theme) == (str(model), 1, True, "light")
    assert chosen.camera == "Wide"


def test_settings_dialog_offers_the_shipped_models_and_keeps_a_file(qtbot: QtBot, model: Path) -> None:
    field = ModelField(str(model))
    qtbot.addWidget(field)
    assert field.chosen == str(model)
    words = [field._list.itemText(i) for i in range(field._list.count())]
    assert words[0].startswith("Standard: ")
    assert words[1].startswith("Tiny: ")
    assert words[2] == model.name
    field._list.setCurrentIndex(1)
    assert (field.chosen, field.missing) == ("tiny", "")
    field._list.setCurrentIndex(0)
    assert field.chosen == ""


def test_settings_dialog_refuses_a_model_that_is_not_there(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = SettingsDialog(Preferences())
    qtbot.addWidget(dialog)
    dialog.show()
    dialog._model.chosen = str(tmp_path / "gone.onnx")
    dialog._on_accept()
    assert dialog.isVisible()
    assert any("gone.onnx: there is no such file" in label.text() for label in dialog.findChildren(QLabel))


def test_settings_keep_what_was_chosen_and_survive_nonsense(settings_file: Path) -> None:
    settings = Settings(settings_file)
    settings.change(mirror=False, smooth_s=0.25, max_faces=2, camera="Wide")
    settings.store.setValue("preferences/trail_s", "not a number")
    settings.store.sync()
    again = Settings(settings_file).preferences
    assert (again.mirror, again.smooth_s, again.max_faces, again.camera) == (False, 0.25, 2, "Wide")
    assert again.trail_s in (0.0, Preferences().trail_s)


def test_about_shows_versions_licences_and_the_model_card(qtbot: QtBot, model: Path) -> None:
    dialog = AboutDialog(Engine(model, "cpu"))
    qtbot.addWidget(dialog)
    text = "\n".join(page.toPlainText() for page in dialog.findChildren(QTextBrowser))
    for words in (__version__, "Apache-2.0", "LGPL-3.0", "tiny 1", "grid of brightness", "happiness", "Art. 5(1)(f)"):
        assert words in text


# --- the start


def test_window_problem_names_the_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "missing_libraries", list)
    told = app.window_problem("linux", {"DISPLAY": ":0"})
    assert told is not None
    assert "apt install libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxkbcommon-x11-0 libegl1" in told
    assert app.window_problem("linux", {"QT_QPA_PLATFORM": "offscreen"}).endswith("apt install libegl1")
    assert app.window_problem("win32", {}) is None
    monkeypatch.setattr(app, "missing_libraries", lambda libraries: [])
    assert app.window_problem("linux", {"DISPLAY": ":0"}) is None
    assert "there is no screen" in app.window_problem("linux", {})


def test_a_live_view_of_many_hours_does_not_use_up_constants() -> None:
    """As PySide6 6.12.0 does under Python 3.11, which takes references to None and True away."""
    program = (
        "from PySide6.QtCore import QObject\n"
        "thing = QObject()\n"
        "for i in range(200_000): thing.setObjectName(f'{i}')\n"
        "assert len([thing.objectNameChanged.emit('x') for _ in range(20_000)]) == 20_000\n"
        "print('alive')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_opencv_variables_are_cleared_and_those_of_people_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM_PLUGIN_PATH", "/site-packages/cv2/qt/plugins")
    monkeypatch.setenv("QT_QPA_FONTDIR", "/home/me/fonts")
    app.prepare_process()
    assert "QT_QPA_PLATFORM_PLUGIN_PATH" not in os.environ
    assert os.environ["QT_QPA_FONTDIR"] == "/home/me/fonts"


@pytest.mark.skipif(sys.platform != "linux", reason="the check of libraries is for Linux")
def test_program_without_a_screen_says_so_instead_of_crashing(run_cli) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    program = "import sys; from fer_studio.cli import main; sys.exit(main([]))"
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("fer-studio: there is no screen")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_program_opens_a_window_and_ends_on_a_signal(long_clip: Path, model: Path, tmp_path: Path) -> None:
    """The real program: the moment it is told to end it may be loading, opening or analysing."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    program = (
        "import sys, os, signal\n"
        "from PySide6.QtCore import QTimer\n"
        "from fer_studio import main_window\n"
        "begin = main_window.MainWindow._begin\n"
        "def begun(self):\n"
        "    begin(self)\n"
        "    QTimer.singleShot(300, lambda: os.kill(os.getpid(), signal.SIGTERM))\n"
        "main_window.MainWindow._begin = begun\n"
        "from fer_studio.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    words = ["--camera", f"file:{long_clip}", "--loop", "--model", str(model)]
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "QThread" not in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "fer-studio" / "studio.ini").is_file()
