"""Fitting a morphable model to landmarks and, if wanted, to the photograph: eq. 4 by Gauss-Newton.

Source: Kollias et al. (2020), section 4.2, eq. 4, after Booth et al. (2017)::

    |F(W(p, c)) - T(l)|^2 + c_l |W_l(p, c) - s_l|^2 + c_s |p|^2 / var_s + c_t |l|^2 / var_t

with ``c_l = 1e5``, ``c_s = 3e6``, ``c_t = 1``. Texture parameters l are projected out: for every p and c the best l is
linear in the residual, so that steps are in p and c alone and l follows at the end.

Where we deviate, so that the weights mean the same on another mesh, another count of landmarks and any picture:

- landmark residuals are in pixels of a face whose landmarks lie :data:`REFERENCE_SPREAD_PX` (root mean square) about
  their centre, about 100 pixels between the outer corners of the eyes, and their sum counts as that of 68 landmarks;
- the sum over texture counts as that over the 53,215 vertices of the paper's mesh, each with features of at most unit
  length;
- projecting out keeps the prior of the texture (c_t) instead of dropping it;
- movements of the face have parameters and a prior like shape, so that a face need not be neutral;
- the focal length has a weak prior (:data:`FOCAL_SPREAD`), for landmarks of a far face say nothing about it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.models.camera import CAMERA_PARAMETERS, PerspectiveCamera, camera_from_points
from fer_core.models.face_features import FEATURE_EYES_PX, gradient_features
from fer_core.models.linear_model import Doubles, LinearModel
from fer_core.models.morphable import MorphableModel
from fer_core.types import ImageU8

REFERENCE_SPREAD_PX = 75.0
_PAPER_LANDMARKS = 68
_PAPER_VERTICES = 53215
#: Standard deviation of the logarithm of the focal length about that of a typical lens.
FOCAL_SPREAD = 0.35
#: A place is seen when its surface faces the camera by at least this cosine.
_FACING = 0.35
_MOST_STEPS = 12
#: Relative change of the cost at which a fit has converged.
_TOLERANCE = 1e-5
_HALVINGS = 5


@dataclass(frozen=True, slots=True)
class FitWeights:
    """Weights of eq. 4. ``features`` is 1 in the paper, and ``expression`` is not in it."""

    features: float = 1.0
    landmarks: float = 1e5
    shape: float = 3e6
    expression: float = 3e6
    texture: float = 1.0


@dataclass(frozen=True, slots=True)
class MorphableFit:
    """A photograph in the terms of a model."""

    camera: PerspectiveCamera
    shape: Doubles
    """(Ks,): parameters p of the person."""
    expression: Doubles
    """(Ke,): parameters of the movement; empty where the model has none."""
    texture: Doubles
    """(Kt,): parameters l; empty where only landmarks were fitted."""
    costs: tuple[float, ...]
    """Of eq. 4 before the first and after each step; falls. Begins anew where the texture joins."""
    landmark_error_px: float
    """Root mean square distance of projected from given landmarks, in the photograph."""

    def neutral(self, model: MorphableModel) -> Doubles:
        """(N, 3): the person without the movement, in the model's axes and units: ``s_orig`` of section 4.3."""
        mean = 0.0 if model.expression is None else model.expression.mean
        return np.asarray(model.shape.instance(self.shape) + mean)

    def mesh(self, model: MorphableModel) -> Doubles:
        """(N, 3): the person as seen."""
        moved = 0.0 if model.expression is None else np.tensordot(self.expression, model.expression.components, axes=1)
        return np.asarray(self.neutral(model) + moved)


@dataclass(frozen=True, slots=True)
class _Basis:
    """Points whose places depend linearly on normalised parameters."""

    mean: Doubles
    """(n, 3)"""
    directions: Doubles
    """(K, n, 3): components times their standard deviations, shape first."""

    def at(self, parameters: Doubles) -> Doubles:
        return np.asarray(self.mean + np.tensordot(parameters, self.directions, axes=1))


@dataclass(frozen=True, slots=True)
class _System:
    """Normal equations of one term: cost, gradient and curvature over all parameters."""

    cost: float
    gradient: Doubles
    curvature: Doubles


def fit_morphable(
    model: MorphableModel,
    landmarks_px: npt.ArrayLike,
    size_px: tuple[int, int],
    *,
    vertices: npt.ArrayLike | None = None,
    photo_u8: ImageU8 | None = None,
    landmark_weights: npt.ArrayLike | None = None,
    focal_px: float | None = None,
    weights: FitWeights | None = None,
) -> MorphableFit:
    """Fit a model to one face.

    Args:
        model: whose mesh is fitted.
        landmarks_px: (L, 2 or more), x and y in the photograph; further values are not used.
        size_px: width and height of the photograph.
        vertices: (L,) of the landmarks; those that the model names if not given.
        photo_u8: (h, w[, 3]): adds the texture term; the model must have a texture of features at places.
        landmark_weights: (L,), trust in each landmark, mean 1 if all are alike.
        focal_px: if known, and then held.
        weights: of eq. 4.

    Raises:
        ValueError: when landmarks and vertices do not match, or a texture is asked for that the model has not.
    """
    seen = np.asarray(landmarks_px, np.float64)[:, :2]
    points = _vertices(model, vertices, len(seen))
    trust = np.ones(len(seen)) if landmark_weights is None else np.asarray(landmark_weights, np.float64)
    weights = weights or FitWeights()
    problem = _Problem(model, points, seen, trust, weights, focal_px is not None)
    camera = camera_from_points(problem.landmarks.mean, seen, size_px, focal_px)
    problem.log_focal = float(np.log(camera.focal_px))
    parameters, camera, costs = problem.solve(np.zeros(problem.count), camera)
    if photo_u8 is not None:
        problem.add_texture(photo_u8)
        parameters, camera, more = problem.solve(parameters, camera)
        costs += more
    spread = problem.deviations
    fitted = parameters * spread
    people = len(model.shape.variances)
    placed = camera.project(problem.landmarks.at(parameters))
    return MorphableFit(
        camera=camera,
        shape=fitted[:people],
        expression=fitted[people:],
        texture=problem.texture_parameters(parameters, camera),
        costs=costs,
        landmark_error_px=float(np.sqrt(((placed - seen) ** 2).sum(axis=1).mean())),
    )


def _vertices(model: MorphableModel, vertices: npt.ArrayLike | None, count: int) -> npt.NDArray[np.intp]:
    if vertices is None and model.landmarks is None:
        raise ValueError("the model names no landmarks: say with vertices= where the landmarks lie on its mesh")
    chosen = np.asarray(model.landmarks if vertices is None else vertices, np.intp)
    if len(chosen) != count:
        raise ValueError(f"{count} landmarks for {len(chosen)} vertices: they must match, one by one")
    return chosen


class _Problem:
    """Eq. 4 of one photograph, as a function of normalised parameters and camera."""

    def __init__(
        self,
        model: MorphableModel,
        vertices: npt.NDArray[np.intp],
        seen_px: Doubles,
        trust: Doubles,
        weights: FitWeights,
        focal_held: bool,
    ) -> None:
        parts = [part for part in (model.shape, model.expression) if part is not None]
        self.deviations: Doubles = np.sqrt(np.concatenate([part.variances for part in parts]))
        self.count = len(self.deviations)
        self.landmarks = _basis([part.at(vertices) for part in parts], self.deviations)
        self.log_focal = 0.0
        self._model, self._parts, self._weights, self._seen = model, parts, weights, seen_px
        people = len(model.shape.variances)
        self._prior = np.where(np.arange(self.count) < people, weights.shape, weights.expression)
        spread = float(np.sqrt(((seen_px - seen_px.mean(axis=0)) ** 2).sum(axis=1).mean()))
        self._pixel = REFERENCE_SPREAD_PX / spread
        self._trust = trust * weights.landmarks * self._pixel**2 * _PAPER_LANDMARKS / len(seen_px)
        self._focal_prior = 0.0 if focal_held else weights.shape / FOCAL_SPREAD**2
        self._free = np.ones(self.count + CAMERA_PARAMETERS, bool)
        self._free[self.count] = not focal_held
        self._texture: _Texture | None = None

    def add_texture(self, photo_u8: ImageU8) -> None:
        """From now on the texture term counts."""
        self._texture = _Texture(self._model, self._parts, self.deviations, photo_u8, self._pixel, self._weights)

    def solve(
        self, parameters: Doubles, camera: PerspectiveCamera
    ) -> tuple[Doubles, PerspectiveCamera, tuple[float, ...]]:
        """Gauss-Newton; a step that does not lower the cost is halved."""
        system = self._system(parameters, camera)
        costs = [system.cost]
        for _ in range(_MOST_STEPS):
            step = self._step(system)
            for _ in range(_HALVINGS):
                tried, seen_by = parameters + step[: self.count], camera.moved(step[self.count :])
                new = self._system(tried, seen_by)
                if new.cost < system.cost:
                    break
                step = step / 2
            else:
                break
            parameters, camera, change = tried, seen_by, system.cost - new.cost
            system = new
            costs.append(system.cost)
            if change < _TOLERANCE * system.cost:
                break
        return parameters, camera, tuple(costs)

    def texture_parameters(self, parameters: Doubles, camera: PerspectiveCamera) -> Doubles:
        """(Kt,): the best texture for what was found."""
        return np.zeros(0) if self._texture is None else self._texture.parameters(parameters, camera)

    def _step(self, system: _System) -> Doubles:
        step = np.zeros(len(self._free))
        curvature = system.curvature[np.ix_(self._free, self._free)]
        # Focal length and distance, metres and radians: bring all to one scale before solving.
        scale = 1 / np.sqrt(np.maximum(np.diag(curvature), 1e-12))
        solved = np.linalg.solve(
            curvature * scale[:, None] * scale + 1e-9 * np.eye(len(scale)), scale * system.gradient[self._free]
        )
        step[self._free] = -scale * solved
        return step

    def _system(self, parameters: Doubles, camera: PerspectiveCamera) -> _System:
        places, slope = _slope(self.landmarks, parameters, camera)
        rest = places - self._seen
        flat = slope.reshape(-1, slope.shape[2])
        weighted = flat * np.repeat(self._trust, 2)[:, None]
        gradient, curvature = weighted.T @ rest.ravel(), weighted.T @ flat
        cost = float(self._trust @ (rest**2).sum(axis=1) + self._prior @ parameters**2)
        index = np.arange(self.count)
        gradient[index] += self._prior * parameters
        curvature[index, index] += self._prior
        off = float(np.log(camera.focal_px)) - self.log_focal
        cost += self._focal_prior * off**2
        gradient[self.count] += self._focal_prior * off
        curvature[self.count, self.count] += self._focal_prior
        if self._texture is not None:
            term = self._texture.system(parameters, camera)
            return _System(cost + term.cost, gradient + term.gradient, curvature + term.curvature)
        return _System(cost, gradient, curvature)


def _basis(parts: list[LinearModel], deviations: Doubles) -> _Basis:
    mean = np.sum([part.mean for part in parts], axis=0)
    directions = np.concatenate([part.components for part in parts]) * deviations[:, None, None]
    return _Basis(mean, directions)


def _slope(basis: _Basis, parameters: Doubles, camera: PerspectiveCamera) -> tuple[Doubles, Doubles]:
    """Places (n, 2) and their derivatives (n, 2, K + 7)."""
    places, by_point, by_camera = camera.derivatives(basis.at(parameters))
    by_parameter = by_point @ basis.directions.transpose(1, 2, 0)
    return places, np.concatenate([by_parameter, by_camera], axis=2)


class _Texture:
    """The first term of eq. 4, with the texture parameters projected out."""

    def __init__(
        self,
        model: MorphableModel,
        parts: list[LinearModel],
        deviations: Doubles,
        photo_u8: ImageU8,
        pixel: float,
        weights: FitWeights,
    ) -> None:
        if model.texture is None or model.places is None:
            raise ValueError("the model has no texture of features: fit landmarks alone, without a photograph")
        self._texture, self._triangle = model.texture, model.places.corners
        on_places = [
            LinearModel(model.places.on(p.mean), model.places.on(p.components), p.variances, p.explained) for p in parts
        ]
        self._basis = _basis(on_places, deviations)
        self._corners = _basis(parts, deviations)
        self._scale = pixel * FEATURE_EYES_PX / 100
        size = (max(8, round(photo_u8.shape[1] * self._scale)), max(8, round(photo_u8.shape[0] * self._scale)))
        small = cv2.resize(photo_u8, size, interpolation=cv2.INTER_AREA if self._scale < 1 else cv2.INTER_LINEAR)
        self._features = gradient_features(small)
        self._by_x, self._by_y = (np.ascontiguousarray(g) for g in np.gradient(self._features, axis=(1, 0)))
        self._weights = weights

    def system(self, parameters: Doubles, camera: PerspectiveCamera) -> _System:
        """Cost and normal equations over parameters and camera."""
        places, slope = _slope(self._basis, parameters, camera)
        seen = self._seen(places, parameters, camera)
        at = places[seen]
        rest = (self._sample(self._features, at) - self._texture.mean[seen]).reshape(-1)
        along = np.stack([self._sample(self._by_x, at), self._sample(self._by_y, at)], axis=2)  # (s, C, 2)
        flat = (along @ (slope[seen] * self._scale)).reshape(len(rest), -1)
        basis, inner = self._projection(seen)
        unit = self._weights.features * _PAPER_VERTICES / max(1, int(seen.sum()))

        def without_texture(values: Doubles) -> Doubles:
            """Curvature of what the texture cannot explain, with its prior, applied to columns."""
            return np.asarray(values - basis.T @ np.linalg.solve(inner, basis @ values))

        left = without_texture(rest)
        return _System(unit * float(rest @ left), unit * flat.T @ left, unit * flat.T @ without_texture(flat))

    def parameters(self, parameters: Doubles, camera: PerspectiveCamera) -> Doubles:
        """(Kt,) in closed form."""
        places = camera.project(self._basis.at(parameters))
        seen = self._seen(places, parameters, camera)
        rest = (self._sample(self._features, places[seen]) - self._texture.mean[seen]).reshape(-1)
        basis, inner = self._projection(seen)
        return np.asarray(np.linalg.solve(inner, basis @ rest))

    def _projection(self, seen: npt.NDArray[np.bool_]) -> tuple[Doubles, Doubles]:
        basis = self._texture.components[:, seen].reshape(len(self._texture.components), -1)
        share = self._weights.texture * max(1, int(seen.sum())) / _PAPER_VERTICES
        return basis, basis @ basis.T + share * np.diag(1 / self._texture.variances)

    def _seen(self, places: Doubles, parameters: Doubles, camera: PerspectiveCamera) -> npt.NDArray[np.bool_]:
        """(S,): in the picture, and on a side of the face that the camera sees."""
        corners = camera.in_camera(self._corners.at(parameters))[self._triangle]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        sight = corners.mean(axis=1)
        cosine = (normals * sight).sum(axis=1) / (
            np.linalg.norm(normals, axis=1) * np.linalg.norm(sight, axis=1) + 1e-12
        )
        height, width = self._features.shape[:2]
        inside = (places * self._scale >= 1).all(axis=1) & (places * self._scale <= (width - 2, height - 2)).all(axis=1)
        facing: npt.NDArray[np.bool_] = inside & (cosine * np.sign(np.median(cosine)) > _FACING)
        return facing

    def _sample(self, image: npt.NDArray[np.float32], places: Doubles) -> Doubles:
        """(s, C) at places of the photograph; pixels' middles lie at halves, as OpenCV's resizing has them."""
        at = ((places + 0.5) * self._scale - 0.5).astype(np.float32)
        sampled = cv2.remap(image, at[:, None, 0].copy(), at[:, None, 1].copy(), cv2.INTER_LINEAR)
        return np.asarray(sampled[:, 0], np.float64)
