"""Cards and answers made for the tests of this room: no media, no model file."""

from types import SimpleNamespace

import numpy as np
import pytest

from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.infer.model_card import ModelCard
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.types import Affect, Box, Face, FaceResult, FrameResult, Pose, Status


def card(**changes: object) -> ModelCard:
    given = {
        "name": "made",
        "version": "7",
        "expressions": EXPRESSIONS,
        "action_units": ACTION_UNITS,
        "geometry": DEFAULT_GEOMETRY,
        "backbone": "none",
    }
    return ModelCard(**{**given, **changes})


def affect(rng: np.random.Generator) -> Affect:
    """Anything the network could say, saturated answers included."""
    probs = rng.dirichlet(np.full(len(EXPRESSIONS), 0.3)).astype(np.float32)
    units = rng.beta(0.3, 0.3, len(ACTION_UNITS)).astype(np.float32)
    return Affect(probs / probs.sum(), rng.uniform(-1, 1), rng.uniform(-1, 1), units)


def result(face_id: int, said: Affect | None, size_px: float = 100, status: Status = Status.OK) -> FaceResult:
    mesh = np.zeros((468, 3), np.float32)
    return FaceResult(Face(face_id, status, 0.9, Box(0, 0, size_px, size_px), Pose(0, 0, 0), mesh), said)


def frame(index: int, *faces: FaceResult, time_s: float | None = None) -> FrameResult:
    status = Status.OK if faces else Status.NO_FACE
    return FrameResult(index, index / 25 if time_s is None else time_s, 640, 360, status, faces)


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """Builders of this module."""
    return SimpleNamespace(card=card, affect=affect, result=result, frame=frame)
