"""Which cameras a person can choose from, and which one is chosen at the start."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from fer_core.assets import asset_path

if TYPE_CHECKING:
    from fer_core.media.camera import CameraInfo

#: As :data:`fer_core.media.file_camera.FILE_PREFIX`, which takes long to load; a test compares them.
FILE_PREFIX = "file:"
DEMO_NAME = "Demo clip"


@dataclass(frozen=True, slots=True)
class CameraChoice:
    """An entry of the list."""

    name: str
    """Shown, and remembered."""
    spec: str
    """As ``open_camera`` takes it."""
    loop: bool = False


def file_choice(spec: str, loop: bool) -> CameraChoice:
    """The entry for ``--camera SPEC``."""
    name = PurePath(spec.removeprefix(FILE_PREFIX)).name if spec.startswith(FILE_PREFIX) else f"Camera {spec}"
    return CameraChoice(name, spec, loop)


def choices(cameras: Sequence[CameraInfo], asked: CameraChoice | None) -> list[CameraChoice]:
    """What was asked for on the command line, the cameras, and the clip that comes with the program."""
    found = [CameraChoice(_name(camera, cameras), str(camera.index)) for camera in cameras]
    if asked is not None:
        found.insert(0, asked)
    with contextlib.suppress(FileNotFoundError):  # an installation without it
        found.append(CameraChoice(DEMO_NAME, f"{FILE_PREFIX}{asset_path('demo', 'demo.mp4')}", loop=True))
    return found


def choose(found: Sequence[CameraChoice], *wanted: str) -> int:
    """Index of the entry to select: the first of the wanted names that is there, else 0; -1 when there is none."""
    names = [choice.name for choice in found]
    return next((names.index(name) for name in wanted if name in names), 0 if found else -1)


def _name(camera: CameraInfo, cameras: Sequence[CameraInfo]) -> str:
    same = [other for other in cameras if other.name == camera.name]
    return camera.name if len(same) == 1 else f"{camera.name} ({camera.index})"
