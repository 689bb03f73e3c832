"""The perspective camera of the morphable model: focal length, quaternion and translation.

Source: Kollias et al. (2020), section 3.4.1 and eq. 2, ``W(p, c) = P(S(p), c)`` with 7 parameters c: one of the focal
length, three of the turn, three of the place. The turn is a unit quaternion (Kuipers 1999), whose fourth number follows
from its length; a step multiplies a small turn to it, so that no angle is special. Where we deviate: the paper's
principal point is not given; here it is the middle of the picture. A step of the focal length is relative, so that it
cannot become negative.

Axes: x right, y down, z away from the camera, in pixels of the picture and units of the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_core.models.linear_model import Doubles

#: Focal length, turn (3), translation (3).
CAMERA_PARAMETERS = 7
#: Focal length, as a multiple of the longer side of the picture, of a telephone or of a webcam: 50 degrees wide.
TYPICAL_FOCAL = 1.07
#: Nearer than this share of the distance of the mesh, a point is held: it would project anywhere.
_NEAREST = 0.05


@dataclass(frozen=True, slots=True)
class PerspectiveCamera:
    """Projects a mesh into a picture."""

    focal_px: float
    quaternion: Doubles
    """(4,), unit length, scalar first: turns the mesh into the axes of the camera."""
    translation: Doubles
    """(3,), units of the mesh: place of the mesh's origin before the camera."""
    centre_px: Doubles
    """(2,): principal point."""

    @property
    def rotation(self) -> Doubles:
        """(3, 3), determinant +1."""
        return rotation_matrix(self.quaternion)

    def in_camera(self, points: Doubles) -> Doubles:
        """(N, 3): points of the mesh in the axes of the camera."""
        return np.asarray(points @ self.rotation.T + self.translation)

    def project(self, points: Doubles) -> Doubles:
        """(N, 2): places in the picture, px, of points (N, 3) of the mesh; eq. 2."""
        placed = self.in_camera(points)
        return np.asarray(self.focal_px * placed[:, :2] / self._depth(placed)[:, None] + self.centre_px)

    def derivatives(self, points: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        """Places (N, 2) with their derivatives by the points (N, 2, 3) and by a step of the camera (N, 2, 7)."""
        rotation = self.rotation
        turned = points @ rotation.T
        placed = turned + self.translation
        depth = self._depth(placed)
        flat = placed[:, :2] / depth[:, None]
        by_place = np.zeros((len(points), 2, 3))
        by_place[:, 0, 0] = by_place[:, 1, 1] = self.focal_px / depth
        by_place[:, :, 2] = -self.focal_px * flat / depth[:, None]
        # A small turn w moves a turned point by w x point.
        x, y, z = turned.T
        zero = np.zeros_like(x)
        by_turn = np.stack(
            [np.stack([zero, z, -y], 1), np.stack([-z, zero, x], 1), np.stack([y, -x, zero], 1)], axis=1
        )  # (N, 3, 3): place by turn
        by_camera = np.concatenate([self.focal_px * flat[:, :, None], by_place @ by_turn, by_place], axis=2)
        return self.focal_px * flat + self.centre_px, by_place @ rotation, by_camera

    def moved(self, step: Doubles) -> PerspectiveCamera:
        """The camera after a step (7,): relative focal length, turn in radians about the camera's axes, translation."""
        half = step[1:4] / 2
        angle = float(np.linalg.norm(half))
        turn = np.concatenate([[np.cos(angle)], half * np.sinc(angle / np.pi)])
        return PerspectiveCamera(
            self.focal_px * float(np.exp(step[0])),
            quaternion_product(turn, self.quaternion),
            self.translation + step[4:7],
            self.centre_px,
        )

    def _depth(self, placed: Doubles) -> Doubles:
        return np.maximum(placed[:, 2], _NEAREST * abs(float(self.translation[2])))


def quaternion_product(a: Doubles, b: Doubles) -> Doubles:
    """(4,): the turn b followed by the turn a, unit length."""
    product = np.concatenate([[a[0] * b[0] - a[1:] @ b[1:]], a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:])])
    return np.asarray(product / np.linalg.norm(product))


def rotation_matrix(quaternion: Doubles) -> Doubles:
    """(3, 3) of a unit quaternion (4,)."""
    w, x, y, z = (float(value) for value in quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_of(rotation: Doubles) -> Doubles:
    """(4,) of a rotation (3, 3): the eigenvector that is stable for every angle (Bar-Itzhack 2000)."""
    (a, b, c), (d, e, f), (g, h, i) = np.asarray(rotation, np.float64).tolist()
    symmetric = np.array(
        [
            [a + e + i, h - f, c - g, d - b],
            [h - f, a - e - i, b + d, c + g],
            [c - g, b + d, e - a - i, f + h],
            [d - b, c + g, f + h, i - a - e],
        ]
    )
    found = np.linalg.eigh(symmetric)[1][:, -1]
    return np.asarray(found if found[0] >= 0 else -found)


def camera_from_points(
    points: Doubles, places_px: npt.ArrayLike, size_px: tuple[int, int], focal_px: float | None = None
) -> PerspectiveCamera:
    """A first camera, from a scaled orthographic fit (POS: DeMenthon & Davis 1995, first step).

    Args:
        points: (N, 3) of a mesh, not all in one plane.
        places_px: (N, 2), where they are seen.
        size_px: width and height of the picture.
        focal_px: if known; typical of the picture's size if not.

    Raises:
        ValueError: when there are fewer than four points, or they lie in one plane.
    """
    seen = np.asarray(places_px, np.float64)
    centre = points.mean(axis=0)
    linear, _, rank, _ = np.linalg.lstsq(points - centre, seen - seen.mean(axis=0), rcond=1e-6)
    if len(points) < 4 or rank < 3:
        raise ValueError(f"{len(points)} points that span {rank} dimensions fix no camera; give four that span space")
    left, singular, right = np.linalg.svd(linear.T, full_matrices=False)
    rows = left @ right
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])])
    focal = focal_px or TYPICAL_FOCAL * max(size_px)
    middle = np.array(size_px, np.float64) / 2
    depth = focal / float(singular.mean())
    place = np.append((seen.mean(axis=0) - middle) * depth / focal, depth)
    return PerspectiveCamera(focal, quaternion_of(rotation), place - rotation @ centre, middle)
