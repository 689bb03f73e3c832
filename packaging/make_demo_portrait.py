"""Makes assets/demo/portrait.jpg, a face of nobody: the mean of generated faces in the public domain. Run by hand:

    python packaging/make_demo_portrait.py DATA

DATA holds diffusionfer, unpacked (CC0). Shapes are averaged first, then every face is warped to the mean shape and the
colours are averaged, so that features stay sharp. assets/demo/PROVENANCE.md says what it is made of.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from fer_core.augment.affect3d import FaceFitter
from fer_core.augment.affect3d.model import affect_model
from fer_core.augment.affect3d.raster import rasterise, triangle_affines
from fer_core.augment.affect3d.topology import OVAL

TARGET = Path(__file__).resolve().parents[1] / "assets" / "demo" / "portrait.jpg"
SIDE_PX = 512
#: Height of the mesh, and where its outline is centred.
FACE_HEIGHT_PX, FACE_CENTRE_PX = 300.0, (256.0, 270.0)
#: Within this many pixels of a picture's edge it counts less and less, so that no edge is seen.
FEATHER_PX = 40
#: Twelve people who do not exist, of several ages and skin tones, all frontal, neutral and evenly lit.
FACES = (
    "neutral/dgekzbfb_0",
    "neutral/oyhvljra_0",
    "neutral/zcyabiss_0",
    "neutral/lqrhtccx_0",
    "neutral/iicumzbe_0",
    "neutral/oepfptsx_0",
    "neutral/opidyblo_0",
    "neutral/fulrkhnz_0",
    "neutral/voenibzf_0",
    "neutral/lbhbsmfi_0",
    "disgust/ahdmclwl_5",
    "neutral/nkdnnndl_0",
)


def mean_shape(meshes_px: list[np.ndarray]) -> np.ndarray:
    """(468, 2): shape without place, size and tilt (generalised Procrustes), upright in the portrait."""
    mean = meshes_px[0]
    for _ in range(4):
        mean = np.mean([apply(similarity(mesh, mean), mesh) for mesh in meshes_px], axis=0)
    mirrored_tilt = np.arctan2(*(mean[263] - mean[33])[::-1])
    turn = np.array([[np.cos(mirrored_tilt), np.sin(mirrored_tilt)], [-np.sin(mirrored_tilt), np.cos(mirrored_tilt)]])
    upright = (mean - mean[OVAL].mean(axis=0)) @ turn.T
    placed: np.ndarray = upright * FACE_HEIGHT_PX / np.ptp(upright[:, 1]) + FACE_CENTRE_PX
    return placed


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(2, 3): least-squares rotation, scale and shift."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    cos, sin = (a * b).sum() / (a**2).sum(), (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / (a**2).sum()
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([linear, target.mean(axis=0) - linear @ source.mean(axis=0)])


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N, 2)."""
    moved: np.ndarray = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def warped(picture: np.ndarray, mesh_px: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture with its face in a given shape (H, W, 3), and how much each pixel counts (H, W)."""
    back = similarity(shape, mesh_px)
    outward = shape[OVAL] - shape[OVAL].mean(axis=0)
    misfit = mesh_px[OVAL] - apply(back, shape[OVAL])
    # Around the face the map fades from the mesh to the similarity.
    rings = [(shape[OVAL] + reach * outward, share) for reach, share in ((0.35, 0.6), (1.2, 0.2), (2.6, 0.0))]
    target = np.concatenate([shape, *(ring for ring, _ in rings)]).astype(np.float32)
    source = np.concatenate([mesh_px, *(apply(back, ring) + share * misfit for ring, share in rings)])
    n = len(OVAL)
    contours = [OVAL, *(468 + k * n + np.arange(n) for k in range(len(rings)))]
    skirt = [
        corners
        for a, b in pairwise(contours)
        for k in range(n)
        for corners in ((a[k], a[(k + 1) % n], b[k]), (a[(k + 1) % n], b[(k + 1) % n], b[k]))
    ]
    triangles = np.concatenate([affect_model().triangles, np.array(skirt)]).astype(np.intp)
    ids = rasterise(target, triangles, (SIDE_PX, SIDE_PX))
    corners = np.concatenate([source[triangles].transpose(0, 2, 1), np.ones((len(triangles), 1, 3))], axis=1)
    of = np.maximum(ids - 1, 0)
    maps = triangle_affines(target, triangles, corners.astype(np.float32))[of]
    ys, xs = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    at_x, at_y = (
        # On the rim of a narrow triangle its map runs away.
        np.clip(maps[..., k, 0] * xs + maps[..., k, 1] * ys + maps[..., k, 2], low[of], high[of])
        for k, low, high in zip((0, 1), corners.min(axis=2)[:, :2].T, corners.max(axis=2)[:, :2].T, strict=True)
    )
    height, width = picture.shape[:2]
    edge = np.minimum(np.minimum(at_x, width - 1 - at_x), np.minimum(at_y, height - 1 - at_y))
    weight = np.clip(edge * SIDE_PX / width / FEATHER_PX, 0, 1) * (ids > 0)
    moved = cv2.remap(
        picture, at_x.astype(np.float32), at_y.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return moved.astype(np.float64), weight


def main() -> None:
    """Fit, average, write."""
    root, fitter = Path(sys.argv[1]) / "diffusionfer" / "cropped", FaceFitter()
    pictures, meshes = [], []
    for name in FACES:
        picture = cv2.cvtColor(cv2.imread(str(root / f"{name}.jpg")), cv2.COLOR_BGR2RGB)
        pictures.append(picture)
        meshes.append(fitter.fit(picture).landmarks_px[:, :2].astype(np.float64))
    fitter.close()
    shape = mean_shape(meshes)
    total, weights = np.zeros((SIDE_PX, SIDE_PX, 3)), np.full((SIDE_PX, SIDE_PX, 1), 1e-6)
    for picture, mesh in zip(pictures, meshes, strict=True):
        moved, weight = warped(picture, mesh, shape)
        total += moved * weight[..., None]
        weights += weight[..., None]
    mean = total / weights
    sharper = mean + 0.6 * (mean - cv2.GaussianBlur(mean, (0, 0), 2.0))
    # Where few faces reach, a plain backdrop.
    reach = cv2.GaussianBlur((weights[..., 0] > 0.3 * len(FACES)).astype(np.float32), (0, 0), 14)[..., None]
    solid = np.clip(2 * reach - 1, 0, 1)
    backdrop = np.full(3, 96.0)
    portrait = np.clip(sharper * solid + backdrop * (1 - solid), 0, 255).astype(np.uint8)
    cv2.imwrite(str(TARGET), cv2.cvtColor(portrait, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])
    print(f"{TARGET}: {TARGET.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
