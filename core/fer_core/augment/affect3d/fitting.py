"""Fitting a photograph, once: its mesh, a skirt around it, and the place of every pixel in UV space.

Source: Kollias et al. (2020), section 4.1 to 4.3. Where we deviate: identity is the face mesh itself, in
correspondence by construction, under a scaled orthographic camera; the texture is the photograph. The mesh lies where
the photograph shows each point, to the pixel, while the fit of eq. 4 (:mod:`fer_core.models.morphable_fit`) is off by
one or two hundredths of the distance of the eyes, which seams along lids and lips would show. That fit sees depth
better on turned heads, needs no more than 68 points and separates person from movement, and serves where those count.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.augment.affect3d.errors import SynthesisError
from fer_core.augment.affect3d.lips import close_lips
from fer_core.augment.affect3d.model import AffectModel, affect_model
from fer_core.augment.affect3d.raster import Affine, rasterise, triangle_affines, turned_towards
from fer_core.augment.affect3d.topology import EYES, LEFT_LID_PAIRS, LIP_PAIRS, MOUTH, OVAL, RIGHT_LID_PAIRS, fills
from fer_core.faces.pose import Alignment, align_canonical, pose_of
from fer_core.faces.tracker import FaceTracker, FoundFace
from fer_core.types import Floats, ImageU8

#: Distance between the outer eye corners below which there is too little texture to move.
MIN_EYES_PX = 40.0
MAX_TURN_DEG = 30.0
#: Lips that are apart by more than this are no neutral mouth.
PARTED_LIPS_CM = 0.35
#: Eyes that are open by less than this look closed.
CLOSED_EYES_CM = 0.3
#: Brightness of skin relative to the white of the eye from which on skin counts as light; median of white people .95.
LIGHT_SKIN = 0.85
MAX_SHADING = 1.5
#: Two rings around the face take the movement of its outline back to nothing: distance from the outline as a share of
#: that to the middle of the face, and the share of the outline's movement that remains.
SKIRT = ((0.16, 0.55), (0.5, 0.0))


@dataclass(frozen=True, slots=True)
class FittedFace:
    """A photograph that is ready to be given another affect. Immutable; may be rendered from several threads."""

    photo_rgb_u8: ImageU8
    """(H, W, 3)"""
    landmarks_px: Floats
    """(468, 3): as the tracker sees them, but closed lips meet."""
    alignment: Alignment
    mesh_cm: Floats
    """(468, 3): the face turned frontal, in centimetres of the canonical face."""
    warnings: tuple[str, ...]
    """What may look wrong, and why, in words for people."""
    vertices_px: Floats
    """(468 + 72, 2): the mesh and its skirt in the photograph."""
    triangles: npt.NDArray[np.intp]
    """(K, 3) into ``vertices_px``, in drawing order (far to near); mouth and eyes are filled."""
    left_px: int
    top_px: int
    """Corner of the region that may change."""
    region_rgb_u8: ImageU8
    """(h, w, 3): that region of the photograph."""
    grey: bool
    """Whether that region has no colour: what is rendered has none either."""
    uv_map: Floats
    """(h, w, 2): place of each pixel in UV space, as pixels of the ratio images; -1 outside the face."""
    affine_of_source: Affine = field(repr=False)
    """(K, 3, 3): from a target pixel's barycentric coordinates to pixels of the region, see :mod:`raster`."""
    eye_white: Floats
    """(3,): RGB of the brightest part of the eyes: the light that falls on the face."""
    shading: float
    """>= 1: how much deeper wrinkles, folds and shadows look than on light skin; see :func:`skin_shading`."""


class FaceFitter:
    """Fits photographs with networks that are loaded once. Not safe for two threads at once."""

    def __init__(self) -> None:
        self._tracker = FaceTracker(max_faces=4)

    def fit(self, photo_rgb_u8: ImageU8) -> FittedFace:
        """As :func:`fit_face`."""
        if photo_rgb_u8.ndim != 3 or photo_rgb_u8.shape[2] != 3 or photo_rgb_u8.dtype != np.uint8:
            raise SynthesisError(
                f"the photograph is {photo_rgb_u8.shape} of {photo_rgb_u8.dtype}; needed is (H, W, 3) uint8"
            )
        photo = np.ascontiguousarray(photo_rgb_u8)
        found = self._find(photo)
        if not found:
            raise SynthesisError("no face was found; choose a photograph that shows one face from the front")
        if len(found) > 1:
            raise SynthesisError(f"{len(found)} faces were found; choose a photograph of one person, or cut it out")
        return fit_mesh(photo, found[0].landmarks_px)

    def _find(self, photo: ImageU8) -> tuple[FoundFace, ...]:
        found = self._tracker.find_still(photo)
        if found:
            return found
        # A face that fills its picture is found when there is room around it.
        pad = max(photo.shape[:2]) // 3
        padded = cv2.copyMakeBorder(photo, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        shift = np.array([pad, pad, 0], np.float32)
        return tuple(
            FoundFace(f.landmarks_px - shift, f.presence, f.detector_score) for f in self._tracker.find_still(padded)
        )

    def close(self) -> None:
        """Ends the networks' threads."""
        self._tracker.close()


_shared: list[FaceFitter] = []
_lock = threading.Lock()


def fit_face(photo_rgb_u8: ImageU8) -> FittedFace:
    """Fit the one face of a photograph. The networks are loaded at the first call and kept.

    Args:
        photo_rgb_u8: (H, W, 3).

    Returns:
        The fit; its ``warnings`` say where the face is not neutral.

    Raises:
        SynthesisError: when there is no face or more than one, when it is too small or turned too far; the message
            says what to do.
    """
    with _lock:
        if not _shared:
            _shared.append(FaceFitter())
        return _shared[0].fit(photo_rgb_u8)


def fit_mesh(photo_rgb_u8: ImageU8, landmarks_px: Floats, model: AffectModel | None = None) -> FittedFace:
    """Fit a photograph whose (468, 3) mesh is known, for a model other than the shipped one if given.

    Raises:
        SynthesisError: as :func:`fit_face`, save for the number of faces.
    """
    alignment = align_canonical(landmarks_px)
    _check(landmarks_px, alignment)
    model = model or affect_model()
    landmarks_px = close_lips(photo_rgb_u8, landmarks_px, alignment.scale_px_per_cm)
    mesh_cm = alignment.to_canonical_cm(landmarks_px).astype(np.float32)
    vertices = with_skirt(landmarks_px[:, :2], landmarks_px[:, :2])
    height, width = photo_rgb_u8.shape[:2]
    left, top = np.clip(np.floor(vertices.min(axis=0)) - 2, 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(vertices.max(axis=0)) + 3, 1, (width, height)).astype(int)
    region = np.ascontiguousarray(photo_rgb_u8[top:bottom, left:right])
    local = vertices - np.array([left, top], np.float32)
    triangles = _drawing_order(model, landmarks_px)
    uv_map = _uv_map(model, local, triangles, (int(bottom - top), int(right - left)))
    eye_white = eye_white_rgb(photo_rgb_u8, landmarks_px)
    return FittedFace(
        photo_rgb_u8=photo_rgb_u8,
        landmarks_px=landmarks_px,
        alignment=alignment,
        mesh_cm=mesh_cm,
        warnings=_warnings(mesh_cm),
        vertices_px=vertices,
        triangles=triangles,
        left_px=int(left),
        top_px=int(top),
        region_rgb_u8=region,
        grey=_is_grey(region),
        uv_map=uv_map,
        affine_of_source=np.concatenate(
            [local[triangles].transpose(0, 2, 1), np.ones((len(triangles), 1, 3), np.float32)], axis=1
        ),
        eye_white=eye_white,
        shading=skin_shading(region[uv_map[..., 0] >= 0], eye_white),
    )


def with_skirt(outline_px: Floats, neutral_px: Floats) -> Floats:
    """(468 + 72, 2): moved mesh points and the two rings around them, of the mesh before it moved."""
    centre = neutral_px[OVAL].mean(axis=0)
    rest, moved = neutral_px[OVAL], outline_px[OVAL]
    rings = [rest + (rest - centre) * distance + (moved - rest) * share for distance, share in SKIRT]
    joined: Floats = np.concatenate([outline_px, *rings]).astype(np.float32)
    return joined


def _is_grey(image_rgb_u8: ImageU8) -> bool:
    return bool((image_rgb_u8 == image_rgb_u8[..., :1]).all())


def _check(landmarks_px: Floats, alignment: Alignment) -> None:
    eyes_px = float(np.linalg.norm(landmarks_px[263] - landmarks_px[33]))
    if eyes_px < MIN_EYES_PX:
        raise SynthesisError(
            f"the face is too small ({eyes_px:.0f} pixels between the outer corners of the eyes, needed are "
            f"{MIN_EYES_PX:.0f}); choose a larger photograph"
        )
    pose = pose_of(alignment.rotation)
    turn = max(abs(pose.yaw_deg), abs(pose.pitch_deg))
    if turn > MAX_TURN_DEG:
        raise SynthesisError(
            f"the head is turned by {turn:.0f} degrees (at most {MAX_TURN_DEG:.0f}); choose a photograph from the front"
        )


def _warnings(mesh_cm: Floats) -> tuple[str, ...]:
    found = []
    if float(mesh_cm[14, 1] - mesh_cm[13, 1]) > PARTED_LIPS_CM:
        found.append("The lips are apart: the face is not neutral, and what is asked adds to what it shows.")
    lids = np.concatenate([RIGHT_LID_PAIRS, LEFT_LID_PAIRS])
    if float((mesh_cm[lids[:, 1], 1] - mesh_cm[lids[:, 0], 1]).max()) < CLOSED_EYES_CM:
        found.append("The eyes look closed: they cannot be opened, for nothing is known of them.")
    smile = float((mesh_cm[[61, 291], 1] - mesh_cm[[13, 14], 1].mean()).mean())
    if smile < -0.35:
        found.append("The corners of the mouth are raised: the face seems to smile already.")
    return tuple(found)


def _drawing_order(model: AffectModel, landmarks_px: Floats) -> npt.NDArray[np.intp]:
    """Triangles of skirt, mouth and face, the face's far to near.

    None is left out: of a mesh without holes what shows its front covers all, also where lips fold or part.
    """
    inside = fills(model.triangles, MOUTH)
    face, mouth = model.triangles[~inside].astype(np.intp), model.triangles[inside].astype(np.intp)
    depth = landmarks_px[face, 2].mean(axis=1)
    face = face[np.argsort(-depth, kind="stable")]
    n, rings = len(OVAL), [OVAL, 468 + np.arange(len(OVAL)), 468 + len(OVAL) + np.arange(len(OVAL))]
    skirt = []
    for inner, outer in pairwise(rings):
        for k in range(n):
            j = (k + 1) % n
            skirt += [(inner[k], outer[j], outer[k]), (inner[k], inner[j], outer[j])]
    return np.concatenate([np.array(skirt, np.intp), mouth, face])


def _uv_map(model: AffectModel, local_px: Floats, triangles: npt.NDArray[np.intp], shape: tuple[int, int]) -> Floats:
    grid = model.unit_log_ratios.shape[1]
    triangles = triangles[turned_towards(local_px, triangles)]
    ids = rasterise(local_px, triangles, shape)
    uv = np.concatenate([model.uv * (grid - 1), np.full((len(local_px) - 468, 2), -9, np.float32)])
    affines = triangle_affines(
        local_px, triangles, np.concatenate([uv[triangles].transpose(0, 2, 1), np.ones((len(triangles), 1, 3))], axis=1)
    )
    is_face = np.concatenate([[False], (triangles < 468).all(axis=1)])
    ys, xs = np.nonzero(is_face[ids])
    chosen = affines[ids[ys, xs] - 1]
    out = np.full((*shape, 2), -9, np.float32)
    out[ys, xs, 0] = chosen[:, 0, 0] * xs + chosen[:, 0, 1] * ys + chosen[:, 0, 2]
    out[ys, xs, 1] = chosen[:, 1, 0] * xs + chosen[:, 1, 1] * ys + chosen[:, 1, 2]
    return out


def eye_white_rgb(photo: ImageU8, landmarks_px: Floats) -> Floats:
    """(3,): median of the brightest quarter of what the eyes show."""
    mask = np.zeros(photo.shape[:2], np.uint8)
    for eye in EYES:
        cv2.fillPoly(mask, [np.round(landmarks_px[eye, :2]).astype(np.int32)], 255)
    pixels = photo[mask > 0].astype(np.float32)
    if len(pixels) < 8:
        return np.full(3, 160.0, np.float32)
    bright = pixels.sum(axis=1) >= np.quantile(pixels.sum(axis=1), 0.75)
    white: Floats = np.median(pixels[bright], axis=0)
    return white


def skin_shading(skin_rgb_u8: ImageU8, eye_white: Floats) -> float:
    """Exponent of ratio images on skin, 1 on light skin, up to :data:`MAX_SHADING` on dark skin.

    The darker the skin, the greater the share of its light that is mirrored at the surface and not scattered below it;
    a fold turns that share away and loses more of its brightness than the same fold in light skin. Ratio images learned
    on light skin are too weak on dark skin otherwise.

    Args:
        skin_rgb_u8: (P, 3) pixels of the face.
        eye_white: (3,), brightness of something white in the same light.
    """
    if len(skin_rgb_u8) == 0:
        return 1.0
    some = skin_rgb_u8[:: max(1, len(skin_rgb_u8) // 4000)]
    albedo = float(np.median(some, axis=0).mean()) / max(float(eye_white.mean()), 1.0)
    return float(np.clip((LIGHT_SKIN / max(albedo, 0.05)) ** 0.6, 1.0, MAX_SHADING))


def lip_gap_cm(mesh_cm: Floats) -> float:
    """Widest distance between the inner lips, in canonical centimetres."""
    return float((mesh_cm[LIP_PAIRS[:, 1], 1] - mesh_cm[LIP_PAIRS[:, 0], 1]).max())
