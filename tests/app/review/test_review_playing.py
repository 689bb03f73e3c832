"""Playing, stepping and scrubbing, through the real widgets."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from fer_core.record.reader import read_native
from fer_studio.review.sound import Sound
from fer_studio.review.workspace import ReviewWorkspace

PATIENCE_MS = 20_000
FRAMES = 24
END_S = FRAMES / 25


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


class MadePlayer:
    """Says where it is as Qt does: now and then."""

    class PlaybackState:
        PlayingState = 1

    def __init__(self) -> None:
        self.set_ms: list[int] = []

    def playbackState(self) -> int:  # noqa: N802
        return self.PlaybackState.PlayingState

    def position(self) -> int:
        return self.set_ms[-1] if self.set_ms else 0

    def setPosition(self, position_ms: int) -> None:  # noqa: N802
        self.set_ms.append(position_ms)

    def setPlaybackRate(self, rate: float) -> None:  # noqa: N802
        pass

    def play(self) -> None:
        pass


def test_sound_tells_where_it_is_between_what_qt_says(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr("fer_studio.review.sound.time.perf_counter", lambda: now_s[0])
    sound = Sound()
    sound._player, sound._ready, sound._start_s = MadePlayer(), True, 1.4
    sound.set_rate(1.0)
    sound.play(3.4)
    assert sound._player.set_ms == [2000]  # Qt counts from where the file begins
    told = []
    for _ in range(6):
        told.append(sound.position_s)
        now_s[0] += 0.01
    assert np.diff(told) == pytest.approx([0.01] * 5)
    assert np.mean(told) == pytest.approx(3.4, abs=0.01)
    now_s[0] += 5.0  # it stands: of a sound that is not told any more, nothing is made up
    assert sound.position_s < 3.6


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
