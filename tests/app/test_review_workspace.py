"""Review through its real widgets: real media, rows from a tiny model."""

from __future__ import annotations

import csv
import itertools
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QApplication,
    QComboBox,
    QProgressBar,
    QPushButton,
    QScrollBar,
    QTabBar,
    QTableWidget,
    QTabWidget,
)
from pytestqt.qtbot import QtBot

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.record.errors import RecordError
from fer_core.record.reader import read_native
from fer_core.record.summary import write_summary
from fer_core.types import Frame
from fer_studio.annotate import annotate_files
from fer_studio.files.recent import RecentButton
from fer_studio.labels import Labels
from fer_studio.marks import Mark, MarkKind, load_marks, marks_path
from fer_studio.notices import NoticeBar
from fer_studio.options import AnnotateOptions
from fer_studio.review.export import export_rows, export_summary, export_video
from fer_studio.review.navigation import change_times
from fer_studio.review.recording_loader import RecordingLoader
from fer_studio.review.retired_threads import RetiredThreads
from fer_studio.review.share_delegate import SHARE_ROLE
from fer_studio.review.sound import Sound
from fer_studio.review.statistics import face_statistics
from fer_studio.review.workspace import ReviewWorkspace
from fer_studio.theme import DARK, LIGHT, Theme, expression_colour, palette_of
from fer_studio.workers.control import Cancelled, Control

PATIENCE_MS = 20_000
FRAMES = 24
END_S = FRAMES / 25


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory, media: Path, model: Path) -> Path:
    folder = tmp_path_factory.mktemp("analysed")
    clip = Path(shutil.copy(media / "clip.mp4", folder))
    annotate_files([clip], AnnotateOptions(out_dir=folder, model=model, device="cpu", video=True))
    return folder


@pytest.fixture
def folder(analysed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(analysed, tmp_path / "case"))


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "review.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def review(qtbot: QtBot, settings: QSettings) -> Iterator[ReviewWorkspace]:
    workspace = ReviewWorkspace(Labels(EXPRESSIONS, ACTION_UNITS), settings)
    workspace.resize(1280, 720)
    qtbot.addWidget(workspace)
    workspace.show()
    yield workspace
    started_s = time.monotonic()
    assert workspace.shutdown()
    assert time.monotonic() - started_s < 2.0


@pytest.fixture
def opened(review: ReviewWorkspace, folder: Path, qtbot: QtBot) -> ReviewWorkspace:
    shown: list[Frame] = []
    review.player.frame_shown.connect(shown.append)
    review.open(folder / "clip.csv", folder / "clip.mp4")
    ready = lambda: bool(shown) and review.recording is not None and len(review.recording) == FRAMES  # noqa: E731
    qtbot.waitUntil(ready, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: review.timeline.face_id == 1, timeout=PATIENCE_MS)
    return review


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def wait_frame(qtbot: QtBot, review: ReviewWorkspace, index: int) -> None:
    def is_shown() -> bool:
        frame = review.presenter._frame
        return frame is not None and frame.index == index

    qtbot.waitUntil(is_shown, timeout=PATIENCE_MS)


def test_review_shows_picture_and_rows_of_the_same_frame(
    opened: ReviewWorkspace, qtbot: QtBot, folder: Path, pictures: list[np.ndarray]
) -> None:
    row = list(read_native(folder / "clip.csv"))[13]
    opened.player.seek(row.time_s + 0.01)
    wait_frame(qtbot, opened, 13)
    assert opened.timeline.cursor_s == pytest.approx(13 / 25)
    assert row.affect is not None
    assert opened.panel.plane.point == (pytest.approx(row.affect.valence), pytest.approx(row.affect.arousal))
    result = opened.video._result
    assert result is not None
    assert result.index == 13
    box = result.faces[0].face.box
    assert row.box is not None
    assert (box.x_px, box.y_px) == (pytest.approx(row.box.x_px), pytest.approx(row.box.y_px))
    image = opened.video._image_rgb_u8
    assert image is not None
    errors = [float(np.abs(image.astype(int) - picture).mean()) for picture in pictures]
    assert int(np.argmin(errors)) == 13


def test_review_steps_by_frames_and_stops_at_the_ends(opened: ReviewWorkspace, qtbot: QtBot) -> None:
    key = Qt.Key
    for pressed, index in ((key.Key_Right, 1), (key.Key_Right, 2), (key.Key_Left, 1), (key.Key_End, 23)):
        QTest.keyClick(opened, pressed)
        assert opened.player.index == index
    QTest.keyClick(opened, key.Key_Right)
    wait_frame(qtbot, opened, 23)
    QTest.keyClick(opened, key.Key_Home)
    wait_frame(qtbot, opened, 0)


def test_review_plays_to_the_end_at_the_chosen_speed(opened: ReviewWorkspace, qtbot: QtBot) -> None:
    opened.transport.change_speed(+9)
    assert opened.player.clock.speed == 2.0
    positions: list[float] = []
    opened.player.position_changed.connect(positions.append)
    started_s = time.monotonic()
    QTest.keyClick(opened, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not opened.player.playing, timeout=PATIENCE_MS)
    assert time.monotonic() - started_s >= END_S / 2 - 0.05
    assert positions == sorted(positions)
    assert positions[-1] == pytest.approx(23 / 25)


def test_review_loops_the_selection(opened: ReviewWorkspace, qtbot: QtBot) -> None:
    opened.timeline.selection_s = (0.2, 0.4)
    QTest.keyClick(opened, Qt.Key.Key_L)
    opened.transport.change_speed(+9)
    positions: list[float] = []
    opened.player.position_changed.connect(positions.append)
    opened.player.play()
    qtbot.waitUntil(lambda: any(b < a for a, b in itertools.pairwise(positions)), timeout=PATIENCE_MS)
    opened.player.pause()
    assert min(positions) >= 0.2 - 1 / 25
    assert max(positions) <= 0.4 + 2 / 25


def test_review_scrubs_from_the_timeline(opened: ReviewWorkspace, qtbot: QtBot) -> None:
    opened.timeline.cursor_moved.emit(0.5)
    wait_frame(qtbot, opened, 12)
    assert opened.timeline.cursor_s == pytest.approx(12 / 25)


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


def test_review_follows_a_recording_that_grows(review: ReviewWorkspace, folder: Path, qtbot: QtBot) -> None:
    whole, sidecar = (folder / "clip.csv").read_bytes(), (folder / "clip.json").read_text()
    (folder / "clip.csv").unlink()
    (folder / "clip.json").write_text(sidecar.replace('"ended_utc": "', '"ended_utc": null, "was": "'))
    review.open(folder / "clip.csv", folder / "clip.mp4")
    half = whole.index(b"\n", len(whole) // 2) - 20
    (folder / "clip.csv").write_bytes(whole[:half])
    qtbot.waitUntil(lambda: "still being analysed" in review._title.text(), timeout=PATIENCE_MS)
    assert review.recording is not None
    assert 5 < len(review.recording) < FRAMES - 5
    with (folder / "clip.csv").open("ab") as file:
        file.write(whole[half:])
    (folder / "clip.json").write_text(sidecar)
    qtbot.waitUntil(lambda: f"{FRAMES} frames  ·  1 face" in review._title.text(), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: "still" not in review._title.text(), timeout=PATIENCE_MS)


def test_review_without_the_media_shows_the_rows(review: ReviewWorkspace, folder: Path, qtbot: QtBot) -> None:
    review.open(folder / "clip.csv", folder / "gone.mp4")
    qtbot.waitUntil(lambda: review.timeline.face_id == 1, timeout=PATIENCE_MS)
    find = next(b for b in review.video.findChildren(QPushButton) if b.isVisible())
    assert find.text() == "Find …"
    review.timeline.cursor_moved.emit(0.5)
    row = list(read_native(folder / "clip.csv"))[12]
    assert row.affect is not None
    assert review.panel.plane.point == (pytest.approx(row.affect.valence), pytest.approx(row.affect.arousal))


def test_review_says_what_is_wrong_with_a_file(review: ReviewWorkspace, folder: Path, qtbot: QtBot) -> None:
    (folder / "clip.csv").write_text("a,b\n1,2\n")
    review.open(folder / "clip.csv", folder / "clip.mp4")
    qtbot.waitUntil(lambda: "is no native CSV" in review.notice.text, timeout=PATIENCE_MS)


def test_review_closes_one_recording_and_opens_another(opened: ReviewWorkspace, folder: Path, qtbot: QtBot) -> None:
    opened.player.play()
    opened.close_recording()
    assert opened.recording is None
    assert not opened.player.playing
    opened.open(folder / "clip.csv", folder / "clip.mp4")
    qtbot.waitUntil(lambda: opened.recording is not None, timeout=PATIENCE_MS)


def test_review_exports_through_its_menu_line(opened: ReviewWorkspace, folder: Path, qtbot: QtBot) -> None:
    target = folder / "part.csv"
    opened.timeline.marks.add(MarkKind.EXCLUDED, 0.2, 0.3)
    with qtbot.waitSignal(opened.exports.exported, timeout=PATIENCE_MS):
        opened.exports.export_rows(target, (0.1, 0.5))
    expected = [line for line in rows_of(folder / "clip.csv") if 0.1 <= float(line["time_s"]) <= 0.5]
    expected = [line for line in expected if not 0.2 <= float(line["time_s"]) <= 0.3]
    assert rows_of(target) == expected
    assert len(expected) == 7
    opened.exports.export_rows(folder / "clip.csv", None)
    qtbot.waitUntil(lambda: "is the recording itself" in opened.exports.text, timeout=PATIENCE_MS)


def test_review_asks_for_other_layouts(opened: ReviewWorkspace, folder: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(opened.layout_requested) as caught:
        opened.exports._media_actions[0].trigger()
    assert caught.args == [folder / "clip.mp4", "openface"]


def test_review_exports_plots_as_picture_and_as_lines(opened: ReviewWorkspace, folder: Path) -> None:
    for name in ("plots.png", "plots.svg"):
        opened.exports.export_plots(folder / name)
        assert "is written" in opened.exports.text
    with av.open(str(folder / "plots.png")) as picture:
        pixels = next(picture.decode(video=0)).to_ndarray(format="rgb24")
    assert pixels.shape[1] == 3 * round(opened.timeline.plot_area.width())
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    text = (folder / "plots.svg").read_text(encoding="utf-8")
    assert "<image" not in text
    assert opened.timeline.signal_colour("valence").name() in text
    opened.exports.export_plots(folder / "plots.gif")
    assert "is neither .png nor .svg" in opened.exports.text


def test_export_rows_of_everything_is_the_file(folder: Path) -> None:
    source, target = folder / "clip.csv", folder / "all.csv"
    assert export_rows(source, target, None, [], Control()) == FRAMES
    assert target.read_bytes() == source.read_bytes()


def test_export_summary_of_everything_is_that_of_the_library(folder: Path) -> None:
    target = folder / "s.csv"
    marks = [Mark(0.2, 0.4, "task", MarkKind.RANGE), Mark(0.5, 0.5, "point", MarkKind.POINT)]
    assert export_summary(folder / "clip.csv", target, marks) == 2
    whole, task = rows_of(target)
    (expected,) = rows_of(write_summary(folder / "clip.csv", folder / "library.csv"))
    assert (whole["range"], task["range"], task["frames_ok"]) == ("all", "task", "6")
    for name, text in expected.items():
        assert float(whole[name]) == pytest.approx(float(text), abs=2e-6), name


def test_export_video_draws_as_the_command_line_does(folder: Path) -> None:
    target = folder / "drawn.mp4"
    assert export_video(folder / "clip.csv", folder / "clip.mp4", target, Control()) is None
    with av.open(str(target)) as ours, av.open(str(folder / "clip.annotated.mp4")) as theirs:
        assert len(ours.streams.audio) == 1
        pairs = list(zip(ours.decode(video=0), theirs.decode(video=0), strict=True))
    assert len(pairs) == FRAMES
    assert [one.time for one, _ in pairs] == [other.time for _, other in pairs]
    differences = [
        float(np.abs(one.to_ndarray(format="gray").astype(int) - other.to_ndarray(format="gray")).mean())
        for one, other in pairs
    ]
    # The CSV keeps a tenth of a pixel: now and then a box with its panel is drawn one pixel further, and the encoder
    # carries that on. What is drawn itself makes a difference of more than 15.
    assert differences[0] < 0.1
    assert max(differences) < 12.0


def test_export_that_is_cancelled_leaves_nothing(folder: Path) -> None:
    control = Control()
    control.stop()
    before = sorted(folder.iterdir())
    with pytest.raises(Cancelled):
        export_video(folder / "clip.csv", folder / "clip.mp4", folder / "drawn.mp4", control)
    assert sorted(folder.iterdir()) == before
    with pytest.raises(RecordError, match="is the video itself"):
        export_video(folder / "clip.csv", folder / "clip.mp4", folder / "clip.mp4", Control())


def test_sound_is_silent_with_a_reason_where_there_is_none(qtbot: QtBot, folder: Path) -> None:
    sound = Sound()
    said: list[str] = []
    sound.problem_changed.connect(said.append)
    sound.open(folder / "clip.mp4")
    sound.play(0.5)
    sound.set_rate(2.0)
    sound.set_volume(0.5)
    qtbot.wait(50)
    if not sound.problem:
        pytest.skip("this machine has sound")
    assert said[-1] == sound.problem
    assert (sound.is_playing, sound.position_s) == (False, 0.0)
    sound.pause()
    sound.close()


def test_review_fits_a_small_screen_and_names_its_controls(opened: ReviewWorkspace) -> None:
    assert opened.minimumSizeHint().height() <= 640
    assert opened.minimumSizeHint().width() <= 1200
    kinds = (QAbstractButton, QComboBox, QAbstractSlider, QTableWidget, QProgressBar)
    controls = [child for kind in kinds for child in opened.findChildren(kind)]
    # What Qt makes for itself (scroll bars, arrows of tab bars, a table's corner) has names of its own.
    ours = [c for c in controls if not isinstance(c, QScrollBar) and type(c) is not QAbstractButton]
    ours = [c for c in ours if not isinstance(c.parent(), QTabBar | NoticeBar)]
    nameless = [c for c in ours if not (c.accessibleName() or getattr(c, "text", str)())]
    assert nameless == []


def test_review_remembers_its_layout_and_its_recordings(
    opened: ReviewWorkspace, folder: Path, settings: QSettings, qtbot: QtBot
) -> None:
    splitter = opened._splitters["review across"]
    splitter.setSizes([760, 520])
    chosen = splitter.sizes()
    assert opened.shutdown()
    again = ReviewWorkspace(Labels(EXPRESSIONS, ACTION_UNITS), settings)
    qtbot.addWidget(again)
    again.resize(1280, 720)
    again.show()
    assert again._splitters["review across"].sizes() == pytest.approx(chosen, abs=2)
    entry = again.findChild(RecentButton).menu().actions()[0]
    assert entry.text() == "clip.mp4"
    entry.trigger()
    qtbot.waitUntil(lambda: again.recording is not None, timeout=PATIENCE_MS)
    assert again.shutdown()


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


def test_review_draws_its_signs_in_every_theme(opened: ReviewWorkspace, qapp: QApplication) -> None:
    def colours(theme: Theme) -> set[int]:
        qapp.setPalette(palette_of(theme))
        qapp.processEvents()
        image = opened.commands._play.icon().pixmap(64, 64).toImage()
        return {image.pixel(x, y) for x in range(64) for y in range(64) if image.pixelColor(x, y).alpha() == 255}

    before = qapp.palette()
    try:
        for theme in (DARK, LIGHT):
            assert colours(theme) == {theme.text.rgb()}
    finally:
        qapp.setPalette(before)


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


def test_retired_threads_are_let_go_when_they_end(qtbot: QtBot, folder: Path) -> None:
    retired = RetiredThreads()
    finished, running = (RecordingLoader(folder / "clip.csv") for _ in range(2))
    finished.start()
    finished.stop()
    assert finished.wait(PATIENCE_MS)
    running.start()
    for thread in (finished, running):
        retired.add(thread)
    assert retired._threads == [running]
    running.stop()
    assert retired.wait()
    qtbot.waitUntil(lambda: retired._threads == [], timeout=PATIENCE_MS)
