"""The one crop of a face that every network of this project sees, in training and at run time.

A similarity transform (rotation, one scale, shift) takes five mesh points to fixed places in a square crop: the four
corners of the eyes and the point under the nose. None of them moves much with expression, so that an open mouth or
raised brows stay visible as such instead of being normalised away, and a similarity keeps the shape of the face. The
template is the mean neutral face of 60 frontal photographs, scaled so that the crop reaches from the hairline to
below the chin: half as much again would be background, less would cut a dropped jaw.

The geometry travels inside the model file (``CropGeometry.to_dict``); ``DEFAULT_GEOMETRY`` is what training uses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.types import Floats, ImageU8


@dataclass(frozen=True, slots=True)
class CropGeometry:
    """Which mesh points go where in a square crop of ``size_px``."""

    size_px: int
    mesh_points: tuple[int, ...]
    template_px: tuple[tuple[float, float], ...]
    """One (x, y) per mesh point, in pixels of the crop."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CropGeometry:
        """Inverse of :meth:`to_dict`."""
        return cls(
            int(values["size_px"]),
            tuple(int(p) for p in values["mesh_points"]),
            tuple((float(x), float(y)) for x, y in values["template_px"]),
        )

    def scaled(self, size_px: int) -> CropGeometry:
        """The same crop at another resolution."""
        factor = size_px / self.size_px
        return CropGeometry(size_px, self.mesh_points, tuple((x * factor, y * factor) for x, y in self.template_px))


#: Outer and inner corner of the eye on the image's left, inner and outer corner of the other, point under the nose.
DEFAULT_GEOMETRY = CropGeometry(
    size_px=112,
    mesh_points=(33, 133, 362, 263, 2),
    template_px=((28.0, 37.0), (45.1, 37.7), (66.9, 37.7), (84.0, 37.0), (56.0, 64.1)),
)


def similarity_to_template(points_px: Floats, geometry: CropGeometry) -> npt.NDArray[np.float64]:
    """Least-squares similarity from frame pixels to crop pixels (Umeyama 1991, without reflection).

    Args:
        points_px: (P, 2), the geometry's mesh points in the frame.
        geometry: where they go.

    Returns:
        (2, 3) affine matrix.

    Raises:
        ValueError: when the points coincide, so that no scale is defined.
    """
    # A similarity in the plane is multiplication by one complex number: the least-squares fit has a closed form.
    source = [complex(x, y) for x, y in points_px.tolist()]
    target = [complex(x, y) for x, y in geometry.template_px]
    source_centre, target_centre = sum(source) / len(source), sum(target) / len(target)
    spread = sum(abs(s - source_centre) ** 2 for s in source)
    if not spread > 1e-6:
        raise ValueError("the points that align a face coincide; no crop can be made")
    pairs = zip(source, target, strict=True)
    factor = sum((t - target_centre) * (s - source_centre).conjugate() for s, t in pairs) / spread
    shift = target_centre - factor * source_centre
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def align_face(image_rgb_u8: ImageU8, landmarks_px: Floats, geometry: CropGeometry = DEFAULT_GEOMETRY) -> ImageU8:
    """Cuts the aligned crop of a face.

    Args:
        image_rgb_u8: (H, W, 3), the whole frame.
        landmarks_px: (468, 2 or 3), the mesh in pixels of the frame.
        geometry: crop size and template.

    Returns:
        (size_px, size_px, 3) uint8; what lies outside the frame repeats its border.
    """
    points = landmarks_px[list(geometry.mesh_points), :2]
    return warp_area(image_rgb_u8, similarity_to_template(points, geometry), geometry.size_px)


def warp_area(image_rgb_u8: ImageU8, to_crop: npt.NDArray[np.float64], size_px: int) -> ImageU8:
    """Warps by a similarity without aliasing: large faces are first reduced by area averaging.

    Bilinear sampling alone skips pixels when it shrinks by more than two, which makes a sharp close-up look unlike
    the same face further away.
    """
    shrink = int(1.0 / np.hypot(to_crop[0, 0], to_crop[1, 0]))
    if shrink < 2:
        return _warp(image_rgb_u8, to_crop, size_px)
    height, width = image_rgb_u8.shape[:2]
    (a, b, x), (c, d, y) = cv2.invertAffineTransform(to_crop).tolist()
    corners = ((0, 0), (size_px, 0), (0, size_px), (size_px, size_px))
    across, down = [a * u + b * v + x for u, v in corners], [c * u + d * v + y for u, v in corners]
    margin = 2 * shrink
    left, top = _between(0, min(across) - margin, width - 1), _between(0, min(down) - margin, height - 1)
    right, bottom = (
        _between(1, math.ceil(max(across)) + margin, width),
        _between(1, math.ceil(max(down)) + margin, height),
    )
    # Whole blocks, counted from the frame's corner: much faster to average than parts of pixels, and the same blocks
    # in the next frame.
    left, top = left - left % shrink, top - top % shrink
    blocks_x, blocks_y = max(1, (right - left) // shrink), max(1, (bottom - top) // shrink)
    region = image_rgb_u8[top : min(bottom, top + blocks_y * shrink), left : min(right, left + blocks_x * shrink)]
    reduced = cv2.resize(region, (blocks_x, blocks_y), interpolation=cv2.INTER_AREA)
    ratio_x, ratio_y = region.shape[1] / blocks_x, region.shape[0] / blocks_y
    # A reduced pixel (u, v) has its centre at region pixel ((u + .5) * ratio - .5); fold that into the matrix.
    to_frame = np.array([[ratio_x, 0, left + 0.5 * ratio_x - 0.5], [0, ratio_y, top + 0.5 * ratio_y - 0.5], [0, 0, 1]])
    return _warp(reduced, to_crop @ to_frame, size_px)


def _between(low: int, value: float, high: int) -> int:
    return min(high, max(low, math.floor(value)))


def _warp(image_rgb_u8: ImageU8, to_crop: npt.NDArray[np.float64], size_px: int) -> ImageU8:
    warped: ImageU8 = cv2.warpAffine(
        image_rgb_u8, to_crop, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return warped
