"""The eyeball stays while the lids move over it."""

from __future__ import annotations

import cv2
import numpy as np

from fer_core.augment.affect3d.topology import EYES
from fer_core.types import Floats

#: Width of the rim along the lids that moves with them, as a share of the width of the eye: lashes and shadow.
RIM = 0.07


def hold_eyeballs(source_x: Floats, source_y: Floats, before_px: Floats, after_px: Floats) -> None:
    """Replace, inside the eyes, the map that stretches with the lids by one that leaves the eyeball in place.

    Args:
        source_x: (h, w), x in the photograph's region for each target pixel; changed in place.
        source_y: likewise y.
        before_px: (>= 468, 2), the mesh in the region.
        after_px: the same after it moved.
    """
    height, width = source_x.shape
    for eye in EYES:
        both = np.concatenate([before_px[eye], after_px[eye]])
        left, top = np.clip(np.floor(both.min(axis=0)).astype(int) - 2, 0, (width - 1, height - 1))
        right, bottom = np.clip(np.ceil(both.max(axis=0)).astype(int) + 3, 1, (width, height))
        origin = np.array([left, top], np.float32)
        shape = (int(bottom - top), int(right - left))
        rim_px = max(1.5, RIM * float(np.ptp(before_px[eye, 0])))
        depth = np.minimum(_depth(before_px[eye] - origin, shape), _depth(after_px[eye] - origin, shape))
        still = np.clip(depth / rim_px, 0, 1)
        still *= still * (3 - 2 * still)
        window = (slice(top, bottom), slice(left, right))
        ys, xs = np.mgrid[top:bottom, left:right].astype(np.float32)
        source_x[window] += still * (xs - source_x[window])
        source_y[window] += still * (ys - source_y[window])


def _depth(contour_px: Floats, shape: tuple[int, int]) -> Floats:
    """(h, w): distance to the contour from inside, 0 outside."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(contour_px * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    depth: Floats = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    return depth
