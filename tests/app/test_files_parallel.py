"""Several files of the queue at the same time, and what the queue says of all of them."""

from __future__ import annotations

import math
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from fer_core.infer.engine import Engine
from fer_studio.annotate import annotate_files
from fer_studio.engines import SharedEngine
from fer_studio.file_run import FileAnnotator
from fer_studio.files import queue_thread
from fer_studio.files.job import Job, JobState
from fer_studio.files.job_count import chosen_jobs, usual_jobs
from fer_studio.files.pace import QueuePace, frames_left
from fer_studio.files.placement import Reservations
from fer_studio.files.workspace import FilesWorkspace
from fer_studio.jobs import Task
from fer_studio.options import AnnotateOptions
from fer_studio.outcome import End, Listener, Outcome

PATIENCE_MS = 120_000


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    settings = QSettings(str(tmp_path / "files.ini"), QSettings.Format.IniFormat)
    settings.setValue("preferences/file_jobs", 2)
    return settings


@pytest.fixture
def workspace(qtbot: QtBot, model: Path, settings: QSettings, tmp_path: Path) -> Iterator[FilesWorkspace]:
    workspace = FilesWorkspace(SharedEngine(model, "cpu"), settings)
    workspace.options.folder = tmp_path / "results"
    qtbot.addWidget(workspace)
    workspace.show()
    yield workspace
    started_s = time.monotonic()
    assert workspace.shutdown()
    assert time.monotonic() - started_s < 2.0


@pytest.fixture
def clips(tmp_path: Path, long_clip: Path, media: Path) -> list[Path]:
    """Two of the same name, and a third."""
    clips = [tmp_path / day / "clip.mp4" for day in ("monday", "tuesday")] + [tmp_path / "short.mp4"]
    for clip, source in zip(clips, (long_clip, long_clip, media / "clip.mp4"), strict=True):
        clip.parent.mkdir(exist_ok=True)
        shutil.copy(source, clip)
    with clips[1].open("ab") as file:  # an empty box: the same pictures in another file
        file.write(b"\0\0\0\x08free")
    return clips


def test_files_measures_two_at_once_and_gives_the_bytes_of_the_command_line(
    qtbot: QtBot, workspace: FilesWorkspace, clips: list[Path], model: Path, tmp_path: Path
) -> None:
    seen: list[bool] = []
    workspace.busy_changed.connect(seen.append)
    workspace.add_paths(clips)
    third = workspace.jobs[2]
    assert [job.state for job in workspace.jobs] == [JobState.RUNNING, JobState.RUNNING, JobState.WAITING]
    qtbot.waitUntil(lambda: "frames/s" in workspace._summary.text(), timeout=PATIENCE_MS)
    assert workspace._summary.text().endswith(" left")
    assert {child.name.split("-")[0] for child in multiprocessing.active_children()} == {"SpawnProcess"}

    def over() -> bool:
        running = sum(job.state is JobState.RUNNING for job in workspace.jobs)
        assert running == min(2, sum(not job.is_over for job in workspace.jobs))
        return third.is_over and not running

    qtbot.waitUntil(over, timeout=PATIENCE_MS)
    assert workspace._summary.text() == "all 3 finished"
    assert seen == [True, False]
    out = tmp_path / "command line"
    annotate_files(clips, AnnotateOptions(out_dir=out, model=model, device="cpu"))
    recordings = [job.recording for job in workspace.jobs]
    assert sorted(r.name for r in recordings if r) == ["clip-2.csv", "clip.csv", "short.csv"]
    for recording, name in zip(recordings, ("monday_clip", "tuesday_clip", "short"), strict=True):
        assert recording is not None
        assert recording.read_bytes() == (out / f"{name}.csv").read_bytes()


def test_files_cancels_one_of_two_and_goes_on_with_the_other(
    qtbot: QtBot, workspace: FilesWorkspace, clips: list[Path], endless_clip: Path
) -> None:
    workspace.add_paths([endless_clip, *clips[1:]])
    first, second, third = workspace.jobs
    assert second.state is JobState.RUNNING
    qtbot.waitUntil(lambda: first.frames > 0, timeout=PATIENCE_MS)
    workspace.select_row(0)
    workspace._cancel_button.click()
    qtbot.waitUntil(lambda: all(job.is_over for job in workspace.jobs), timeout=PATIENCE_MS)
    assert [job.state for job in (first, second, third)] == [JobState.CANCELLED, JobState.DONE, JobState.DONE]
    assert first.recording is not None
    kept = first.recording.read_bytes()
    assert kept.count(b"\n") == first.frames + 1 < 1441
    workspace._retry_button.click()
    qtbot.waitUntil(lambda: first.is_over, timeout=PATIENCE_MS)
    assert (first.state, first.frames) == (JobState.DONE, 1440)
    assert first.recording.read_bytes().startswith(kept)


def test_files_measures_apart_on_the_device_of_the_shared_network(
    qtbot: QtBot, workspace: FilesWorkspace, clips: list[Path], settings: QSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[AnnotateOptions] = []

    class Worker:
        def __init__(self, options: AnnotateOptions) -> None:
            self.options = options

        def run(self, task: Task, listener: Listener, should_stop: Callable[[], bool]) -> Outcome:
            asked.append(self.options)
            return Outcome(task.path, End.DONE)

        def close(self) -> None:
            pass

    monkeypatch.setattr(queue_thread, "SerialWorker", Worker)
    settings.setValue("preferences/device", "cuda")  # the command line said otherwise
    workspace.add_paths(clips)
    qtbot.waitUntil(lambda: all(job.is_over for job in workspace.jobs), timeout=PATIENCE_MS)
    assert len(asked) >= 2  # the last one may be alone
    assert {options.device for options in asked} == {"cpu"}


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_files_outlives_a_worker_that_dies(qtbot: QtBot, workspace: FilesWorkspace, clips: list[Path]) -> None:
    workspace.add_paths(clips)
    first, second, third = workspace.jobs
    qtbot.waitUntil(lambda: len(multiprocessing.active_children()) == 2, timeout=PATIENCE_MS)
    victim = multiprocessing.active_children()[0]
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: all(job.is_over for job in workspace.jobs), timeout=PATIENCE_MS)
    assert sorted(job.state for job in (first, second)) == sorted([JobState.FAILED, JobState.DONE])
    failed = first if first.state is JobState.FAILED else second
    assert "its worker process was ended by SIGKILL" in failed.problem
    assert third.state is JobState.DONE


def test_files_closes_in_the_middle_of_two(qtbot: QtBot, workspace: FilesWorkspace, clips: list[Path]) -> None:
    workspace.add_paths(clips)
    qtbot.waitUntil(lambda: all(job.frames > 2 for job in workspace.jobs[:2]), timeout=PATIENCE_MS)
    started_s = time.monotonic()
    assert workspace.shutdown()
    assert time.monotonic() - started_s < 2.0
    for job in workspace.jobs[:2]:
        assert job.recording is not None
        assert len(job.recording.read_bytes().splitlines()) > 2
    qtbot.waitUntil(lambda: multiprocessing.active_children() == [], timeout=PATIENCE_MS)


def test_reservations_give_no_name_twice(tmp_path: Path, clips: list[Path], model: Path) -> None:
    options = AnnotateOptions(out_dir=tmp_path, device="cpu")
    annotator = FileAnnotator(options, Engine(model, "cpu"), None)
    reservations = Reservations()
    with reservations.place(clips[0], annotator) as first, reservations.place(clips[1], annotator) as second:
        assert (first.recording.name, second.recording.name) == ("clip.csv", "clip-2.csv")
    with reservations.place(clips[1], annotator) as third:
        assert third.recording.name == "clip.csv"


def test_job_count_is_what_was_chosen_else_after_the_cores(settings: QSettings) -> None:
    assert chosen_jobs(settings) == 2
    for word in (0, -3, "many"):
        settings.setValue("preferences/file_jobs", word)
        assert chosen_jobs(settings) == usual_jobs() >= 1
    settings.setValue("preferences/file_jobs", 1000)
    assert chosen_jobs(settings) == 16


def test_queue_pace_counts_all_jobs_and_guesses_the_rest() -> None:
    clock = [0.0]
    pace = QueuePace(lambda: clock[0])
    done = Job(1, Path("a"), state=JobState.DONE, frames=100)
    running = Job(2, Path("b"), state=JobState.RUNNING, frames=40, frame_count=200)
    waiting, failed = Job(3, Path("c")), Job(4, Path("d"), state=JobState.FAILED, frames=7)
    jobs = [done, running, waiting, failed]
    assert math.isnan(frames_left([waiting]))
    assert frames_left(jobs) == 160 + 150  # what waits is as long as the mean of 100 and 200
    assert math.isnan(pace.rate_hz)
    pace.note(1, 10)  # these took time that nobody measured
    clock[0] = 2.0
    pace.note(1, 100)
    pace.note(2, 24)
    assert pace.rate_hz == 62.0
    assert pace.left_s(jobs) == pytest.approx(310 / 62)
    pace.restart()
    assert math.isnan(pace.left_s(jobs))
