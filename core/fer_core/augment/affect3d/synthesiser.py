"""A photograph with another affect.

Source: Kollias et al., "Deep neural network augmentation: generating faces for affect analysis" (2020), sections 4.3
to 4.5: deform the fitted face by ``s_new = s_orig + delta s``, render it with the photograph's texture, blend it in.
Where we deviate: wrinkles, folds and shadows come as a ratio image (Liu, Shan & Zhang, "Expressive expression mapping
with ratio images", 2001), the mouth is filled with teeth, and eyeballs stay in their sockets while lids move.
"""

from __future__ import annotations

from enum import StrEnum
from math import ceil

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.augment.affect3d.deform import moved_mesh, to_pixels
from fer_core.augment.affect3d.eyes import hold_eyeballs
from fer_core.augment.affect3d.fitting import FittedFace, with_skirt
from fer_core.augment.affect3d.model import AffectModel, affect_model
from fer_core.augment.affect3d.mouth import paint_mouth
from fer_core.augment.affect3d.raster import rasterise, triangle_affines, turned_towards
from fer_core.augment.affect3d.target import Target
from fer_core.augment.affect3d.topology import OVAL
from fer_core.types import Floats, ImageU8

#: Darkest and brightest change of a pixel by wrinkles, folds and shadows, as logarithm of a factor.
LOG_RATIO_RANGE = (-0.5, 0.16)

#: Skin in shadow is redder than skin in light: exponent of the ratio for red, green and blue.
CHANNEL_POWER = (0.8, 1.0, 1.1)

#: Triangles of less height are drawn wider than they are.
SLIVER_PX = 2.5

#: Reach (standard deviation) over which the movements of neighbouring triangles flow into each other, and its least:
#: lips and lids that meet along edges of the mesh would show the corners of the mesh and the steps of pixels.
ROUND_OFF_CM = 0.07
MIN_ROUND_OFF_PX = 0.8


class Blend(StrEnum):
    """How the changed face joins the photograph."""

    MASK = "mask"
    """Copied: the outline does not move, so there is no step. For live preview."""
    POISSON = "poisson"
    """Gradients are copied and colours solved for (Perez, Gangnet & Blake 2003). For export."""


class Synthesiser:
    """Renders affects on fitted photographs. Immutable; safe to use from several threads."""

    def __init__(self, model: AffectModel) -> None:
        self.model = model

    @classmethod
    def load(cls) -> Synthesiser:
        """With the model that ships.

        Raises:
            FileNotFoundError: when it is missing.
        """
        return cls(affect_model())

    def render(self, fit: FittedFace, target: Target, blend: Blend = Blend.MASK) -> ImageU8:
        """The photograph of a fit with an affect, (H, W, 3) uint8; pixels away from the face are those of before.

        A grey face stays grey.

        Raises:
            SynthesisError: when the target names an unknown expression.
        """
        return self.render_weights(fit, target.weights(self.model), blend)

    def render_weights(self, fit: FittedFace, weights: Floats, blend: Blend = Blend.MASK) -> ImageU8:
        """As :meth:`render`, from strengths (U,) of the model's movements."""
        out = fit.photo_rgb_u8.copy()
        if not np.any(weights):
            return out
        moved_cm = moved_mesh(fit, weights, self.model)
        origin = np.array([fit.left_px, fit.top_px], np.float32)
        before = fit.vertices_px - origin
        after = with_skirt(to_pixels(fit, moved_cm), fit.landmarks_px[:, :2]) - origin
        shaded = _apply_ratio(fit, weights, self.model)
        region = _warp(shaded, fit, before, after)
        paint_mouth(region, fit, self.model, moved_cm, after[:468])
        window = (
            slice(fit.top_px, fit.top_px + region.shape[0]),
            slice(fit.left_px, fit.left_px + region.shape[1]),
        )
        if blend is Blend.POISSON:
            region = _poisson(region, fit.region_rgb_u8, before)
        if fit.grey:  # folds and the inside of the mouth have colours
            region = cv2.cvtColor(cv2.cvtColor(region, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        out[window] = region
        return out


def _apply_ratio(fit: FittedFace, weights: Floats, model: AffectModel) -> ImageU8:
    """The region (h, w, 3) with the wrinkles, folds and shadows of the movements, before anything moves."""
    log_ratio = np.clip(np.tensordot(weights, model.unit_log_ratios, axes=1), *LOG_RATIO_RANGE).astype(np.float32)
    at_pixels = cv2.remap(log_ratio, fit.uv_map, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    factor = cv2.merge([cv2.exp(at_pixels * (power * fit.shading)) for power in CHANNEL_POWER])
    shaded: ImageU8 = cv2.multiply(fit.region_rgb_u8, factor, dtype=cv2.CV_8U)
    return shaded


def _warp(image: ImageU8, fit: FittedFace, before: Floats, after: Floats) -> ImageU8:
    """The region with the mesh moved; where there is no mesh it stays."""
    shape = (image.shape[0], image.shape[1])
    # Where skin folds over itself, what has turned its back is hidden.
    front = turned_towards(after, fit.triangles)
    triangles = fit.triangles[front]
    ids = rasterise(after, triangles, shape)
    maps = np.concatenate(
        [
            np.array([[[1, 0, 0], [0, 1, 0]]], np.float32),
            triangle_affines(after, triangles, fit.affine_of_source[front]),
        ]
    )
    xs = np.arange(shape[1], dtype=np.float32)[None]
    ys = np.arange(shape[0], dtype=np.float32)[:, None]
    source_x = maps[:, 0, 0].take(ids) * xs + maps[:, 0, 1].take(ids) * ys + maps[:, 0, 2].take(ids)
    source_y = maps[:, 1, 0].take(ids) * xs + maps[:, 1, 1].take(ids) * ys + maps[:, 1, 2].take(ids)
    _keep_slivers(source_x, source_y, ids, triangles, before, after)
    _round_off(source_x, source_y, ids, ROUND_OFF_CM * fit.alignment.scale_px_per_cm)
    hold_eyeballs(source_x, source_y, before, after)
    warped: ImageU8 = cv2.remap(image, source_x, source_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return warped


def _keep_slivers(
    source_x: Floats,
    source_y: Floats,
    ids: npt.NDArray[np.int32],
    triangles: npt.NDArray[np.intp],
    before: Floats,
    after: Floats,
) -> None:
    """Hold pixels on the rim of narrow triangles inside them: beyond, a narrow triangle's map runs away, in place."""
    corners = after[triangles]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    height = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / np.maximum(longest, 1e-6)
    narrow = np.concatenate([[False], height < SLIVER_PX])
    ys, xs = np.nonzero(narrow.take(ids))
    source = before[triangles[ids[ys, xs] - 1]]
    source_x[ys, xs] = np.clip(source_x[ys, xs], source[..., 0].min(axis=1), source[..., 0].max(axis=1))
    source_y[ys, xs] = np.clip(source_y[ys, xs], source[..., 1].min(axis=1), source[..., 1].max(axis=1))


def _round_off(source_x: Floats, source_y: Floats, ids: npt.NDArray[np.int32], sigma_px: float) -> None:
    """Take the kinks of triangles and the steps of folds out of a map, in place; outside of the mesh it stays."""
    sigma_px = max(MIN_ROUND_OFF_PX, sigma_px)
    side = 2 * ceil(2 * sigma_px) + 1
    outside = ids == 0
    for source, own in ((source_x, np.arange(ids.shape[1])[None]), (source_y, np.arange(ids.shape[0])[:, None])):
        own = own.astype(np.float32)
        shift = cv2.GaussianBlur(source - own, (side, side), sigma_px)
        shift[outside] = 0
        np.add(shift, own, out=source)


def _poisson(region: ImageU8, photo: ImageU8, before: Floats) -> ImageU8:
    mask = np.zeros(region.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(before[-len(OVAL) :]).astype(np.int32)], 255)
    mask[0], mask[-1], mask[:, 0], mask[:, -1] = 0, 0, 0, 0
    x, y, w, h = cv2.boundingRect(mask)
    centre = (x + w // 2, y + h // 2)
    blended: ImageU8 = cv2.seamlessClone(region, photo, mask, centre, cv2.NORMAL_CLONE)
    return blended
