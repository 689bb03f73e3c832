"""Made frame results for the tests of this room: no media, no model."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import strategies as st

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.types import Affect, Box, Face, FaceResult, FrameResult, MediaInfo, Pose, Status

INFO = MediaInfo("a clip, with comma.mp4", 640, 360, 24.0, 100, 4.2)
UNUSABLE = [Status.LOW_CONFIDENCE, Status.OCCLUDED, Status.TOO_SMALL, Status.EXTREME_POSE]


def affect(probs: list[float] | None = None, valence: float = 0.25, arousal: float = -0.5, au: float = 0.75) -> Affect:
    if probs is None:
        probs = [0.05, 0.6, 0.05, 0.1, 0.05, 0.05, 0.05, 0.05]
    au_probs = np.full(len(ACTION_UNITS), au, dtype=np.float32)
    return Affect(np.asarray(probs, dtype=np.float32), valence, arousal, au_probs)


def mesh(seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((468, 3)) * 300).astype(np.float32)


def face(
    face_id: int = 1,
    status: Status = Status.OK,
    *,
    size_px: float = 100.0,
    affect_of: Affect | None = None,
    baseline: Affect | None = None,
    pose: Pose | None = None,
) -> FaceResult:
    seen = Face(
        face_id,
        status,
        0.875,
        Box(10.0, 20.5, size_px, size_px),
        pose if pose is not None else Pose(10.0, -20.0, 5.0),
        mesh(face_id),
    )
    usable = status is Status.OK
    return FaceResult(seen, (affect_of or affect()) if usable else None, baseline if usable else None)


def frame(index: int = 0, *faces: FaceResult, status: Status | None = None, time_s: float | None = None) -> FrameResult:
    if status is None:
        status = Status.OK if faces else Status.NO_FACE
    return FrameResult(index, index / 24 if time_s is None else time_s, 640, 360, status, faces)


@st.composite
def affects(draw: st.DrawFn) -> Affect:
    weights = draw(st.lists(st.floats(0.0, 1.0, width=32), min_size=8, max_size=8).filter(lambda w: sum(w) > 0.01))
    probs = (np.asarray(weights, dtype=np.float64) / sum(weights)).astype(np.float32)
    va = st.floats(-1.0, 1.0)
    au = draw(st.lists(st.floats(0.0, 1.0, width=32), min_size=len(ACTION_UNITS), max_size=len(ACTION_UNITS)))
    return Affect(probs, draw(va), draw(va), np.asarray(au, dtype=np.float32))


@st.composite
def face_results(draw: st.DrawFn, face_id: int, baseline: bool) -> FaceResult:
    status = draw(st.sampled_from([Status.OK, Status.OK, *UNUSABLE]))
    px = st.floats(-2000.0, 2000.0)
    size = st.floats(1.0, 2000.0)
    angle = st.floats(-90.0, 90.0)
    seen = Face(
        face_id,
        status,
        draw(st.floats(0.0, 1.0)),
        Box(draw(px), draw(px), draw(size), draw(size)),
        Pose(draw(angle), draw(angle), draw(angle)),
        mesh(face_id),
    )
    usable = status is Status.OK
    corrected = draw(affects()) if usable and baseline and draw(st.booleans()) else None
    return FaceResult(seen, draw(affects()) if usable else None, corrected)


@st.composite
def frame_lists(draw: st.DrawFn, baseline: bool = False, max_size: int = 6) -> list[FrameResult]:
    """Frames 0, 1, 2, ... at rising times (variable frame rate), with 0 to 3 faces in any order of their ids."""
    time_s = draw(st.floats(-1.0, 1e4))
    frames = []
    for index in range(draw(st.integers(1, max_size))):
        ids = draw(st.lists(st.integers(1, 9), unique=True, max_size=3))
        faces = tuple(draw(face_results(i, baseline)) for i in ids)
        status = Status.OK if faces else draw(st.sampled_from([Status.NO_FACE, Status.DECODE_ERROR]))
        frames.append(FrameResult(index, time_s, 640, 360, status, faces))
        time_s += draw(st.floats(0.002, 5.0))
    return frames


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """Builders and strategies of this module."""
    builders: dict[str, Callable[..., object]] = {
        "affect": affect,
        "mesh": mesh,
        "face": face,
        "frame": frame,
        "frame_lists": frame_lists,
        "affects": affects,
    }
    return SimpleNamespace(info=INFO, expressions=EXPRESSIONS, units=ACTION_UNITS, unusable=UNUSABLE, **builders)
