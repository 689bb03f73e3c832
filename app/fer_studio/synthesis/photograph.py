"""Photographs to work on: from a file, from the camera, or the portrait that ships. No Qt.

The readers load PyAV, which takes a tenth of a second: they are for threads other than the window's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cv2

from fer_core.assets import asset_path
from fer_core.media.errors import MediaError
from fer_core.types import ImageU8

#: Larger photographs are made smaller: what is synthesised has no finer detail.
MAX_SIDE_PX = 2560
PORTRAIT_NAME = "built-in portrait"
CAMERA_NAME = "camera picture"

_REMEDY = "choose a photograph (JPEG, PNG, TIFF, WebP or BMP), or take a picture from the camera"


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture and what it is called."""

    name: str
    image_rgb_u8: ImageU8
    """(H, W, 3), the longer side at most ``MAX_SIDE_PX``."""
    path: Path | None = None
    """None when it came from no file of the person's."""
    reduced_from_px: tuple[int, int] | None = None
    """Width and height before, when it was made smaller."""


def photograph(name: str, image_rgb_u8: ImageU8, path: Path | None = None) -> Photograph:
    """A picture of any size (H, W, 3)."""
    height_px, width_px = image_rgb_u8.shape[:2]
    scale = MAX_SIDE_PX / max(height_px, width_px)
    if scale >= 1:
        return Photograph(name, image_rgb_u8, path)
    size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
    smaller: ImageU8 = cv2.resize(image_rgb_u8, size, interpolation=cv2.INTER_AREA)
    return Photograph(name, smaller, path, (width_px, height_px))


def read_photograph(path: Path) -> Photograph:
    """The upright picture of a file.

    Raises:
        MediaError: not there, unreadable, or no photograph; with the remedy.
    """
    from fer_core.media.images import read_image
    from fer_core.media.source import VIDEO_SUFFIXES

    if os.path.isdir(path):
        raise MediaError(path.name, "is a folder, not a photograph", _REMEDY)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        raise MediaError(path.name, "is a video, not a photograph", _REMEDY)
    try:
        return photograph(path.name, read_image(path), path)
    except OSError as error:
        raise MediaError(path.name, f"cannot be read ({error.strerror or error})", _REMEDY) from error


def built_in_portrait() -> Photograph:
    """The face of nobody from which the demo clip is made.

    Raises:
        FileNotFoundError, MediaError: when the installation is incomplete.
    """
    from fer_core.media.images import read_image

    return photograph(PORTRAIT_NAME, read_image(asset_path("demo", "portrait.jpg")))
