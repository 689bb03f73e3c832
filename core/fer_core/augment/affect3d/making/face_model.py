"""The morphable model of the 468-point mesh, from the gallery: people, movements and texture.

Source: Kollias et al. (2020), section 3.4. Shapes are neutral faces, one a person (eq. 1, 99.5 % of the variance);
movements are the differences of expressive and neutral faces of one person; textures are features of colour photographs
sampled in UV space, with what the face hides completed robustly (eq. 3).
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.augment.affect3d.making.gallery import Gallery, held_out_people
from fer_core.augment.affect3d.making.units import pair_displacements
from fer_core.augment.affect3d.raster import rasterise
from fer_core.faces.canonical import canonical_mesh
from fer_core.faces.similarity import fit_similarity
from fer_core.models.face_features import FEATURE_EYES_PX, gradient_features
from fer_core.models.linear_model import Doubles, LinearModel, principal_components
from fer_core.models.morphable import MorphableModel, SurfacePlaces, fit_shape_model
from fer_core.models.texture_model import robust_components
from fer_core.types import Floats

#: Side of the grid in UV space at which texture lies.
_GRID = 48
_TEXTURE_COMPONENTS = 32
#: What remains of the movements is the tracker's noise.
_MOVEMENT_EXPLAINED = 0.99
#: A place is seen when its surface faces the camera by at least this cosine.
_FACING = 0.2
#: Of the drawn people of DiffusionFER, every third is enough.
_EVERY = 3


def face_model(gallery: Gallery, triangles: npt.NDArray[np.int16], uv: Floats) -> MorphableModel:
    """The model, in centimetres of the canonical face."""
    places = uv_places(triangles, uv)
    moved = pair_displacements(gallery, gallery.pairs())
    return MorphableModel(
        shape=_in_canonical(fit_shape_model(neutral_shapes(gallery))),
        triangles=triangles.astype(np.int32),
        # About no movement, not about the mean movement: a neutral face has parameters 0.
        expression=principal_components(np.concatenate([moved, -moved]), _MOVEMENT_EXPLAINED),
        texture=_texture(gallery, places),
        places=places,
        landmarks=np.arange(len(uv), dtype=np.int32),
        source="made of CK+, Face Research Lab London Set and DiffusionFER; statistics only",
    )


def neutral_shapes(gallery: Gallery) -> Doubles:
    """(P, 468, 3): the neutral face of every person, several pictures averaged, held-out people left out."""
    held_out = set(held_out_people(gallery.root))
    rows = defaultdict(list)
    for row, path in enumerate(gallery.paths):
        folder, name = path.split("/")[:2], Path(path).name
        if folder == ["webmorph", "neutral_front"]:
            if name[:3] not in held_out:
                rows[f"london {name[:3]}"].append(row)
        elif folder[0] == "webmorph" and folder[1] != "smiling_front":
            rows[path].append(row)
    for pair in gallery.pairs():
        if pair.units:
            rows[pair.subject] = list(pair.neutral)
    return np.stack([np.mean([gallery.canonical_cm(row) for row in own], axis=0) for own in rows.values()])


def _in_canonical(model: LinearModel) -> LinearModel:
    """From unit size to centimetres, in the axes of the canonical face, its rigid centre at the origin."""
    mesh = canonical_mesh()
    own = fit_similarity(model.mean, mesh.vertices_cm - mesh.rigid_weights @ mesh.vertices_cm, mesh.rigid_weights)
    return LinearModel(
        own.apply(model.mean), own.turn(model.components), model.variances * own.scale**2, model.explained
    )


def uv_places(triangles: npt.NDArray[np.int16], uv: Floats) -> SurfacePlaces:
    """The middles of the pixels of a grid in UV space that lie on the face."""
    pixels = uv * (_GRID - 1)
    ids = rasterise(pixels, triangles.astype(np.intp), (_GRID, _GRID))
    ys, xs = np.nonzero(ids)
    corners = triangles[ids[ys, xs] - 1].astype(np.int32)
    a, b, c = (pixels[corners[:, k]].astype(np.float64) for k in range(3))
    along, up, here = b - a, c - a, np.stack([xs, ys], axis=1) - a
    area = along[:, 0] * up[:, 1] - along[:, 1] * up[:, 0]
    second = (here[:, 0] * up[:, 1] - here[:, 1] * up[:, 0]) / area
    third = (along[:, 0] * here[:, 1] - along[:, 1] * here[:, 0]) / area
    # Pixels on a rim may lie a little outside their triangle.
    shares = np.clip(np.stack([1 - second - third, second, third], axis=1), 0, 1)
    return SurfacePlaces(corners, shares / shares.sum(axis=1, keepdims=True))


def _texture(gallery: Gallery, places: SurfacePlaces) -> LinearModel:
    held_out = set(held_out_people(gallery.root))
    samples, known = [], []
    for row, path in enumerate(gallery.paths):
        london = path.startswith(("webmorph/neutral_front/", "webmorph/smiling_front/"))
        if path.startswith("ckplus128") or (london and Path(path).name[:3] in held_out):
            continue
        if path.startswith("diffusionfer") and row % _EVERY:
            continue
        landmarks, image = gallery.landmarks_px[row], gallery.image(row)
        scale = FEATURE_EYES_PX / float(np.linalg.norm(landmarks[263] - landmarks[33]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        at = ((places.on(landmarks.astype(np.float64))[:, :2] + 0.5) * scale - 0.5).astype(np.float32)
        features = gradient_features(small)
        samples.append(cv2.remap(features, at[:, None, 0].copy(), at[:, None, 1].copy(), cv2.INTER_LINEAR)[:, 0])
        inside = (at >= 0).all(axis=1) & (at < (small.shape[1] - 1, small.shape[0] - 1)).all(axis=1)
        known.append(inside & _facing(landmarks, places))
    model, completed = robust_components(np.stack(samples), np.stack(known), _TEXTURE_COMPONENTS)
    print(
        f"texture: {len(samples)} photographs, {1 - np.mean(known):.3f} hidden, "
        f"{np.mean(known) - completed.trusted.mean():.3f} left out as foreign; "
        f"{len(model.variances)} components explain {model.explained:.3f}"
    )
    return model


def _facing(landmarks_px: Floats, places: SurfacePlaces) -> npt.NDArray[np.bool_]:
    """(S,): places whose triangle faces the camera."""
    corners = landmarks_px[places.corners].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    cosine = normals[:, 2] / (np.linalg.norm(normals, axis=1) + 1e-12)
    facing: npt.NDArray[np.bool_] = cosine * np.sign(np.median(cosine)) > _FACING
    return facing
