"""The rotated square around a face from which the mesh is read.

The geometry is that of MediaPipe's own pipeline, because the mesh network was trained on it: the square is centred on
the face's box, 1.5 times its longer side, and turned so that the line between the eyes is level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_core.types import Floats

ROI_SCALE = 1.5
#: Mesh points at the outer corners of the eyes, image left then image right.
EYE_OUTER_CORNERS = (33, 263)


@dataclass(frozen=True, slots=True)
class Roi:
    """A square of side ``size_px`` around a centre, turned clockwise in the image by ``angle_rad``."""

    center_x_px: float
    center_y_px: float
    size_px: float
    angle_rad: float


def roi_from_box(x_px: float, y_px: float, w_px: float, h_px: float, eyes_px: Floats) -> Roi:
    """Region for a box with the two eyes (2, 2) known."""
    dx, dy = (eyes_px[1] - eyes_px[0]).tolist()
    return Roi(x_px + w_px / 2, y_px + h_px / 2, ROI_SCALE * max(w_px, h_px), math.atan2(dy, dx))


def box_of(landmarks_px: Floats) -> tuple[float, float, float, float]:
    """Left, top, width, height of a mesh (468, 3)."""
    x_and_y = np.ascontiguousarray(landmarks_px[:, :2].T)
    (x, y), (right, bottom) = x_and_y.min(axis=1).tolist(), x_and_y.max(axis=1).tolist()
    return x, y, right - x, bottom - y


def roi_from_landmarks(landmarks_px: Floats, box_px: tuple[float, float, float, float] | None = None) -> Roi:
    """Region for the next frame from this frame's mesh (468, 3), whose box may be known."""
    return roi_from_box(*(box_px or box_of(landmarks_px)), landmarks_px[list(EYE_OUTER_CORNERS), :2])


def roi_to_frame_matrix(roi: Roi, side_px: int) -> npt.NDArray[np.float64]:
    """(2, 3) affine matrix from pixels of a ``side_px`` crop of the region to pixels of the frame."""
    scale = roi.size_px / side_px
    cos, sin = scale * math.cos(roi.angle_rad), scale * math.sin(roi.angle_rad)
    half = side_px / 2
    return np.array(
        [
            [cos, -sin, roi.center_x_px - half * (cos - sin)],
            [sin, cos, roi.center_y_px - half * (sin + cos)],
        ]
    )
