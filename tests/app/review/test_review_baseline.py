"""A recording from which somebody's neutral was subtracted: review shows the corrected values, and says so."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.record.csv import CsvRecorder
from fer_core.record.layouts import make_layout
from fer_core.types import Affect, Box, Face, FaceResult, FrameResult, MediaInfo, Pose, Status
from fer_studio.review.export import export_summary
from fer_studio.review.navigation import change_times
from fer_studio.review.statistics import face_statistics
from fer_studio.review.workspace import ReviewWorkspace
from fer_studio.session import Recording
from fer_studio.workers.control import Control

PATIENCE_MS = 20_000
FRAMES = 100
INFO = MediaInfo("made.mp4", 640, 360, 25.0, FRAMES, 4.0)
NEUTRAL, HAPPY, SAD = (EXPRESSIONS.index(name) for name in ("neutral", "happiness", "sadness"))

Write = Callable[[int], Path]


def affect(expression: int, valence: float, unit: float) -> Affect:
    probs = np.full(len(EXPRESSIONS), 0.02, np.float32)
    probs[expression] = 1 - 0.02 * (len(EXPRESSIONS) - 1)
    return Affect(probs, valence, -valence, np.full(len(ACTION_UNITS), unit, np.float32))


def frame(index: int, *, corrected: bool) -> FrameResult:
    """Sad all the time; as seen from the person's neutral they are neutral, and happy from frame 50 on."""
    seen = Face(1, Status.OK, 0.9, Box(1, 2, 30, 40), Pose(0, 0, 0), np.zeros((468, 3), np.float32))
    truth = affect(NEUTRAL if index < 50 else HAPPY, 0.5, 0.1)
    result = FaceResult(seen, affect(SAD, -0.5, 0.9), truth if corrected else None)
    return FrameResult(index, index / 25, 640, 360, Status.OK, (result,))


def recorded(first_corrected: int) -> Recording:
    recording = Recording(EXPRESSIONS, ACTION_UNITS, with_baseline=True)
    for index in range(FRAMES):
        recording.append(frame(index, corrected=index >= first_corrected))
    return recording


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(first_corrected: int) -> Path:
        path = tmp_path / "made.csv"
        layout = make_layout("native", EXPRESSIONS, ACTION_UNITS, with_baseline=True)
        with CsvRecorder(path, layout, INFO, overwrite=True) as recorder:
            for index in range(FRAMES):
                recorder.write(frame(index, corrected=index >= first_corrected))
        return path

    return write


def test_session_has_raw_values_where_nothing_was_subtracted() -> None:
    series = recorded(30).series(1)
    assert series.baseline_share == pytest.approx(0.7)
    assert series.valence().tolist() == [-0.5] * FRAMES
    assert series.valence(corrected=True).tolist() == [-0.5] * 30 + [0.5] * 70
    assert series.expression.tolist() == [SAD] * FRAMES
    assert series.corrected_expression.tolist() == [SAD] * 30 + [NEUTRAL] * 20 + [HAPPY] * 50
    assert (series.result(29, 1).affect_baseline, series.baseline_share) == (None, pytest.approx(0.7))
    corrected = series.result(30, 1).affect_baseline
    assert corrected is not None
    assert corrected.valence == 0.5
    recording = recorded(30)
    recording.forget_before(30 / 25)
    assert recording.series(1).baseline_share == 1.0
    plain = Recording(EXPRESSIONS, ACTION_UNITS)
    plain.append(frame(0, corrected=False))
    assert (plain.series(1).corrected_expression.tolist(), plain.baseline_shares()) == ([SAD], {})


def test_navigation_and_statistics_go_by_corrected_values() -> None:
    recording = recorded(0)
    assert change_times(recording, 1).tolist() == [2.0]
    raw, corrected = (face_statistics(recording, 1, corrected=which) for which in (False, True))
    assert (raw.expression_share["sadness"], raw.valence_mean, raw.au_rate[12]) == (1.0, -0.5, 1.0)
    assert corrected.expression_share["happiness"] == pytest.approx(0.5)
    assert (corrected.valence_mean, corrected.arousal_mean, corrected.au_rate[12]) == (0.5, -0.5, 0.0)
    partly = recorded(75)
    assert face_statistics(partly, 1, corrected=True).valence_mean == pytest.approx(-0.25)
    strictly = face_statistics(partly, 1, corrected=True, strictly=True)
    assert (strictly.frames_ok, strictly.valence_mean) == (25, 0.5)


def test_export_summary_has_figures_of_raw_and_of_corrected_values(write: Write, tmp_path: Path) -> None:
    target = tmp_path / "summary.csv"
    export_summary(write(75), target, [], Control())
    with target.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (float(row["valence_mean"]), float(row["valence_mean_b"])) == (-0.5, 0.5)
    assert (float(row["share_sadness"]), float(row["share_happiness_b"])) == (1.0, 1.0)
    assert (float(row["au12_rate"]), float(row["au12_rate_b"])) == (1.0, 0.0)
    target.unlink()
    export_summary(write(FRAMES), target, [], Control())  # the columns are there, and empty
    with target.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert math.isnan(float(row["valence_mean_b"]))


@pytest.mark.parametrize(("first_corrected", "part"), [(0, ""), (75, " in part")])
def test_review_shows_corrected_values_and_says_so(
    review: ReviewWorkspace, write: Write, qtbot: QtBot, first_corrected: int, part: str
) -> None:
    review.open(write(first_corrected), None)
    qtbot.waitUntil(lambda: review.timeline.face_id == 1, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: f"neutral baseline subtracted{part}" in review._title.text(), timeout=PATIENCE_MS)
    assert review._title.text().count(" in part") == bool(part)
    curves = review.timeline.plots.curves
    qtbot.waitUntil(lambda: len(curves["valence"].getData()[1]) == FRAMES, timeout=PATIENCE_MS)
    assert curves["valence"].getData()[1].tolist() == [-0.5] * first_corrected + [0.5] * (FRAMES - first_corrected)
    (stretches,) = review.timeline.plots.ribbon._rows
    assert [run.expression for run in stretches] == ([SAD, HAPPY] if part else [NEUTRAL, HAPPY])
    note = f"Neutral baseline of face 1 is subtracted{part and part + ' of the recording'}; ticks show raw values."
    assert review.panel._note.isVisible()
    assert review.panel._note.text() == note
    review.statistics.refresh()
    assert f"over the whole recording, neutral baseline subtracted{part}\n" in review.statistics._title.text()
    table = review.statistics._table
    figures = {table.item(row, 0).text(): table.item(row, 1).text() for row in range(table.rowCount())}
    assert figures["Valence"].startswith("-0.250" if part else "+0.500")
    review.close_recording()
    assert not review.panel._note.isVisible()


def test_review_says_nothing_of_a_baseline_that_there_is_not(opened: ReviewWorkspace) -> None:
    opened.statistics.refresh()
    assert not opened.panel._note.isVisible()
    assert "baseline" not in opened._title.text() + opened.statistics._title.text()
