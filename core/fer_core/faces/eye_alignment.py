"""Alignment by the eyes alone: the crop of the Emotion-GCN thesis, beside our own of five points.

Source: thesis, section 3.1, eq. 3.1.1 (angle) and 3.1.2 (scale): the mean of the six landmarks of each eye, points 37
to 48 of the 68-point scheme, gives two centres; the face is turned until they are level and scaled until they are a
desired distance apart. What it leaves open, and our choice:

- ``tan^-1`` of a quotient cannot tell a face from one upside down, and fails for eyes one above the other: we use both
  coordinates (``atan2``).
- *Left* and *right* are as seen in the image: the left centre is that of points 37 to 42.
- The distance, the height of the eyes and the second crop (*only the emotion-related parts*) have no numbers: by
  default the eyes go where our five-point template has them, so that the two crops can be compared.

Against :func:`fer_core.faces.align.similarity_to_template` it needs less of the face, but blinks and looks aside move
the lids and with them the crop, and a face turned sideways, whose eyes are closer together, is enlarged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_core.faces.align import warp_area
from fer_core.types import Floats, ImageU8

#: Rows of the eye on the image's left and of the other among the 68 points (counted from 0).
LEFT_EYE_68 = slice(36, 42)
RIGHT_EYE_68 = slice(42, 48)


@dataclass(frozen=True, slots=True)
class EyeGeometry:
    """Where the centres of the eyes go in a square crop; both are equally far from its sides."""

    size_px: int = 112
    eye_distance_px: float = 38.9
    """Between the centres."""
    eye_height_px: float = 37.35
    """Of both centres, from the upper edge."""


def eye_centers(points68_px: Floats) -> npt.NDArray[np.float64]:
    """(2, 2) mean (x, y) of the six landmarks of the left and of the right eye, from the 68 points (68, 2 or 3).

    Raises:
        ValueError: when there are not 68 points.
    """
    if points68_px.ndim != 2 or points68_px.shape[0] != 68 or points68_px.shape[1] < 2:
        raise ValueError(f"need the 68 points (68, 2), got {points68_px.shape}; a face mesh must be converted first")
    points = points68_px[:, :2].astype(np.float64)
    return np.stack([points[LEFT_EYE_68].mean(axis=0), points[RIGHT_EYE_68].mean(axis=0)])


def eye_similarity(centers_px: npt.NDArray[np.float64], geometry: EyeGeometry) -> npt.NDArray[np.float64]:
    """Similarity from frame pixels to crop pixels.

    Args:
        centers_px: (2, 2), left and right centre as (x, y), from :func:`eye_centers`.
        geometry: where they go.

    Returns:
        (2, 3) affine matrix.

    Raises:
        ValueError: when the centres coincide, so that neither angle nor scale is defined.
    """
    (left_x, left_y), (right_x, right_y) = centers_px
    distance = np.hypot(right_x - left_x, right_y - left_y)
    if not distance > 1e-3:
        raise ValueError("the centres of the eyes coincide; no crop can be made")
    angle = np.arctan2(right_y - left_y, right_x - left_x)  # eq. 3.1.1; radians, y points down
    scale = geometry.eye_distance_px / distance  # eq. 3.1.2
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = np.array([geometry.size_px / 2, geometry.eye_height_px])
    return np.column_stack([turn, middle - turn @ centers_px.mean(axis=0)])


def align_face_by_eyes(image_rgb_u8: ImageU8, points68_px: Floats, geometry: EyeGeometry | None = None) -> ImageU8:
    """Cuts the crop of a face that is aligned by its eyes.

    Args:
        image_rgb_u8: (H, W, 3), the whole frame.
        points68_px: (68, 2 or 3) in pixels of the frame; :func:`fer_core.record.ibug68.ibug68_from_mesh` makes them of
            a face mesh.
        geometry: crop size and place of the eyes; 112 pixels where None.

    Returns:
        (size_px, size_px, 3) uint8; what lies outside the frame repeats its border.

    Raises:
        ValueError: when there are not 68 points or the centres of the eyes coincide.
    """
    geometry = geometry or EyeGeometry()
    return warp_area(image_rgb_u8, eye_similarity(eye_centers(points68_px), geometry), geometry.size_px)
