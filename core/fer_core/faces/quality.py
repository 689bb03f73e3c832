"""Whether a face can be used, and how far to trust it, from measurable quantities alone.

What is measured, and on what the thresholds rest (344 webmorph, 1,283 DiffusionFER, 500 UTKFace, 386 FER+, 400 CK+
images through MediaPipe's mesh, and the made occlusions described under ``occluded``):

- *presence*: the landmark network's own score that its crop holds a face, as log-odds. Sharp, unoccluded faces lie
  between 10 and 30 (DiffusionFER: 1 % below 10.5), so nearly everything happens above a score of 0.9999: pass the score
  unrounded. In float32 it saturates at 1.0, log-odds 16.6, which loses nothing that is used here.
- *sharpness*: variance of the Laplacian over variance of the brightness, of the face reduced to 48x48. Blurring by
  a standard deviation of 1, 2, 3 % of the face's width brings the median from 0.52 to 0.24, 0.08, 0.04; from 3 % on,
  the mesh itself moves by more than 2 % of the face's width.
- *support*: how well brightness at the mesh points, relative to its surroundings, correlates with that of an average
  face; the weakest of the upper, lower, left and right part. Low where something covers the mesh, but also on beards,
  glasses, hard light and wide open mouths, so it never decides alone.
- *size*, *pose*, *share of the mesh inside the frame*, and the detector's score where a detector ran.

Statuses, in order of precedence:

- ``too_small``: the mesh box is narrower than ``MIN_BOX_W_PX``.
- ``extreme_pose``: beyond ``MAX_YAW_DEG`` or ``MAX_PITCH_DEG``; half of the face hides the other.
- ``occluded``: presence *and* support are low while the picture is sharp enough to tell: something covers a good part
  of the face. Found on 170 faces with rectangles painted over them in five ways (grey, mask-like, skin, fingers,
  another photograph): lower half 56 %, upper 81 %, image-left 82 %, image-right 89 %; but only the mouth 13 %, one
  quarter 6 %: small covers are mostly missed. False alarms on faces without a made cover: webmorph and CK+ 0 %,
  UTKFace 1.2 %, DiffusionFER, of which the average face is made, 1.1 %; FER+, enlarged from 48 pixels and with real
  hands on faces, 24 %. In ``laugh_24fps.mp4`` of the research data, read every third frame, 12 of 17 frames with a
  hand over eye and cheek are found, none of those with the hand at chin or nose, and no frame without a hand is
  called occluded.
- ``low_confidence``: the product below is under ``MIN_CONFIDENCE``.
- ``ok``.

``confidence`` is the product of one ramp for each quantity (presence, detector score, size, yaw, pitch, sharpness,
share inside): 0 at the first value of its constant, 1 at the second, linear between. It is monotone in each of them.
It says how good the measurement is, not how likely an expression is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.faces.canonical import canonical_mesh, check_landmarks
from fer_core.types import Floats, ImageU8, Pose, Status

Mask = npt.NDArray[np.bool_]

#: Narrowest usable mesh box. Faces of 48 px are to be accepted; below 40 px the mesh errs by 2 % of its width and more.
MIN_BOX_W_PX = 40.0
#: From here on the far half of the face is mostly hidden.
MAX_YAW_DEG = 45.0
MAX_PITCH_DEG = 35.0

#: Log-odds of presence under which a sharp face is suspected to be covered; 1 in 20 DiffusionFER faces lies below, no
#: webmorph face.
OCCLUDED_PRESENCE = 13.0
#: Support under which the suspicion is confirmed; 1 in 12 webmorph and DiffusionFER faces lies
#: below, 1 in 4 of UTKFace.
OCCLUDED_SUPPORT = 0.40
#: Blurred pictures lower presence and support by themselves: below this sharpness nothing is called occluded.
OCCLUDED_MIN_SHARPNESS = 0.12

#: Ramps of the confidence: (value where it is 0, value where it is 1).
PRESENCE_RAMP = (0.0, 12.0)
DETECTOR_RAMP = (0.2, 0.7)
BOX_W_RAMP_PX = (24.0, 64.0)
YAW_RAMP_DEG = (70.0, 30.0)
PITCH_RAMP_DEG = (55.0, 25.0)
SHARPNESS_RAMP = (0.0, 0.12)
INSIDE_RAMP = (0.5, 1.0)
#: Under this the face is reported as ``low_confidence``; no webmorph, CK+, DiffusionFER or UTKFace face lies below.
MIN_CONFIDENCE = 0.2

#: Side of the square to which a face is reduced before its brightness is looked at: the smallest face to be accepted.
_GRID_PX = 48
#: Faces are thinned to about this many pixels before the reduction, which bounds the cost.
_THINNED_PX = 96
#: Surroundings of a point, in pixels of the grid.
_SURROUND_PX = 13
#: Brightness variations below this (of 255) are noise.
_GREY_FLOOR = 4.0
#: A face that shows fewer pixels than this, either way, is not looked at.
_MIN_CROP_PX = 4
_TINY = 1e-9
#: A part of the face with a smaller share of its points inside the frame is not judged.
_MIN_PART_INSIDE = 0.5
#: Canonical centimetres, y down: the parts whose support is taken.
_UPPER_Y_CM, _LOWER_Y_CM, _SIDE_X_CM = -1.5, 0.5, 0.3


class Judgement(NamedTuple):
    """What :func:`judge` says of a face."""

    status: Status
    confidence: float
    """0..1"""


@dataclass(frozen=True, slots=True)
class Measures:
    """The quantities behind a judgement."""

    box_w_px: float
    inside_share: float
    """0..1: share of the mesh points inside the frame."""
    presence_log_odds: float
    """At most about 16.6, see the module."""
    detector_score: float
    """0..1, NaN when the face was followed rather than detected."""
    pose: Pose
    sharpness: float
    """0 for a flat picture; NaN when the face lies outside the frame."""
    support: float
    """-1..1; NaN when the face lies outside the frame."""


def judge(
    landmarks_px: Floats, pose: Pose, presence_score: float, detector_score: float, image_rgb_u8: ImageU8
) -> Judgement:
    """Status (``ok``, ``low_confidence``, ``occluded``, ``too_small`` or ``extreme_pose``) and confidence of a face.

    Args:
        landmarks_px: (468, 3) mesh in the pixels of the frame.
        pose: of :func:`fer_core.faces.pose.head_pose`.
        presence_score: of the landmark network, 0..1, unrounded.
        detector_score: 0..1, or NaN when the face was followed rather than detected.
        image_rgb_u8: (H, W, 3) frame.

    Raises:
        ValueError: when the mesh has another shape or is not finite, or the presence score is not in 0..1.
    """
    measures = measure(landmarks_px, pose, presence_score, detector_score, image_rgb_u8)
    return Judgement(status_of(measures), confidence_of(measures))


def measure(
    landmarks_px: Floats, pose: Pose, presence_score: float, detector_score: float, image_rgb_u8: ImageU8
) -> Measures:
    """The quantities alone; arguments and errors as :func:`judge`."""
    check_landmarks(landmarks_px)
    if not 0.0 <= presence_score <= 1.0:
        raise ValueError(f"presence_score is {presence_score}, needed is a value in 0..1 (after the sigmoid)")
    height, width = image_rgb_u8.shape[:2]
    x, y = np.ascontiguousarray(landmarks_px[:, :2].T)
    inside = (x >= 0.0) & (x < width) & (y >= 0.0) & (y < height)
    sharpness, support = _look(x, y, inside, image_rgb_u8)
    return Measures(
        box_w_px=float(x.max() - x.min()),
        inside_share=float(inside.mean()),
        presence_log_odds=_log_odds(presence_score),
        detector_score=detector_score,
        pose=pose,
        sharpness=sharpness,
        support=support,
    )


def status_of(measures: Measures) -> Status:
    """The first status that applies, in the order of the module."""
    if measures.box_w_px < MIN_BOX_W_PX:
        return Status.TOO_SMALL
    if abs(measures.pose.yaw_deg) > MAX_YAW_DEG or abs(measures.pose.pitch_deg) > MAX_PITCH_DEG:
        return Status.EXTREME_POSE
    if (
        measures.presence_log_odds < OCCLUDED_PRESENCE
        and measures.support < OCCLUDED_SUPPORT
        and measures.sharpness > OCCLUDED_MIN_SHARPNESS
    ):
        return Status.OCCLUDED
    return Status.OK if confidence_of(measures) >= MIN_CONFIDENCE else Status.LOW_CONFIDENCE


def confidence_of(measures: Measures) -> float:
    """Product of the ramps, 0..1."""
    detector = 1.0 if math.isnan(measures.detector_score) else _ramp(measures.detector_score, DETECTOR_RAMP)
    sharpness = 0.0 if math.isnan(measures.sharpness) else _ramp(measures.sharpness, SHARPNESS_RAMP)
    return (
        _ramp(measures.presence_log_odds, PRESENCE_RAMP)
        * detector
        * _ramp(measures.box_w_px, BOX_W_RAMP_PX)
        * _ramp(abs(measures.pose.yaw_deg), YAW_RAMP_DEG)
        * _ramp(abs(measures.pose.pitch_deg), PITCH_RAMP_DEG)
        * sharpness
        * _ramp(measures.inside_share, INSIDE_RAMP)
    )


def _ramp(value: float, ends: tuple[float, float]) -> float:
    zero_at, one_at = ends
    return min(1.0, max(0.0, (value - zero_at) / (one_at - zero_at)))


def _log_odds(score: float) -> float:
    # The largest float32 below 1: what a saturated sigmoid still tells.
    limit = 1.0 - 2.0**-24
    score = min(max(score, 1.0 - limit), limit)
    return math.log(score / (1.0 - score))


def _look(x_px: Floats, y_px: Floats, inside: Mask, image: ImageU8) -> tuple[float, float]:
    """Sharpness and support, both NaN when less than a few pixels of the face are in the frame."""
    height, width = image.shape[:2]
    x0, x1 = max(0, math.floor(x_px.min())), min(width, math.ceil(x_px.max()) + 1)
    y0, y1 = max(0, math.floor(y_px.min())), min(height, math.ceil(y_px.max()) + 1)
    if x1 - x0 < _MIN_CROP_PX or y1 - y0 < _MIN_CROP_PX:
        return math.nan, math.nan
    step = max(1, max(x1 - x0, y1 - y0) // _THINNED_PX)
    # Green stands for brightness: no conversion of the whole crop.
    thinned = np.ascontiguousarray(image[y0:y1:step, x0:x1:step, 1])
    grid = cv2.resize(thinned, (_GRID_PX, _GRID_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    column = ((x_px - x0) * (_GRID_PX / (x1 - x0))).astype(np.intp).clip(0, _GRID_PX - 1)
    row = ((y_px - y0) * (_GRID_PX / (y1 - y0))).astype(np.intp).clip(0, _GRID_PX - 1)
    relative = _relative_to_surroundings(grid)[row, column]
    sharpness = _variance(cv2.Laplacian(grid, cv2.CV_32F)) / (_variance(grid) + _GREY_FLOOR**2)
    return sharpness, _support(relative, inside)


def _variance(values: Floats) -> float:
    return float(cv2.meanStdDev(values)[1][0, 0]) ** 2


def _relative_to_surroundings(grid: Floats) -> Floats:
    """Local contrast: takes out light that changes over the face, and the tone of the skin."""
    size = (_SURROUND_PX, _SURROUND_PX)
    difference: Floats = grid - cv2.blur(grid, size)
    # Rounding can take the mean of squares just below zero.
    variance = np.maximum(cv2.blur(difference * difference, size), 0.0)
    contrast: Floats = np.divide(difference, np.sqrt(variance) + _GREY_FLOOR)
    return contrast


@lru_cache(maxsize=1)
def _parts() -> Floats:
    """(4, 468) of 0 and 1: the upper, lower, left and right part of the mesh."""
    x, y, _ = canonical_mesh().vertices_cm.T
    parts: Floats = np.stack([y < _UPPER_Y_CM, y > _LOWER_Y_CM, x < -_SIDE_X_CM, x > _SIDE_X_CM]).astype(np.float32)
    return parts


def _support(relative: Floats, inside: Mask) -> float:
    """Correlation with the average face in the weakest part that is in the frame; NaN when none is."""
    parts = _parts()
    weights = parts * inside
    counts = weights.sum(axis=1)
    usable = counts >= _MIN_PART_INSIDE * parts.sum(axis=1)
    if not usable.any():
        return math.nan
    weights, counts = weights[usable], counts[usable]
    average = canonical_mesh().appearance
    products = np.stack([relative, average, relative * average, relative**2, average**2])
    a, b, ab, aa, bb = (weights @ products.T / counts[:, None]).T
    correlation = (ab - a * b) / np.sqrt(np.maximum((aa - a * a) * (bb - b * b), _TINY))
    return float(correlation.min())
