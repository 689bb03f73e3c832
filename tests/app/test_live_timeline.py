"""The course of what the camera shows."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.types import Affect, Box, Face, FaceResult, FrameResult, Pose, Status
from fer_studio.labels import Labels
from fer_studio.live import live_timeline
from fer_studio.live.live_timeline import FOLLOW_S, LiveTimeline


def face(face_id: int, valence: float = 0.0) -> FaceResult:
    seen = Face(face_id, Status.OK, 0.5, Box(1, 2, 30, 40), Pose(1, -2, 3), np.zeros((468, 3), np.float32))
    probs = np.full(len(EXPRESSIONS), 1 / len(EXPRESSIONS), np.float32)
    return FaceResult(seen, Affect(probs, valence, 0.0, np.zeros(len(ACTION_UNITS), np.float32)))


def frame(index: int, *faces: FaceResult) -> FrameResult:
    return FrameResult(index, index / 25, 640, 360, Status.OK, faces)


@pytest.fixture
def timeline(qtbot: QtBot) -> LiveTimeline:
    timeline = LiveTimeline(Labels(EXPRESSIONS, ACTION_UNITS))
    qtbot.addWidget(timeline)
    timeline.resize(800, 160)
    timeline.show()
    timeline.open()
    return timeline


def test_live_timeline_draws_what_comes_and_follows_it(timeline: LiveTimeline, qtbot: QtBot) -> None:
    for index in range(100):
        timeline.add(frame(index, face(1), face(2, index / 100)))
    timeline.select(2)
    qtbot.waitUntil(lambda: timeline.view.cursor_s == pytest.approx(4.0))
    assert timeline.view.view_s == (pytest.approx(0.0), pytest.approx(FOLLOW_S))
    qtbot.waitUntil(lambda: len(timeline.view.plots.curves["valence"].getData()[0]) == 100)
    np.testing.assert_allclose(timeline.view.plots.curves["valence"].getData()[1], np.arange(100) / 100, atol=1e-6)


def test_live_timeline_shows_what_was_measured_before_it_could_draw(qtbot: QtBot) -> None:
    timeline = LiveTimeline(Labels(EXPRESSIONS, ACTION_UNITS))
    qtbot.addWidget(timeline)
    timeline.show()
    for index in range(50):
        timeline.add(frame(index, face(1), face(2)))
    timeline.select(2)
    assert timeline.mark() is None
    timeline.open()
    qtbot.waitUntil(lambda: timeline.view.cursor_s == pytest.approx(2.0))
    assert timeline.view.face_id == 2


def test_live_timeline_of_a_face_that_is_not_there_draws_nothing(timeline: LiveTimeline, qtbot: QtBot) -> None:
    timeline.add(frame(0, face(1)))
    timeline.select(7)
    QTest.qWait(250)
    assert len(timeline.view.plots.curves["valence"].getData()[0]) == 0
    assert timeline.view.face_id == 7


def test_live_timeline_draws_nothing_through_a_pause(timeline: LiveTimeline, qtbot: QtBot) -> None:
    for index in (*range(50), *range(1000, 1050)):
        timeline.add(frame(index, face(1)))
    qtbot.waitUntil(lambda: timeline.view.cursor_s == pytest.approx(42.0))
    timeline.view.show_all()
    qtbot.wait(200)
    assert [(run.start_s, run.end_s) for run in timeline.view.plots.ribbon._rows[0]] == [
        (pytest.approx(0.0), pytest.approx(2.0, abs=0.05)),
        (pytest.approx(40.0), pytest.approx(42.0, abs=0.05)),
    ]


def test_live_timeline_keeps_the_last_minutes(timeline: LiveTimeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_timeline, "KEPT_S", 1.0)
    for index in range(1000):
        timeline.add(frame(index, face(1)))
        assert len(timeline._measured) <= 52
    assert timeline._measured.end_s == pytest.approx(40.0)


def test_live_timeline_begins_anew(timeline: LiveTimeline) -> None:
    assert timeline.mark() is None
    timeline.add(frame(30, face(1)))
    assert timeline.mark().start_s == pytest.approx(30 / 25)
    timeline.begin()
    assert (len(timeline._measured), timeline.view.marks.marks) == (0, ())


def test_live_timeline_selects_nothing(timeline: LiveTimeline, qtbot: QtBot) -> None:
    for index in range(100):
        timeline.add(frame(index, face(1)))
    qtbot.waitUntil(lambda: timeline.view.cursor_s == pytest.approx(4.0))
    port = timeline.view.plots.viewport()
    shift, left = Qt.KeyboardModifier.ShiftModifier, Qt.MouseButton.LeftButton
    QTest.mousePress(port, left, shift, port.rect().center())
    QTest.mouseMove(port, port.rect().center() / 2)
    QTest.mouseRelease(port, left, shift, port.rect().center() / 2)
    assert timeline.view.selection_s is None
