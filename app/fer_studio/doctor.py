"""``fer-studio doctor``: what this installation has, what it lacks, and how to get that."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fer_core import __version__
from fer_studio.quiet import ignore_library_warnings, quiet_native_stderr

PACKAGES = (
    "numpy", "mediapipe", "onnxruntime", "opencv-contrib-python", "av", "platformdirs", "tqdm",
    "cv2-enumerate-cameras", "PySide6", "pyqtgraph",
)  # fmt: skip
_OPTIONAL_PACKAGES = ("torch",)
#: Needed by the window alone; nothing here imports them.
_WINDOW_PACKAGES = ("PySide6", "pyqtgraph")
_MEDIAPIPE_MODEL = "face_detection/face_detection_full_range_sparse.tflite"

#: Libraries of the system, by the Debian package that has them.
OPENCV_LIBRARIES = {"libgl1": "libGL.so.1", "libglib2.0-0": "libgthread-2.0.so.0"}
QT_LIBRARIES = {
    "libxcb-cursor0": "libxcb-cursor.so.0",
    "libxcb-icccm4": "libxcb-icccm.so.4",
    "libxcb-keysyms1": "libxcb-keysyms.so.1",
    "libxkbcommon-x11-0": "libxkbcommon-x11.so.0",
    "libegl1": "libEGL.so.1",
}
#: Of Qt Multimedia, which review loads for a file with sound.
SOUND_LIBRARIES = {
    "libpulse0": "libpulse.so.0",
    "libxrandr2": "libXrandr.so.2",
    "libdrm2": "libdrm.so.2",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    topic: str
    text: str
    ok: bool = True
    blocks: bool = False
    """Whether ``annotate`` cannot work because of it."""
    remedy: str = ""


def examine(model: Path | None = None, device: str = "auto") -> list[Finding]:
    """Looks at everything; what fails is a finding, never an exception."""
    ignore_library_warnings()
    findings = [
        Finding("fer-studio", __version__),
        Finding("Python", f"{platform.python_version()} ({sys.executable})"),
        Finding("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        *_packages(),
        *_system_libraries(),
    ]
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("processor", _processor),
        ("network", lambda: _network(model, device)),
        ("face models", _face_models),
        ("video", _video),
        ("demo clip", _demo),
        ("cameras", _cameras),
    )
    for topic, check in checks:
        findings += _guarded(topic, check)
    return findings


def render(findings: list[Finding]) -> str:
    """The findings as text, with what to do at the end."""
    width = max(len(f.topic) for f in findings)
    seen = [f"{_mark(f)} {f.topic:<{width}}  {f.text}" for f in findings]
    remedies = [f"  {f.topic}: {f.remedy}" for f in findings if f.remedy]
    blocked = any(f.blocks for f in findings)
    conclusion = "annotate cannot work until this is mended" if blocked else "annotate can work on this machine"
    return "\n".join([*seen, *(["", "what to do:", *remedies] if remedies else []), "", conclusion])


def missing_libraries(libraries: dict[str, str]) -> list[str]:
    """Debian packages whose library the system's loader does not find."""
    return [package for package, library in libraries.items() if not _loads(library)]


def _mark(finding: Finding) -> str:
    return "ok     " if finding.ok else "MISSING" if finding.blocks else "note   "


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _guarded(topic: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except Exception as error:  # whatever is wrong with an installation is what this command is to tell
        remedy = "mend what is missing above; else reinstall fer-studio in a new virtual environment"
        blocks = topic not in ("cameras", "demo clip")
        yield Finding(topic, f"{type(error).__name__}: {error}", ok=False, blocks=blocks, remedy=remedy)


def _packages() -> Iterator[Finding]:
    for name in PACKAGES:
        try:
            yield Finding(name, version(name))
        except PackageNotFoundError:
            blocks = name not in _WINDOW_PACKAGES
            yield Finding(
                name,
                "not installed",
                ok=False,
                blocks=blocks,
                remedy="python -m pip install ., in the folder of its source",
            )
    for name in _OPTIONAL_PACKAGES:
        try:
            yield Finding(name, version(name))
        except PackageNotFoundError:
            yield Finding(name, "not installed (only training needs it)")
    with contextlib.suppress(PackageNotFoundError):
        yield Finding(
            "opencv-python",
            f"{version('opencv-python')} is installed beside opencv-contrib-python: both write the folder cv2",
            ok=False,
            remedy="pip uninstall -y opencv-python, then pip install --force-reinstall --no-deps opencv-contrib-python",
        )


def _system_libraries() -> Iterator[Finding]:
    if sys.platform != "linux":
        return
    for topic, libraries, blocks in (
        ("libraries of OpenCV", OPENCV_LIBRARIES, True),
        ("libraries of the window", QT_LIBRARIES, False),
        ("libraries of sound", SOUND_LIBRARIES, False),
    ):
        missing = missing_libraries(libraries)
        if missing:
            text = "missing: " + ", ".join(libraries[package] for package in missing)
            remedy = f"apt install {' '.join(missing)}"
            yield Finding(topic, text, ok=False, blocks=blocks, remedy=remedy)
        else:
            yield Finding(topic, "all there")


def _processor() -> Iterator[Finding]:
    from fer_core.infer.engine import PROVIDERS, choose_provider, cpu_count

    yield Finding("processor", f"{cpu_count()} cores usable")
    present = []
    for name in PROVIDERS:
        try:
            present.append(f"{name} ({choose_provider(name)})")
        except ValueError:
            continue
    yield Finding("devices", ", ".join(present))


def _network(model: Path | None, device: str) -> Iterator[Finding]:
    import numpy as np

    from fer_core.infer.engine import Engine, file_sha256
    from fer_core.infer.model_card import ModelError

    try:
        engine = Engine(model, device)
        size_px = engine.card.geometry.size_px
        engine.run(np.zeros((1, size_px, size_px, 3), np.uint8))
    except FileNotFoundError as error:
        yield Finding("model", str(error), ok=False, blocks=True, remedy="reinstall fer-studio, or give --model FILE")
        return
    except (ModelError, ValueError) as error:
        yield Finding("model", str(error), ok=False, blocks=True, remedy="choose another --model or --device")
        return
    card = engine.card
    yield Finding("model", f"{card.name} {card.version} ({card.backbone}), {engine.path}")
    yield Finding("model SHA-256", file_sha256(engine.path))
    yield Finding("device chosen", engine.provider)


def _face_models() -> Iterator[Finding]:
    spec = importlib.util.find_spec("mediapipe")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("mediapipe is not installed")
    folder = Path(spec.origin).parent / "modules"
    if not (folder / _MEDIAPIPE_MODEL).is_file():
        remedy = 'pip install --force-reinstall "mediapipe==0.10.21"'
        yield Finding("face models", f"missing: {_MEDIAPIPE_MODEL}", ok=False, blocks=True, remedy=remedy)
        return
    import numpy as np

    from fer_core.faces.tracker import FaceTracker

    with quiet_native_stderr(), FaceTracker(1) as tracker:
        tracker.update(np.zeros((360, 640, 3), np.uint8), 0.0)
    yield Finding("face models", "MediaPipe's detector and mesh load and run")


def _video() -> Iterator[Finding]:
    from av.codec.codec import Codec, UnknownCodecError

    from fer_core.media.writer import CODECS

    for name in CODECS:
        with contextlib.suppress(UnknownCodecError):
            Codec(name, "w")
            yield Finding("video", f"--video encodes with {name}")
            return
    yield Finding("video", f"no encoder for --video ({', '.join(CODECS)})", ok=False, remedy="pip install av")


def _demo() -> Iterator[Finding]:
    from fer_core.assets import asset_path

    try:
        yield Finding("demo clip", str(asset_path("demo", "demo.mp4")))
    except FileNotFoundError as error:
        yield Finding("demo clip", str(error), ok=False, remedy="reinstall fer-studio")


def _cameras() -> Iterator[Finding]:
    from fer_core.media.camera import list_cameras

    cameras = list_cameras()
    if not cameras:
        yield Finding("cameras", "none found (only the live view needs one)")
    for camera in cameras:
        yield Finding(f"camera {camera.index}", camera.name)
