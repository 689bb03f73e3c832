"""The inside of the mouth: what the photograph of a closed mouth cannot show.

Upper teeth hang on the head, lower teeth and tongue on the jaw; the opening of the lips shows a part of them. Their
form is that of an open face model, so no person's teeth are copied; their light is that of the eyes in the photograph.
"""

from __future__ import annotations

import cv2
import numpy as np

from fer_core.augment.affect3d.fitting import FittedFace
from fer_core.augment.affect3d.model import AffectModel
from fer_core.augment.affect3d.raster import smooth_contour
from fer_core.augment.affect3d.topology import MOUTH
from fer_core.faces.canonical import canonical_mesh
from fer_core.types import Floats, ImageU8

#: Opening, beyond that of the photograph, from which the inside begins to show and where it shows wholly.
SHOWS_CM = (0.05, 0.16)
#: How much of a difference in brightness between eyes and the light in which the teeth were coloured is believed. Teeth
#: of smiling people differ less than their eyes, which lids shade: regression of one on the other, in logarithms, gives
#: .5 for 35 people of the London set and .3 for 273 of DiffusionFER.
LIGHT_POWER = 0.45
LIGHT_RANGE = (0.65, 1.15)
_CAVITY_RGB = np.array([34, 12, 11], np.float32)
_TONGUE_RGB = np.array([150, 80, 76], np.float32)
_CHIN = (152, 175, 199)
#: A dropped jaw takes the lower lip along more than the tracker sees, and the head back a little: the lower teeth sink
#: behind the lip and the edge of the upper ones shows, as it does in most people. Shares of the jaw's drop.
_LOWER_SINKS = 0.45
_UPPER_SHOWS = 0.2
#: The back of the tongue is seen above the lower teeth, by the first and by the second for a jaw that drops by one
#: centimetre; it is round, and disappears in the dark.
_TONGUE_ABOVE_CM = (0.1, 0.65)
_TONGUE_ROUND_PER_CM = 0.16
_TONGUE_FADES_CM = 1.2
#: The lower lip covers at most this much of the upper teeth's edge.
_TEETH_BELOW_LIP_CM = 0.12
_MIDDLE = (13, 14)


def paint_mouth(image: ImageU8, fit: FittedFace, model: AffectModel, moved_cm: Floats, moved_px: Floats) -> None:
    """Paint the opening between the inner lips, in place.

    Args:
        image: (h, w, 3), the region, already warped.
        fit: the photograph.
        model: holds the teeth.
        moved_cm: (468, 3), the moved mesh.
        moved_px: (468, 2), the same in the region.
    """
    opening = _opening(moved_cm) - max(0.0, _opening(fit.mesh_cm))
    shows = float(np.clip((opening - SHOWS_CM[0]) / (SHOWS_CM[1] - SHOWS_CM[0]), 0, 1))
    if shows == 0:
        return
    contour = smooth_contour(moved_px[MOUTH])
    height, width = image.shape[:2]
    left, top = np.clip(np.floor(contour.min(axis=0)).astype(int) - 2, 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(contour.max(axis=0)).astype(int) + 3, 1, (width, height))
    box = (int(left), int(top), int(right), int(bottom))
    mask = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint8)
    cv2.fillPoly(mask, [np.round((contour - (left, top)) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    alpha = cv2.GaussianBlur(mask, (0, 0), 0.8).astype(np.float32)[..., None] * (shows / 255)
    inside = _interior(fit, model, moved_cm, box) * _shade(mask, fit)[..., None]
    window = (slice(box[1], box[3]), slice(box[0], box[2]))
    image[window] = np.clip(image[window] * (1 - alpha) + inside * alpha + 0.5, 0, 255).astype(np.uint8)


def _opening(mesh_cm: Floats) -> float:
    return float(mesh_cm[14, 1] - mesh_cm[13, 1])


def _interior(fit: FittedFace, model: AffectModel, moved_cm: Floats, box: tuple[int, int, int, int]) -> Floats:
    """(h, w, 3): cavity, tongue, lower and upper teeth, lit like the photograph."""
    x, y = _canonical_xy(fit, model, box)
    # A chin that rises is skin, not jaw.
    drop = max(0.0, float((moved_cm - fit.mesh_cm)[list(_CHIN), 1].mean()))
    colour = np.broadcast_to(_CAVITY_RGB, (*x.shape, 3)).copy()
    tongue = _tongue(x, y, float(model.teeth_origin_cm[1, 1]), drop)
    colour += tongue * (_TONGUE_RGB - colour)
    follows = _upper_follows(fit, model, moved_cm)
    for teeth, origin, shift in (
        (model.teeth_lower, model.teeth_origin_cm[1], (1 + _LOWER_SINKS) * drop),
        (model.teeth_upper, model.teeth_origin_cm[0], _UPPER_SHOWS * min(drop, 1.0) + follows),
    ):
        scale = model.teeth_px_per_cm
        shrink = scale / fit.alignment.scale_px_per_cm
        picture = teeth.astype(np.float32)
        picture[..., :3] *= picture[..., 3:] / 255
        picture = cv2.GaussianBlur(picture, (0, 0), max(0.6, 0.55 * shrink))
        sample = cv2.remap(
            picture,
            ((x - origin[0]) * scale).astype(np.float32),
            ((y - shift - origin[1]) * scale).astype(np.float32),
            cv2.INTER_LINEAR,
        )
        colour = colour * (1 - sample[..., 3:] / 255) + sample[..., :3]
    # Light falls in from the front: towards the corners of the mouth the teeth stand back in shadow.
    corridor = 1 - 0.5 * np.clip((np.abs(x) - 0.9) / 1.8, 0, 1)
    lit: Floats = (colour * _light(fit, model) * corridor[..., None]).astype(np.float32)
    return lit


def _upper_follows(fit: FittedFace, model: AffectModel, moved_cm: Floats) -> float:
    """<= 0: by how much the upper teeth rise with the lips, in centimetres.

    Where both lips rise, as in disgust, the tracker sees the mouth too high: gums would show instead of teeth.
    """
    rest, canonical = fit.mesh_cm[list(_MIDDLE), 1].mean(), canonical_mesh().vertices_cm[list(_MIDDLE), 1].mean()
    lower_lip = float(moved_cm[_MIDDLE[1], 1] - rest + canonical)
    rows = np.flatnonzero((model.teeth_upper[..., 3] > 127).any(axis=1))
    edge = float(model.teeth_origin_cm[0, 1]) + float(rows[-1]) / model.teeth_px_per_cm
    return min(0.0, lower_lip + _TEETH_BELOW_LIP_CM - edge)


def _tongue(x: Floats, y: Floats, lower_teeth_cm: float, drop_cm: float) -> Floats:
    """(h, w, 1) 0..1: how much light of the tongue is seen: its back is in the dark, its sides fall off."""
    top = lower_teeth_cm + drop_cm - _TONGUE_ABOVE_CM[0] - _TONGUE_ABOVE_CM[1] * min(drop_cm, 1.5)
    depth = np.clip((y - top - _TONGUE_ROUND_PER_CM * x**2) / _TONGUE_FADES_CM, 0, 1)
    sides = 1 - np.clip(np.abs(x) / 2.4, 0, 1) ** 2
    groove = 1 - 0.16 * np.exp(-((x / 0.22) ** 2))
    # Between jaws that hardly part, no light reaches it.
    seen = depth * depth * (3 - 2 * depth) * sides * groove * min(1.0, drop_cm / 0.4)
    return np.asarray(seen[..., None])


def _light(fit: FittedFace, model: AffectModel) -> Floats:
    """(3,): factor on what was coloured in the light of the model."""
    seen = fit.eye_white / model.eye_white
    brightness = float(seen.mean())
    # Eyes may be red or shaded blue: take half of their cast.
    cast = 0.5 + 0.5 * seen / max(brightness, 1e-3)
    light: Floats = cast * np.clip(brightness**LIGHT_POWER, *LIGHT_RANGE)
    return light


def _canonical_xy(fit: FittedFace, model: AffectModel, box: tuple[int, int, int, int]) -> tuple[Floats, Floats]:
    """Canonical x and y, on the dental arch, of each pixel of a box of the region."""
    canonical = canonical_mesh().vertices_cm
    mouth, own = canonical[list(_MIDDLE)].mean(axis=0), fit.mesh_cm[list(_MIDDLE)].mean(axis=0)
    centre = _centre_of_canonical()
    widths = float(np.ptp(fit.mesh_cm[[61, 291], 0]) / np.ptp(canonical[[61, 291], 0]))
    stretch = float(np.clip(widths, 0.9, 1.15))
    left, top, right, bottom = box
    ys, xs = np.mgrid[top:bottom, left:right].astype(np.float32)
    alignment = fit.alignment
    px = (np.stack([xs + fit.left_px, ys + fit.top_px], axis=-1) - alignment.centre_px[:2]) / alignment.scale_px_per_cm
    turn = alignment.rotation
    inverse = np.linalg.inv(turn[:2, :2])
    arch = model.teeth_arch_cm
    depth_shift = float(own[2] - (mouth - centre)[2])
    x = np.zeros(xs.shape)
    for _ in range(3):  # depth depends on x and, in a turned head, x on depth
        depth = arch[0] - centre[2] + depth_shift + arch[1] * np.minimum(x**2, 6) + arch[2] * np.minimum(x**2, 6) ** 2
        flat = (px - turn[:2, 2] * depth[..., None]) @ inverse.T
        x = (flat[..., 0] - own[0]) / stretch
    y = (flat[..., 1] - own[1]) / stretch + mouth[1]
    return x.astype(np.float32), y.astype(np.float32)


def _centre_of_canonical() -> Floats:
    mesh = canonical_mesh()
    centre: Floats = mesh.rigid_weights @ mesh.vertices_cm
    return centre


def _shade(mask: ImageU8, fit: FittedFace) -> Floats:
    """(h, w): lips cast a shadow on what is right behind them, the upper one more."""
    reach = 0.35 * fit.alignment.scale_px_per_cm
    below_upper = np.cumsum(mask > 127, axis=0).astype(np.float32)
    edge = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3)
    upper = np.clip(below_upper / reach, 0, 1)
    rim = np.clip(edge / (0.4 * reach), 0, 1)
    shade: Floats = (0.55 + 0.45 * upper * (2 - upper)) * (0.65 + 0.35 * rim)
    return shade
