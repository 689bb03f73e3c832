"""The eyeball stays in its socket while the lids move over it."""

from __future__ import annotations

import cv2
import numpy as np

from fer_core.augment.affect3d.raster import smooth_contour
from fer_core.augment.affect3d.topology import EYES, Indices
from fer_core.types import Floats

#: Width of the rim along the lids that moves with them, as a share of the width of the eye: lashes and shadow.
RIM = 0.07
#: Least width of that rim where lids open, relative to the way they go: in a narrower one what is next to the lids
#: would be seen twice.
RIM_OF_OPENING = 2.0

#: Of a contour of :data:`EYES`: its outer and its inner corner.
CORNERS: Indices = np.array([0, 8], np.intp)

_FINE = 3  # steps in a pixel in which contours are drawn


def hold_eyeballs(source_x: Floats, source_y: Floats, before_px: Floats, after_px: Floats) -> None:
    """Replace, inside the eyes, the map that stretches with the lids by one that moves with the corners of the eye.

    Args:
        source_x: (h, w), x in the photograph's region for each target pixel; changed in place.
        source_y: likewise y.
        before_px: (>= 468, 2), the mesh in the region.
        after_px: the same after it moved.
    """
    height, width = source_x.shape
    for eye in EYES:
        # Learned movements take whole eyes along by a millimetre or two.
        shift_x, shift_y = (after_px[eye] - before_px[eye])[CORNERS].mean(axis=0)
        rest = before_px[eye] + (shift_x, shift_y)
        both = np.concatenate([rest, after_px[eye]])
        left, top = np.clip(np.floor(both.min(axis=0)).astype(int) - 2, 0, (width - 1, height - 1))
        right, bottom = np.clip(np.ceil(both.max(axis=0)).astype(int) + 3, 1, (width, height))
        origin = np.array([left, top], np.float32)
        shape = (int(bottom - top), int(right - left))
        opening_px = float(np.ptp(after_px[eye, 1]) - np.ptp(rest[:, 1]))
        rim_px = max(1.5, RIM * float(np.ptp(rest[:, 0])), RIM_OF_OPENING * opening_px)
        depth = np.minimum(_depth(rest - origin, shape), _depth(after_px[eye] - origin, shape))
        still = np.clip(depth / rim_px, 0, 1)
        still *= still * (3 - 2 * still)
        window = (slice(top, bottom), slice(left, right))
        ys, xs = np.mgrid[top:bottom, left:right].astype(np.float32)
        source_x[window] += still * (xs - shift_x - source_x[window])
        source_y[window] += still * (ys - shift_y - source_y[window])


def _depth(contour_px: Floats, shape: tuple[int, int]) -> Floats:
    """(h, w): distance to the contour from inside, 0 outside, in parts of pixels."""
    mask = np.zeros((shape[0] * _FINE, shape[1] * _FINE), np.uint8)
    fine = (smooth_contour(contour_px) + 0.5) * _FINE - 0.5  # middles of pixels are whole numbers on both grids
    cv2.fillPoly(mask, [np.round(fine * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    depth: Floats = cv2.resize(distance, (shape[1], shape[0]), interpolation=cv2.INTER_AREA) / _FINE
    return depth
