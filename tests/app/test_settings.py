"""What is remembered, and that remembering holds up nothing."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from fer_studio.settings import Settings, Store


def test_settings_are_read_back_and_wrong_ones_are_not_chosen(tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "studio.ini"
    settings = Settings(path)
    settings.change(camera="Wide", mirror=False, file_jobs=3)
    settings.store.setValue("preferences/max_faces", "many")
    settings.store.sync()
    again = Settings(path).preferences
    assert (again.camera, again.mirror, again.file_jobs, again.max_faces) == ("Wide", False, 3, 4)


def test_store_writes_in_the_background_and_seldom(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers: list[int] = []
    write = Store._write

    def noted(store: Store) -> None:
        writers.append(threading.get_ident())
        write(store)

    monkeypatch.setattr(Store, "_write", noted)
    path = tmp_path / "studio.ini"
    store = Store(path)
    for value in range(50):  # as a slider does
        store.setValue("smoothing", value)
        QCoreApplication.processEvents()
    qtbot.waitUntil(lambda: path.exists() and b"smoothing=49" in path.read_bytes(), timeout=10_000)
    store.setValue("smoothing", 50)
    qtbot.waitUntil(lambda: b"smoothing=50" in path.read_bytes(), timeout=10_000)
    assert 0 < len(writers) < 10
    assert threading.get_ident() not in writers


def test_store_writes_what_is_left_when_it_is_asked(tmp_path: Path, qtbot: QtBot) -> None:
    store = Store(tmp_path / "studio.ini")
    store.setValue("volume", 0.5)
    store.sync()
    assert b"volume=0.5" in (tmp_path / "studio.ini").read_bytes()
