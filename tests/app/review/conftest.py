"""A workspace with a recording: real media, rows from a tiny model."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.types import Frame
from fer_studio.annotate import annotate_files
from fer_studio.labels import Labels
from fer_studio.options import AnnotateOptions
from fer_studio.review.workspace import ReviewWorkspace

PATIENCE_MS = 20_000
FRAMES = 24


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
