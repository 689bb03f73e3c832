"""What the live view measures, shows and records, with a real pipeline and a tiny model."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from fer_core.infer.baseline import Baseline, NeutralReference
from fer_core.infer.engine import Engine
from fer_core.infer.pipeline import Pipeline
from fer_core.infer.smoothing import Smoother
from fer_core.media.source import open_source
from fer_core.record.reader import read_native
from fer_core.types import Affect, Box, Face, FaceResult, Frame, FrameResult, MediaInfo, Pose, Status
from fer_studio import cli
from fer_studio.live import calibration
from fer_studio.live.analyser import LiveAnalyser
from fer_studio.live.calibration import Calibration, CalibrationError
from fer_studio.live.record_thread import RecordThread
from fer_studio.live.recording_files import RecordingFiles
from fer_studio.live.selection import PATIENCE_S, UNCHOSEN_PATIENCE_S, FaceSelection
from fer_studio.review.find_media import find_media
from fer_studio.workers.analysis import AnalysisThread, LiveResult
from fer_studio.workers.capture import Captured
from fer_studio.workers.mailbox import Mailbox


@pytest.fixture(scope="module")
def engine(model: Path) -> Engine:
    return Engine(model, "cpu")


@pytest.fixture(scope="module")
def frames(long_clip: Path) -> list[Frame]:
    with open_source(long_clip) as source:
        return list(source.frames())


@pytest.fixture
def analyser(engine: Engine) -> Iterator[LiveAnalyser]:
    analyser = LiveAnalyser(Pipeline(engine))
    yield analyser
    analyser.close()


def face(face_id: int, side_px: float = 100.0, affect: Affect | None = None, status: Status = Status.OK) -> FaceResult:
    landmarks = np.zeros((468, 3), np.float32)
    return FaceResult(Face(face_id, status, 0.9, Box(0, 0, side_px, side_px), Pose(0, 0, 0), landmarks), affect)


def shown(time_s: float, *faces: FaceResult) -> FrameResult:
    return FrameResult(round(time_s * 30), time_s, 640, 480, Status.OK if faces else Status.NO_FACE, faces)


def neutral(valence: float = 0.1) -> Affect:
    return Affect(np.full(8, 1 / 8, np.float32), valence, 0.2, np.full(18, 0.1, np.float32))


# --- selection


def test_selection_begins_with_the_largest_usable_face() -> None:
    selection = FaceSelection()
    assert selection.update(shown(0.0)) is None
    largest = selection.update(shown(0.1, face(1), face(2, 200), face(3, 300, status=Status.OCCLUDED)))
    assert largest is not None
    assert selection.face_id == 2


@pytest.mark.parametrize(("chosen", "patience_s"), [(False, UNCHOSEN_PATIENCE_S), (True, PATIENCE_S)])
def test_selection_survives_short_losses_and_then_takes_another_face(chosen: bool, patience_s: float) -> None:
    selection = FaceSelection()
    selection.update(shown(10.0, face(1)))
    if chosen:
        selection.choose(1)
        selection.update(shown(10.0, face(1)))
    assert selection.update(shown(10 + patience_s - 0.1, face(2, 500))) is None
    assert selection.face_id == 1
    assert selection.update(shown(10 + patience_s - 0.05, face(1), face(2, 500))) is not None
    selection.update(shown(10 + 2 * patience_s, face(2, 500)))
    assert selection.face_id == 2


def test_selection_of_a_person_stays_against_larger_faces_and_without_others() -> None:
    selection = FaceSelection()
    selection.update(shown(0.0, face(1), face(2, 500)))
    selection.choose(1)
    for time_s in (0.1, 5.0, 10.0):
        assert selection.update(shown(time_s, face(1), face(2, 500))) is not None
    assert selection.update(shown(100.0)) is None
    assert selection.face_id == 1


# --- calibration


def test_calibration_is_done_after_its_time_and_enough_frames() -> None:
    collecting = Calibration(1)
    results = [collecting.add(shown(i / 30, face(1, affect=neutral()), face(2, affect=neutral()))) for i in range(92)]
    assert results.index(True) == 90
    assert len(collecting.affects) == 92
    slow = Calibration(1)
    times_s = [i * 0.9 for i in range(calibration.MIN_FRAMES)]
    assert [slow.add(shown(t, face(1, affect=neutral()))) for t in times_s].index(True) == calibration.MIN_FRAMES - 1


def test_calibration_bridges_a_blink_and_fails_when_the_face_is_lost() -> None:
    collecting = Calibration(1)
    collecting.add(shown(0.0, face(1, affect=neutral())))
    assert not collecting.add(shown(0.9, face(1, status=Status.OCCLUDED)))
    with pytest.raises(CalibrationError, match="Face 1 was not seen well enough"):
        collecting.add(shown(1.1))


# --- analyser


def test_analyser_measures_what_the_pipeline_measures(
    engine: Engine, analyser: LiveAnalyser, frames: list[Frame]
) -> None:
    with Pipeline(engine) as pipeline:
        for frame, expected in zip(frames[:30], pipeline.run(frames[:30]), strict=True):
            analysed = analyser.process(frame)
            assert_same(analysed.measured, expected)
            assert analysed.shown is analysed.measured


def test_analyser_smooths_what_is_shown_and_not_what_is_measured(analyser: LiveAnalyser, frames: list[Frame]) -> None:
    analyser.set_smoothing(0.5)
    smoother = Smoother(0.5)
    moved = 0.0
    for frame in frames[:30]:
        analysed = analyser.process(frame)
        for raw, smooth in zip(analysed.measured.faces, analysed.shown.faces, strict=True):
            assert raw.affect is not None
            assert smooth.affect is not None
            expected = smoother.apply(raw.face.face_id, frame.time_s, raw.affect)
            np.testing.assert_array_equal(smooth.affect.expression_probs, expected.expression_probs)
            moved = max(moved, abs(smooth.affect.valence - raw.affect.valence))
    assert moved > 1e-4
    analyser.set_smoothing(0.0)
    analysed = analyser.process(frames[30])
    assert analysed.shown is analysed.measured


def test_analyser_subtracts_a_neutral_face_and_keeps_the_raw_values(
    engine: Engine, analyser: LiveAnalyser, frames: list[Frame]
) -> None:
    first = analyser.process(frames[0]).measured.faces[0]
    analyser.calibrate(first.face.face_id)
    raw: list[Affect] = []
    rest = iter(frames[1:])
    for frame in rest:
        analysed = analyser.process(frame)
        raw += [f.affect for f in analysed.measured.faces if f.affect is not None]
        if analyser.baselines:
            break
        assert analysed.calibration is not None
        assert all(f.affect_baseline is None for f in analysed.measured.faces)
    assert list(analyser.baselines) == [first.face.face_id]
    baseline = Baseline.from_affects(raw, NeutralReference.of_card(engine.card))
    after = analyser.process(next(rest)).measured.faces[0]
    assert after.affect is not None
    assert after.affect_baseline is not None
    assert after.affect_baseline.valence == baseline.correct(after.affect).valence
    assert after.affect_baseline.valence == pytest.approx(after.affect.valence - baseline.va[0], abs=1e-6)
    analyser.reset_baselines()
    assert analyser.process(next(rest)).measured.faces[0].affect_baseline is None


def test_analyser_gives_up_calibrating_a_face_that_is_not_there(analyser: LiveAnalyser, frames: list[Frame]) -> None:
    analyser.calibrate(99)
    problems = [analyser.process(frame).calibration_problem for frame in frames[:40]]
    told = [p for p in problems if p is not None]
    assert len(told) == 1
    assert "Face 99" in told[0]
    assert not analyser.baselines


def assert_same(one: FrameResult, other: FrameResult) -> None:
    assert (one.index, one.time_s, one.status, len(one.faces)) == (
        *(other.index, other.time_s),
        *(other.status, len(other.faces)),
    )
    for mine, theirs in zip(one.faces, other.faces, strict=True):
        assert (mine.face.face_id, mine.face.status, mine.face.box) == (
            *(theirs.face.face_id, theirs.face.status),
            theirs.face.box,
        )
        assert (mine.affect is None) == (theirs.affect is None)
        if mine.affect is not None and theirs.affect is not None:
            np.testing.assert_array_equal(mine.affect.expression_probs, theirs.affect.expression_probs)
            np.testing.assert_array_equal(mine.affect.au_probs, theirs.affect.au_probs)
            assert (mine.affect.valence, mine.affect.arousal) == (theirs.affect.valence, theirs.affect.arousal)


# --- threads


class Bench:
    """The analysis thread with its mailboxes, fed one picture at a time."""

    def __init__(self, engine: Engine, qtbot: QtBot) -> None:
        self.inbox: Mailbox[Captured] = Mailbox()
        self.outbox: Mailbox[LiveResult] = Mailbox()
        self.thread = AnalysisThread(lambda: engine, 4, self.inbox, self.outbox)
        with qtbot.waitSignal(self.thread.ready, timeout=60_000):
            self.thread.start()

    def measure(self, frame: Frame, session: int = 1) -> LiveResult:
        self.inbox.put(Captured(frame, 0.0, session))
        result = self.outbox.wait(30.0)
        assert result is not None
        return result

    def close(self) -> None:
        self.thread.stop()
        assert self.thread.wait(2000)


@pytest.fixture
def bench(engine: Engine, qtbot: QtBot) -> Iterator[Bench]:
    bench = Bench(engine, qtbot)
    yield bench
    bench.close()


def test_window_gives_the_numbers_of_annotate_row_by_row(
    bench: Bench, engine: Engine, media: Path, model: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    """The same frames, once through the threads of the window and once through the command line."""
    clip = media / "clip.mp4"
    assert cli.main(["annotate", str(clip), "-o", str(tmp_path / "cli"), "--model", str(model), "--quiet"]) == 0
    with open_source(clip) as source:
        info, pictures = source.info, list(source.frames())
    recorder = RecordThread(tmp_path / "live", info, engine, {"camera": "file"})
    with qtbot.waitSignal(recorder.begun, timeout=30_000):
        recorder.start()
    bench.thread.record_to(recorder)
    for picture in pictures:
        bench.measure(picture)
    with qtbot.waitSignal(recorder.saved, timeout=30_000) as saved:
        bench.thread.record_to(None)
    assert recorder.wait(5000)
    paths = saved.args[0]
    assert paths.frames == len(pictures)
    with (tmp_path / "cli" / "clip.csv").open(newline="") as file:
        expected = list(csv.DictReader(file))
    with paths.csv.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(expected) >= len(pictures)
    assert [{name: row[name] for name in expected[0]} for row in rows] == expected
    assert sum(row["status"] == "ok" for row in rows) > len(rows) / 2
    sidecar = json.loads(paths.csv.with_suffix(".json").read_text())
    assert (sidecar["complete"], sidecar["frame_count"], sidecar["model_name"]) == (True, len(pictures), "tiny")
    with av.open(str(paths.video)) as container:
        times_s = [frame.time for frame in container.decode(video=0)]
    assert times_s == pytest.approx([float(row["time_s"]) for row in rows], abs=1e-3)


def test_analysis_begins_anew_with_another_camera(bench: Bench, frames: list[Frame]) -> None:
    ids = {f.face.face_id for frame in frames[:5] for f in bench.measure(frame, session=1).result.faces}
    again = {f.face.face_id for frame in frames[:5] for f in bench.measure(frame, session=2).result.faces}
    assert ids == again == {1}


def test_analysis_tells_of_a_baseline_and_of_its_end(bench: Bench, frames: list[Frame], qtbot: QtBot) -> None:
    bench.measure(frames[0])
    bench.thread.calibrate(1)
    told: list[object] = []
    bench.thread.baseline_changed.connect(told.append)
    for frame in frames[1:110]:
        if bench.measure(frame).result.faces[0].affect_baseline is not None:
            break
    qtbot.waitUntil(lambda: told == [(1,)], timeout=10_000)
    bench.thread.reset_baselines()
    qtbot.waitUntil(lambda: told == [(1,), ()], timeout=10_000)


def test_analysis_says_why_the_model_cannot_be_loaded(qtbot: QtBot, tmp_path: Path) -> None:
    missing = tmp_path / "no.onnx"
    thread = AnalysisThread(lambda: Engine(missing), 1, Mailbox(), Mailbox())
    with qtbot.waitSignal(thread.failed, timeout=60_000) as failed:
        thread.start()
    assert "no.onnx" in failed.args[0]
    assert thread.wait(5000)


def test_analysis_closes_while_the_network_is_being_loaded(qtbot: QtBot, engine: Engine) -> None:
    release, loading = threading.Event(), threading.Event()

    def slow() -> Engine:
        loading.set()
        release.wait(20)
        return engine

    thread = AnalysisThread(slow, 1, Mailbox(), Mailbox())
    thread.start()
    assert loading.wait(10)
    thread.stop()
    assert thread.wait(2000)
    release.set()


# --- recording

INFO = MediaInfo("test camera", 320, 180, 25.0, None, None)


def test_recording_counts_frames_and_time_from_its_own_begin(
    engine: Engine, tmp_path: Path, frames: list[Frame]
) -> None:
    files = RecordingFiles(tmp_path, INFO, engine, {})
    with Pipeline(engine) as pipeline:
        for frame in frames[50:60:2]:
            files.write(frame, pipeline.process(frame))
    paths = files.close()
    rows = list(read_native(paths.csv))
    assert [row.frame for row in rows] == [0, 1, 2, 3, 4]
    assert [row.time_s for row in rows] == pytest.approx([0, 0.08, 0.16, 0.24, 0.32])
    assert paths.video.is_file()


def test_recordings_of_the_same_second_have_folders_of_their_own(engine: Engine, tmp_path: Path) -> None:
    pictures = [Frame(0, 0.0, np.zeros((180, 320, 3), np.uint8))]
    folders = set()
    for _ in range(3):
        files = RecordingFiles(tmp_path, INFO, engine, {})
        files.write(pictures[0], shown(0.0))
        folders.add(files.close().csv.parent)
    assert len(folders) == 3


def test_recording_that_is_not_ended_keeps_its_rows(engine: Engine, tmp_path: Path, frames: list[Frame]) -> None:
    files = RecordingFiles(tmp_path, INFO, engine, {})
    for frame in frames[:10]:
        files.write(frame, shown(frame.time_s))
    # As a killed program leaves it: nothing closed.
    csv_path = files.paths.csv
    assert [row.frame for row in read_native(csv_path)] == list(range(10))
    sidecar = json.loads(csv_path.with_suffix(".json").read_text())
    assert (sidecar["complete"], sidecar["frame_count"]) == (False, None)
    files.close()


def test_recording_counts_a_pause_as_unmeasured(model: Path, tmp_path: Path) -> None:
    info = MediaInfo("test camera", 320, 180, 25.0, None, None)
    files = RecordingFiles(tmp_path, info, Engine(model, "cpu"), {})
    picture = np.zeros((180, 320, 3), np.uint8)
    times_s = [*(n / 25 for n in range(10)), *(60 + n / 25 for n in range(5))]
    for index, time_s in enumerate(times_s):
        files.write(Frame(index, time_s, picture), FrameResult(index, time_s, 320, 180, Status.OCCLUDED, ()))
    paths = files.close()
    rows = [(row.time_s, row.status) for row in read_native(paths.csv)]
    pause = (pytest.approx(10 / 25), Status.NO_FACE)
    expected = [(pytest.approx(time_s), Status.OCCLUDED) for time_s in times_s]
    assert rows == [*expected[:10], pause, *expected[10:]]
    with open_source(paths.video) as video:
        assert video.info.frame_count == len(rows)


_RECORD_UNTIL_KILLED = """
import sys
from pathlib import Path
import numpy as np
from fer_core.infer.engine import Engine
from fer_core.types import Frame, FrameResult, MediaInfo, Status
from fer_studio.live.recording_files import RecordingFiles
info = MediaInfo("test camera", 320, 180, 30.0, None, None)
files = RecordingFiles(Path(sys.argv[2]), info, Engine(Path(sys.argv[1]), "cpu"), {})
picture = np.zeros((180, 320, 3), np.uint8)
for i in range(1_000_000):
    picture[:, : i % 320] = i % 251
    files.write(Frame(i, i / 30, picture), FrameResult(i, i / 30, 320, 180, Status.NO_FACE, ()))
    if i == 100:
        print(files.paths.csv, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_recording_that_is_killed_keeps_its_rows_and_the_same_pictures(model: Path, tmp_path: Path) -> None:
    child = [sys.executable, "-c", _RECORD_UNTIL_KILLED, str(model), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(child, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        csv_path = Path(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    row_times_s = [row.time_s for row in read_native(csv_path)]
    video = find_media(csv_path)
    assert video is not None
    with av.open(str(video)) as container:
        times_s = [frame.time for frame in container.decode(video=0)]
    assert len(row_times_s) > 100
    assert times_s == pytest.approx(row_times_s[: len(times_s)], abs=1e-3)
    assert row_times_s[-1] - times_s[-1] < 1.0


def test_record_thread_says_that_its_folder_cannot_be_written(engine: Engine, tmp_path: Path, qtbot: QtBot) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder")
    recorder = RecordThread(in_the_way, INFO, engine, {})
    with qtbot.waitSignal(recorder.failed, timeout=30_000) as failed:
        recorder.start()
    assert str(in_the_way) in failed.args[0]
    assert recorder.wait(5000)
    recorder.offer(Frame(0, 0.0, None), shown(0.0), lambda: False)  # returns: nobody writes any more
