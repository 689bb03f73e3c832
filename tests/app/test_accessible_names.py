"""Every control of the window has a name that a screen reader can say, and most a line that explains them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QHeaderView,
    QLineEdit,
    QProgressBar,
    QScrollBar,
    QTabBar,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from fer_studio.dialogs.about import AboutDialog
from fer_studio.dialogs.settings_dialog import SettingsDialog
from fer_studio.dialogs.shortcuts import ShortcutsDialog, shortcuts_of
from fer_studio.engines import SharedEngine
from fer_studio.main_window import MainWindow
from fer_studio.settings import Preferences, Settings
from fer_studio.theme import ThemeFollower
from fer_studio.views.bar_chart import BarChart
from fer_studio.views.timeline import Timeline
from fer_studio.views.va_plane import VaPlane
from fer_studio.views.video_view import VideoView

CONTROLS = (
    *(QAbstractButton, QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QProgressBar),
    *(QTextEdit, BarChart, Timeline, VaPlane, VideoView),
)
#: Qt makes these for itself inside others, which have the name.
PARTS = (QScrollBar, QHeaderView)


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, model: Path, tmp_path: Path) -> Iterator[MainWindow]:
    theme = ThemeFollower(qapp)
    window = MainWindow(Settings(tmp_path / "studio.ini"), SharedEngine(model, "cpu"), theme)
    qtbot.addWidget(window)
    yield window
    window.close()
    theme.setParent(None)


def is_ours(widget: QWidget) -> bool:
    parent = widget.parentWidget()
    return not (
        isinstance(widget, PARTS)
        or isinstance(parent, QTabBar | QComboBox | QAbstractSpinBox | QLineEdit | QAbstractItemView)
        or (parent is not None and isinstance(parent.parentWidget(), QComboBox))
        or widget.objectName().startswith("qt_")
        or (isinstance(widget, QAbstractButton) and widget.isHidden() and not widget.text())  # gets its text when shown
    )


def nameless(root: QWidget) -> list[str]:
    controls = [w for kind in CONTROLS for w in root.findChildren(kind) if is_ours(w)]
    assert controls
    found = []
    for widget in dict.fromkeys(controls):
        interface = QAccessible.queryAccessibleInterface(widget)
        if interface is None or not interface.text(QAccessible.Text.Name).strip():
            around = widget.parentWidget()
            found.append(f"{type(widget).__name__} {widget.toolTip()!r} in {type(around).__name__}")
    return found


def test_all_controls_of_the_window_have_names(window: MainWindow) -> None:
    parts = window.parts()
    assert [title for title, _ in parts][:4] == ["Window", "Live", "Files", "Review"]
    assert nameless(window) == []


def test_all_controls_of_the_dialogs_have_names(window: MainWindow, qtbot: QtBot) -> None:
    dialogs: list[QDialog] = [
        SettingsDialog(Preferences(), window),
        ShortcutsDialog(shortcuts_of(window.parts()), window),
        AboutDialog(None, window),
    ]
    for dialog in dialogs:
        qtbot.addWidget(dialog)
        assert nameless(dialog) == [], type(dialog).__name__


def test_nameless_finds_a_control_without_a_name(qtbot: QtBot) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    box, _named = QComboBox(root), QProgressBar(root)
    _named.setAccessibleName("progress")
    assert nameless(root) == ["QComboBox '' in QWidget"]
    box.setAccessibleName("choice")
    assert nameless(root) == []
