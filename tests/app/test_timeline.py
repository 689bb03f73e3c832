from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_studio.labels import Labels
from fer_studio.marks import MarkKind, load_marks
from fer_studio.session import NO_EXPRESSION, Recording, RowBatch
from fer_studio.theme import expression_colour, ink_on
from fer_studio.views.decimate import polyline, runs
from fer_studio.views.timeline import Timeline
from fer_studio.views.timeline_text import clock_text

LABELS = Labels(EXPRESSIONS, ACTION_UNITS)
WIDTH = 8 + len(EXPRESSIONS) + 2 + len(ACTION_UNITS)


def batch(first: int, count: int, face_id: int = 1, expression: int = 1) -> RowBatch:
    frame = np.arange(first, first + count)
    values = np.random.default_rng(first).random((count, WIDTH)).astype(np.float32)
    status = np.zeros(count, np.int8)
    return RowBatch(frame, frame / 25, np.full(count, face_id), status, np.full(count, expression, np.int8), values)


def recorded(*batches: RowBatch) -> Recording:
    recording = Recording(EXPRESSIONS, ACTION_UNITS)
    for rows in batches:
        recording.extend(rows)
    return recording


@pytest.fixture
def timeline(qtbot: QtBot) -> Timeline:
    timeline = Timeline(LABELS)
    timeline.resize(900, 240)
    qtbot.addWidget(timeline)
    timeline.show()
    return timeline


def place(timeline: Timeline, time_s: float) -> QPoint:
    """The pixel of the curves that stands for a time."""
    box = timeline.plots.upper.view
    scene = box.mapViewToScene(QPointF(time_s, 0.0))
    return timeline.plots.mapFromScene(scene)


def drag(timeline: Timeline, start_s: float, end_s: float, modifier: Qt.KeyboardModifier) -> None:
    port = timeline.plots.viewport()
    left = Qt.MouseButton.LeftButton
    QTest.mousePress(port, left, modifier, place(timeline, start_s))
    for share in np.linspace(0.1, 1.0, 8):
        QTest.qWait(5)
        QTest.mouseMove(port, place(timeline, start_s + (end_s - start_s) * float(share)))
    QTest.mouseRelease(port, left, modifier, place(timeline, end_s))


def test_polyline_is_everything_when_there_is_room() -> None:
    time_s, position = np.arange(10) / 10, np.array([0, 1, 2, 3, 4, 8, 9, 10, 11, 12])
    values = np.arange(10, dtype=np.float32)
    values[2] = np.nan
    line = polyline(time_s, values, position, 0.0, 1.0, 100)
    assert line.y.tolist() == [0, 1, 3, 4, 5, 6, 7, 8, 9]
    assert line.joined.tolist() == [1, 0, 1, 0, 1, 1, 1, 1, 0]  # no line over what is missing


def test_polyline_keeps_every_peak_and_every_gap_that_can_be_seen() -> None:
    count, columns = 100_000, 400
    rng = np.random.default_rng(0)
    values = rng.normal(0, 0.1, count).astype(np.float32)
    values[rng.integers(0, count, 5000)] = np.nan  # flicker: must not take whole columns away
    values[54_321] = 5.0
    kept = np.r_[0:40_000, 45_000:count]
    time_s = np.arange(count) / 25
    line = polyline(time_s[kept], values[kept], kept, 0.0, time_s[-1], columns)
    assert len(line.x) <= 2 * columns
    assert np.isfinite(line.y).all()
    assert line.y.max() == 5.0
    assert line.y.min() == np.nanmin(values[kept])
    lifted = np.flatnonzero(line.joined == 0)
    assert len(lifted) == 2  # the gap, and the end
    assert line.x[lifted[0]] < 45_000 / 25 <= line.x[lifted[0] + 1]


def test_runs_are_stretches_of_one_expression() -> None:
    frame_time_s = np.arange(12) / 10
    position = np.array([0, 1, 2, 3, 6, 7, 8, 11])
    codes = np.array([1, 1, 2, NO_EXPRESSION, 2, 2, 1, 1], np.int8)
    found = runs(frame_time_s[position], codes, frame_time_s, position, 0.0, 1.2, 1000)
    assert [(r.expression, pytest.approx(r.start_s), pytest.approx(r.end_s)) for r in found] == [
        (1, 0.0, 0.2),
        (2, 0.2, 0.3),
        (2, 0.6, 0.8),
        (1, 0.8, 0.9),
        (1, 1.1, 1.2),
    ]


def test_runs_of_dense_rows_show_what_holds_most_of_a_column() -> None:
    count = 30_000
    time_s = np.arange(count) / 25
    codes = np.where(np.arange(count) < count // 2, 3, 5).astype(np.int8)
    codes[::10] = 7
    found = runs(time_s, codes, time_s, np.arange(count), 0.0, time_s[-1], 500)
    assert [r.expression for r in found] == [3, 5]
    assert found[0].end_s == pytest.approx(time_s[-1] / 2, abs=2 * time_s[-1] / 500)


def test_clock_text_reads_like_a_clock() -> None:
    assert [clock_text(t) for t in (0.0, 59.999, 3723.5, -1.25)] == ["0:00.00", "1:00.00", "1:02:03.50", "-0:01.25"]


def test_timeline_shows_all_and_follows_what_is_appended(timeline: Timeline, qtbot: QtBot) -> None:
    recording = recorded(batch(0, 100))
    timeline.set_recording(recording)
    assert timeline.view_s == (pytest.approx(0.0), pytest.approx(4.0))
    recording.extend(batch(100, 100))
    qtbot.waitUntil(lambda: timeline.view_s[1] == pytest.approx(8.0))
    timeline.show_span(1.0, 2.0)
    recording.extend(batch(200, 100))
    QTest.qWait(300)
    assert timeline.view_s == (pytest.approx(1.0), pytest.approx(2.0))  # who looks at a part is left there


def test_timeline_follows_what_is_measured_now(qtbot: QtBot) -> None:
    timeline = Timeline(Labels(EXPRESSIONS, ACTION_UNITS), follow_s=3.0)
    qtbot.addWidget(timeline)
    timeline.resize(600, 200)
    timeline.show()
    recording = Recording(EXPRESSIONS, ACTION_UNITS)
    timeline.set_recording(recording)
    recording.extend(batch(0, 25))
    qtbot.waitUntil(lambda: timeline.view_s == (pytest.approx(0.0), pytest.approx(3.0)))
    recording.extend(batch(25, 75))
    qtbot.waitUntil(lambda: timeline.view_s == (pytest.approx(1.0), pytest.approx(4.0)))
    assert timeline.cursor_s == pytest.approx(4.0)
    timeline.show_span(3.0, 4.0)  # closer
    recording.extend(batch(100, 100))
    qtbot.waitUntil(lambda: timeline.view_s == (pytest.approx(7.0), pytest.approx(8.0)))
    timeline.show_span(2.0, 6.0)  # back
    recording.extend(batch(200, 100))
    qtbot.waitUntil(lambda: timeline.cursor_s == pytest.approx(12.0))
    assert timeline.view_s == (pytest.approx(2.0), pytest.approx(6.0))
    timeline.show_newest()
    recording.forget_before(10.0)
    recording.extend(batch(300, 100))
    qtbot.waitUntil(lambda: timeline.view_s == (pytest.approx(13.0), pytest.approx(16.0)))


def test_timeline_draws_the_values_of_the_chosen_face(timeline: Timeline, qtbot: QtBot) -> None:
    recording = recorded(batch(0, 100), batch(100, 50, face_id=2))
    timeline.set_recording(recording)
    timeline.signals = ("valence", "au12")
    timeline.face_id = 2
    qtbot.waitUntil(lambda: len(timeline.plots.curves["au12"].getData()[0]) == 50)
    unit = ACTION_UNITS.index(12)
    np.testing.assert_allclose(timeline.plots.curves["au12"].getData()[1], recording.series(2).units()[:, unit])
    np.testing.assert_allclose(timeline.plots.curves["valence"].getData()[1], recording.series(2).valence())
    assert [len(row) for row in timeline.plots.ribbon._rows] == [1, 1]


def test_timeline_scrubs_with_the_mouse_and_tells(timeline: Timeline, qtbot: QtBot) -> None:
    timeline.set_recording(recorded(batch(0, 250)))
    qtbot.wait(50)
    moved: list[float] = []
    timeline.cursor_moved.connect(moved.append)
    drag(timeline, 2.0, 6.0, Qt.KeyboardModifier.NoModifier)
    assert timeline.cursor_s == pytest.approx(6.0, abs=0.05)
    assert moved[-1] == timeline.cursor_s
    timeline.cursor_s = 1.0
    assert moved[-1] != 1.0  # setting is not moving
    assert timeline.selection_s is None


def test_timeline_selects_with_shift(timeline: Timeline, qtbot: QtBot) -> None:
    timeline.set_recording(recorded(batch(0, 250)))
    qtbot.wait(50)
    drag(timeline, 6.0, 2.0, Qt.KeyboardModifier.ShiftModifier)
    assert timeline.selection_s == (pytest.approx(2.0, abs=0.05), pytest.approx(6.0, abs=0.05))
    timeline.zoom_to_selection()
    assert timeline.view_s == (pytest.approx(2.0, abs=0.05), pytest.approx(6.0, abs=0.05))
    timeline.selection_s = None
    assert not any(overlay.region.isVisible() for overlay in timeline.plots.overlays)


def test_timeline_zooms_around_the_cursor(timeline: Timeline) -> None:
    timeline.set_recording(recorded(batch(0, 250)))
    timeline.cursor_s = 2.5
    for _ in range(3):
        timeline.zoom_in()
    start_s, end_s = timeline.view_s
    assert end_s - start_s == pytest.approx(10 / 1.5**3)
    assert (2.5 - start_s) / (end_s - start_s) == pytest.approx(0.25)
    timeline.show_all()
    assert timeline.view_s == (pytest.approx(0.0), pytest.approx(10.0))


def test_timeline_chips_take_a_curve_away_and_the_menu_brings_it(timeline: Timeline) -> None:
    timeline.set_recording(recorded(batch(0, 50)))
    header = timeline._header
    header._chips[0].click()
    assert timeline.signals == ("arousal",)
    header._actions["p_happiness"].trigger()
    header._menu.triggered.emit(header._actions["au12"])
    assert "au12" in timeline.signals
    assert timeline.plots.curves.keys() == set(timeline.signals)


def test_timeline_marks_are_undone_and_kept_in_their_file(timeline: Timeline, tmp_path: Path) -> None:
    path = tmp_path / "clip.markers.json"
    editor = timeline.marks
    editor.bind(path)
    first = editor.add(MarkKind.POINT, 1.0)
    editor.add(MarkKind.EXCLUDED, 2.0, 3.0)
    editor.rename(first, "smile {0}")
    assert [m.name for m in load_marks(path)] == ["smile {0}", "excluded 1"]
    assert len(timeline.plots._mark_items[0]._items) == 2
    editor.delete(editor.marks[1])
    assert len(load_marks(path)) == 1
    editor.undo_stack.undo()
    editor.undo_stack.undo()
    assert [m.name for m in load_marks(path)] == ["marker 1", "excluded 1"]
    editor.undo_stack.undo()
    editor.undo_stack.undo()
    assert load_marks(path) == ()
    editor.undo_stack.redo()
    editor.bind(path)
    assert [m.name for m in editor.marks] == ["marker 1"]
    assert not editor.undo_stack.canUndo()


def test_timeline_does_not_write_over_marks_that_it_cannot_read(timeline: Timeline, tmp_path: Path) -> None:
    path = tmp_path / "clip.markers.json"
    path.write_text("from somebody else")
    problems: list[str] = []
    timeline.marks.problem_found.connect(problems.append)
    timeline.marks.bind(path)
    timeline.marks.add(MarkKind.POINT, 1.0)
    assert path.read_text() == "from somebody else"
    assert "move it away" in problems[0]


def test_timeline_of_a_million_frames_draws_no_more_than_the_screen_shows(timeline: Timeline, qtbot: QtBot) -> None:
    count = 1_000_000
    frame = np.arange(count)
    values = np.zeros((count, WIDTH), np.float32)
    values[:, 8 + len(EXPRESSIONS)] = np.sin(frame / 1000)
    status, expression = np.zeros(count, np.int8), (frame // 50_000 % 8).astype(np.int8)
    timeline.set_recording(recorded(RowBatch(frame, frame / 25, np.ones(count, np.int64), status, expression, values)))
    qtbot.waitUntil(lambda: len(timeline.plots.curves["valence"].getData()[0]) > 0)
    x, y = timeline.plots.curves["valence"].getData()
    assert len(x) <= 2 * timeline.width()
    assert (y.min(), y.max()) == (pytest.approx(-1, abs=1e-4), pytest.approx(1, abs=1e-4))
    assert [len(row) for row in timeline.plots.ribbon._rows] == [20]


def test_timeline_draws_once_for_a_change_of_the_view(timeline: Timeline, qtbot: QtBot) -> None:
    timeline.set_recording(recorded(batch(0, 1000)))
    qtbot.wait(100)
    painted: list[QEvent.Type] = []

    class Watch(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
            if event.type() == QEvent.Type.Paint:
                painted.append(event.type())
            return False

    watch = Watch()
    timeline.plots.viewport().installEventFilter(watch)
    timeline.show_span(5.0, 15.0)
    x, _ = timeline.plots.curves["valence"].getData()
    assert x[0] == pytest.approx(5.0, abs=0.05)  # the curves already are those of the new view
    qtbot.wait(200)
    assert len(painted) == 1


def test_timeline_names_marks_on_the_side_where_there_is_room(timeline: Timeline, qtbot: QtBot) -> None:
    timeline.set_recording(recorded(batch(0, 250)))
    for time_s in (2.0, 9.5):
        timeline.marks.add(MarkKind.POINT, time_s, name="a rather long name of a mark")
    qtbot.waitUntil(lambda: timeline.view_s[1] >= 10.0)
    view = timeline.plots.upper.view.sceneBoundingRect()

    def names() -> list[tuple[float, float]]:
        labels = [label for item in timeline.plots._mark_items[0]._items for label in item.childItems()]
        areas = [label.textItem.sceneBoundingRect() for label in labels if hasattr(label, "textItem")]
        return sorted((area.left(), area.right()) for area in areas)

    def lines() -> list[float]:
        box = timeline.plots.upper.view
        return [box.mapViewToScene(QPointF(time_s, 0.0)).x() for time_s in (2.0, 9.5)]

    (first_left, first_right), (_, last_right) = names()
    assert first_left == pytest.approx(lines()[0], abs=4)
    assert first_right - first_left > 60
    assert last_right == pytest.approx(lines()[1], abs=4)
    timeline.show_span(0.0, 2.2)  # now the first one stands at the edge
    assert names()[0][1] == pytest.approx(lines()[0], abs=4)
    assert names()[0][1] <= view.right() + 1


def test_timeline_keeps_what_pan_does_not_change_as_pictures(timeline: Timeline, qtbot: QtBot) -> None:
    timeline.set_recording(recorded(batch(0, 250), batch(250, 250, face_id=2)))
    axis = timeline.plots.strip.left
    qtbot.waitUntil(lambda: [text for _, text in axis._tickLevels[0]] == ["face 1", "face 2"])
    named = axis._tickLevels
    timeline.show_span(2.0, 4.0)
    assert axis._tickLevels is named
    assert axis.cacheMode() == axis.CacheMode.DeviceCoordinateCache
    timeline.set_recording(recorded(batch(0, 250)))
    qtbot.waitUntil(lambda: [text for _, text in axis._tickLevels[0]] == ["face 1"])
    timeline.set_recording(None)
    qtbot.waitUntil(lambda: axis._tickLevels == [[]])


def test_timeline_names_expressions_in_ink_that_can_be_read(timeline: Timeline, qtbot: QtBot) -> None:
    codes = range(len(EXPRESSIONS))
    timeline.set_recording(recorded(*(batch(100 * code, 100, expression=code) for code in codes)))
    names = timeline.plots.ribbon._names
    qtbot.waitUntil(lambda: len(names) == len(codes))
    for item in names:
        ground = expression_colour(item.textItem.toPlainText())
        assert item.textItem.defaultTextColor().rgb() == ink_on(ground).rgb()
