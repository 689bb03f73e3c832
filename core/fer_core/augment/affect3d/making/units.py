"""Shape and appearance of single facial movements, separated by regression over coded expressions.

The mean displacement of an expression washes out, for people show it with different movements. Regressing the
displacements of CK+ (peak minus neutral of the same person) on the action units that its coders saw gives each
movement at the strength in which it occurs. Where a tracker of 468 points is blind (frown, nose wrinkle, lids), shapes
of an open face model are added.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.augment.affect3d.making.gallery import Gallery, Pair
from fer_core.augment.affect3d.making.open_model import Doubles, OpenModel, symmetric
from fer_core.augment.affect3d.making.unwrap import Unwrapper
from fer_core.augment.affect3d.topology import EYES
from fer_core.faces.canonical import canonical_mesh
from fer_core.faces.contours import LIPS_OUTER
from fer_core.types import Floats

_CODED = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 27)
EXPRESSIONS = ("happiness", "surprise", "sadness", "anger", "disgust", "fear")
#: Action units, closing lids, and what remains of the mean of each expression when its action units are taken away.
UNITS: tuple[str, ...] = (*(f"au{u:02d}" for u in _CODED), "au43", *(f"rest_{name}" for name in EXPRESSIONS))
RATIO_PX = 128
#: Ridge penalty, in expressions.
_RIDGE = 2.0
#: Averaging blurs wrinkles that lie elsewhere in every face; this restores their depth.
_RATIO_GAIN = 1.3
#: Changes of brightness wider than this are those of the laboratory's light, not of folds; in pixels of UV space.
_BROAD_PX = 11.0
_BROAD_SHARE = 0.25
_UPPER_FACE = (1, 2, 4, 5, 6, 7)
_JAW_DROPS = (26, 27)
#: Middle of the lower edge of the lower lip.
_LOWER_LIP = 17
_LOWER_FACE = (12, 14, 15, 17, 20, 23, 24, 25, 26, 27)
#: Weight of the measured displacement, and shapes of the open model that are added.
_RECIPE: dict[int, tuple[float, dict[str, float]]] = {
    1: (1.0, {"browInnerUp": 0.55}),
    2: (1.0, {"browOuterUp": 0.35}),
    4: (1.2, {"browDown": 0.6}),
    5: (1.0, {"eyeWide": 0.8}),
    6: (0.6, {"cheekSquint": 0.6}),
    7: (1.0, {"eyeSquint": 0.7}),
    9: (1.0, {"noseSneer": 0.4}),
    10: (1.0, {"mouthUpperUp": 0.4}),
    12: (1.0, {"mouthSmile": 0.2}),
    14: (1.0, {"mouthDimple": 0.2}),
    15: (1.0, {"mouthFrown": 0.9}),
    17: (1.0, {"mouthShrugLower": 0.2}),
    20: (1.0, {"mouthStretch": 0.35}),
    23: (1.0, {"mouthPress": 0.2}),
    24: (1.0, {"mouthPress": 0.5}),
    25: (1.0, {}),
    26: (1.0, {}),
    27: (1.0, {}),
}
#: Strength of an expression relative to the mean over those who showed it; what the tracker sees too little of, more.
_EXPRESSION_GAIN = {"happiness": 1.1, "surprise": 1.0, "sadness": 1.45, "anger": 1.35, "disgust": 1.25, "fear": 1.25}


def _coded(pairs: list[Pair]) -> list[Pair]:
    return [p for p in pairs if p.units]


def _regressor(pairs: list[Pair]) -> Doubles:
    """(U, P): from values of the pairs to the value of each unit at full strength."""
    seen = _seen(pairs)
    solved: Doubles = np.linalg.solve(seen.T @ seen + _RIDGE * np.eye(len(_CODED)), seen.T)
    return solved


def _region(unit: int) -> Doubles:
    """(468, 1): 1 where a unit may move the face. Units that occur together are not separated everywhere."""
    y = canonical_mesh().vertices_cm[:, 1].astype(np.float64)
    nose = y[2]  # under the nose
    upper = np.clip((nose - 0.3 - y) / 1.5, 0, 1)
    eyes = y[159]
    lower = np.clip((y - eyes - 0.6) / 1.5, 0, 1)
    chosen = upper if unit in _UPPER_FACE else lower if unit in _LOWER_FACE else np.ones_like(y)
    return chosen[:, None]


def _seen(pairs: list[Pair]) -> Doubles:
    """(P, U) coded action units."""
    return np.array([[p.units[u] for u in _CODED] for p in pairs])


def unit_shapes(gallery: Gallery, open_model: OpenModel) -> Doubles:
    """(U, 468, 3) displacements in canonical centimetres."""
    pairs = gallery.pairs()
    moved = pair_displacements(gallery, pairs)
    coded = [k for k, p in enumerate(pairs) if p.units]
    regressor = _regressor([pairs[k] for k in coded])
    measured = symmetric(np.tensordot(regressor, moved[coded], axes=1))
    shapes = []
    for unit, shape in zip(_CODED, measured, strict=True):
        weight, additions = _RECIPE[unit]
        added = sum((w * open_model.shape(name) for name, w in additions.items()), np.zeros_like(shape))
        shapes.append(weight * shape * _region(unit) + added)
    plain = np.stack([shape * _region(unit) for unit, shape in zip(_CODED, measured, strict=True)])
    rests = []
    for name in EXPRESSIONS:
        mean = moved[[p.expression == name for p in pairs]].mean(axis=0)
        seen = _seen([p for p in pairs if p.expression == name and p.units]).mean(axis=0)
        rests.append(symmetric(mean - np.tensordot(seen, plain, axes=1)))
    jaw = open_model.shape("jawOpen")
    for k, unit in enumerate(_CODED):
        if unit in _JAW_DROPS:
            shapes[k] = with_chin(shapes[k], jaw)
    surprise = EXPRESSIONS.index("surprise")
    rests[surprise] = with_chin(rests[surprise], jaw)
    displacements: Doubles = np.stack([*shapes, open_model.shape("eyeBlink"), *rests]) * mobility()
    return displacements


def with_chin(shape: Doubles, jaw: Doubles) -> Doubles:
    """(468, 3): the shape with the chin as far down as the lower lip says of a jaw.

    The photographs of CK+ end near the chin: when a jaw drops, the tracker sees the chin move by two fifths of what the
    lower lip does, where it is four fifths.
    """
    y = canonical_mesh().vertices_cm[:, 1].astype(np.float64)
    below = np.clip((y - y[_LOWER_LIP] - 0.1) / 1.2, 0, 1)[:, None]
    share = max(0.0, shape[_LOWER_LIP, 1]) / jaw[_LOWER_LIP, 1]
    completed: Doubles = shape + below * (share * jaw - shape)
    return completed


def mobility() -> Doubles:
    """(468, 1): little at the temples and the hairline, where what a tracker sees is its own error in pose."""
    x, y = canonical_mesh().vertices_cm[:, :2].T.astype(np.float64)
    side = np.clip((np.abs(x) - 5.4) / 1.6, 0, 1)
    above_jaw = np.clip((y[13] + 1.5 - y) / 2.5, 0, 1)
    hairline = np.clip((-5.5 - y) / 2.0, 0, 1)
    return np.asarray((1 - 0.85 * side * above_jaw) * (1 - 0.6 * hairline))[:, None]


def pair_displacements(gallery: Gallery, pairs: list[Pair]) -> Doubles:
    """(P, 468, 3): expressive minus neutral mesh of each person, pose removed, in canonical centimetres."""
    neutral = [np.mean([gallery.canonical_cm(row) for row in p.neutral], axis=0) for p in pairs]
    return np.stack([gallery.canonical_cm(p.peak) - n for p, n in zip(pairs, neutral, strict=True)])


def unit_log_ratios(gallery: Gallery, triangles: npt.NDArray[np.int16], uv: Floats) -> Floats:
    """(U, G, G): log brightness after over before, in UV space, at full strength."""
    unwrap = Unwrapper(triangles, uv, RATIO_PX)
    pairs = _coded(gallery.pairs())
    cache: dict[int, Floats] = {}

    def log_image(row: int) -> Floats:
        if row not in cache:
            grey = cv2.cvtColor(gallery.image(row), cv2.COLOR_RGB2GRAY)
            # The offset keeps noise in dark places from becoming large ratios.
            cache[row] = np.log(cv2.GaussianBlur(unwrap(grey, gallery.landmarks_px[row]), (0, 0), 0.8) + 12)
        return cache[row]

    changes = []
    for pair in pairs:
        change = log_image(pair.peak) - np.mean([log_image(row) for row in pair.neutral], axis=0)
        changes.append(np.clip(change - np.median(change[unwrap.covered]), -1, 1))
    ratios = np.tensordot(_regressor(pairs), np.stack(changes), axes=1)
    ratios = (ratios + ratios[:, :, ::-1]) / 2
    ratios = _without_broad(ratios, unwrap.covered) * _ratio_mask(uv, unwrap.covered) * _RATIO_GAIN
    places = np.mgrid[0:RATIO_PX, 0:RATIO_PX][0] / (RATIO_PX - 1)
    for k, unit in enumerate(_CODED):
        middle = uv[2, 1]
        if unit in _UPPER_FACE:
            ratios[k] *= np.clip((middle - places) / 0.1, 0, 1)
        elif unit in _LOWER_FACE:
            ratios[k] *= np.clip((places - uv[159, 1] - 0.04) / 0.1, 0, 1)
    none = np.zeros((len(UNITS) - len(_CODED), RATIO_PX, RATIO_PX))
    return np.asarray(np.concatenate([ratios, none]), np.float32)


def _without_broad(ratios: Doubles, covered: npt.NDArray[np.bool_]) -> Doubles:
    """(U, G, G): most of what changes slowly over the face taken away; normalised so that the outline has no effect."""
    weight = np.maximum(cv2.GaussianBlur(covered.astype(np.float64), (0, 0), _BROAD_PX), 1e-3)
    broad = [cv2.GaussianBlur(r * covered, (0, 0), _BROAD_PX) / weight for r in ratios]
    return np.asarray(ratios - (1 - _BROAD_SHARE) * np.stack(broad))


def _ratio_mask(uv: Floats, covered: npt.NDArray[np.bool_]) -> Floats:
    """(G, G): 0 at the outline, in the eyes and on the lips, where a small misfit of the mesh would look like light."""
    inside = cv2.distanceTransform(np.pad(covered.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    mask = np.clip(inside / 14 - 0.15, 0, 1)
    holes = np.zeros_like(covered, np.uint8)
    for contour in (*EYES, np.array(LIPS_OUTER)):
        cv2.fillPoly(holes, [np.round(uv[contour] * (RATIO_PX - 1)).astype(np.int32)], 1)
    away = cv2.distanceTransform(1 - holes, cv2.DIST_L2, 5)
    soft: Floats = (mask * np.clip((away - 0.5) / 3.5, 0, 1)).astype(np.float32)
    return soft


def expression_weights(gallery: Gallery) -> dict[str, Floats]:
    """Strength (U,) of each movement in a full expression: how often its coders saw it, times a gain."""
    pairs = _coded(gallery.pairs())
    weights = {}
    for name in EXPRESSIONS:
        seen = _seen([p for p in pairs if p.expression == name]).mean(axis=0)
        # What fewer than a fifth of them showed does not belong to the expression.
        kept = np.where(seen >= 0.2, seen, 0) * _EXPRESSION_GAIN[name]
        rest = [_EXPRESSION_GAIN[name] * (name == other) for other in EXPRESSIONS]
        weights[name] = np.concatenate([kept, [0.0], rest]).astype(np.float32)
    return weights
