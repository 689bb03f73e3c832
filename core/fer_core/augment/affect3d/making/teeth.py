"""Pictures of teeth and gums: geometry of the open face model, colour the median of smiling people.

The colour is measured relative to the white of the eye, so that it can be lit like any photograph.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.augment.affect3d.fitting import eye_white_rgb
from fer_core.augment.affect3d.making.gallery import Gallery
from fer_core.augment.affect3d.making.open_model import GUMS, TEETH, OpenModel
from fer_core.augment.affect3d.topology import MOUTH

Array = npt.NDArray[Any]

PX_PER_CM = 44.0
_OVERSAMPLE = 3
#: The upper incisors end about two millimetres below the line in which relaxed lips meet.
_UPPER_SHIFT_CM = 0.36
_LOWER_SHIFT_CM = 0.62
_HALF_WIDTH_CM = 3.2
GUM, TOOTH = 1, 2
_GUMS_RGB = (0.66, 0.42, 0.42)
#: Gaps up to this width between neighbouring teeth are those of a coarse model; they become shadows of this brightness.
_GAP_CM = 0.09
_GAP_LIGHT = 0.74
#: Facets of the coarse model are smoothed over this distance.
_SMOOTH_CM = 0.045


def teeth_pictures(open_model: OpenModel, gallery: Gallery, eye_white: tuple[float, float, float]) -> dict[str, Any]:
    """Upper and lower picture (h, w, 4) with their origin, scale and arch."""
    vertices = open_model.vertices_cm()
    follows = open_model.follows_jaw()
    part = np.zeros(len(vertices), np.int8)
    part[GUMS], part[TEETH] = 1, 2
    triangles = open_model.triangles[(part[open_model.triangles] > 0).all(axis=1)]
    lower = follows[triangles].any(axis=1)
    front = vertices[triangles][..., 2].mean(axis=1) < np.median(vertices[TEETH][:, 2]) + 1.0
    incisors = np.zeros(len(vertices), bool)
    incisors[TEETH] = np.abs(vertices[TEETH][:, 0]) < 0.6
    upper_edge = float(vertices[incisors & ~follows, 1].max())
    lower_edge = float(vertices[incisors & follows, 1].min())
    colour = _teeth_colour(gallery) * np.array(eye_white)
    colours = np.where(part[:, None] == 2, colour, np.array(_GUMS_RGB) * colour * 0.9)
    ys = vertices[triangles][..., 1]
    upper_triangles = triangles[~lower & front & (ys.max(axis=1) < upper_edge + 0.02)]
    lower_triangles = triangles[lower & front]
    arch_points = vertices[TEETH][np.abs(vertices[TEETH][:, 1] - upper_edge) < 0.4]
    xs = np.round(arch_points[:, 0] / 0.25).astype(int)
    outer = np.array([[x * 0.25, arch_points[xs == x, 2].min()] for x in np.unique(xs)])
    basis = np.stack([np.ones(len(outer)), outer[:, 0] ** 2, outer[:, 0] ** 4], axis=1)
    arch = np.linalg.lstsq(basis, outer[:, 1], rcond=None)[0]
    tops = (upper_edge - 2.2, lower_edge - 0.1)
    return {
        "teeth_upper": _draw(vertices, upper_triangles, colours, part == 2, tops[0], 2.4),
        "teeth_lower": _draw(vertices, lower_triangles, colours, part == 2, tops[1], 2.0),
        # Closed jaws bite; open lips show less of the lower teeth than of the upper ones.
        "teeth_origin_cm": np.array(
            [[-_HALF_WIDTH_CM, tops[0] + _UPPER_SHIFT_CM], [-_HALF_WIDTH_CM, tops[1] + _LOWER_SHIFT_CM]], np.float32
        ),
        "teeth_px_per_cm": PX_PER_CM,
        "teeth_arch_cm": arch.astype(np.float32),
    }


def _draw(vertices: Array, triangles: Array, colours: Array, is_tooth: Array, top_cm: float, height_cm: float) -> Array:
    scale = PX_PER_CM * _OVERSAMPLE
    size = (round(height_cm * scale), round(2 * _HALF_WIDTH_CM * scale))
    normals = _vertex_normals(vertices, triangles)
    order = triangles[np.argsort(-vertices[triangles][..., 2].mean(axis=1))]
    picture, part = np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8)
    for t in order:
        facing = -float(normals[t, 2].mean())
        if facing <= 0:
            continue
        light = 0.5 + 0.5 * facing**0.8
        points = np.round((vertices[t][:, :2] - (-_HALF_WIDTH_CM, top_cm)) * scale * 16).astype(np.int32)
        rgb = np.clip(colours[t].mean(axis=0) * light, 0, 255)
        cv2.fillConvexPoly(picture, points, rgb.tolist(), cv2.LINE_8, 4)
        cv2.fillConvexPoly(part, points, TOOTH if is_tooth[t].all() else GUM, cv2.LINE_8, 4)
    picture = natural_teeth(picture, part, scale)
    reduced = cv2.resize(picture, None, fx=1 / _OVERSAMPLE, fy=1 / _OVERSAMPLE, interpolation=cv2.INTER_AREA)
    alpha = np.maximum(reduced[..., 3:].astype(np.float32), 1) / 255
    reduced[..., :3] = np.clip(reduced[..., :3] / alpha, 0, 255).astype(np.uint8)
    return np.asarray(reduced)


def natural_teeth(picture: Array, part: Array, scale: float) -> Array:
    """(h, w, 4): facets smoothed, stray pieces of teeth made gums, narrow gaps between teeth closed and shaded."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((part == TOOTH).astype(np.uint8))
    whole = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] > (0.25 * scale) ** 2]
    teeth = np.isin(pieces, whole).astype(np.uint8)
    # Rounds the ragged line of the gums.
    teeth = (cv2.GaussianBlur(teeth.astype(np.float32), (0, 0), 0.02 * scale) > 0.5).astype(np.uint8)
    closed = cv2.morphologyEx(teeth, cv2.MORPH_CLOSE, np.ones((1, round(_GAP_CM * scale)), np.uint8))
    gums = ((part > 0) & (closed == 0)).astype(np.uint8)
    smooth_teeth = _smoothed(picture, (part == TOOTH) & (teeth > 0), _SMOOTH_CM * scale)
    smooth_gums = _smoothed(picture, part == GUM, 2 * _SMOOTH_CM * scale)
    lit = np.where(teeth > 0, 1.0, _GAP_LIGHT).astype(np.float32)
    lit = cv2.GaussianBlur(lit, (0, 0), 0.4 * _SMOOTH_CM * scale)[..., None]
    rgb = np.where(closed[..., None] > 0, smooth_teeth * lit, smooth_gums)
    return np.dstack([np.clip(rgb, 0, 255), 255.0 * ((closed > 0) | (gums > 0))]).astype(np.uint8)


def _smoothed(picture: Array, where: Array, sigma_px: float) -> Array:
    """(h, w, 3): weighted mean of the pixels that are meant, also beyond their edge."""
    weight = where.astype(np.float32)
    blurred, total = picture * weight[..., None], weight
    # Twice, so that what lies beyond the reach of the narrow kernel is known too.
    narrow = cv2.GaussianBlur(blurred, (0, 0), sigma_px), cv2.GaussianBlur(total, (0, 0), sigma_px)
    wide = cv2.GaussianBlur(blurred, (0, 0), 6 * sigma_px), cv2.GaussianBlur(total, (0, 0), 6 * sigma_px)
    return np.asarray((narrow[0] + 1e-3 * wide[0]) / (narrow[1] + 1e-3 * wide[1] + 1e-9)[..., None])


def _vertex_normals(vertices: Array, triangles: Array) -> Array:
    corners = vertices[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    if np.median(face[:, 2] / (np.linalg.norm(face, axis=1) + 1e-9)) > 0:
        face = -face
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, triangles[:, k], face)
    return np.asarray(normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9))


def _teeth_colour(gallery: Gallery) -> Array:
    """(3,): colour of teeth over that of the white of the eye, median over the smiling photographs."""
    ratios = []
    for pair in gallery.pairs():
        if pair.units:
            continue
        landmarks, image = gallery.landmarks_px[pair.peak], gallery.image(pair.peak)
        mask = np.zeros(image.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(landmarks[MOUTH, :2]).astype(np.int32)], 1)
        pixels = image[mask > 0].astype(np.float64)
        if len(pixels) < 400:
            continue
        bright = pixels.sum(axis=1) >= np.quantile(pixels.sum(axis=1), 0.8)
        ratios.append(np.median(pixels[bright], axis=0) / eye_white_rgb(image, landmarks))
    return np.asarray(np.median(ratios, axis=0))
