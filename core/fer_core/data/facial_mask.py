"""The regions of eyes and mouth of an aligned face, as one binary mask.

Source: P. Antoniadis, thesis, section 5.1.2: 1 in the eye or mouth region, 0 elsewhere. The thesis outlines them with
24 landmarks; the face mesh outlines the same regions with 52 points.
"""

from __future__ import annotations

import cv2
import numpy as np

from fer_core.faces.contours import LEFT_EYE, LIPS_OUTER, RIGHT_EYE
from fer_core.types import Floats, ImageU8

#: Polygons are drawn to a sixteenth of a pixel.
_SHIFT_BITS = 4


def facial_mask(landmarks_px: Floats, size_px: int) -> ImageU8:
    """Mask (S, S) of 0 and 1 from the face mesh (468 or more, 2 or 3) in the pixels of the crop.

    Points outside the crop are fine: what they enclose is cut off.

    Raises:
        ValueError: when there are fewer than 468 points, or one of them is not finite.
    """
    if landmarks_px.ndim != 2 or len(landmarks_px) < 468 or not np.isfinite(landmarks_px[:, :2]).all():
        raise ValueError(f"landmarks_px must be (468, 2) or more and finite, got {landmarks_px.shape}")
    mask: ImageU8 = np.zeros((size_px, size_px), np.uint8)
    for contour in (LEFT_EYE, RIGHT_EYE, LIPS_OUTER):
        polygon = np.round(landmarks_px[list(contour), :2] * 2**_SHIFT_BITS).astype(np.int32)
        cv2.fillPoly(mask, [polygon], 1, shift=_SHIFT_BITS)
    return mask
