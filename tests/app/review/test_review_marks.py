"""Marks, statistics and jumps of the review, through its real widgets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QTabWidget,
)
from pytestqt.qtbot import QtBot

from fer_core.labels import EXPRESSIONS
from fer_studio.marks import MarkKind, load_marks, marks_path
from fer_studio.review.navigation import change_times
from fer_studio.review.share_delegate import SHARE_ROLE
from fer_studio.review.statistics import face_statistics
from fer_studio.review.workspace import ReviewWorkspace
from fer_studio.theme import expression_colour

PATIENCE_MS = 20_000
FRAMES = 24


def test_review_goes_from_mark_to_mark(opened: ReviewWorkspace, folder: Path) -> None:
    for index in (5, 15):
        opened.player.seek(index / 25)
        QTest.keyClick(opened, Qt.Key.Key_M)
    opened.player.seek(0.0)
    control = Qt.KeyboardModifier.ControlModifier
    visited = []
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left):
        QTest.keyClick(opened, key, control)
        visited.append(opened.player.index)
    assert visited == [5, 15, 15, 5]
    assert [m.name for m in load_marks(marks_path(folder / "clip.csv"))] == ["marker 1", "marker 2"]
    QTest.keyClick(opened, Qt.Key.Key_Z, control)
    assert len(opened.timeline.marks.marks) == 1


def test_review_names_and_deletes_marks_in_the_list(opened: ReviewWorkspace) -> None:
    opened.timeline.selection_s = (0.1, 0.5)
    QTest.keyClick(opened, Qt.Key.Key_R)
    QTest.keyClick(opened, Qt.Key.Key_X)
    table = opened.marks._table
    assert table.rowCount() == 2
    item = table.item(0, 0)
    assert item is not None
    item.setText("task one")
    assert "task one" in [m.name for m in opened.timeline.marks.marks]
    table.selectAll()
    opened.marks.delete_selected()
    assert table.rowCount() == 0
    opened.timeline.marks.undo_stack.undo()
    assert table.rowCount() == 1


def test_review_statistics_follow_selection_and_exclusion(opened: ReviewWorkspace, qtbot: QtBot) -> None:
    tabs = opened.findChild(QTabWidget)
    assert tabs is not None
    tabs.setCurrentWidget(opened.statistics)
    title = opened.statistics._title
    qtbot.waitUntil(lambda: "the whole recording" in title.text(), timeout=PATIENCE_MS)
    assert f"({FRAMES} frames)" in title.text()
    opened.timeline.selection_s = (0.0, 0.39)
    qtbot.waitUntil(lambda: "(10 frames)" in title.text(), timeout=PATIENCE_MS)
    opened.timeline.marks.add(MarkKind.EXCLUDED, 0.0, 0.19)
    qtbot.waitUntil(lambda: "(5 frames)" in title.text(), timeout=PATIENCE_MS)
    assert "without 1 excluded range\n" in title.text()
    opened.timeline.selection_s = (0.5, 0.89)
    qtbot.waitUntil(lambda: "(10 frames)" in title.text(), timeout=PATIENCE_MS)
    assert "excluded" not in title.text()


def test_review_statistics_draw_shares_as_bars(opened: ReviewWorkspace, qtbot: QtBot) -> None:
    opened.statistics.refresh()
    table = opened.statistics._table
    recording = opened.recording
    assert recording is not None
    figures = face_statistics(recording, 1)
    shares = [table.item(row, 1).data(SHARE_ROLE) for row in range(1, 1 + len(EXPRESSIONS))]
    assert shares == pytest.approx(list(figures.expression_share.values()))
    most = int(np.argmax(shares))
    colour = expression_colour(EXPRESSIONS[most])
    tabs = opened.findChild(QTabWidget)
    assert tabs is not None
    tabs.setCurrentWidget(opened.statistics)
    cell = table.visualItemRect(table.item(1 + most, 1))
    picture = table.viewport().grab().toImage()
    assert picture.pixelColor(cell.left() + 3, cell.center().y()).rgb() == colour.rgb()
    assert "AU01 inner brow raiser" in table.item(2 + len(EXPRESSIONS) + 3, 0).text()


def test_review_jumps_to_the_next_change_of_expression(opened: ReviewWorkspace) -> None:
    recording = opened.recording
    assert recording is not None
    times = [float(t) for t in change_times(recording, 1)]
    visited = []
    opened.player.seek(0.0)
    for _ in range(len(times) + 1):
        QTest.keyClick(opened, Qt.Key.Key_N)
        visited.append(opened.player.position_s)
    expected = [t for t in times if t > 0.0] or [0.0]
    assert visited[: len(expected)] == pytest.approx(expected, abs=1e-3)
    QTest.keyClick(opened, Qt.Key.Key_P)
    assert opened.player.position_s <= visited[-1]
