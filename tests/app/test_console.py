"""What a person sees: lines, bar, problems, and no noise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fer_studio.console import printable
from fer_studio.outcome import End, Outcome
from fer_studio.progress import ConsoleProgress, report_problems, summary_line
from fer_studio.quiet import quiet_native_stderr


def test_annotate_says_a_line_a_file_and_at_the_end_what_failed(
    run_cli, media: Path, model: Path, tmp_path: Path
) -> None:
    done = run_cli("annotate", media / "text.mp4", media / "stills", media / "clip.mp4", "-o", "out", "--model", model)
    assert done.returncode == 1
    assert [line.split(": ")[0] for line in done.stdout.splitlines()] == [
        str(media / n) for n in ("stills", "clip.mp4")
    ]
    assert re.search(r"clip\.mp4: 24 frames, \d+ frames/s, 24 rows in out/clip\.csv", done.stdout)
    lines = done.stderr.splitlines()  # nothing else: neither a bar nor the noise of libraries
    assert lines[0] == "1 of 3 inputs failed:"
    assert lines[1].startswith(f"  {media / 'text.mp4'}: ")
    assert len(lines) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe that nobody reads ends a program otherwise there")
def test_annotate_goes_on_when_nobody_reads_what_it_says(command, media: Path, model: Path, tmp_path: Path) -> None:
    words, where = command("annotate", media / "stills", media / "clip.mp4", "-o", tmp_path, "--model", model)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        done = subprocess.run(words, **where, stdout=nobody, stderr=subprocess.PIPE, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
    assert all((tmp_path / name).is_file() for name in ("stills.csv", "clip.csv"))


def test_printable_keeps_a_line_a_line() -> None:
    assert printable("Größe 日本\u3000.mp4") == "Größe 日本\u3000.mp4"
    assert printable("a\nb\x1b[2J\udcfc\x9b") == r"a\nb\x1b[2J\udcfc\x9b"


def test_quiet_says_nothing_but_errors(run_cli, media: Path, model: Path) -> None:
    done = run_cli("annotate", media / "stills", "-o", "out", "--model", model, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    again = run_cli("annotate", media / "stills", "-o", "out", "--model", model, "--quiet")
    assert (again.returncode, again.stdout) == (1, "")
    assert "exists already" in again.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_annotate_shows_rate_and_time_left_on_a_terminal(command, media: Path, model: Path) -> None:
    import termios

    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    words, where = command("annotate", media / "clip.mp4", "-o", "out", "--model", model)
    process = subprocess.Popen(words, **where, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    text = shown.decode()
    assert "clip.mp4:" in text
    assert re.search(r"\d+/24 frames, +[\d.]+ frames/s, \d\d:\d\d left", text)
    assert "24 frames" in out


def outcome(name: str, end: End = End.DONE, **values: object) -> Outcome:
    return Outcome(Path(name), end, **{"recording": Path(f"{name}.csv"), "frames": 10, "rows": 12, **values})


def test_bar_estimates_the_length_of_inputs_that_are_not_open_yet(capsys: pytest.CaptureFixture[str]) -> None:
    with ConsoleProgress(4, bar=True, lines=False) as progress:
        progress.started(Path("a"), 100)
        assert progress._bar.total == 400
        progress.started(Path("b"), 300)
        assert progress._bar.total == 800
        progress.advanced(Path("a"), 50)
        assert progress._bar.n == 50
        progress.finished(outcome("a", measured_frames=110))
        assert progress._bar.total == 820


def test_bar_leaves_out_inputs_that_need_no_measuring() -> None:
    with ConsoleProgress(10, bar=True, lines=False) as progress:
        for number in range(8):
            progress.finished(outcome(f"done{number}", End.UP_TO_DATE))
        progress.finished(outcome("gone", End.FAILED))
        progress.started(Path("a"), 100)
        assert progress._bar.total == 100


def test_bar_manages_without_a_known_length() -> None:
    with ConsoleProgress(1, bar=True, lines=False) as progress:
        progress.started(Path("camera"), None)
        progress.advanced(Path("camera"), 7)
        assert (progress._bar.n, progress._bar.total) == (7, None)


def test_summary_line_tells_rate_rows_and_notes() -> None:
    done = outcome("a", measured_frames=10, wall_s=0.5, notes=("no complete sound",))
    assert summary_line(done) == "a: 10 frames, 20 frames/s, 12 rows in a.csv; no complete sound"
    assert summary_line(outcome("a", End.UP_TO_DATE)) == "a: complete already, 10 frames in a.csv"
    assert summary_line(outcome("a", End.FAILED)) == ""


def test_report_problems_names_failures_and_what_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    report_problems(
        [
            outcome("a"),
            outcome("b", End.FAILED, problem="b: broken; mend it", trace="Traceback: here\n"),
            outcome("c", End.INTERRUPTED),
            outcome("d", End.INTERRUPTED, recording=None),
        ]
    )
    assert capsys.readouterr().err.splitlines() == [
        "Traceback: here",
        "1 of 4 inputs failed:",
        "  b: broken; mend it",
        "stopped with 2 of 4 inputs unfinished; kept: c.csv (10 frames); go on with --resume",
    ]


def test_quiet_native_stderr_drops_known_noise_alone(capfd: pytest.CaptureFixture[str]) -> None:
    noise = (
        b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
        b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        b"W0000 00:00:1795306261.039784   23283 inference_feedback_manager.cc:114] Feedback manager requires\n"
    )
    with quiet_native_stderr():
        os.write(2, noise + b"E0000 00:00:1.2   3 calculator_graph.cc:9] the model is broken\n")
    assert capfd.readouterr().err == "E0000 00:00:1.2   3 calculator_graph.cc:9] the model is broken\n"
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_quiet_native_stderr_hands_on_what_was_said_before_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with quiet_native_stderr():
            os.write(2, b"the reason\n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert capfd.readouterr().err == "the reason\n"
