"""The two ways to align the faces of data sets: by five points, as the program does, or by the eyes alone.

The second is the crop of the Emotion-GCN thesis (:mod:`fer_core.faces.eye_alignment`, eq. 3.1.1 and 3.1.2), for
comparisons. A :class:`~fer_core.faces.align.CropGeometry` says which it is: where it names several mesh points for each
place of its template, their mean goes there. Through two points the least-squares similarity is exact, so that it has
the thesis's angle and scale. The program itself crops by five points only: a network trained on the other crops is
measured on its shards (``fer-core probe``) and not exported.
"""

from __future__ import annotations

import numpy as np

from fer_core.faces.align import DEFAULT_GEOMETRY, CropGeometry, similarity_to_template, warp_area
from fer_core.faces.eye_alignment import LEFT_EYE_68, RIGHT_EYE_68, EyeGeometry
from fer_core.faces.still import StillFaceFinder
from fer_core.record.ibug68 import MESH_PAIRS
from fer_core.types import Floats, ImageU8

_EYES = EyeGeometry()
_MIDDLE_PX, _HALF_PX = _EYES.size_px / 2, _EYES.eye_distance_px / 2

#: By the name that ``fer-core prepare --alignment`` takes.
ALIGNMENTS = {
    "points": DEFAULT_GEOMETRY,
    "eyes": CropGeometry(
        size_px=_EYES.size_px,
        # Each of the twelve points of the eyes is a single vertex of the mesh.
        mesh_points=tuple(pair[0] for eye in (LEFT_EYE_68, RIGHT_EYE_68) for pair in MESH_PAIRS[eye]),
        template_px=tuple((_MIDDLE_PX + side * _HALF_PX, _EYES.eye_height_px) for side in (-1, 1)),
    ),
}


def by_single_points(geometry: CropGeometry) -> bool:
    """Whether each place of the template is that of one mesh point, as the program needs it."""
    return len(geometry.mesh_points) == len(geometry.template_px)


def alignment_points(landmarks: Floats, geometry: CropGeometry) -> Floats:
    """What goes to the places of the template: (P, 2) of a mesh (468, 2 or more), in its units."""
    chosen = landmarks[list(geometry.mesh_points), :2]
    points: Floats = chosen.reshape(len(geometry.template_px), -1, 2).mean(axis=1)
    return points


class AlignedFaceFinder:
    """The aligned crop of the most prominent face of each image, by whichever geometry.

    Args:
        geometry: size and template of the crops.
    """

    def __init__(self, geometry: CropGeometry) -> None:
        self._geometry = geometry
        single = by_single_points(geometry)
        self._finder = StillFaceFinder(geometry if single else DEFAULT_GEOMETRY.scaled(geometry.size_px))
        self._recrop = not single

    def find(self, image_rgb_u8: ImageU8) -> tuple[ImageU8, str]:
        """Crop (S, S, 3) of an image (H, W, 3), and where its landmarks come from
        (:class:`~fer_core.faces.still.LandmarkSource`); without landmarks the whole image.
        """
        face = self._finder.find(image_rgb_u8)
        if not self._recrop or face.landmarks_px is None:
            return face.crop_rgb_u8, face.source.value
        points = alignment_points(face.landmarks_px, self._geometry)
        to_crop = similarity_to_template(points, self._geometry)
        return warp_area(image_rgb_u8, np.asarray(to_crop), self._geometry.size_px), face.source.value

    def close(self) -> None:
        """Ends the detector's threads."""
        self._finder.close()
