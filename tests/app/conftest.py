"""A model that is tiny but looks at its crop, and media that are made on the spot."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fer_core.assets import asset_path
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.infer.engine import INPUT, OUTPUTS
from fer_core.infer.model_card import CARD_KEY, ModelCard
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_studio.outcome import Outcome

_ROOTS = [str(Path(__file__).resolve().parents[2] / name) for name in ("app", "core")]
_GRID = 4
_SIDE_PX = DEFAULT_GEOMETRY.size_px

RunCli = Callable[..., subprocess.CompletedProcess[str]]


def build_model(path: Path, version: str = "1", seed: int = 5) -> Path:
    """Brightness of a 4x4 grid of the crop, times fixed weights: every answer depends on what is in the crop."""
    rng = np.random.default_rng(seed)
    features = 3 * _GRID * _GRID
    nodes = [
        helper.make_node("Cast", [INPUT], ["nhwc"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["nhwc"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool",
            ["nchw"],
            ["grid"],
            kernel_shape=[_SIDE_PX // _GRID] * 2,
            strides=[_SIDE_PX // _GRID] * 2,
        ),
        helper.make_node("Flatten", ["grid"], ["flat"]),
        helper.make_node("Mul", ["flat", "scale"], ["features"]),
    ]
    constants = [numpy_helper.from_array(np.float32(1 / 255), "scale")]
    widths = {"expression_probs": len(EXPRESSIONS), "va": 2, "au_probs": len(ACTION_UNITS)}
    for (name, width), activation in zip(widths.items(), ("Softmax", "Tanh", "Sigmoid"), strict=True):
        weights = rng.normal(0, 1, (features, width)).astype(np.float32)
        constants.append(numpy_helper.from_array(weights - weights.mean(axis=0), f"{name}_weights"))
        nodes.append(helper.make_node("MatMul", ["features", f"{name}_weights"], [f"{name}_logits"]))
        nodes.append(helper.make_node(activation, [f"{name}_logits"], [name]))
    assert tuple(widths) == OUTPUTS
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", _SIDE_PX, _SIDE_PX, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]) for name, width in widths.items()],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    card = ModelCard("tiny", version, EXPRESSIONS, ACTION_UNITS, DEFAULT_GEOMETRY, "grid of brightness")
    helper.set_model_props(model, {CARD_KEY: card.to_json()})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_model(tmp_path_factory.mktemp("model") / "other.onnx", version="2", seed=6)


@pytest.fixture(scope="session")
def pictures() -> list[np.ndarray]:
    """Frames of the demo clip with a face, half their size."""
    with av.open(str(asset_path("demo", "demo.mp4"))) as container:
        frames = container.decode(video=0)
        return [next(frames).to_ndarray(format="rgb24", width=320, height=180) for _ in range(24)]


@pytest.fixture(scope="session")
def demo_clip() -> Path:
    """180 frames with a face that leaves and comes back."""
    return asset_path("demo", "demo.mp4")


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory, pictures: list[np.ndarray]) -> Path:
    """Long enough to be interrupted."""
    folder = tmp_path_factory.mktemp("long")
    return write_video(folder / "long.mp4", [*pictures, *pictures[::-1]] * 3)


@pytest.fixture(scope="session")
def endless_clip(tmp_path_factory: pytest.TempPathFactory, pictures: list[np.ndarray]) -> Path:
    """1,440 frames: not at its end before something else, however late that is, has begun."""
    return write_video(tmp_path_factory.mktemp("endless") / "endless.mp4", [*pictures, *pictures[::-1]] * 30)


@pytest.fixture(scope="session")
def cut_clip(tmp_path_factory: pytest.TempPathFactory, pictures: list[np.ndarray]) -> Path:
    """Its index is whole and its pictures break off in the middle."""
    path = tmp_path_factory.mktemp("cut") / "cut.mp4"
    write_video(path, pictures, options={"movflags": "faststart"})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    return path


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory, pictures: list[np.ndarray]) -> Path:
    """A folder with a good clip, with and without its end, and inputs that are nothing."""
    folder = tmp_path_factory.mktemp("media")
    write_video(folder / "clip.mp4", pictures, sound_s=1.0)
    write_video(folder / "other.mp4", pictures[::-1])
    whole = (folder / "clip.mp4").read_bytes()
    (folder / "headless.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("not a video at all\n" * 50)
    (folder / "no_pictures").mkdir()
    write_sound(folder / "song.mp4")
    stills = folder / "stills"
    stills.mkdir()
    for i, picture in enumerate(pictures[:3]):
        write_png(stills / f"still{i}.png", picture)
    return folder


def write_png(path: Path, picture: np.ndarray) -> None:
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("png", rate=1)
        stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def write_video(
    path: Path, pictures: Sequence[np.ndarray], *, sound_s: float = 0.0, options: dict[str, str] | None = None
) -> Path:
    """25 frames/s from 0 on."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        sound = container.add_stream("aac", rate=44_100, layout="mono") if sound_s else None
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _encode_tone(container, sound, sound_s)
    return path


def write_sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        _encode_tone(container, container.add_stream("aac", rate=44_100, layout="mono"), 0.5)
    return path


def _encode_tone(container: av.container.OutputContainer, stream: av.AudioStream, duration_s: float) -> None:
    for i in range(round(duration_s * 44_100 / 1024)):
        t = np.arange(i * 1024, (i + 1) * 1024) / 44_100
        frame = av.AudioFrame.from_ndarray((np.sin(2000 * t) * 0.3).astype(np.float32)[None], "fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44_100, i * 1024, Fraction(1, 44_100)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., tuple[list[str], dict[str, object]]]:
    """Arguments and options of ``subprocess`` for the program, from this checkout or as installed."""
    path = os.pathsep.join([*_ROOTS, *filter(None, [os.environ.get("PYTHONPATH")])])

    def build(*arguments: object, extra_path: Path | None = None) -> tuple[list[str], dict[str, object]]:
        full = path if extra_path is None else f"{extra_path}{os.pathsep}{path}"
        environment = {**os.environ, "PYTHONPATH": full}
        return [sys.executable, "-m", "fer_studio", *map(str, arguments)], {"cwd": tmp_path, "env": environment}

    return build


@pytest.fixture
def run_cli(command: Callable[..., tuple[list[str], dict[str, object]]]) -> RunCli:
    """Runs the program in a process of its own."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        words, where = command(*arguments)
        return subprocess.run(words, **where, capture_output=True, text=True, timeout=60, check=False, **options)

    return run


class Recorder:
    """A listener that remembers, and may act when frames are done."""

    def __init__(self) -> None:
        self.begun: list[Path] = []
        self.frames: dict[Path, int] = {}
        self.ended: list[Path] = []
        self.on_advanced: Callable[[Path], None] = lambda path: None

    def started(self, path: Path, frame_count: int | None) -> None:
        self.begun.append(path)

    def advanced(self, path: Path, frames: int) -> None:
        self.frames[path] = self.frames.get(path, 0) + frames
        self.on_advanced(path)

    def finished(self, outcome: Outcome) -> None:
        self.ended.append(outcome.input)


@pytest.fixture
def listener() -> Recorder:
    return Recorder()


#: A thread that loads libraries cannot be interrupted; on a busy machine with a cold disk that takes long.
_LEAK_PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def _no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test of the window that leaves a thread, a running timer or a visible window behind."""
    if "qtbot" not in request.fixturenames:
        yield
        return
    threads_before = set(threading.enumerate())
    kept = _running_qt_objects()
    yield
    until_s = time.monotonic() + _LEAK_PATIENCE_S
    while (left := _leaks(threads_before, kept)) and time.monotonic() < until_s:
        _process_deletions()
        time.sleep(0.02)
    assert not left, f"left behind: {', '.join(left)}"


def _leaks(threads_before: set[threading.Thread], kept: list[object]) -> list[str]:
    from PySide6.QtWidgets import QApplication

    # Threads that Qt made and Python saw once have a stand-in here that never ends.
    threads = [
        t.name
        for t in threading.enumerate()
        if t not in threads_before and t.is_alive() and not isinstance(t, threading._DummyThread)
    ]
    objects = [repr(o) for o in _running_qt_objects() if not any(o is k for k in kept)]
    windows = [repr(w) for w in QApplication.topLevelWidgets() if w.isVisible()]
    return threads + objects + windows


def _running_qt_objects() -> list[object]:
    """Threads that run and timers that tick, of those that Python made and still holds."""
    from PySide6.QtCore import QThread, QTimer
    from shiboken6 import isValid

    # By type: asking a stand-in of another library for its class may make it warn.
    objects = [o for o in gc.get_objects() if issubclass(type(o), QThread | QTimer) and isValid(o)]
    return [o for o in objects if isValid(o) and (o.isActive() if isinstance(o, QTimer) else o.isRunning())]


def _process_deletions() -> None:
    from PySide6.QtCore import QCoreApplication, QEvent

    QCoreApplication.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
