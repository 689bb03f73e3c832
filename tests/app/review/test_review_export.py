"""What review writes for other programs."""

from __future__ import annotations

import csv
from pathlib import Path

import av
import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from fer_core.record.errors import RecordError
from fer_core.record.summary import write_summary
from fer_studio.marks import Mark, MarkKind
from fer_studio.review.export import export_rows, export_summary, export_video
from fer_studio.review.workspace import ReviewWorkspace
from fer_studio.workers.control import Cancelled, Control

PATIENCE_MS = 20_000
FRAMES = 24


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


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
    assert caught.args == [folder / "clip.mp4", "openface", None, ()]
    exports = opened.exports
    assert not exports._part.isEnabled()
    opened.timeline.selection_s = (0.2, 0.6)
    opened.timeline.marks.add(MarkKind.EXCLUDED, 0.3, 0.4)
    exports._part.trigger()
    with qtbot.waitSignal(opened.layout_requested) as caught:
        exports._media_actions[1].trigger()
    assert caught.args == [folder / "clip.mp4", "pyfeat", (0.2, 0.6), ((0.3, 0.4),)]
    opened.timeline.selection_s = None
    assert not exports._part.isChecked()


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


def test_review_replaces_no_file_whose_name_was_not_typed(
    opened: ReviewWorkspace, folder: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "mine.csv").write_text("mine")
    typed = iter([folder / "mine", folder / "new"])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *asked: (str(next(typed)), ""))
    summary = next(a for a in opened.exports._menu.actions() if a.text().startswith("Summary"))
    summary.trigger()
    assert f"{folder / 'mine.csv'}: exists already; give its whole name to replace it" in opened.exports.text
    with qtbot.waitSignal(opened.exports.exported, timeout=PATIENCE_MS) as caught:
        summary.trigger()
    assert caught.args == [folder / "new.csv"]
    assert (folder / "mine.csv").read_text() == "mine"


def test_export_rows_of_everything_is_the_file(folder: Path) -> None:
    source, target = folder / "clip.csv", folder / "all.csv"
    assert export_rows(source, target, None, [], Control()) == FRAMES
    assert target.read_bytes() == source.read_bytes()


def test_export_summary_of_everything_is_that_of_the_library(folder: Path) -> None:
    target = folder / "s.csv"
    marks = [Mark(0.2, 0.4, "task", MarkKind.RANGE), Mark(0.5, 0.5, "point", MarkKind.POINT)]
    assert export_summary(folder / "clip.csv", target, marks, Control()) == 2
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
    # The CSV keeps a tenth of a pixel: now and then a box (a difference of 2 to 3) or its panel too is drawn one pixel
    # further, and the encoder carries that on. What is drawn itself makes a difference of more than 15.
    assert differences[0] < 4.0
    assert max(differences) < 12.0


def test_export_of_a_video_that_breaks_off_keeps_what_is_there(folder: Path, cut_clip: Path) -> None:
    target = folder / "drawn.mp4"
    assert "breaks off" in (export_video(folder / "clip.csv", cut_clip, target, Control()) or "")
    with av.open(str(target)) as drawn:
        assert 3 < len(list(drawn.decode(video=0))) < FRAMES


def test_export_that_is_cancelled_leaves_nothing(folder: Path) -> None:
    control = Control()
    control.stop()
    before = sorted(folder.iterdir())
    with pytest.raises(Cancelled):
        export_video(folder / "clip.csv", folder / "clip.mp4", folder / "drawn.mp4", control)
    with pytest.raises(Cancelled):
        export_summary(folder / "clip.csv", folder / "summary.csv", [], control)
    assert sorted(folder.iterdir()) == before
    with pytest.raises(RecordError, match="is the video itself"):
        export_video(folder / "clip.csv", folder / "clip.mp4", folder / "clip.mp4", Control())
