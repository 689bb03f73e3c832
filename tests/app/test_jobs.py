from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest

from fer_core.record.sidecar import read_sidecar
from fer_studio.annotate import annotate_files
from fer_studio.options import AnnotateOptions
from fer_studio.outcome import End


def test_jobs_give_the_same_bytes_and_name_the_bad_input(media: Path, model: Path, tmp_path: Path, listener) -> None:
    inputs = [media / "clip.mp4", media / "empty.mp4", media / "other.mp4", media / "stills"]
    one = AnnotateOptions(out_dir=tmp_path / "one", model=model, device="cpu")
    two = AnnotateOptions(out_dir=tmp_path / "two", model=model, device="cpu", jobs=2)
    annotate_files(inputs, one)
    outcomes = annotate_files(inputs, two, listener)
    assert [o.end for o in outcomes] == [End.DONE, End.FAILED, End.DONE, End.DONE]
    assert [o.input for o in outcomes] == inputs
    assert "is empty" in outcomes[1].problem
    for name in ("clip.csv", "other.csv", "stills.csv"):
        assert (two.out_dir / name).read_bytes() == (one.out_dir / name).read_bytes()
    assert listener.frames == {inputs[0]: 24, inputs[2]: 24, inputs[3]: 3}
    assert sorted(listener.ended) == sorted(inputs)
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_jobs_lose_only_the_input_of_a_worker_that_dies(
    media: Path, long_clip: Path, model: Path, tmp_path: Path, listener
) -> None:
    options = AnnotateOptions(out_dir=tmp_path, model=model, device="cpu", jobs=2)

    def kill_its_worker(path: Path) -> None:
        workers = {int(child.name.rpartition("-")[2]): child for child in multiprocessing.active_children()}
        if path == long_clip:  # given away first, so its worker is the oldest
            os.kill(workers[min(workers)].pid, signal.SIGKILL)

    listener.on_advanced = kill_its_worker
    inputs = [long_clip, media / "stills", media / "clip.mp4"]
    outcomes = annotate_files(inputs, options, listener)
    assert [o.end for o in outcomes] == [End.FAILED, End.DONE, End.DONE]
    assert outcomes[0].problem.startswith(f"{long_clip}: its worker process was ended by SIGKILL")
    assert not read_sidecar(tmp_path / "long.json").complete
    assert multiprocessing.active_children() == []
