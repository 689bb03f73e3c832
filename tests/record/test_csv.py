from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fer_core.record.csv import CsvRecorder
from fer_core.record.errors import RecordError
from fer_core.record.layouts import LAYOUT_NAMES, Layout, make_layout
from fer_core.record.reader import read_native
from fer_core.types import FrameResult, MediaInfo, Status

NO_ROOM = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def layout(made: SimpleNamespace) -> Layout:
    return make_layout("native", made.expressions, made.units)


def _write(path: Path, layout: Layout, info: MediaInfo, frames: list[FrameResult], **options: bool) -> CsvRecorder:
    with CsvRecorder(path, layout, info, **options) as recorder:
        for frame in frames:
            recorder.write(frame)
    return recorder


def _write_all(recorder: CsvRecorder, frames: list[FrameResult]) -> None:
    for frame in frames:
        recorder.write(frame)


def _frames(made: SimpleNamespace, count: int) -> list[FrameResult]:
    """Frames with two faces, one and none in turn."""
    return [made.frame(i, *(made.face(k + 1) for k in range(2 - i % 3))) for i in range(count)]


def test_recorder_writes_every_frame_and_counts(tmp_path: Path, made: SimpleNamespace, layout: Layout) -> None:
    path = tmp_path / "deep" / "er" / "clip.csv"
    recorder = _write(path, layout, made.info, _frames(made, 6))
    lines = path.read_bytes().decode().split("\n")
    assert lines[0] == ",".join(layout.columns)
    assert lines[-1] == ""
    assert [line.split(",")[0] for line in lines[1:-1]] == ["0", "0", "1", "2", "3", "3", "4", "5"]
    assert (recorder.frames, recorder.rows) == (6, 8)
    assert (recorder.first_time_s, recorder.last_time_s) == (0.0, 5 / 24)


def test_recorder_has_each_frame_with_the_system_before_the_next(
    tmp_path: Path, made: SimpleNamespace, layout: Layout
) -> None:
    path = tmp_path / "clip.csv"
    with CsvRecorder(path, layout, made.info) as recorder:
        for index in range(3):
            recorder.write(made.frame(index, made.face()))
            assert path.read_bytes().count(b"\n") == index + 2


def test_recorder_leaves_a_file_that_exists_alone(tmp_path: Path, made: SimpleNamespace, layout: Layout) -> None:
    path = tmp_path / "clip.csv"
    path.write_text("precious")
    with pytest.raises(RecordError, match=r"clip\.csv: exists already; go on with --resume, .*--overwrite"):
        CsvRecorder(path, layout, made.info)
    assert path.read_text() == "precious"


def test_recorder_overwrites_when_told(tmp_path: Path, made: SimpleNamespace, layout: Layout) -> None:
    path = tmp_path / "clip.csv"
    _write(path, layout, made.info, _frames(made, 9))
    _write(path, layout, made.info, _frames(made, 2), overwrite=True)
    _write(tmp_path / "other.csv", layout, made.info, _frames(made, 2))
    assert path.read_bytes() == (tmp_path / "other.csv").read_bytes()


def test_recorder_refuses_resume_with_overwrite(tmp_path: Path, made: SimpleNamespace, layout: Layout) -> None:
    with pytest.raises(ValueError, match="give one of them"):
        CsvRecorder(tmp_path / "clip.csv", layout, made.info, resume=True, overwrite=True)


def test_recorder_refuses_frames_that_do_not_rise(tmp_path: Path, made: SimpleNamespace, layout: Layout) -> None:
    with CsvRecorder(tmp_path / "clip.csv", layout, made.info) as recorder:
        recorder.write(made.frame(3))
        with pytest.raises(ValueError, match="frame 3 came after frame 3"):
            recorder.write(made.frame(3))
    with pytest.raises(ValueError, match="is closed"):
        recorder.write(made.frame(4))


def test_recorder_gives_only_times_that_are_known(tmp_path: Path, made: SimpleNamespace, layout: Layout) -> None:
    path = tmp_path / "clip.csv"
    times_s = [float("nan"), 0.5, 1.0, float("nan"), 2.0]
    frames = [made.frame(i, status=Status.DECODE_ERROR, time_s=t) for i, t in enumerate(times_s)]
    recorder = _write(path, layout, made.info, frames[:4])
    assert (recorder.first_time_s, recorder.last_time_s) == (0.5, 1.0)
    _write(path, layout, made.info, frames, overwrite=True)
    with CsvRecorder(path, layout, made.info, resume=True) as recorder:
        assert (recorder.first_time_s, recorder.last_time_s) == (0.5, 1.0)


# Resume


def test_resume_starts_anew_where_there_is_no_file(tmp_path: Path, made: SimpleNamespace, layout: Layout) -> None:
    recorder = _write(tmp_path / "clip.csv", layout, made.info, _frames(made, 2), resume=True)
    assert (recorder.resume_from().frame_index, recorder.resume_from().rows) == (0, 0)
    assert recorder.frames == 2


def test_resume_measures_the_last_frame_again(tmp_path: Path, made: SimpleNamespace, layout: Layout) -> None:
    path = tmp_path / "clip.csv"
    _write(path, layout, made.info, _frames(made, 5))
    whole = path.read_bytes()
    with CsvRecorder(path, layout, made.info, resume=True) as recorder:
        point = recorder.resume_from()
        assert (point.frame_index, point.rows, point.frames) == (4, 6, 4)
        assert (point.first_time_s, point.last_time_s) == (0.0, 0.125)
        recorder.write(_frames(made, 5)[4])
    assert path.read_bytes() == whole
    assert (recorder.frames, recorder.rows, recorder.last_time_s) == (5, 7, 4 / 24)


def test_resume_keeps_frame_numbers_that_skip(tmp_path: Path, made: SimpleNamespace, layout: Layout) -> None:
    path = tmp_path / "camera.csv"
    _write(path, layout, made.info, [made.frame(2), made.frame(7), made.frame(11)])
    with CsvRecorder(path, layout, made.info, resume=True) as recorder:
        point = recorder.resume_from()
    assert (point.frame_index, point.frames) == (11, 2)


def test_resume_tells_frames_of_one_millisecond_apart(tmp_path: Path, made: SimpleNamespace) -> None:
    layout = make_layout("facereader", made.expressions, made.units)
    faces = [(made.face(1), made.face(2)), (made.face(1), made.face(2)), (), (), (made.face(1),), (made.face(1),)]
    frames = [made.frame(i, *seen, time_s=0.04 + i * 1e-5) for i, seen in enumerate(faces)]
    path = tmp_path / "clip.txt"
    _write(path, layout, made.info, frames)
    whole = path.read_bytes()
    with CsvRecorder(path, layout, made.info, resume=True) as recorder:
        point = recorder.resume_from()
        assert (point.frame_index, point.frames, point.rows) == (5, 5, 7)
        recorder.write(frames[5])
    assert path.read_bytes() == whole


def test_resume_refuses_another_header(tmp_path: Path, made: SimpleNamespace, layout: Layout) -> None:
    path = tmp_path / "clip.csv"
    _write(path, layout, made.info, _frames(made, 3))
    before = path.read_bytes()
    other = make_layout("native", made.expressions, made.units, with_baseline=True)
    with pytest.raises(RecordError, match=r"clip\.csv: was not written with the columns .*--overwrite"):
        CsvRecorder(path, other, made.info, resume=True)
    assert path.read_bytes() == before


def test_resume_drops_everything_from_the_first_malformed_row(
    tmp_path: Path, made: SimpleNamespace, layout: Layout
) -> None:
    path = tmp_path / "clip.csv"
    _write(path, layout, made.info, _frames(made, 6))
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5]) + b"\0" * 64 + b"\n" + b"".join(lines[6:]))
    with CsvRecorder(path, layout, made.info, resume=True) as recorder:
        # Row 5 is the first of frame 3, so frame 2 is the last one that was read.
        assert recorder.resume_from().frame_index == 2
        for frame in _frames(made, 6)[2:]:
            recorder.write(frame)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("name", LAYOUT_NAMES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_resume_completes_a_file_cut_at_any_byte_to_the_same_content(
    made: SimpleNamespace, name: str, data: st.DataObject
) -> None:
    layout = make_layout(name, made.expressions, made.units)
    frames = data.draw(made.frame_lists())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"clip{layout.suffix}"
        _write(path, layout, made.info, frames)
        whole = path.read_bytes()
        header_bytes = len("\n".join("" for _ in layout.header_lines(made.info)))
        cut = data.draw(st.one_of(st.integers(0, len(whole)), st.integers(header_bytes, min(len(whole), 900))))
        path.write_bytes(whole[:cut])
        with CsvRecorder(path, layout, made.info, resume=True) as recorder:
            point = recorder.resume_from()
            assert point.size_bytes <= cut
            assert whole.startswith(path.read_bytes())
            assert point.frame_index == point.frames == recorder.frames
            assert point.rows == sum(len(layout.rows(frame, made.info)) for frame in frames[: point.frames])
            for frame in frames[point.frame_index :]:
                recorder.write(frame)
        assert path.read_bytes() == whole
        assert recorder.frames == len(frames)


# Faults


def _failing_write(after_bytes: int) -> Any:
    """``os.write`` on a disk that has room for ``after_bytes`` more, and then tears a row."""
    room = after_bytes
    real = os.write

    def write(fd: int, data: Any) -> int:
        nonlocal room
        if room <= 0:
            raise NO_ROOM
        written = real(fd, bytes(data)[:room])
        room -= written
        return written

    return write


@pytest.mark.parametrize("room_bytes", [1, 50, 310, 500, 1000])
def test_full_disk_keeps_every_whole_frame(
    tmp_path: Path, made: SimpleNamespace, layout: Layout, monkeypatch: pytest.MonkeyPatch, room_bytes: int
) -> None:
    path = tmp_path / "clip.csv"
    frames = _frames(made, 8)
    recorder = CsvRecorder(path, layout, made.info)
    monkeypatch.setattr(os, "write", _failing_write(room_bytes))
    with pytest.raises(RecordError, match=r"clip\.csv: cannot be written \(No space left.*free some space.*--resume"):
        _write_all(recorder, frames)
    monkeypatch.undo()
    kept = list(read_native(path))
    assert path.read_bytes().endswith(b"\n")
    assert (len(kept), len({row.frame for row in kept})) == (recorder.rows, recorder.frames)
    with pytest.raises(ValueError, match="is closed"):
        recorder.write(frames[-1])
    recorder.close()
    with CsvRecorder(path, layout, made.info, resume=True) as again:
        for frame in frames[again.resume_from().frame_index :]:
            again.write(frame)
    _write(tmp_path / "whole.csv", layout, made.info, frames)
    assert path.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_short_writes_are_finished(
    tmp_path: Path, made: SimpleNamespace, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "whole.csv", layout, made.info, _frames(made, 3))
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:7]))
    _write(tmp_path / "clip.csv", layout, made.info, _frames(made, 3))
    assert (tmp_path / "clip.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 KiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root on Linux")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not allow mounting")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_of_a_small_file_system_keeps_every_whole_frame(
    tiny_disk: Path, made: SimpleNamespace, layout: Layout
) -> None:
    path = tiny_disk / "clip.csv"
    recorder = CsvRecorder(path, layout, made.info)
    with pytest.raises(RecordError, match="No space left on device"):
        _write_all(recorder, _frames(made, 1000))
    kept = list(read_native(path))
    assert 10_000 < path.stat().st_size <= 16_384
    assert (len(kept), len({row.frame for row in kept})) == (recorder.rows, recorder.frames)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_at_the_header_is_told(made: SimpleNamespace, layout: Layout) -> None:
    with pytest.raises(RecordError, match=r"/dev/full: cannot be written"):
        CsvRecorder(Path("/dev/full"), layout, made.info, overwrite=True)


def test_unwritable_output_is_told(tmp_path: Path, made: SimpleNamespace, layout: Layout) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match=r"file/clip\.csv: cannot be written .*-o"):
        CsvRecorder(tmp_path / "file" / "clip.csv", layout, made.info)
    (tmp_path / "folder").mkdir()
    for option in ({"overwrite": True}, {"resume": True}):
        with pytest.raises(RecordError, match=r"folder: cannot be written .*Is a directory"):
            CsvRecorder(tmp_path / "folder", layout, made.info, **option)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission_is_told(tmp_path: Path, made: SimpleNamespace, layout: Layout) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RecordError, match="check its permissions"):
        CsvRecorder(tmp_path / "clip.csv", layout, made.info)


# The run that is killed and the one that completes it build the same frames from this text.
PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.record.csv import CsvRecorder
from fer_core.record.layouts import make_layout
from fer_core.types import Affect, Box, Face, FaceResult, FrameResult, MediaInfo, Pose, Status

INFO = MediaInfo("clip.mp4", 640, 360, 24.0, None, None)
LAYOUT = make_layout("native", EXPRESSIONS, ACTION_UNITS)
MESH = np.zeros((468, 3), np.float32)

def frame(index):
    rng = np.random.default_rng(index)
    affect = Affect(rng.dirichlet(np.ones(8)).astype(np.float32), *rng.uniform(-1, 1, 2), rng.random(18, np.float32))
    seen = [Face(k, Status.OK, 0.9, Box(1, 2, 3, 4), Pose(0, 0, 0), MESH) for k in (1, 2, 3)]
    return FrameResult(index, index / 24, 640, 360, Status.OK, tuple(FaceResult(face, affect) for face in seen))

def run(path, end, **options):
    with CsvRecorder(Path(path), LAYOUT, INFO, **options) as recorder:
        for index in range(recorder.resume_from().frame_index, end):
            recorder.write(frame(index))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_run_is_readable_and_resume_completes_it(tmp_path: Path) -> None:
    path = tmp_path / "clip.csv"
    endless = [sys.executable, "-c", PROGRAM + "\nrun(sys.argv[1], 10**9)", str(path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen(endless, env=environment) as process:
        deadline = time.monotonic() + 60
        while not (path.exists() and path.stat().st_size > 30_000):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
    killed = path.read_bytes()
    frames = [row.frame for row in read_native(path)]
    assert len(frames) >= 90
    assert frames == sorted(frames)

    scope: dict[str, Any] = {}
    exec(PROGRAM, scope)
    end = frames[-1] + 5
    scope["run"](path, end, resume=True)
    scope["run"](tmp_path / "whole.csv", end)
    whole = (tmp_path / "whole.csv").read_bytes()
    assert path.read_bytes() == whole
    assert whole.startswith(killed[: killed.rindex(b"\n") + 1])
