"""Makes assets/demo/demo.mp4 from assets/demo/portrait.jpg. Run by hand:

    python packaging/make_demo_clip.py [--check]

Affect synthesis takes the face along a path in the valence-arousal plane while it moves and tilts, is small for a
moment, leaves the picture and comes back. --check measures the clip and prints how well the path is found again.
Beside the clip, assets/demo/PROVENANCE.md says where the portrait comes from.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np

from fer_core.augment.affect3d import FittedFace, Synthesiser, Target, fit_face
from fer_core.evaluate.metrics import ccc
from fer_core.infer.engine import Engine
from fer_core.infer.pipeline import Pipeline
from fer_core.media.images import read_image
from fer_core.media.source import open_source

WIDTH_PX, HEIGHT_PX, RATE_HZ = 640, 360, 25
FACE_IN_PORTRAIT_PX = (256.0, 255.0)
#: Left, top, right and bottom of what is shown of the portrait, with soft, round corners.
SHOWN_PX = (92, 90, 422, 412)
CORNER_PX = 60
BACKDROP_RGB = (104, 110, 116)
FOLDER = Path(__file__).resolve().parents[1] / "assets" / "demo"
TARGET, PORTRAIT = FOLDER / "demo.mp4", FOLDER / "portrait.jpg"

#: (time in s, x and y of the face in the clip in px, scale, tilt in degrees, counter-clockwise)
MOTION = (
    (0.0, 320, 180, 0.4, 0),
    (1.1, 240, 190, 0.4, 12),
    (2.2, 400, 175, 0.43, -14),
    (3.1, 330, 170, 0.21, 0),
    (3.5, 310, 170, 0.21, 0),
    (4.2, 360, 185, 0.4, 4),
    (5.0, 800, 190, 0.4, -8),
    (5.6, 800, 190, 0.4, -8),
    (6.4, 330, 180, 0.4, 5),
    (7.2, 320, 180, 0.4, 0),
)
#: (time in s, valence, arousal): at rest, glad, surprised, angry, sad; after coming back glad again.
AFFECT = (
    (0.0, 0.0, 0.0),
    (0.4, 0.0, 0.0),
    (1.0, 0.6, 0.4),
    (1.5, 0.6, 0.4),
    (2.1, -0.05, 0.6),
    (2.6, -0.05, 0.6),
    (3.1, -0.55, 0.3),
    (3.4, -0.55, 0.3),
    (4.0, -0.45, -0.35),
    (4.5, -0.45, -0.35),
    (5.0, 0.0, 0.0),
    (5.9, 0.0, 0.0),
    (6.5, 0.6, 0.4),
    (6.9, 0.6, 0.4),
    (7.2, 0.3, 0.2),
)


def eased(keys: Sequence[tuple[float, ...]], time_s: float) -> tuple[float, ...]:
    """The values at a time, at rest at each key."""
    for (t0, *before), (t1, *after) in pairwise(keys):
        if time_s <= t1:
            ease = (1 - math.cos(math.pi * (time_s - t0) / (t1 - t0))) / 2
            return tuple(a + ease * (b - a) for a, b in zip(before, after, strict=True))
    return tuple(keys[-1][1:])


def asked_va(time_s: float) -> tuple[float, float]:
    """Valence and arousal that the face is to show."""
    valence, arousal = eased(AFFECT, time_s)
    return valence, arousal


def placed(portrait: np.ndarray, mask: np.ndarray, backdrop: np.ndarray, time_s: float) -> np.ndarray:
    """One frame (H, W, 3) uint8: the portrait in its place, with soft edges, before the backdrop."""
    x, y, scale, tilt = eased(MOTION, time_s)
    # Drawn twice as large and reduced, for a warp alone would alias.
    warp = cv2.getRotationMatrix2D(FACE_IN_PORTRAIT_PX, tilt, 2 * scale)
    warp[:, 2] += 2 * np.array((x, y)) - FACE_IN_PORTRAIT_PX
    large, size = (2 * WIDTH_PX, 2 * HEIGHT_PX), (WIDTH_PX, HEIGHT_PX)
    picture = cv2.resize(cv2.warpAffine(portrait, warp, large), size, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(cv2.warpAffine(mask, warp, large), size, interpolation=cv2.INTER_AREA)[..., None]
    return np.rint(picture * alpha + backdrop * (1 - alpha)).clip(0, 255).astype(np.uint8)


def portrait_mask(side_px: int) -> np.ndarray:
    """(S, S) 0..1: what is shown of the portrait."""
    left, top, right, bottom = SHOWN_PX
    mask = np.zeros((side_px, side_px), np.uint8)
    mask[top + CORNER_PX : bottom - CORNER_PX, left + CORNER_PX : right - CORNER_PX] = 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * CORNER_PX + 1, 2 * CORNER_PX + 1))
    return cv2.GaussianBlur(cv2.dilate(mask, disc).astype(np.float32), (0, 0), 6)


def backdrop_rgb() -> np.ndarray:
    """(H, W, 3): a plain wall, lit from the left, so that left and right can be told apart."""
    ys, xs = np.mgrid[-1 : 1 : HEIGHT_PX * 1j, -1 : 1 : WIDTH_PX * 1j]
    light = 1 - 0.28 * xs - 0.1 * (xs**2 + ys**2)
    return light[..., None] * np.array(BACKDROP_RGB)


def write_clip(fit: FittedFace, synthesiser: Synthesiser) -> None:
    """Render and encode."""
    mask, backdrop = portrait_mask(fit.photo_rgb_u8.shape[0]), backdrop_rgb()
    part = TARGET.with_name("demo.part.mp4")
    with av.open(str(part), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=RATE_HZ, options={"crf": "20", "preset": "slow"})
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        for index in range(round(MOTION[-1][0] * RATE_HZ)):
            time_s = index / RATE_HZ
            portrait = synthesiser.render(fit, Target.point(*asked_va(time_s)))
            frame = av.VideoFrame.from_ndarray(placed(portrait, mask, backdrop, time_s), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE_HZ)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    part.replace(TARGET)
    print(f"{TARGET}: {TARGET.stat().st_size / 1e3:.0f} kB")


def check() -> None:
    """Print how the asked path is perceived in the frames in which a face is seen."""
    asked, seen = [], []
    with open_source(TARGET) as source, Pipeline(Engine()) as pipeline:
        for result in pipeline.run(source.frames()):
            affect = next((face.affect for face in result.faces if face.affect), None)
            if affect:
                asked.append(asked_va(result.time_s))
                seen.append((affect.valence, affect.arousal))
    a, s = np.array(asked), np.array(seen)
    for k, name in enumerate(("valence", "arousal")):
        print(f"{name}: r {np.corrcoef(a[:, k], s[:, k])[0, 1]:.2f}, CCC {ccc(s[:, k], a[:, k]):.2f}, {len(a)} frames")


def main() -> None:
    """Make the clip, or measure the one there is."""
    if "--check" not in sys.argv[1:]:
        write_clip(fit_face(read_image(PORTRAIT)), Synthesiser.load())
    check()


if __name__ == "__main__":
    main()
