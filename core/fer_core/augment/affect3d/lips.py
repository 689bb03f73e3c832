"""Where closed lips really meet.

A tracker of face meshes takes the paler inside of full lips for an open mouth: in the London set it sees closed lips
apart by .3 to .8 centimetres in most black people and in hardly anybody else. Teeth would be painted over their lips,
and they alone would be told that their face is not neutral. The photograph knows better: between lips that are closed
there is lip, crossed by one dark line.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.augment.affect3d.topology import LIP_PAIRS
from fer_core.types import Floats, ImageU8

#: Inner lips that are seen nearer to each other than the first are closed, further than the second are open.
DOUBTFUL_CM = (0.12, 0.9)
#: Of the pixels between closed lips, fewer than this are as dark as a cavity or as bright and pale as teeth.
MAX_FOREIGN = 0.17
#: Median difference of colour to the nearer lip, as a share of the lips' brightness.
MAX_DIFFERENCE = 0.2
#: Saturation relative to the lips: teeth are paler, the inside of lips is not.
MIN_SATURATION = 0.85
#: The line in which lips meet is darker than this share of their brightness.
MAX_SEAM = 0.88
#: Lips less saturated than this have no colour to go by, as in a grey photograph.
_COLOURED = 0.06

_COLUMNS_A_PAIR = 4
_ROWS = 41


def close_lips(photo_rgb_u8: ImageU8, landmarks_px: Floats, px_per_cm: float) -> Floats:
    """The mesh (468, 3) with the inner lips on the line in which they meet, if they do; otherwise as it is.

    Args:
        photo_rgb_u8: (H, W, 3).
        landmarks_px: (468, 3).
        px_per_cm: scale of the face, canonical centimetres.
    """
    upper, lower = landmarks_px[LIP_PAIRS[:, 0]], landmarks_px[LIP_PAIRS[:, 1]]
    gap_cm = float(np.linalg.norm(lower - upper, axis=1).max()) / px_per_cm
    if not DOUBTFUL_CM[0] < gap_cm < DOUBTFUL_CM[1]:
        return landmarks_px
    depth = np.linspace(-1, 2, _ROWS)  # 0 at the upper inner lip, 1 at the lower one
    strip = _strip(photo_rgb_u8, upper[:, :2], lower[:, :2], depth)
    if not _is_lip(strip, depth):
        return landmarks_px
    share = _seam(strip.mean(axis=2), depth)[::_COLUMNS_A_PAIR, None]
    closed = landmarks_px.copy()
    closed[LIP_PAIRS[:, 0]] = closed[LIP_PAIRS[:, 1]] = upper + share * (lower - upper)
    return closed


def _strip(photo: ImageU8, upper: Floats, lower: Floats, depth: npt.NDArray[np.float64]) -> Floats:
    """(rows, columns, 3): the mouth and as much of the lips above and below it, straightened."""
    pairs = np.arange(len(upper))
    columns = np.linspace(0, pairs[-1], pairs[-1] * _COLUMNS_A_PAIR + 1)
    above, below = (
        np.stack([np.interp(columns, pairs, points[:, k]) for k in range(2)], axis=1) for points in (upper, lower)
    )
    at = (above + depth[:, None, None] * (below - above)).astype(np.float32)
    sampled = cv2.remap(photo, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    strip: Floats = sampled.astype(np.float32)
    return strip


def _is_lip(strip: Floats, depth: npt.NDArray[np.float64]) -> bool:
    """Whether what is seen between the inner lips is lip too, with a dark line in it."""
    margin = strip.shape[1] // 6  # the corners of the mouth are in shadow
    middle = strip[:, margin:-margin]
    light, colour = middle.mean(axis=2), 1 - middle.min(axis=2) / np.maximum(middle.max(axis=2), 1)
    above, below, between = depth < -0.05, depth > 1.05, (depth > 0.05) & (depth < 0.95)
    lips = above | below
    brightness, saturation = float(np.median(light[lips])), float(np.median(colour[lips]))
    if brightness < 1:
        return False
    pale = colour[between] < 0.75 * saturation
    foreign = (light[between] < 0.6 * brightness) | ((light[between] > 1.3 * brightness) & pale)
    difference = np.min(
        [np.abs(middle[between] - np.median(middle[lip], axis=(0, 1))).mean(axis=2) for lip in (above, below)], axis=0
    )
    seam = float(np.median(light[between].min(axis=0)))
    return (
        float(foreign.mean()) < MAX_FOREIGN
        and float(np.median(difference)) < MAX_DIFFERENCE * brightness
        and seam < MAX_SEAM * brightness
        and (saturation < _COLOURED or float(np.median(colour[between])) > MIN_SATURATION * saturation)
    )


def _seam(light: Floats, depth: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(columns,): depth of the darkest line from left to right that moves by at most one row a column."""
    inside = np.flatnonzero((depth >= -0.2) & (depth <= 1.2))
    cost = light[inside].astype(np.float64)
    best = cost.copy()
    for column in range(1, cost.shape[1]):
        before = np.pad(best[:, column - 1], 1, constant_values=np.inf)
        best[:, column] += np.min([before[:-2], before[1:-1], before[2:]], axis=0)
    row = int(best[:, -1].argmin())
    rows = [row]
    for column in range(cost.shape[1] - 2, -1, -1):
        low = max(0, row - 1)
        row = low + int(best[low : row + 2, column].argmin())
        rows.append(row)
    path = cv2.GaussianBlur(depth[inside][rows[::-1]][None], (0, 0), 1.5)[0]
    return np.asarray(path, np.float64)
