"""The recordings that were looked at last."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from fer_studio.files.drop_page import DropPage
from fer_studio.files.recent import RecentButton, RecentRecordings


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "studio.ini"), QSettings.Format.IniFormat)


def make_csv(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("frame\n")
    return path


def test_recent_keeps_the_newest_first_without_repeating(settings: QSettings, tmp_path: Path) -> None:
    recordings = RecentRecordings(settings)
    paths = [make_csv(tmp_path, f"{number}.csv") for number in range(14)]
    for path in paths:
        recordings.add(path, path.with_suffix(".mp4"))
    recordings.add(paths[5], None)
    entries = RecentRecordings(settings).all()
    assert entries[0] == (paths[5], None)
    assert [entry.csv.stem for entry in entries] == ["5", "13", "12", "11", "10", "9", "8", "7", "6", "4", "3", "2"]
    assert entries[1].title == "13.mp4"


def test_recent_leaves_out_what_is_gone_and_what_cannot_be_read(settings: QSettings, tmp_path: Path) -> None:
    recordings = RecentRecordings(settings)
    path = make_csv(tmp_path, "a.csv")
    recordings.add(path, None)
    path.unlink()
    assert recordings.all() == []
    for nonsense in ("{", "7", '[["only one"]]', "[[1, 2]]"):
        settings.setValue("files/recent", nonsense)
        assert recordings.all() == []


def test_recent_leaves_out_what_cannot_be_looked_at(settings: QSettings, tmp_path: Path) -> None:
    recordings = RecentRecordings(settings)
    there = make_csv(tmp_path, "a.csv")
    recordings.add(there, None)
    recordings.add(tmp_path / f"{'n' * 300}.csv", None)  # no system has such names: asking for it is an error
    assert [entry.csv for entry in recordings.all()] == [there]


def test_recent_button_offers_what_was_added_meanwhile(qtbot: QtBot, settings: QSettings, tmp_path: Path) -> None:
    button = RecentButton(RecentRecordings(settings))
    qtbot.addWidget(button)
    assert [action.isEnabled() for action in button.menu().actions()] == [False]
    csv, media = make_csv(tmp_path, "a&b.csv"), tmp_path / "a&b.mp4"
    RecentRecordings(settings).add(csv, media)
    button.menu().aboutToShow.emit()
    (action,) = button.menu().actions()
    assert (action.text(), action.toolTip()) == ("a&&b.mp4", str(csv))
    with qtbot.waitSignal(button.chosen) as caught:
        action.trigger()
    assert caught.args == [csv, media]


def test_drop_page_shows_the_last_ones(qtbot: QtBot, settings: QSettings, tmp_path: Path) -> None:
    recordings = RecentRecordings(settings)
    page = DropPage(recordings)
    qtbot.addWidget(page)
    page.resize(900, 600)
    page.show()
    recordings.add(make_csv(tmp_path, "clip.csv"), None)
    page.refresh()
    (entry,) = [button for button in page.findChildren(QPushButton) if "clip.csv" in button.text()]
    qtbot.waitUntil(entry.isVisible)
    with qtbot.waitSignal(page.recent_chosen) as caught:
        qtbot.mouseClick(entry, Qt.MouseButton.LeftButton)
    assert caught.args == [tmp_path / "clip.csv", None]
    (tmp_path / "clip.csv").unlink()
    page.refresh()
    assert not entry.isVisible()
