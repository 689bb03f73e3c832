"""Synthesised sequences: strengths of movements at a frame rate, rendered one after the other and written to files.

A sequence follows a path of the valence-arousal plane, or shows one affect as faces do: it rises, stays and falls
(onset, apex and offset of FACS). Frames are made as they are asked for, so that memory does not grow with length;
whoever consumes them may stop at any time, and a writer that is stopped by an exception leaves no file behind. What is
written says that it is synthetic, see :mod:`fer_core.augment.affect3d.mark`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from fer_core.augment.affect3d.errors import SynthesisError
from fer_core.augment.affect3d.fitting import FittedFace
from fer_core.augment.affect3d.mark import marked_image, video_mark
from fer_core.augment.affect3d.model import AffectModel
from fer_core.augment.affect3d.path import va_path
from fer_core.augment.affect3d.synthesiser import Blend, Synthesiser
from fer_core.augment.affect3d.target import Target, va_weights
from fer_core.media.errors import MediaError
from fer_core.media.writer import VideoWriter
from fer_core.types import Floats, Frame, ImageU8, MediaInfo

#: Shares of the time in which an affect rises and falls; it stays for the rest.
ONSET_SHARE, OFFSET_SHARE = 0.4, 0.4
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")

_WRITE_REMEDY = "check that its folder exists, may be written and has space"


@dataclass(frozen=True, slots=True)
class AffectSequence:
    """What each frame shows, at a constant rate."""

    fps: float
    weights: Floats
    """(M, U): strength of each movement of the model."""
    va: Floats | None
    """(M, 2): the point of the plane that is asked for; None for an expression, which has none."""

    @property
    def duration_s(self) -> float:
        """Of all frames, the last one shown as long as the others."""
        return len(self.weights) / self.fps

    def scaled(self, intensity: float) -> AffectSequence:
        """The same with all strengths multiplied.

        Raises:
            SynthesisError: the intensity is outside 0..1.5.
        """
        check_intensity(intensity)
        return replace(self, weights=intensity * self.weights)

    def frames(self, synthesiser: Synthesiser, fit: FittedFace, blend: Blend = Blend.MASK) -> Iterator[Frame]:
        """The frames in order, the first at 0 s; each is rendered when it is asked for."""
        for index, weights in enumerate(self.weights):
            yield Frame(index, index / self.fps, synthesiser.render_weights(fit, weights, blend))


def follow_path(
    points: Floats, duration_s: float, fps: float, model: AffectModel, intensity: float = 1.0
) -> AffectSequence:
    """Along a drawn path (N, 2) of the plane, see :func:`va_path`.

    Args:
        points: valence and arousal in the order in which they were drawn.
        duration_s: of the whole path, > 0.
        fps: frames a second, > 0.
        model: whose movements are used.
        intensity: factor of all strengths, 0..1.5.

    Raises:
        SynthesisError: no point, a point outside the plane, or a number outside its range.
    """
    check_intensity(intensity)
    va = va_path(points, duration_s, fps)
    return AffectSequence(fps, intensity * va_weights(va, model), va)


def show_target(
    target: Target, duration_s: float, fps: float, model: AffectModel, intensity: float = 1.0
) -> AffectSequence:
    """From the photograph to an affect and back again: a loop of it has no jump.

    A point is approached through the plane, an expression by its strength. Arguments and errors as for
    :func:`follow_path`; ``intensity`` multiplies the target's own.
    """
    check_intensity(intensity)
    if not (duration_s > 0 and fps > 0):
        raise SynthesisError(f"duration {duration_s:g} s and rate {fps:g} Hz must both be positive")
    share = _rise_and_fall(max(2, round(duration_s * fps)))[:, None]
    if target.va is not None:
        va: Floats = share * np.array([target.va], np.float32)
        return AffectSequence(fps, intensity * va_weights(va, model), va)
    return AffectSequence(fps, share * (intensity * target.weights(model)), None)


def check_intensity(intensity: float) -> None:
    """Raises :class:`SynthesisError` when it is outside 0..1.5."""
    if not 0 <= intensity <= 1.5:
        raise SynthesisError(f"intensity {intensity:g}: must lie in 0..1.5")


def write_image(path: Path, image_rgb_u8: ImageU8) -> None:
    """Write one picture (H, W, 3) as PNG or JPEG, after the suffix; the target is replaced when it is complete.

    Raises:
        MediaError: unknown suffix, or the target cannot be written.
    """
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        known = ", ".join(IMAGE_SUFFIXES)
        raise MediaError(path, f"{path.suffix or 'no suffix'} is no known kind of image", f"use one of {known}")
    # Encoding in memory and writing with Python: OpenCV alone cannot write non-ASCII paths on Windows.
    bgr = cv2.cvtColor(image_rgb_u8, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(path.suffix.lower(), bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(marked_image(encoded.tobytes()))
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _cannot_write(path, error) from error


def write_images(folder: Path, frames: Iterable[Frame], stem: str = "frame") -> int:
    """Write frames as ``<stem>-00000.png`` ... into a new folder, which gets its name when it is complete.

    Args:
        folder: does not exist yet; the folder above it does.
        frames: with images.
        stem: what the names begin with.

    Returns:
        Frames written.

    Raises:
        MediaError: the folder exists, or cannot be written. Whatever is raised, also by ``frames``, nothing is left.
    """
    if folder.exists():
        raise MediaError(folder, "exists already", "choose another name")
    part = folder.with_name(folder.name + ".part")
    count = 0
    shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
    try:
        part.mkdir()
        for frame in frames:
            if frame.image_rgb_u8 is not None:
                write_image(part / f"{stem}-{frame.index:05d}.png", frame.image_rgb_u8)
                count += 1
        part.replace(folder)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return count


def write_video(path: Path, frames: Iterable[Frame], fps: float) -> None:
    """Write frames as a silent video (.mp4, .m4v or .mov) that replaces the target when it is complete.

    Raises:
        MediaError: unknown suffix, no frame, or the target cannot be written. Whatever is raised, also by ``frames``,
            nothing is left of what was written.
    """
    rest = iter(frames)
    first = next(rest, None)
    if first is None or first.image_rgb_u8 is None:
        raise MediaError(path, "would be a video without a picture", "give a sequence with frames")
    height_px, width_px = first.image_rgb_u8.shape[:2]
    info = MediaInfo(path.name, width_px, height_px, fps, None, None, time_base=Fraction(1, 60_000))
    with VideoWriter(path, None, info) as writer:
        for frame in chain([first], rest):
            if frame.image_rgb_u8 is not None:
                writer.write(frame.image_rgb_u8, frame.time_s)
    try:
        with path.open("ab") as file:
            file.write(video_mark())
    except OSError as error:
        raise _cannot_write(path, error) from error


def _rise_and_fall(count: int) -> Floats:
    """(count,): 0 to 1, a while at 1, and back to 0, with speed and acceleration 0 at the joins."""
    time = np.linspace(0, 1, count)
    ramp = np.clip(np.minimum(time / ONSET_SHARE, (1 - time) / OFFSET_SHARE), 0, 1)
    share: Floats = (ramp**3 * (10 - 15 * ramp + 6 * ramp**2)).astype(np.float32)
    return share


def _cannot_write(path: Path, error: OSError) -> MediaError:
    return MediaError(path, f"cannot be written ({error.strerror or error})", _WRITE_REMEDY)
