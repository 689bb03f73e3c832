"""Makes assets/demo/demo.mp4 from a portrait in the public domain. Run by hand:

    pip install scikit-image av opencv-python-headless
    python packaging/make_demo_clip.py

The face moves and tilts, is small for a moment, leaves the picture and comes back. Beside the clip,
assets/demo/PROVENANCE.md says where the portrait comes from.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from skimage.data import astronaut

WIDTH_PX, HEIGHT_PX, RATE_HZ = 640, 360, 25
FACE_IN_PORTRAIT_PX = (224.0, 118.0)
TARGET = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"

#: (time in s, place of the face in the clip in px, scale, tilt in degrees, counter-clockwise)
PATH = (
    (0.0, (320, 180), 1.50, 0),
    (1.1, (240, 190), 1.50, 12),
    (2.2, (400, 175), 1.60, -14),
    (3.1, (330, 170), 0.75, 0),
    (3.5, (310, 170), 0.75, 0),
    (4.2, (360, 185), 1.45, 4),
    (5.0, (800, 190), 1.45, -8),
    (5.6, (800, 190), 1.45, -8),
    (6.4, (330, 180), 1.50, 5),
    (7.2, (320, 180), 1.50, 0),
)


def pose_at(time_s: float) -> tuple[float, float, float, float]:
    """Face x and y in px, scale, tilt in degrees: eased between the entries of PATH."""
    for (t0, (x0, y0), s0, a0), (t1, (x1, y1), s1, a1) in pairwise(PATH):
        if time_s <= t1:
            ease = (1 - math.cos(math.pi * (time_s - t0) / (t1 - t0))) / 2
            return x0 + ease * (x1 - x0), y0 + ease * (y1 - y0), s0 + ease * (s1 - s0), a0 + ease * (a1 - a0)
    _, (x, y), scale, tilt = PATH[-1]
    return x, y, scale, tilt


def render(portrait: np.ndarray, mask: np.ndarray, backdrop: np.ndarray, time_s: float) -> np.ndarray:
    """One frame (H, W, 3) uint8: the portrait in its pose, with soft edges, before the backdrop."""
    x, y, scale, tilt = pose_at(time_s)
    warp = cv2.getRotationMatrix2D(FACE_IN_PORTRAIT_PX, tilt, scale)
    warp[:, 2] += np.array((x, y)) - FACE_IN_PORTRAIT_PX
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (WIDTH_PX, HEIGHT_PX)
    picture = cv2.warpAffine(portrait, warp, size, flags=flags).astype(np.float32)
    alpha = cv2.warpAffine(mask, warp, size)[..., None]
    return np.rint(picture * alpha + backdrop * (1 - alpha)).clip(0, 255).astype(np.uint8)


def main() -> None:
    """Render and encode the clip."""
    portrait = astronaut()
    # So blurred that no detector takes it for a second face.
    backdrop = cv2.GaussianBlur(cv2.resize(portrait, (WIDTH_PX, HEIGHT_PX)), (0, 0), 60).astype(np.float32)
    mask = np.zeros(portrait.shape[:2], np.float32)
    mask[16:-16, 16:-16] = 1.0
    mask = cv2.GaussianBlur(mask, (0, 0), 8)
    mask[0, :] = mask[-1, :] = mask[:, 0] = mask[:, -1] = 0.0
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(TARGET), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=RATE_HZ, options={"crf": "22", "preset": "slow"})
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        for index in range(round(PATH[-1][0] * RATE_HZ)):
            frame = av.VideoFrame.from_ndarray(render(portrait, mask, backdrop, index / RATE_HZ), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE_HZ)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    print(f"{TARGET}: {TARGET.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
