"""Head pose from the face mesh: the rotation of a weighted similarity from the canonical face to the landmarks.

Method: :mod:`fer_core.faces.similarity` with the weights that MediaPipe's own face geometry uses. They lie on 33 points
that expressions move little.

Convention. Axes of the image: x right, y down, z away from the camera. The rotation that takes the frontal canonical
face to the seen one is ``R = Rz(roll) @ Ry(-yaw) @ Rx(-pitch)``, each matrix right-handed in these axes: intrinsic
order roll, yaw, pitch (z, y', x''). So that, with all three zero for a face that looks straight at the camera,

- ``pitch_deg > 0``: the face looks up,
- ``yaw_deg > 0``: the face turns towards the image's right side,
- ``roll_deg > 0``: the head tilts clockwise in the image.

Yaw lies in [-90, 90], the others in [-180, 180]. The mesh network sees a crop, not the camera, so the rotation is
about relative to the line of sight: a rendered head parallel to the optical axis, 14 degrees aside of it, measures 10
degrees of yaw. Without the focal length, nothing better can be said.

Zero pitch is that of the canonical face. People who were photographed looking level into the camera (webmorph, 344
photographs) measure -2.4 degrees in the median; no offset is subtracted, because heads differ by more than that.

Error. On made rotations, every combination of -30 to 30 degrees in all three angles, perspective camera, noise of 0.5 %
of the face's width: mean 0.8, at most 2.6 degrees at 60 cm; 3.0 at 50 cm; perspective, which this fit leaves out, takes
it to 3.5 at 40 cm. On MediaPipe's mesh of rendered faces (10 photographs on the canonical mesh, 60 cm, yaw and pitch to
30 degrees): mean absolute error 1.5, 1.4 and 0.7 degrees in pitch, yaw and roll, 95 % within 3.5, bias below 0.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fer_core.faces.canonical import canonical_mesh, check_landmarks
from fer_core.faces.similarity import Doubles, rotation_and_scale
from fer_core.types import Floats, Pose

#: A head is about 15 cm wide: this is far below a pixel, and only tells a mesh from a point.
_MIN_SCALE_PX_PER_CM = 1e-6


@dataclass(frozen=True, slots=True)
class Alignment:
    """``landmark = scale_px_per_cm * rotation @ (vertex - vertex_centre) + landmark_centre``, in the least squares."""

    rotation: Doubles
    """(3, 3), determinant +1."""
    scale_px_per_cm: float
    centre_px: Doubles
    """(3,): weighted centre of the landmarks."""

    def to_canonical_cm(self, landmarks_px: Floats) -> Doubles:
        """The mesh, (N, 3), turned frontal, in centimetres of the canonical face, weighted centre at the origin."""
        turned: Doubles = (landmarks_px - self.centre_px) @ self.rotation / self.scale_px_per_cm
        return turned


@lru_cache(maxsize=1)
def _rigid_points() -> tuple[npt.NDArray[np.intp], Doubles, Doubles, float]:
    """Indices (33,), weights (33,), centred canonical vertices times weight (33, 3), their variance."""
    mesh = canonical_mesh()
    used = np.flatnonzero(mesh.rigid_weights)
    weights = mesh.rigid_weights[used].astype(np.float64)
    vertices = mesh.vertices_cm[used].astype(np.float64)
    centred = vertices - weights @ vertices
    return used, weights, weights[:, None] * centred, float(weights @ (centred**2).sum(axis=1))


def align_canonical(landmarks_px: Floats) -> Alignment:
    """Fit the canonical face to a mesh.

    Args:
        landmarks_px: (468, 3), x and y in pixels, z in the same scale, negative towards the camera.

    Raises:
        ValueError: when the mesh has another shape, is not finite, or has no extent.
    """
    check_landmarks(landmarks_px)
    used, weights, weighted, variance = _rigid_points()
    target = landmarks_px[used].astype(np.float64)
    centre = weights @ target
    rotation, scale = rotation_and_scale((target - centre).T @ weighted, variance)
    if scale < _MIN_SCALE_PX_PER_CM:
        raise ValueError("landmarks_px has no extent: all points coincide; leave this face out of the frame")
    return Alignment(rotation, scale, centre)


def pose_of(rotation: Doubles) -> Pose:
    """Angles of a (3, 3) rotation, in the convention of this module."""
    (cos_roll, *_), (sin_roll, *_), (sin_yaw, x, y) = rotation.tolist()
    return Pose(
        pitch_deg=math.degrees(math.atan2(-x, y)),
        yaw_deg=math.degrees(math.asin(min(1.0, max(-1.0, sin_yaw)))),
        roll_deg=math.degrees(math.atan2(sin_roll, cos_roll)),
    )


def rotation_of(pose: Pose) -> Doubles:
    """The (3, 3) rotation with these angles; inverse of :func:`pose_of`. Draws pose axes and makes test heads."""
    a, b, c = np.radians([-pose.pitch_deg, -pose.yaw_deg, pose.roll_deg])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x, dtype=np.float64)


def head_pose(landmarks_px: Floats) -> Pose:
    """Pitch, yaw and roll in degrees of a (468, 3) mesh.

    Raises:
        ValueError: as :func:`align_canonical`.
    """
    return pose_of(align_canonical(landmarks_px).rotation)
