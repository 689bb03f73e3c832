"""A photograph that is ready to be given another affect, at several sizes. No Qt.

While a person drags, the face must follow at once: small copies of the photograph are rendered then, as large as the
machine can take, and the photograph itself as soon as nothing moves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fer_core.types import Box, FaceResult, Floats, ImageU8
from fer_studio.synthesis.photograph import Photograph
from fer_studio.workers.control import Cancelled

if TYPE_CHECKING:
    from fer_core.augment.affect3d import FittedFace, Synthesiser
    from fer_core.augment.affect3d.model import AffectModel

#: Sides of the part of the picture that may change, in the copies for preview.
PREVIEW_SIDES_PX = (256, 360, 512, 724)
#: A copy that is hardly smaller than the photograph is not worth having.
_LEAST_STEP = 0.85


@dataclass(frozen=True, slots=True)
class Level:
    """The photograph at one size."""

    fit: FittedFace
    faces: tuple[FaceResult, ...]
    """All that were found, with boxes in the pixels of this size and without meshes."""

    @property
    def changing_px(self) -> int:
        """Pixels that may change: what rendering costs grows with them."""
        return int(self.fit.region_rgb_u8.shape[0] * self.fit.region_rgb_u8.shape[1])

    @property
    def image_rgb_u8(self) -> ImageU8:
        """(H, W, 3): the photograph as it was."""
        return self.fit.photo_rgb_u8


@dataclass(frozen=True, slots=True, eq=False)
class FittedPhoto:
    """A fitted face of a photograph."""

    photograph: Photograph
    synthesiser: Synthesiser
    faces: tuple[FaceResult, ...]
    """All that were found, from the left."""
    chosen: int
    """``face_id`` of the one that is fitted."""
    levels: tuple[Level, ...]
    """From small to the photograph itself."""
    notes: tuple[str, ...]
    """What may look wrong and what helps, in sentences."""

    @property
    def full(self) -> Level:
        """The photograph at its own size."""
        return self.levels[-1]

    @property
    def model(self) -> AffectModel:
        """Which movements there are."""
        return self.synthesiser.model


def fit_levels(
    image_rgb_u8: ImageU8, landmarks_px: Floats, faces: Sequence[FaceResult], should_stop: Callable[[], bool]
) -> tuple[Level, ...]:
    """One fit for each size.

    Args:
        image_rgb_u8: (H, W, 3).
        landmarks_px: (468, 3), mesh of the face to be fitted.
        faces: all that were found.
        should_stop: is asked after each size.

    Raises:
        SynthesisError: the face is too small, or turned too far.
        Cancelled: it should stop.
    """
    from fer_core.augment.affect3d import fit_mesh

    full = fit_mesh(image_rgb_u8, landmarks_px)
    side_px = max(full.region_rgb_u8.shape[:2])
    height_px, width_px = image_rgb_u8.shape[:2]
    levels = []
    for wanted_px in PREVIEW_SIDES_PX:
        if should_stop():
            raise Cancelled
        scale = wanted_px / side_px
        if scale < _LEAST_STEP:
            size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
            smaller: ImageU8 = cv2.resize(image_rgb_u8, size, interpolation=cv2.INTER_AREA)
            exact = np.array([size[0] / width_px, size[1] / height_px, scale], np.float32)
            fit = fit_mesh(smaller, landmarks_px * exact)
            levels.append(Level(fit, _scaled(faces, scale)))
    return (*levels, Level(full, _scaled(faces, 1.0)))


def _scaled(faces: Sequence[FaceResult], scale: float) -> tuple[FaceResult, ...]:
    return tuple(
        FaceResult(
            replace(face.face, box=_scaled_box(face.face.box, scale), landmarks_px=face.face.landmarks_px[:0]), None
        )
        for face in faces
    )


def _scaled_box(box: Box, scale: float) -> Box:
    return Box(box.x_px * scale, box.y_px * scale, box.w_px * scale, box.h_px * scale)
