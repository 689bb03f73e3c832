"""Synthesis as a part of the whole window."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fer_core.augment.affect3d.sequence import write_image
from fer_studio.dialogs.shortcuts import shortcuts_of
from fer_studio.engines import SharedEngine
from fer_studio.live.camera_choice import file_choice
from fer_studio.main_window import MainWindow
from fer_studio.settings import Settings
from fer_studio.synthesis.photograph import built_in_portrait
from fer_studio.synthesis.workspace import SynthesisWorkspace
from fer_studio.theme import ThemeFollower

PATIENCE_MS = 60_000
CLOSE_S = 2.0
SYNTHESIS = 3


@pytest.fixture
def portrait_file(tmp_path: Path) -> Path:
    file = tmp_path / "portrait.png"
    write_image(file, built_in_portrait().image_rgb_u8)
    return file


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, tmp_path: Path, demo_clip: Path) -> Iterator[MainWindow]:
    """With the demo clip in place of a camera, which nobody has started."""
    theme = ThemeFollower(qapp)
    settings = Settings(tmp_path / "config" / "studio.ini")
    made = MainWindow(settings, SharedEngine(device="cpu"), theme)
    made.live.cameras._asked = file_choice(f"file:{demo_clip}", loop=True)
    qtbot.addWidget(made)
    made.show()
    yield made
    start_s = time.monotonic()
    made.close()
    assert time.monotonic() - start_s < CLOSE_S
    theme.setParent(None)


def synthesis_of(window: MainWindow) -> SynthesisWorkspace:
    workspace = dict(window.parts())["Synthesis"]
    assert isinstance(workspace, SynthesisWorkspace)
    return workspace


def drop(window: MainWindow, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    where, buttons, keys = QPointF(300, 300), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(where.toPoint(), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(where, Qt.DropAction.CopyAction, data, buttons, keys))


def test_window_has_synthesis_as_its_fourth_tab(window: MainWindow, qtbot: QtBot) -> None:
    assert window.tabs.tabText(SYNTHESIS) == "Synthesis"
    go = next(action for action in window.actions() if action.shortcut() == QKeySequence("Ctrl+4"))
    go.trigger()
    assert window.tabs.currentIndex() == SYNTHESIS
    qtbot.waitUntil(synthesis_of(window).isVisible, timeout=PATIENCE_MS)


def test_window_takes_a_drop_as_photograph_only_while_synthesis_is_shown(
    window: MainWindow, portrait_file: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    queued: list[Path] = []
    monkeypatch.setattr(window, "add_paths", queued.extend)
    window.tabs.setCurrentIndex(SYNTHESIS)
    drop(window, portrait_file)
    space = synthesis_of(window)
    qtbot.waitUntil(lambda: space.photo is not None, timeout=PATIENCE_MS)
    assert window.tabs.currentIndex() == SYNTHESIS
    assert not queued
    assert space.photo is not None
    assert space.photo.photograph.path == portrait_file
    window.tabs.setCurrentIndex(0)
    drop(window, portrait_file)
    assert queued == [portrait_file]


def test_window_gives_synthesis_the_picture_of_the_live_camera(window: MainWindow, qtbot: QtBot) -> None:
    window.tabs.setCurrentIndex(SYNTHESIS)
    space = synthesis_of(window)
    space.grab_camera()
    assert "start a camera in Live" in space.notice.text
    space.notice.on_acted()
    assert window.tabs.currentWidget() is window.live
    window.live.start()
    qtbot.waitUntil(lambda: window.live.video.picture is not None, timeout=PATIENCE_MS)
    window.tabs.setCurrentIndex(SYNTHESIS)
    with qtbot.waitSignal(space.runner.fitted, timeout=PATIENCE_MS):
        space.grab_camera()
    assert space.photo is not None
    assert space.photo.photograph.name == "camera picture"


def test_window_lists_the_keys_of_synthesis_and_none_does_two_things(window: MainWindow) -> None:
    shortcuts = shortcuts_of(window.parts())
    keys = [shortcut.keys for shortcut in shortcuts if shortcut.where in ("Window", "Synthesis")]
    assert len(keys) == len(set(keys))
    for wanted in ("Ctrl+4", "Ctrl+Shift+O", "Ctrl+G", "Ctrl+B", "Alt+1", "Alt+6", "Ctrl+0", "Space", "Ctrl+E", "Esc"):
        assert wanted in keys
    assert all(shortcut.what for shortcut in shortcuts)
    assert any(shortcut.where == "Plane of Synthesis" for shortcut in shortcuts)


def test_window_closes_at_once_while_synthesis_plays_and_writes(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    window.tabs.setCurrentIndex(SYNTHESIS)
    space = synthesis_of(window)
    with qtbot.waitSignal(space.runner.fitted, timeout=PATIENCE_MS):
        space.open_portrait()
    space.transport._duration.setValue(60)
    space.panel.expressions.keyed_actions[0].trigger()
    space.transport.play.trigger()
    out = tmp_path / "out"
    out.mkdir()
    space.exports.export_video(space._exportable(), out / "long.mp4")
    qtbot.waitUntil(lambda: bool(list(out.iterdir())), timeout=PATIENCE_MS)
    start_s = time.monotonic()
    window.close()
    assert time.monotonic() - start_s < CLOSE_S
    assert not list(out.iterdir())


def test_window_follows_dark_and_light_in_synthesis(window: MainWindow, qapp: QApplication, qtbot: QtBot) -> None:
    from fer_studio.theme import DARK, LIGHT, ThemeChoice

    window.tabs.setCurrentIndex(SYNTHESIS)
    pad = synthesis_of(window).panel.pad
    for choice, theme in ((ThemeChoice.DARK, DARK), (ThemeChoice.LIGHT, LIGHT)):
        window._theme.set_choice(choice)
        qtbot.wait(20)
        image = pad.grab().toImage()
        ratio = image.devicePixelRatio()
        spot = pad.to_widget(0.55, -0.1).toPoint() * ratio
        assert abs(image.pixelColor(spot).lightness() - theme.surface.lightness()) < 12
