"""The mesh of the one face that a photograph of a data set shows.

Research images are often cut tightly around the face, down to 48 pixels, where a detector built for whole scenes
finds nothing. So three ways are tried in turn, and the caller learns which one worked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from fer_core.faces.align import DEFAULT_GEOMETRY, CropGeometry, align_face, warp_area
from fer_core.faces.networks import DetectorNetwork, MeshNetwork
from fer_core.faces.roi import Roi, roi_from_box, roi_from_landmarks
from fer_core.types import Floats, ImageU8

#: Smaller images are enlarged to this side before the mesh is fitted.
WORK_PX = 192
#: Border added on each side, as a share of the side, so that the region around a tight face is not all repetition.
PAD_SHARE = 0.25
#: Least presence for a mesh to be trusted.
MIN_PRESENCE = 0.5
#: The mesh is fitted this often, each time in the region that the fit before gave, as in a video.
REFINEMENTS = 2


class LandmarkSource(StrEnum):
    """How the face of a still image was found."""

    DETECTOR = "detector"
    """The detector saw it in the padded image."""
    WHOLE_IMAGE = "whole_image"
    """The mesh fitted when told that the image is a face."""
    NONE = "none"
    """No mesh fits; the crop is a geometric guess."""


@dataclass(frozen=True, slots=True)
class StillFace:
    """An aligned crop and how it came about."""

    crop_rgb_u8: ImageU8
    landmarks_px: Floats | None
    """(468, 3) in pixels of the image given, None when no mesh fitted."""
    presence: float
    source: LandmarkSource


class StillFaceFinder:
    """Finds the most prominent face of each image given, independently of the images before."""

    def __init__(self, geometry: CropGeometry = DEFAULT_GEOMETRY) -> None:
        self._geometry = geometry
        self._detector = DetectorNetwork()
        self._mesh = MeshNetwork()

    def find(self, image_rgb_u8: ImageU8) -> StillFace:
        """Aligns the face of an image (H, W, 3); falls back to the whole image as crop when no mesh fits."""
        enlarge = max(1.0, WORK_PX / max(image_rgb_u8.shape[:2]))
        work = image_rgb_u8
        if enlarge > 1:
            work = cv2.resize(image_rgb_u8, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC)
        pad = round(PAD_SHARE * max(work.shape[:2])) if enlarge > 1 else 0
        work = cv2.copyMakeBorder(work, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        for source in (LandmarkSource.DETECTOR, LandmarkSource.WHOLE_IMAGE):
            roi = self._detected(work) if source is LandmarkSource.DETECTOR else _central_roi(work, pad)
            landmarks, presence = self._fit(work, roi) if roi else (None, 0.0)
            if landmarks is not None and presence >= MIN_PRESENCE:
                landmarks[:, :2] -= pad
                # Pixel centres, not corners, correspond when an image is enlarged.
                landmarks[:, :2] = (landmarks[:, :2] + 0.5) / enlarge - 0.5
                landmarks[:, 2] /= enlarge
                crop = align_face(image_rgb_u8, landmarks, self._geometry)
                return StillFace(crop, landmarks, presence, source)
        return StillFace(self._whole(image_rgb_u8), None, 0.0, LandmarkSource.NONE)

    def close(self) -> None:
        """Ends the detector's threads."""
        self._detector.close()

    def _detected(self, image_rgb_u8: ImageU8) -> Roi | None:
        detections = self._detector.run(image_rgb_u8)
        if not detections:
            return None
        best = max(detections, key=lambda d: d.w_px * d.h_px * d.score)
        return roi_from_box(best.x_px, best.y_px, best.w_px, best.h_px, best.eyes_px)

    def _fit(self, image_rgb_u8: ImageU8, roi: Roi) -> tuple[Floats, float]:
        for _ in range(REFINEMENTS):
            (mesh,) = self._mesh.run(image_rgb_u8, [roi])
            roi = roi_from_landmarks(mesh.landmarks_px)
        return mesh.landmarks_px, mesh.presence

    def _whole(self, image_rgb_u8: ImageU8) -> ImageU8:
        height, width = image_rgb_u8.shape[:2]
        size_px = self._geometry.size_px
        scale = size_px / max(height, width)
        shift = ((size_px - width * scale) / 2, (size_px - height * scale) / 2)
        return warp_area(image_rgb_u8, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), size_px)


def _central_roi(image_rgb_u8: ImageU8, pad_px: int) -> Roi:
    height, width = image_rgb_u8.shape[:2]
    return Roi(width / 2, height / 2, 1.2 * (max(height, width) - 2 * pad_px), 0.0)
