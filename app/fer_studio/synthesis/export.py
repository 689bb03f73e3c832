"""Writes what was synthesised: one picture, a folder of pictures, or a video. No Qt."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fer_core.types import Floats, Frame
from fer_studio.synthesis.fitted import FittedPhoto
from fer_studio.workers.control import Cancelled, Control

if TYPE_CHECKING:
    from fer_core.augment.affect3d.sequence import AffectSequence


def export_image(photo: FittedPhoto, weights: Floats, target: Path) -> None:
    """The whole photograph with strengths (U,) of the movements, as PNG or JPEG.

    Raises:
        MediaError: the target cannot be written.
    """
    from fer_core.augment.affect3d.sequence import write_image

    write_image(target, photo.synthesiser.render_weights(photo.full.fit, weights))


def export_images(photo: FittedPhoto, sequence: AffectSequence, folder: Path, control: Control) -> int:
    """Every frame as a PNG of a new folder.

    Returns:
        Frames written.

    Raises:
        MediaError: the folder is there already, or cannot be written.
        Cancelled: when asked to stop; nothing is left.
    """
    from fer_core.augment.affect3d.sequence import write_images

    return write_images(folder, _frames(photo, sequence, control))


def export_video(photo: FittedPhoto, sequence: AffectSequence, target: Path, control: Control) -> None:
    """Every frame in a video without sound.

    Raises:
        MediaError: the target cannot be written.
        Cancelled: when asked to stop; the target is then as before.
    """
    from fer_core.augment.affect3d.sequence import write_video

    write_video(target, _frames(photo, sequence, control), sequence.fps)


def free_folder(folder: Path, name: str) -> Path:
    """A name in a folder that is not taken."""
    taken = {path.name for path in folder.iterdir()} if os.path.isdir(folder) else set()
    candidates = (name if k == 1 else f"{name}-{k}" for k in range(1, len(taken) + 2))
    return folder / next(candidate for candidate in candidates if candidate not in taken)


def _frames(photo: FittedPhoto, sequence: AffectSequence, control: Control) -> Iterator[Frame]:
    total = len(sequence.weights)
    for frame in sequence.frames(photo.synthesiser, photo.full.fit):
        if control.should_stop():
            raise Cancelled
        control.progress(frame.index / total if total else math.nan)
        yield frame
