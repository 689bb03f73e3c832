"""Review as a whole, through its real widgets."""

from __future__ import annotations

from pathlib import Path

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
)
from pytestqt.qtbot import QtBot

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.record.reader import read_native
from fer_studio.files.recent import RecentButton
from fer_studio.labels import Labels
from fer_studio.notices import NoticeBar
from fer_studio.review.recording_loader import RecordingLoader
from fer_studio.review.successive_threads import SuccessiveThreads
from fer_studio.review.workspace import ReviewWorkspace
from fer_studio.theme import DARK, LIGHT, Theme, palette_of

PATIENCE_MS = 20_000
FRAMES = 24


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


def test_review_says_that_paths_cannot_be_looked_at(review: ReviewWorkspace, folder: Path, qtbot: QtBot) -> None:
    name = "n" * 300  # no system has such names: asking for it is an error, as for a share that is not mounted
    review.open(folder / f"{name}.csv", folder / f"{name}.mp4")
    assert not review.exports._video_action.isEnabled()
    find = next(b for b in review.video.findChildren(QPushButton) if b.isVisible())
    assert find.text() == "Find …"
    qtbot.waitUntil(lambda: "cannot be read (File name too long)" in review.notice.text, timeout=PATIENCE_MS)


def test_review_statistics_rows_grow_with_the_text(opened: ReviewWorkspace) -> None:
    opened.statistics.refresh()
    table = opened.statistics._table
    font = opened.statistics.font()
    font.setPointSizeF(2 * font.pointSizeF())
    opened.statistics.setFont(font)
    assert table.rowHeight(1) >= table.fontMetrics().height()


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
    panel = opened.panel._splitter
    panel.setSizes([100, 300, 200])
    heights = panel.sizes()
    assert opened.shutdown()
    again = ReviewWorkspace(Labels(EXPRESSIONS, ACTION_UNITS), settings)
    qtbot.addWidget(again)
    again.resize(1280, 720)
    again.show()
    assert again._splitters["review across"].sizes() == pytest.approx(chosen, abs=2)
    assert again.panel._splitter.sizes() == pytest.approx(heights, abs=8)  # of another height
    entry = again.findChild(RecentButton).menu().actions()[0]
    assert entry.text() == "clip.mp4"
    entry.trigger()
    qtbot.waitUntil(lambda: again.recording is not None, timeout=PATIENCE_MS)
    assert again.shutdown()


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


def test_review_remembers_how_a_person_watches(
    opened: ReviewWorkspace, folder: Path, settings: QSettings, qtbot: QtBot
) -> None:
    opened.transport._volume.setValue(35)
    opened.transport.change_speed(-1)
    QTest.keyClick(opened, Qt.Key.Key_L)
    opened._view_switches["axes"].trigger()
    for text in ("Happiness", "Arousal"):  # one more, one less
        action = next(a for a in opened.timeline._header._actions.values() if a.text() == text)
        action.trigger()
    assert opened.timeline.signals == ("valence", "p_happiness")
    assert opened.shutdown()
    again = ReviewWorkspace(Labels(EXPRESSIONS, ACTION_UNITS), settings)
    qtbot.addWidget(again)
    again.open(folder / "clip.csv", folder / "clip.mp4")
    qtbot.waitUntil(lambda: again.recording is not None and len(again.player.time_s) > 0, timeout=PATIENCE_MS)
    assert again.player.sound._volume == 0.35
    assert (again.transport.speed, again.player.clock.speed) == (0.75, 0.75)
    assert again.timeline.signals == ("valence", "p_happiness")
    assert again.video.show_axes
    assert again.video.show_boxes
    again.timeline.selection_s = (0.2, 0.4)
    assert again.player.clock.loop_s == (0.2, 0.4)
    assert again.shutdown()


def test_successive_threads_let_go_of_those_that_end(qtbot: QtBot, folder: Path) -> None:
    threads: SuccessiveThreads[RecordingLoader] = SuccessiveThreads()
    first, second = (RecordingLoader(folder / "clip.csv") for _ in range(2))
    threads.start(first)
    threads.start(second)
    assert threads.current is second
    qtbot.waitUntil(lambda: threads._retired == [], timeout=PATIENCE_MS)
    assert second.isRunning()
    assert threads.shutdown()
    assert threads.current is None
    qtbot.waitUntil(lambda: threads._retired == [], timeout=PATIENCE_MS)
