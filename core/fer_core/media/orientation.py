"""Turns a stored picture upright: the eight orientations that cameras write into files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from fer_core.types import ImageU8


@dataclass(frozen=True, slots=True)
class Orientation:
    """Transpose first, then mirror: together the four quarter turns and their mirror images."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def from_display_matrix(cls, matrix: Sequence[int]) -> Orientation:
        """Nearest of the eight orientations to a container's display matrix.

        ``matrix`` holds the nine integers of ISO/IEC 14496-12 (``a b u c d v x y w``), which send the stored point
        (x, y) to (a x + c y, b x + d y).
        """
        a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(transpose=True, flip_x=c < 0, flip_y=b < 0)
        return cls(transpose=False, flip_x=a < 0, flip_y=d < 0)

    @property
    def is_identity(self) -> bool:
        """Whether pictures stay as they are."""
        return not (self.transpose or self.flip_x or self.flip_y)

    def apply(self, image: ImageU8) -> ImageU8:
        """The upright picture: (H, W, 3) in, (H, W, 3) or (W, H, 3) out, contiguous."""
        if self.transpose:
            image = cast(ImageU8, cv2.transpose(image))
        if self.flip_x or self.flip_y:
            axis = -1 if self.flip_x and self.flip_y else int(self.flip_x)
            image = cast(ImageU8, cv2.flip(image, axis))
        return np.ascontiguousarray(image)
