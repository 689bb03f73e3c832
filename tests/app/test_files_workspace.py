"""The queue through its real widgets, with real small media and a tiny model."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from fer_core.infer.engine import Engine
from fer_core.infer.model_card import ModelError
from fer_core.record.sidecar import read_sidecar
from fer_studio.annotate import annotate_files
from fer_studio.engines import SharedEngine
from fer_studio.file_run import FileAnnotator
from fer_studio.files.job import Job, JobState, duration_text, split_problem
from fer_studio.files.lanes import Lanes
from fer_studio.files.placement import place_outputs
from fer_studio.files.queue_thread import Order
from fer_studio.files.table import NEWS, STATE
from fer_studio.files.workspace import FilesWorkspace
from fer_studio.jobs import _death
from fer_studio.options import AnnotateOptions

PATIENCE_MS = 60_000
FRAMES = 24

Make = Callable[..., FilesWorkspace]


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    settings = QSettings(str(tmp_path / "files.ini"), QSettings.Format.IniFormat)
    settings.setValue("preferences/file_jobs", 1)
    return settings


@pytest.fixture
def make(qtbot: QtBot, model: Path, settings: QSettings) -> Iterator[Make]:
    made: list[FilesWorkspace] = []

    def build(engine: Callable[[], Engine] | None = None) -> FilesWorkspace:
        workspace = FilesWorkspace(engine or SharedEngine(model, "cpu"), settings)
        workspace.resize(1000, 500)
        qtbot.addWidget(workspace)
        workspace.show()
        made.append(workspace)
        return workspace

    yield build
    ended = [workspace.shutdown() for workspace in made]
    assert all(ended)


@pytest.fixture
def clip(tmp_path: Path, media: Path) -> Path:
    return Path(shutil.copy(media / "clip.mp4", tmp_path))


def wait(qtbot: QtBot, workspace: FilesWorkspace) -> None:
    qtbot.waitUntil(lambda: all(job.is_over for job in workspace.jobs), timeout=PATIENCE_MS)


def cell(workspace: FilesWorkspace, row: int, column: int) -> str:
    return str(workspace.model.index(row, column).data())


def test_files_gives_the_bytes_of_the_command_line(qtbot: QtBot, make: Make, clip: Path, model: Path) -> None:
    workspace = make()
    workspace.add_paths([clip])
    wait(qtbot, workspace)
    (job,) = workspace.jobs
    assert (job.state, job.frames) == (JobState.DONE, FRAMES)
    assert job.recording == clip.parent / "fer-studio" / "clip.csv"
    out = clip.parent / "command line"
    annotate_files([clip], AnnotateOptions(out_dir=out, model=model, device="cpu"))
    assert job.recording.read_bytes() == (out / "clip.csv").read_bytes()
    ours, theirs = (read_sidecar(p) for p in (job.recording.with_suffix(".json"), out / "clip.json"))
    assert (ours.options, ours.model_sha256, ours.input_sha256) == (
        theirs.options,
        theirs.model_sha256,
        theirs.input_sha256,
    )


def test_files_finishes_the_others_and_names_reason_and_remedy(
    qtbot: QtBot, make: Make, clip: Path, media: Path
) -> None:
    workspace = make()
    workspace.add_paths([media / "text.mp4", media / "missing.mp4", clip])
    wait(qtbot, workspace)
    assert [job.state for job in workspace.jobs] == [JobState.FAILED, JobState.FAILED, JobState.DONE]
    assert split_problem(workspace.jobs[1]) == ("there is no such file", "check the path and its spelling")
    assert "there is no such file; check the path" in cell(workspace, 1, NEWS)
    workspace.select_row(0)
    assert str(media / "text.mp4") in workspace._detail.text()
    assert "What to do: " in workspace._detail.text()
    assert workspace._retry_button.isEnabled()
    assert not workspace._cancel_button.isEnabled()


def test_files_loads_what_was_measured_before(qtbot: QtBot, make: Make, clip: Path) -> None:
    workspace = make()
    opened: list[tuple[Path, Path]] = []
    workspace.open_recording.connect(lambda csv, media: opened.append((csv, media)))
    workspace.add_paths([clip])
    wait(qtbot, workspace)
    recording = clip.parent / "fer-studio" / "clip.csv"
    written = recording.stat().st_mtime_ns
    workspace.add_paths([clip])
    wait(qtbot, workspace)
    assert [job.state for job in workspace.jobs] == [JobState.DONE, JobState.REUSED]
    assert recording.stat().st_mtime_ns == written
    assert opened == [(recording, clip), (recording, clip)]  # the first while it grew


def test_files_never_replaces_the_results_of_another_run(qtbot: QtBot, make: Make, clip: Path, media: Path) -> None:
    workspace = make()
    workspace.add_paths([clip])
    wait(qtbot, workspace)
    first = (clip.parent / "fer-studio" / "clip.csv").read_bytes()
    workspace.options._smooth.setValue(0.5)
    workspace.add_paths([clip])
    wait(qtbot, workspace)
    shutil.copy(media / "other.mp4", clip)  # the same name, another content
    workspace.add_paths([clip])
    wait(qtbot, workspace)
    names = [job.recording.name for job in workspace.jobs if job.recording]
    assert names == ["clip.csv", "clip-2.csv", "clip-3.csv"]
    assert (clip.parent / "fer-studio" / "clip.csv").read_bytes() == first


def test_files_cancels_keeps_the_rows_and_goes_on(qtbot: QtBot, make: Make, long_clip: Path, clip: Path) -> None:
    target = Path(shutil.copy(long_clip, clip.parent))
    workspace = make()
    workspace.add_paths([target, clip])
    job = workspace.jobs[0]
    qtbot.waitUntil(lambda: job.frames > 5, timeout=PATIENCE_MS)
    assert "%" in cell(workspace, 0, STATE)
    workspace._table.selectAll()
    workspace._cancel_button.click()
    wait(qtbot, workspace)
    assert [j.state for j in workspace.jobs] == [JobState.CANCELLED, JobState.CANCELLED]
    assert job.recording is not None
    kept = job.recording.read_bytes()
    assert kept.count(b"\n") == job.frames + 1 < 145
    workspace._retry_button.click()
    wait(qtbot, workspace)
    assert [j.state for j in workspace.jobs] == [JobState.DONE, JobState.DONE]
    assert job.frames == 144
    assert job.recording.read_bytes().startswith(kept)


def test_files_writes_the_columns_of_another_tool_beside_the_native_ones(
    qtbot: QtBot, make: Make, clip: Path, model: Path
) -> None:
    workspace = make()
    workspace.add_paths([clip])
    workspace.add_layout(clip, "openface")
    workspace.add_layout(clip, "facereader")
    wait(qtbot, workspace)
    out = clip.parent / "command line"
    annotate_files([clip], AnnotateOptions(out_dir=out, model=model, device="cpu", layout="openface"))
    folder = clip.parent / "fer-studio"
    assert (folder / "clip.openface.csv").read_bytes() == (out / "clip.csv").read_bytes()
    assert read_sidecar(folder / "clip.json").layout == "native"
    assert read_sidecar(folder / "clip.facereader.json").layout == "facereader"


@pytest.mark.parametrize(("layout", "suffix"), [("openface", "csv"), ("facereader", "txt")])
def test_files_writes_the_rows_of_a_span_in_the_columns_of_another_tool(
    qtbot: QtBot, make: Make, clip: Path, layout: str, suffix: str
) -> None:
    workspace = make()
    workspace.add_layout(clip, layout)
    workspace.add_layout(clip, layout, (0.2, 0.6))
    wait(qtbot, workspace)
    whole, part = (job.recording.read_text().splitlines() for job in workspace.jobs if job.recording is not None)
    assert workspace.jobs[1].recording == clip.parent / "fer-studio" / f"clip.{layout}-2.{suffix}"
    assert whole[-24:][5:16] == part[-11:]
    assert len(part) == len(whole) - 24 + 11
    assert "0:00.2 to 0:00.6" in workspace.model.index(1, 0).data()


def test_files_begins_the_rows_of_a_span_anew(qtbot: QtBot, make: Make, clip: Path) -> None:
    workspace = make()
    workspace.add_layout(clip, "facereader", (0.2, 0.6))  # its rows do not tell which frame they are of
    wait(qtbot, workspace)
    (job,) = workspace.jobs
    assert job.recording is not None
    whole, sidecar = job.recording.read_bytes(), job.recording.with_suffix(".json")
    job.recording.write_bytes(whole[: whole.rindex(b"\n", 0, -200) + 1])
    sidecar.write_text(sidecar.read_text().replace('"complete": true', '"complete": false'))
    job.state = JobState.CANCELLED
    assert cell(workspace, 0, NEWS).endswith("Retry begins anew")
    workspace.retry_selected()
    wait(qtbot, workspace)
    assert (job.state, job.recording.read_bytes()) == (JobState.DONE, whole)


def test_files_asks_for_no_rows_of_excluded_ranges(make: Make, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[Order] = []
    monkeypatch.setattr(Lanes, "submit", lambda lanes, order: orders.append(order))
    make().add_layout(clip, "openface", (0.1, 0.9), ((0.2, 0.3),))
    assert (orders[0].options.span_s, orders[0].options.excluded_s) == ((0.1, 0.9), ((0.2, 0.3),))
    assert orders[0].options.is_partial


def test_files_says_why_the_network_cannot_be_used(qtbot: QtBot, make: Make, clip: Path) -> None:
    def broken() -> Engine:
        raise ModelError("a.onnx: cannot be loaded as an ONNX model")

    workspace = make(broken)
    workspace.add_paths([clip])
    wait(qtbot, workspace)
    reason, remedy = split_problem(workspace.jobs[0])
    assert "a.onnx: cannot be loaded" in reason
    assert "choose another model or device in the settings" in remedy


def test_files_uses_the_chosen_folder_and_remembers_choices(
    qtbot: QtBot, make: Make, clip: Path, settings: QSettings
) -> None:
    workspace = make()
    workspace.options.folder = clip.parent / "results"
    workspace.options._faces.setValue(2)
    workspace.options._video.setChecked(True)
    workspace.add_paths([clip])
    wait(qtbot, workspace)
    assert {p.name for p in (clip.parent / "results").iterdir()} == {"clip.csv", "clip.json", "clip.annotated.mp4"}
    workspace._table.setColumnWidth(0, 333)
    assert workspace.shutdown()
    again = make()
    assert again._table.columnWidth(0) == 333
    options = again.options
    assert options.folder == clip.parent / "results"
    assert (options.annotate_options("native").max_faces, options.annotate_options("native").video) == (2, True)


def test_files_takes_drops_and_folders_of_videos(qtbot: QtBot, make: Make, tmp_path: Path, media: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for name in ("b.mp4", "a.mp4"):
        shutil.copy(media / "clip.mp4", folder / name)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder)), QUrl("https://example.org/x.mp4")])
    workspace = make()
    no_button, no_key = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    workspace.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, data, no_button, no_key))
    assert [job.path.name for job in workspace.jobs] == ["a.mp4", "b.mp4"]
    workspace.add_paths([folder / "b.mp4"])
    assert len(workspace.jobs) == 2  # it waits already
    wait(qtbot, workspace)
    assert {job.state for job in workspace.jobs} == {JobState.DONE}


def test_files_removes_rows_but_not_what_runs(qtbot: QtBot, make: Make, long_clip: Path, clip: Path) -> None:
    workspace = make()
    workspace.options.folder = clip.parent
    workspace.add_paths([long_clip, clip])
    workspace._table.selectAll()
    workspace.remove_selected()
    assert [job.path for job in workspace.jobs] == [long_clip]
    workspace.cancel_selected()
    wait(qtbot, workspace)


def test_files_closes_in_the_middle_of_work_within_two_seconds(
    qtbot: QtBot, make: Make, long_clip: Path, tmp_path: Path
) -> None:
    workspace = make()
    workspace.options.folder = tmp_path
    workspace.add_paths([long_clip])
    qtbot.waitUntil(lambda: workspace.jobs[0].frames > 2, timeout=PATIENCE_MS)
    started_s = time.monotonic()
    assert workspace.shutdown()
    assert time.monotonic() - started_s < 2.0
    assert len((tmp_path / "long.csv").read_bytes().splitlines()) > 2


def test_place_outputs_steps_aside_for_files_of_others(tmp_path: Path, clip: Path, model: Path) -> None:
    engine = Engine(model, "cpu")
    annotator = FileAnnotator(AnnotateOptions(out_dir=tmp_path, device="cpu"), engine, None)
    assert place_outputs(clip, annotator).recording == tmp_path / "clip.csv"
    (tmp_path / "clip.json").write_text("{}")
    assert place_outputs(clip, annotator).recording == tmp_path / "clip-2.csv"
    (tmp_path / "clip-2.csv").write_text("mine")
    assert place_outputs(clip, annotator).recording == tmp_path / "clip-3.csv"


def test_place_outputs_leaves_a_folder_that_cannot_be_looked_at_to_the_writer(
    tmp_path: Path, clip: Path, model: Path
) -> None:
    folder = tmp_path / ("n" * 300)  # no system has such names: asking for it is an error
    annotator = FileAnnotator(AnnotateOptions(out_dir=folder, device="cpu"), Engine(model, "cpu"), None)
    assert place_outputs(clip, annotator).recording == folder / "clip.csv"


def test_files_rows_grow_with_the_text(make: Make, clip: Path) -> None:
    table = make()._table
    font = table.font()
    font.setPointSizeF(3 * font.pointSizeF())
    table.setFont(font)
    assert table.verticalHeader().defaultSectionSize() > table.fontMetrics().height()


def test_job_knows_rate_and_time_left_only_when_they_can_be_known() -> None:
    job = Job(1, Path("a.mp4"), state=JobState.RUNNING)
    assert duration_text(job.left_s) == ""
    job.frame_count, job.frames, job.elapsed_s = 1000, 100, 5.0
    assert (job.rate_hz, job.left_s, job.share) == (20.0, 45.0, 0.1)
    assert [duration_text(s) for s in (45.0, 3725.0)] == ["0:45", "1:02:05"]


def test_job_problem_speaks_of_the_window() -> None:
    job = Job(1, Path("a.mp4"), recording=Path("r/a.csv"))
    job.problem = "r/a.csv: cannot be written (No space left); free some space or choose another folder with -o"
    assert split_problem(job) == (
        "cannot be written (No space left)",
        "free some space or choose another folder for results",
    )
    for exit_code in (-9, 1):
        job.problem = f"a.mp4: {_death(exit_code)}"
        assert split_problem(job)[1].endswith("choose fewer files at once in the settings, then press Retry to go on")
        assert "--" not in "".join(split_problem(job))
