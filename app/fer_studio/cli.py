"""The command ``fer-studio``. Libraries are loaded by the command that needs them, so that ``--help`` is quick."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fer_core import __version__
from fer_core.infer.shipped_models import SHIPPED_MODELS
from fer_core.standard_output import prepare_streams
from fer_studio.console import printable, say
from fer_studio.options import AUTO_BASELINE, DEVICES, LAYOUTS, NO_BASELINE, AnnotateOptions, Existing

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

_COMMANDS = ("annotate", "demo", "cameras", "doctor")

#: What may come first without being a command.
_GENERAL_OPTIONS = ("-h", "--help", "--version")

_USAGE = (
    "fer-studio [PATH ...] [--camera SPEC] [--loop] [--model MODEL] [--device DEVICE]\n"
    "       fer-studio COMMAND ... (COMMAND --help says more)\n"
    "       fer-studio --help | --version"
)
_WINDOW = "without a COMMAND the window opens, with the files queued that are given"
_DESCRIPTION = (
    "Apparent facial expression, valence-arousal and action units, frame by frame, on this machine. "
    "The program sees faces, not feelings, and opens no network connection."
)
_ANNOTATE = (
    "Writes for every input NAME.csv (one row per frame and face; NAME.txt with --layout facereader), NAME.json (how "
    "it was made) and, with --video, NAME.annotated.mp4. NAME is the name of the input without its suffix. Inputs that "
    "share a name get the name of their folder in front (monday_clip), where that is not enough their suffix behind "
    "(monday_clip_mp4), and at last eight digits of a hash of their path."
)
_EXIT_CODES = (
    "exit codes: 0 all inputs done, 1 some failed (each is named with its reason; the others are finished), "
    "2 bad arguments, 130 stopped by Ctrl-C, 143 by SIGTERM (rows written so far are kept, see --resume)"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Returns:
        The exit code. Bad arguments raise ``SystemExit(2)`` as argparse does.
    """
    # From release 1.29 on ONNX Runtime reports usage to its maker unless this is set before it is loaded.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    # NumPy's products here are small; a pool of threads that wait for them by spinning costs 5 ms of CPU a frame.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in (*_COMMANDS, *_GENERAL_OPTIONS):
        return _window(build_window_parser().parse_args(arguments))
    options = build_parser().parse_args(arguments)
    prepare_streams()
    try:
        match options.command:
            case "cameras":
                return _cameras()
            case "doctor":
                return _doctor(options)
            case "annotate" | "demo":
                return _annotate(options)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except ImportError as error:
        _say_error(f"a library cannot be loaded ({error}); see: fer-studio doctor")
        return EXIT_FAILED
    raise AssertionError(f"no such command: {options.command}")


def build_parser() -> argparse.ArgumentParser:
    """All commands and options."""
    parser = argparse.ArgumentParser(prog="fer-studio", usage=_USAGE, description=_DESCRIPTION, epilog=_WINDOW)
    parser.add_argument("--version", action="version", version=f"fer-studio {__version__}")
    _add_window_options(parser.add_argument_group("the window"))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", prog="fer-studio")
    annotate = commands.add_parser(
        "annotate", help="measure videos, images and folders", description=_ANNOTATE, epilog=_EXIT_CODES
    )
    annotate.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="video, image, or folder (its videos; a folder without videos is one sequence of images)",
    )
    _add_annotate_options(annotate)
    demo = commands.add_parser(
        "demo", help="measure the clip that comes with the program", description=_ANNOTATE, epilog=_EXIT_CODES
    )
    _add_annotate_options(demo)
    commands.add_parser("cameras", help="list the cameras of this machine")
    doctor = commands.add_parser("doctor", help="say what this installation can do, and what is missing")
    _add_model_options(doctor)
    return parser


def build_window_parser() -> argparse.ArgumentParser:
    """What may stand in place of a command: files and options of the window."""
    parser = argparse.ArgumentParser(prog="fer-studio", usage=_USAGE, description=_DESCRIPTION, epilog=_WINDOW)
    parser.add_argument("paths", nargs="*", type=_existing, metavar="PATH", help="videos, images and folders to queue")
    _add_window_options(parser)
    return parser


def _add_window_options(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--camera",
        metavar="SPEC",
        help="start with this camera: its number or name (see: fer-studio cameras), or file:clip.mp4 for a video that "
        "poses as one, at its own pace",
    )
    parser.add_argument("--loop", action="store_true", help="let a video that poses as a camera begin again at its end")
    _add_model_options(parser, device_default=None)


def _add_annotate_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-o", dest="out_dir", type=Path, default=Path(), metavar="DIR", help="folder for the results (default: .)")
    add("--video", action="store_true", help="also write the video with boxes, ids and bars drawn, and its sound")
    add("--layout", choices=LAYOUTS, default="native", help="columns of which tool (default: native)")
    add("--max-faces", type=_at_least_one, default=4, metavar="N", help="faces followed at a time (default: 4)")
    add(
        "--baseline",
        type=_baseline,
        default=NO_BASELINE,
        metavar=f"{AUTO_BASELINE}|{NO_BASELINE}|FILE",
        help="subtract a neutral face, in further columns with the suffix _b: auto takes each face's most neutral "
        "frames (filled in when the input is done; a video made with --video shows the raw values), FILE is a saved "
        "baseline (.json) or a picture or video of the neutral face (default: none)",
    )
    add("--smooth", dest="smooth_s", type=_seconds, default=0.0, metavar="SECONDS", help="time constant of smoothing")
    add("--jobs", type=_at_least_one, default=1, metavar="N", help="inputs measured at the same time (default: 1)")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--overwrite",
        dest="existing",
        action="store_const",
        const=Existing.OVERWRITE,
        default=Existing.REFUSE,
        help="replace results that are there already",
    )
    existing.add_argument(
        "--resume",
        dest="existing",
        action="store_const",
        const=Existing.RESUME,
        help="go on with results that were interrupted: frames that are written already are measured again, because "
        "tracking and smoothing need them, but not written again; the result equals that of a run in one go",
    )
    add("--quiet", action="store_true", help="say nothing but errors")
    _add_model_options(parser)


def _add_model_options(parser: argparse._ActionsContainer, device_default: str | None = "auto") -> None:
    shown = device_default or "that of the settings"
    parser.add_argument(
        "--device", choices=DEVICES, default=device_default, help=f"what runs the network (default: {shown})"
    )
    parser.add_argument(
        "--model",
        type=_model,
        metavar="MODEL",
        help="one of the program's own ("
        + "; ".join(f"{name}: {model.words}" for name, model in SHIPPED_MODELS.items())
        + "), or an ONNX file with a card of fer-studio",
    )


def _at_least_one(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds of at least 0")
    return value


def _file(text: str) -> Path:
    if os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"{text}: is a folder, not a file")
    if not os.path.isfile(text):
        raise argparse.ArgumentTypeError(f"{text}: there is no such file that you may read")
    return Path(text)


def _model(text: str) -> Path:
    return Path(text) if text in SHIPPED_MODELS else _file(text)


def _baseline(text: str) -> str:
    return text if text in (AUTO_BASELINE, NO_BASELINE) else str(_file(text))


def _existing(text: str) -> Path:
    if not os.path.exists(text):
        known = ", ".join(_COMMANDS)
        raise argparse.ArgumentTypeError(f"{text}: there is no such file or folder, nor such a command ({known})")
    return Path(text)


def _say_error(text: object) -> None:
    print(f"fer-studio: {printable(str(text))}", file=sys.stderr)


def _window(options: argparse.Namespace) -> int:
    try:
        from fer_studio.app import run_window

        return run_window(
            files=options.paths,
            camera=options.camera,
            loop=options.loop,
            model=options.model,
            device=options.device,
        )
    except ImportError as error:
        _say_error(f"the window cannot open, a library cannot be loaded ({error}); see: fer-studio doctor")
        return EXIT_FAILED


def _annotate(options: argparse.Namespace) -> int:
    annotate_options = AnnotateOptions(
        out_dir=options.out_dir,
        layout=options.layout,
        max_faces=options.max_faces,
        smooth_s=options.smooth_s,
        baseline=options.baseline,
        device=options.device,
        model=options.model,
        video=options.video,
        jobs=options.jobs,
        existing=options.existing,
    )
    try:
        from fer_core.assets import asset_path

        paths = options.paths if options.command == "annotate" else [asset_path("demo", "demo.mp4")]
        return _run(paths, annotate_options, quiet=options.quiet)
    except FileNotFoundError as error:  # of what is shipped
        _say_error(f"{error}; see: fer-studio doctor")
        return EXIT_FAILED


def _run(paths: Sequence[Path], options: AnnotateOptions, *, quiet: bool) -> int:
    from fer_core.infer.model_card import ModelError
    from fer_core.media.errors import MediaError
    from fer_core.media.source import expand_inputs
    from fer_studio.annotate import annotate_files
    from fer_studio.outcome import End
    from fer_studio.progress import ConsoleProgress, report_problems
    from fer_studio.quiet import ignore_library_warnings
    from fer_studio.stop import StopRequest

    ignore_library_warnings()
    inputs = expand_inputs(paths)
    bar = not quiet and sys.stderr.isatty()
    with StopRequest() as stop:
        try:
            with ConsoleProgress(len(inputs), bar=bar, lines=not quiet) as progress:
                outcomes = annotate_files(inputs, options, progress, stop)
        except (ModelError, MediaError, ValueError) as error:  # of the options; those of inputs are in the outcomes
            _say_error(error)
            return EXIT_USAGE
        report_problems(outcomes)
    if any(o.end is End.INTERRUPTED for o in outcomes):
        return stop.exit_code
    return EXIT_FAILED if any(o.end is End.FAILED for o in outcomes) else EXIT_OK


def _cameras() -> int:
    from fer_core.media.camera import list_cameras

    cameras = list_cameras()
    for camera in cameras:
        say(f"{camera.index}  {camera.name}")
    if not cameras:
        say("no camera found; plug one in, and check that this user may use it")
    return EXIT_OK


def _doctor(options: argparse.Namespace) -> int:
    from fer_studio.doctor import examine, render

    findings = examine(options.model, options.device)
    say(render(findings))
    return EXIT_FAILED if any(f.blocks for f in findings) else EXIT_OK
