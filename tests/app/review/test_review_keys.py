"""The keys of the review: what they do, and to whom they are left."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QPushButton, QSlider, QTabBar, QTabWidget, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_studio.labels import Labels
from fer_studio.review.workspace import ReviewWorkspace

FRAMES = 24
KEY = Qt.Key


def focus(widget: QWidget, qtbot: QtBot) -> None:
    widget.activateWindow()
    qtbot.waitUntil(widget.isActiveWindow)
    widget.setFocus()
    assert widget.hasFocus()


def test_review_leaves_the_keys_of_a_control_to_it(opened: ReviewWorkspace, qtbot: QtBot) -> None:
    opened.player.seek(0.4)
    before = opened.player.index
    mark = next(b for b in opened.findChildren(QToolButton) if b.text() == "Mark")
    tabs = opened.findChild(QTabWidget)
    assert tabs is not None
    tabs.setCurrentWidget(opened.marks)
    focus(mark, qtbot)
    QTest.keyClick(mark, KEY.Key_Space)
    assert len(opened.timeline.marks.marks) == 1
    focus(tabs.tabBar(), qtbot)
    QTest.keyClick(tabs.tabBar(), KEY.Key_Left)
    assert tabs.currentWidget() is opened.statistics
    speed, volume = opened.transport.findChild(QComboBox), opened.transport.findChild(QSlider)
    assert isinstance(speed, QComboBox)
    assert isinstance(volume, QSlider)
    opened.transport.show_sound("")
    focus(speed, qtbot)
    QTest.keyClick(speed, KEY.Key_Home)
    assert opened.transport.speed == 0.25
    focus(volume, qtbot)
    QTest.keyClick(volume, KEY.Key_Left)
    assert opened.transport.volume == 0.99
    assert not opened.player.playing
    assert opened.player.index == before
    focus(mark, qtbot)
    QTest.keyClick(mark, KEY.Key_Right)  # of no use to a button
    assert opened.player.index == before + 1
    QTest.keyClick(mark, KEY.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert opened.player.index == 0


def test_review_keeps_the_keys_when_a_control_is_clicked(opened: ReviewWorkspace, qtbot: QtBot) -> None:
    focus(opened.video, qtbot)
    controls = [c for kind in (QPushButton, QToolButton, QComboBox, QSlider) for c in opened.findChildren(kind)]
    clicked = [c for c in controls if c.isVisible() and c.isEnabled() and not isinstance(c.parent(), QTabBar)]
    assert len(clicked) > 10
    assert not [c.accessibleName() for c in clicked if c.focusPolicy() & Qt.FocusPolicy.ClickFocus]


def test_review_selects_by_keys(opened: ReviewWorkspace) -> None:
    timeline, recording = opened.timeline, opened.recording
    assert recording is not None
    opened.player.seek(0.2)
    QTest.keyClick(opened, KEY.Key_I)
    assert timeline.selection_s == (pytest.approx(0.2), pytest.approx(recording.end_s))
    opened.player.seek(0.6)
    QTest.keyClick(opened, KEY.Key_O)
    assert timeline.selection_s == (pytest.approx(0.2), pytest.approx(0.6))
    opened.player.seek(0.8)
    QTest.keyClick(opened, KEY.Key_I)  # after the old end
    assert timeline.selection_s == (pytest.approx(0.8), pytest.approx(recording.end_s))
    opened.player.seek(0.4)
    QTest.keyClick(opened, KEY.Key_O)  # before the old start
    assert timeline.selection_s == (pytest.approx(0.0), pytest.approx(0.4))
    opened.player.seek(0.0)
    QTest.keyClick(opened, KEY.Key_O)  # nothing would be selected
    assert timeline.selection_s == (pytest.approx(0.0), pytest.approx(0.4))


def test_review_has_keys_only_for_what_is_open(opened: ReviewWorkspace, settings: QSettings, qtbot: QtBot) -> None:
    empty = ReviewWorkspace(Labels(EXPRESSIONS, ACTION_UNITS), settings)
    qtbot.addWidget(empty)
    assert not any(action.isEnabled() for action in empty.actions())
    assert empty.shutdown()
    waiting = {"Range", "Exclude", "Undo", "Redo"}
    assert {action.text() for action in opened.actions() if not action.isEnabled()} == waiting
    opened.timeline.selection_s = (0.2, 0.4)
    assert {action.text() for action in opened.actions() if not action.isEnabled()} == {"Undo", "Redo"}
    opened.close_recording()
    assert not any(action.isEnabled() for action in opened.actions())
