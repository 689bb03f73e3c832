"""Where in a frame to look for new faces.

The detector sees 192x192 pixels, whatever it is given. Measured on 16 portraits pasted at random places into noise: in
a 1280x720 frame it finds 16 of 16 faces of 80 px, 15 of 64 px, 11 of 48 px; in a 720x720 part of it, 16 of 16 down to
40 px. So wide frames are also searched in squares as high as the frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fer_core.faces.networks import Detection, DetectorNetwork
from fer_core.types import ImageU8

#: Up to this longer side, the whole frame shows the detector every face of 48 px.
WHOLE_FRAME_PX = 768
#: Two detections of one face overlap by more than this share of the smaller one.
SAME_FACE_OVERLAP = 0.5

Region = tuple[int, int, int, int]
"""left, top, right, bottom in pixels"""


def square_regions(width_px: int, height_px: int) -> list[Region]:
    """Overlapping squares that cover a frame; none where the whole frame is small enough to need no parts."""
    long_px, short_px = max(width_px, height_px), min(width_px, height_px)
    if long_px <= WHOLE_FRAME_PX:
        return []
    count = -(-long_px // short_px)
    starts = np.linspace(0, long_px - short_px, max(count, 1)).round().astype(int).tolist()
    if count == 1:
        return []
    if width_px >= height_px:
        return [(s, 0, s + short_px, short_px) for s in starts]
    return [(0, s, short_px, s + short_px) for s in starts]


def detect_in(network: DetectorNetwork, image_rgb_u8: ImageU8, regions: Sequence[Region | None]) -> list[Detection]:
    """Faces in some regions of a frame (None is the whole), each once, best first, in pixels of the frame."""
    found: list[Detection] = []
    for region in regions:
        left, top, right, bottom = region or (0, 0, image_rgb_u8.shape[1], image_rgb_u8.shape[0])
        for d in network.run(image_rgb_u8[top:bottom, left:right]):
            eyes = d.eyes_px + np.array([left, top], np.float32)
            found.append(Detection(d.x_px + left, d.y_px + top, d.w_px, d.h_px, eyes, d.score))
    kept: list[Detection] = []
    for d in sorted(found, key=lambda d: -d.score):
        box = (d.x_px, d.y_px, d.w_px, d.h_px)
        if all(overlap(box, (k.x_px, k.y_px, k.w_px, k.h_px)) < SAME_FACE_OVERLAP for k in kept):
            kept.append(d)
    return kept


def overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Common area of two boxes (x, y, w, h) as a share of the smaller one, 0..1."""
    common_w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    common_h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    smaller = min(a[2] * a[3], b[2] * b[3])
    return max(0.0, common_w) * max(0.0, common_h) / smaller if smaller > 0 else 0.0
