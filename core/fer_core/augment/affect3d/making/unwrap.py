"""Pictures of faces unrolled into UV space."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.augment.affect3d.raster import rasterise, triangle_affines
from fer_core.types import Floats, ImageU8


class Unwrapper:
    """Reads a picture at the places where the pixels of a UV image lie on its mesh."""

    def __init__(self, triangles: npt.NDArray[np.int16], uv: Floats, size_px: int) -> None:
        self._triangles = triangles.astype(np.intp)
        self._places = uv * (size_px - 1)
        self._size_px = size_px
        self._ids = rasterise(self._places, self._triangles, (size_px, size_px))
        self.covered = self._ids > 0
        """(size_px, size_px): where UV space holds a face."""

    def __call__(self, image: ImageU8, landmarks_px: Floats) -> Floats:
        """(size_px, size_px[, 3]), 0 where there is no face."""
        corners = landmarks_px[self._triangles, :2].transpose(0, 2, 1)
        ones = np.ones((len(corners), 1, 3), np.float32)
        maps = triangle_affines(self._places, self._triangles, np.concatenate([corners, ones], axis=1))
        ys, xs = np.nonzero(self.covered)
        chosen = maps[self._ids[ys, xs] - 1]
        places = (chosen @ np.stack([xs, ys, np.ones_like(xs)], 1)[..., None].astype(np.float32))[..., 0]
        sampled = cv2.remap(
            image,
            places[None, :, 0].copy(),
            places[None, :, 1].copy(),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )[0]
        out = np.zeros((self._size_px, self._size_px, *image.shape[2:]), np.float32)
        out[ys, xs] = sampled
        return out
