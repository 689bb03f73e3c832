"""Localised sparse components of facial movement.

Sources: Kollias et al. (2020), eq. 5; Neumann et al., "Sparse localized deformation components" (2013), section 4.
With displacements ``D`` (M, N, 3) of M faces, weights ``B`` (M, H) and components ``C`` (H, N, 3)::

    min |D - B C|^2 + lambda * sum_h sum_n  L_hn |C_hn|    with  B >= 0,  max B_h = 1

so that a component moves few points, strength counts from none to full, and ``L`` forbids points far from its middle:
0 within ``NEAR_CM`` along the surface, 1 beyond ``FAR_CM``. Solved in turns: weights by projected coordinate descent,
components by ADMM.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

Doubles = npt.NDArray[np.float64]

NEAR_CM, FAR_CM = 2.0, 6.0
_ADMM_STEPS = 10
_RHO = 10.0


@dataclass(frozen=True, slots=True)
class SparseComponents:
    """The result of :func:`sparse_components`."""

    components_cm: Doubles
    """(H, N, 3): displacement at full strength."""
    weights: Doubles
    """(M, H), 0..1, with 1 in each column."""
    explained: float
    """Share of the squared displacement that the components account for."""


def surface_distances(vertices_cm: Doubles, triangles: npt.NDArray[np.int16]) -> Doubles:
    """(N, N): shortest way along the edges of the mesh."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.intp)
    length = np.linalg.norm(vertices_cm[edges[:, 0]] - vertices_cm[edges[:, 1]], axis=1)
    count = len(vertices_cm)
    graph = coo_matrix((length, (edges[:, 0], edges[:, 1])), shape=(count, count)).tocsr()
    return np.asarray(dijkstra(graph.maximum(graph.T), directed=False))


def sparse_components(
    displacements_cm: Doubles, distances_cm: Doubles, count: int, sparsity: float = 0.6, turns: int = 12
) -> SparseComponents:
    """Decompose displacements.

    Args:
        displacements_cm: (M, N, 3).
        distances_cm: (N, N), see :func:`surface_distances`.
        count: H.
        sparsity: lambda, in centimetres times the root of the number of faces.
        turns: of the alternation.

    Raises:
        ValueError: when there are more components than faces.
    """
    faces = len(displacements_cm)
    if count > faces:
        raise ValueError(f"{count} components of {faces} faces: choose fewer")
    flat = displacements_cm.reshape(faces, -1)
    weights, components = _start(displacements_cm, distances_cm, count)
    penalty = sparsity * np.sqrt(faces)
    dual = np.zeros_like(components)
    for _ in range(turns):
        _update_weights(weights, flat, components.reshape(count, -1))
        middles = (components**2).sum(axis=2).argmax(axis=1)
        support = penalty * _beyond(distances_cm[middles])
        components, dual = _update_components(flat, weights, components, dual, support)
    rest = flat - weights @ components.reshape(count, -1)
    return SparseComponents(components, weights, float(1 - (rest**2).sum() / (flat**2).sum()))


def _beyond(distances_cm: Doubles) -> Doubles:
    return np.asarray(np.clip((distances_cm - NEAR_CM) / (FAR_CM - NEAR_CM), 0, 1))


def _start(displacements: Doubles, distances: Doubles, count: int) -> tuple[Doubles, Doubles]:
    """Greedily: the point that moves most in what is left, its main direction, and what moves with it nearby."""
    rest = displacements.copy()
    weights, components = [], []
    for _ in range(count):
        middle = int((rest**2).sum(axis=(0, 2)).argmax())
        left, singular, _ = np.linalg.svd(rest[:, middle], full_matrices=False)
        strength = left[:, 0] * singular[0]
        positive, negative = np.clip(strength, 0, None), np.clip(-strength, 0, None)
        weight = positive if (positive**2).sum() >= (negative**2).sum() else negative
        weight = weight / max(float(weight.max()), 1e-9)
        near = 1 - _beyond(distances[middle])
        component = np.einsum("m,mnc->nc", weight, rest) / max(float(weight @ weight), 1e-9) * near[:, None]
        weights.append(weight)
        components.append(component)
        rest -= weight[:, None, None] * component
    return np.stack(weights, axis=1), np.stack(components)


def _update_weights(weights: Doubles, flat: Doubles, components: Doubles) -> None:
    """One sweep, in place; each column is brought to a maximum of 1 and its component takes the factor."""
    rest = flat - weights @ components
    for h, component in enumerate(components):
        energy = float(component @ component)
        if energy < 1e-12:
            continue
        rest += np.outer(weights[:, h], component)
        new = np.clip(rest @ component / energy, 0, None)
        top = float(new.max())
        if top > 0:
            weights[:, h] = new / top
            component *= top
        rest -= np.outer(weights[:, h], component)


def _update_components(
    flat: Doubles, weights: Doubles, components: Doubles, dual: Doubles, support: Doubles
) -> tuple[Doubles, Doubles]:
    count = len(components)
    shape = components.shape
    gram, target = weights.T @ weights, weights.T @ flat
    inverse = np.linalg.inv(gram + _RHO * np.eye(count))
    split = components
    for _ in range(_ADMM_STEPS):
        free = (inverse @ (target + _RHO * (split - dual).reshape(count, -1))).reshape(shape)
        moved = free + dual
        length = np.linalg.norm(moved, axis=2)
        shrink = np.clip(1 - support / (_RHO * np.maximum(length, 1e-12)), 0, None)
        split = moved * shrink[..., None]
        dual = moved - split
    return split, dual
