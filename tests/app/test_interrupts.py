"""The program in a process of its own, stopped in the middle, and without room on the disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fer_core.record.reader import read_native
from fer_core.record.sidecar import read_sidecar
from fer_studio.annotate import annotate_files
from fer_studio.options import AnnotateOptions, Existing
from fer_studio.outcome import End

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")

FRAMES = 144
SMOOTH_S = 0.3


@pytest.fixture(scope="module")
def whole(long_clip: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The recording of a run in one go."""
    folder = tmp_path_factory.mktemp("whole")
    annotate_files([long_clip], AnnotateOptions(out_dir=folder, model=model, smooth_s=SMOOTH_S))
    return (folder / "long.csv").read_bytes()


def begin(command, arguments: list[object], recordings: list[Path]) -> subprocess.Popen[str]:
    """Starts the program and waits until every recording has some rows."""
    words, where = command(*arguments)
    process = subprocess.Popen(
        words, **where, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    limit_s = time.monotonic() + 40
    while not all(path.exists() and path.read_bytes().count(b"\n") > 10 for path in recordings):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit_s, "no rows"
        time.sleep(0.01)
    return process


def test_sigkill_leaves_whole_rows_and_resume_completes_them_to_the_same_bytes(
    command, run_cli, long_clip: Path, model: Path, whole: bytes, tmp_path: Path
) -> None:
    target = tmp_path / "long.csv"
    arguments = ["annotate", long_clip, "-o", tmp_path, "--model", model, "--smooth", SMOOTH_S]
    process = begin(command, arguments, [target])
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    left = target.read_bytes()
    assert whole.startswith(left)
    assert 10 <= len(list(read_native(target))) < FRAMES
    assert not read_sidecar(tmp_path / "long.json").complete
    resumed = run_cli(*arguments, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert target.read_bytes() == whole
    assert read_sidecar(tmp_path / "long.json").complete


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_cleanly(
    number: signal.Signals, code: int, command, long_clip: Path, model: Path, whole: bytes, tmp_path: Path
) -> None:
    target = tmp_path / "long.csv"
    arguments = ["annotate", long_clip, "-o", tmp_path, "--model", model, "--smooth", SMOOTH_S]
    process = begin(command, arguments, [target])
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == code
    assert "Traceback" not in said
    assert "go on with --resume" in said
    left = target.read_bytes()
    assert whole.startswith(left)
    assert left.endswith(b"\n")
    record = read_sidecar(tmp_path / "long.json")
    assert (record.complete, record.frame_count) == (False, left.count(b"\n") - 1)


def test_ctrl_c_stops_all_jobs_cleanly(command, endless_clip: Path, media: Path, model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(endless_clip.read_bytes())
    targets = [tmp_path / "endless.csv", tmp_path / "copy.csv"]
    inputs = [endless_clip, copy, media / "stills"]
    arguments = ["annotate", *inputs, "-o", tmp_path, "--model", model, "--jobs", 2]
    process = begin(command, arguments, targets)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: parent and workers
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert said.count("\n") == 1
    assert "3 of 3 inputs unfinished" in said
    assert not (tmp_path / "stills.csv").exists()
    for target in targets:
        rows = list(read_native(target))
        record = read_sidecar(target.with_suffix(".json"))
        assert (record.complete, record.frame_count) == (False, len(rows))


def test_full_disk_keeps_whole_rows_and_resume_goes_on(
    run_cli, long_clip: Path, media: Path, model: Path, whole: bytes, tmp_path: Path
) -> None:
    import resource

    limit_bytes = len(whole) // 2
    arguments = ["annotate", long_clip, media / "stills", "-o", tmp_path, "--model", model, "--smooth", SMOOTH_S]
    full = run_cli(*arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes)))
    target = tmp_path / "long.csv"
    assert full.returncode == 1
    assert f"{target}: cannot be written (File too large); free some space" in full.stderr
    assert "1 of 2 inputs failed" in full.stderr
    assert len(list(read_native(tmp_path / "stills.csv"))) == 3
    left = target.read_bytes()
    assert whole.startswith(left)
    assert left.endswith(b"\n")
    assert limit_bytes - 1000 < len(left) <= limit_bytes
    assert not read_sidecar(tmp_path / "long.json").complete
    again = AnnotateOptions(out_dir=tmp_path, model=model, smooth_s=SMOOTH_S, existing=Existing.RESUME)
    outcomes = annotate_files([long_clip, media / "stills"], again)
    assert [o.end for o in outcomes] == [End.DONE, End.UP_TO_DATE]
    assert target.read_bytes() == whole
