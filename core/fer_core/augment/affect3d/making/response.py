"""What a viewer sees in synthesised faces: the shipped affect network, shown people who are not measured on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import chain, zip_longest

import cv2
import numpy as np

from fer_core.augment.affect3d.fitting import FittedFace, fit_mesh
from fer_core.augment.affect3d.making.gallery import Gallery, held_out_people, stated_groups
from fer_core.augment.affect3d.model import AffectModel
from fer_core.augment.affect3d.synthesiser import Synthesiser
from fer_core.faces.align import align_face
from fer_core.infer.engine import Engine
from fer_core.types import Floats

#: Distance between the outer corners of the eyes in the reduced photographs; the network sees no more.
_EYES_PX = 72.0
#: No movement becomes stronger than this, as a multiple of what coders saw.
MAX_STRENGTH = 1.65
#: Probability that a movement of strength 1 must gain to be worth it.
EFFORT = 0.03


class Viewer:
    """Renders strengths of movements on several people and says what the network sees on average.

    Args:
        gallery: its London people who are not held out lend their neutral photographs.
        model: whose triangles the fits use.
        people: how many of them, as many of each stated group as there are: most of the set are white, and what is
            chosen for them alone is recognised in them alone.
    """

    def __init__(self, gallery: Gallery, model: AffectModel, people: int = 8) -> None:
        chosen = balanced_rows(gallery, people)
        self._fits = [_reduced(gallery, row, model) for row in chosen]
        self._engine = Engine()
        self.expressions = tuple(self._engine.card.expressions)

    def see(self, model: AffectModel, weights: Floats) -> tuple[Floats, Floats]:
        """Mean probabilities (N, E) and valence-arousal (N, 2) that strengths (N, U) are seen as."""
        synthesiser = Synthesiser(model)
        probs, va = [], []
        for strengths in weights:
            p, v = self._show(synthesiser, strengths)
            probs.append(p.mean(axis=0))
            va.append(v.mean(axis=0))
        return np.stack(probs), np.stack(va)

    def _show(self, synthesiser: Synthesiser, strengths: Floats) -> tuple[Floats, Floats]:
        crops = [
            align_face(synthesiser.render_weights(fit, strengths), fit.landmarks_px, self._engine.card.geometry)
            for fit in self._fits
        ]
        probs, va, _ = self._engine.run(np.stack(crops))
        return probs, va


def balanced_rows(gallery: Gallery, people: int) -> list[int]:
    """Rows of neutral photographs: one person of each group in turn."""
    held_out, group_of = set(held_out_people(gallery.root)), stated_groups(gallery.root)
    folder = "webmorph/neutral_front/"
    rows = defaultdict(list)
    for row, path in enumerate(gallery.paths):
        person = path[len(folder) :][:3]
        if path.startswith(folder) and person not in held_out:
            rows[group_of.get(person, "")].append(row)
    in_turn = chain.from_iterable(zip_longest(*(rows[group] for group in sorted(rows))))
    return [row for row in in_turn if row is not None][:people]


def _reduced(gallery: Gallery, row: int, model: AffectModel) -> FittedFace:
    landmarks, image = gallery.landmarks_px[row], gallery.image(row)
    factor = min(1.0, _EYES_PX / float(np.linalg.norm(landmarks[263] - landmarks[33])))
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return fit_mesh(small, (landmarks * factor).astype(np.float32), model)


def sharpen_expressions(
    viewer: Viewer, model: AffectModel, extras: dict[str, dict[str, float]], samples: int = 48, best: int = 6
) -> AffectModel:
    """Find, around the coded composition of each expression, the strengths at which it is recognised best.

    Strengths are varied at random by about a third, with movements in ``extras`` (name and greatest strength) that
    some people add; the mean of the ``best`` samples replaces the composition.
    """
    rng = np.random.default_rng(5)
    units = list(model.unit_names)
    found = []
    for name, start in zip(model.expression_names, model.expression_weights, strict=True):
        tried = start * rng.uniform(0.85, 1.35, (samples, 1)) * np.exp(rng.normal(0, 0.3, (samples, len(start))))
        for extra in extras.get(str(name), {}):
            tried[:, units.index(extra)] += rng.uniform(0, extras[str(name)][extra], samples) * rng.integers(
                0, 2, samples
            )
        tried = np.concatenate([start[None], np.clip(tried, 0, MAX_STRENGTH)]).astype(np.float32)
        probs, _ = viewer.see(model, tried)
        column = viewer.expressions.index(str(name))
        score = probs[:, column] - EFFORT * np.linalg.norm(tried, axis=1)
        order = np.argsort(-score)[:best]
        found.append(tried[order].mean(axis=0))
        print(f"{name}: recognised {probs[0, column]:.2f} -> {probs[order, column].mean():.2f}")
    return replace(model, expression_weights=np.stack(found).astype(np.float32))
