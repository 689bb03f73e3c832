"""The values that travel through the program, all immutable. Units are in the names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np
import numpy.typing as npt

ImageU8 = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class Status(StrEnum):
    """Whether a row can be used, and if not why not (column ``status``)."""

    OK = "ok"
    NO_FACE = "no_face"
    LOW_CONFIDENCE = "low_confidence"
    OCCLUDED = "occluded"
    TOO_SMALL = "too_small"
    EXTREME_POSE = "extreme_pose"
    DECODE_ERROR = "decode_error"


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What is known of a source before it is read."""

    name: str
    """Shown to people: file name or camera name."""
    width_px: int
    height_px: int
    frame_rate_hz: float | None
    """Average frames per second; None where it has no meaning (images)."""
    frame_count: int | None
    """Frames as the container states them: an estimate, for progress only. None for cameras."""
    duration_s: float | None
    has_audio: bool = False
    time_base: Fraction | None = None
    start_s: float = 0.0
    """Where the time of the file begins: the first stamp of all its streams."""
    sample_aspect_ratio: Fraction | None = None
    """Width of a pixel over its height, upright; None where it is not told, and taken to be square."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture, upright, with its place in time."""

    index: int
    """0-based, in presentation order."""
    time_s: float
    """Presentation time of this very frame, in the time of the media."""
    image_rgb_u8: ImageU8 | None
    """(H, W, 3); None when the frame could not be decoded."""
    name: str | None = None
    """File name, for images of a folder."""


@dataclass(frozen=True, slots=True)
class Box:
    """Axis-aligned box in the pixels of the frame; may reach outside it."""

    x_px: float
    y_px: float
    w_px: float
    h_px: float


@dataclass(frozen=True, slots=True)
class Pose:
    """Head rotation, see :mod:`fer_core.faces.pose` for the convention."""

    pitch_deg: float
    yaw_deg: float
    roll_deg: float


@dataclass(frozen=True, slots=True)
class Face:
    """One face of one frame, before affect."""

    face_id: int
    """Stable within a recording, counts from 1."""
    status: Status
    confidence: float
    """0..1, see :mod:`fer_core.faces.quality`."""
    box: Box
    pose: Pose
    landmarks_px: Floats
    """(468, 3): x and y in frame pixels, z in the same scale, negative towards the camera."""


@dataclass(frozen=True, slots=True)
class Affect:
    """What the network says of one face. Label order is the model's."""

    expression_probs: Floats
    """(E,), sums to 1."""
    valence: float
    arousal: float
    au_probs: Floats
    """(A,), each in 0..1, independent."""


@dataclass(frozen=True, slots=True)
class FaceResult:
    """A face with its affect; ``affect`` is None when the face is not usable (``status`` says why)."""

    face: Face
    affect: Affect | None
    affect_baseline: Affect | None = None
    """The affect after a neutral baseline was subtracted; None without a baseline."""


@dataclass(frozen=True, slots=True)
class FrameResult:
    """Everything measured on one frame."""

    index: int
    time_s: float
    width_px: int
    height_px: int
    status: Status
    """``ok``, ``no_face`` or ``decode_error``; the reason when ``faces`` is empty."""
    faces: tuple[FaceResult, ...]
    name: str | None = None
