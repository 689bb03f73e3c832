from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fer_core.infer.engine import PROVIDERS
from fer_core.record.layouts import LAYOUT_NAMES
from fer_studio import cli
from fer_studio.options import DEVICES, LAYOUTS, Existing

HEAVY = ("cv2", "mediapipe", "onnxruntime", "av", "numpy", "tqdm", "PySide6", "torch")


def test_cli_words_are_those_of_the_core() -> None:
    assert set(DEVICES) == {"auto", *PROVIDERS}
    assert tuple(LAYOUTS) == LAYOUT_NAMES


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_cli_answers_without_loading_libraries(argument: str) -> None:
    program = (
        "import sys; from fer_studio.cli import main\n"
        "try: main(sys.argv[1:])\n"
        f"finally: print('loaded:', [m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", program, argument],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("fer-studio ", "usage: fer-studio"))
    assert done.stderr == "loaded: []\n"


def test_annotate_loads_no_qt_and_no_torch(media: Path, model: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from fer_studio.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "print(code, [m for m in sys.modules if m.split('.')[0] in ('PySide6', 'shiboken6', 'PyQt6', 'torch')])"
    )
    words = ["annotate", media / "stills" / "still0.png", "-o", tmp_path, "--model", model, "--quiet", "--video"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "0 []\n", done.stderr


def test_cli_without_a_command_opens_the_window(media: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fer_studio import app

    asked: list[dict[str, object]] = []
    monkeypatch.setattr(app, "run_window", lambda **wishes: asked.append(wishes) or 7)
    clip = media / "clip.mp4"
    assert cli.main([]) == 7
    assert cli.main([str(clip), str(media / "stills"), "--model", str(model)]) == 7
    assert cli.main(["--camera", f"file:{clip}", "--loop", "--device", "cpu"]) == 7
    nothing = {"files": [], "camera": None, "loop": False, "model": None, "device": None}
    assert asked == [
        nothing,
        {**nothing, "files": [clip, media / "stills"], "model": model},
        {**nothing, "camera": f"file:{clip}", "loop": True, "device": "cpu"},
    ]


def test_cli_names_a_word_that_is_neither_file_nor_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["anotate"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "anotate: there is no such file or folder, nor such a command" in said
    assert "annotate" in said


def test_cli_help_tells_of_the_window_and_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("--camera SPEC", "--loop", "--model MODEL", "annotate", "the window opens"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["annotate"], "PATH"),
        (["annotate", "a.mp4", "--layout", "excel"], "--layout"),
        (["annotate", "a.mp4", "--max-faces", "0"], "--max-faces"),
        (["annotate", "a.mp4", "--max-faces", "two"], "--max-faces"),
        (["annotate", "a.mp4", "--jobs", "-1"], "--jobs"),
        (["annotate", "a.mp4", "--smooth", "-0.1"], "--smooth"),
        (["annotate", "a.mp4", "--smooth", "nan"], "--smooth"),
        (["annotate", "a.mp4", "--device", "abacus"], "--device"),
        (["annotate", "a.mp4", "--overwrite", "--resume"], "not allowed with"),
        (["annotate", "a.mp4", "--model", "no_such.onnx"], "no_such.onnx: there is no such file"),
        (["annotate", "a.mp4", "--baseline", "no_such.json"], "no_such.json: there is no such file"),
        (["annotate", "a.mp4", "--baseline", "."], ".: is a folder, not a file"),
        (["annotate", "a.mp4", "--model", "m" * 300], "there is no such file"),
        (["m" * 300], "there is no such file or folder"),
        (["--no-such-option"], "COMMAND"),
    ],
)
def test_cli_refuses_bad_arguments(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    if arguments[0].startswith("--"):
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        assert stop.value.code == 2
        return
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert says in capsys.readouterr().err


def test_cli_takes_every_option_of_the_contract() -> None:
    words = (
        "annotate a.mp4 folder -o out --video --layout openface --max-faces 2 --baseline auto --smooth 0.5 "
        "--device cpu --jobs 3 --overwrite --quiet"
    )
    options = cli.build_parser().parse_args(words.split())
    assert options.paths == [Path("a.mp4"), Path("folder")]
    assert (options.out_dir, options.video, options.layout, options.max_faces) == (Path("out"), True, "openface", 2)
    assert (options.baseline, options.smooth_s, options.device, options.jobs) == ("auto", 0.5, "cpu", 3)
    assert (options.existing, options.quiet) == (Existing.OVERWRITE, True)
    resumed = cli.build_parser().parse_args(["demo", "--resume"])
    assert (resumed.command, resumed.existing, resumed.out_dir) == ("demo", Existing.RESUME, Path())


@pytest.mark.parametrize(
    ("option", "says"), [("--model", "cannot be loaded as an ONNX model"), ("--baseline", "is no JSON")]
)
def test_cli_refuses_a_file_that_is_not_what_the_option_needs(
    option: str, says: str, media: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("neither")
    arguments = ["annotate", str(media / "clip.mp4"), "-o", str(tmp_path / "out"), "--model", str(model)]
    assert cli.main([*arguments, option, str(wrong)]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_cli_names_the_devices_that_are_there(media: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from fer_core.infer.engine import choose_provider

    missing = [name for name in PROVIDERS if not _is_there(name, choose_provider)]
    if not missing:
        pytest.skip("this machine has every device")
    arguments = ["annotate", str(media / "clip.mp4"), "--model", str(model), "--device", missing[0]]
    assert cli.main(arguments) == 2
    assert f"--device {missing[0]}: this machine's ONNX Runtime has only" in capsys.readouterr().err


def _is_there(name: str, choose: Callable[[str], str]) -> bool:
    try:
        choose(name)
    except ValueError:
        return False
    return True


def test_cameras_lists_index_and_name_or_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fer_core.media import camera

    monkeypatch.setattr(camera, "list_cameras", lambda: [camera.CameraInfo(2, "FaceTime HD")])
    assert cli.main(["cameras"]) == 0
    assert capsys.readouterr().out == "2  FaceTime HD\n"
    monkeypatch.setattr(camera, "list_cameras", lambda: [])
    assert cli.main(["cameras"]) == 0
    assert "no camera found; plug one in" in capsys.readouterr().out
