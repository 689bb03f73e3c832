import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from fer_core.faces.canonical import canonical_mesh
from fer_core.faces.quality import (
    MAX_PITCH_DEG,
    MAX_YAW_DEG,
    MIN_BOX_W_PX,
    OCCLUDED_SUPPORT,
    Measures,
    confidence_of,
    judge,
    measure,
    status_of,
)
from fer_core.types import Pose, Status

FRONTAL = Pose(0.0, 0.0, 0.0)
GOOD = Measures(
    box_w_px=200.0,
    inside_share=1.0,
    presence_log_odds=16.0,
    detector_score=0.9,
    pose=FRONTAL,
    sharpness=0.5,
    support=0.6,
)
SIDE_PX = 400


def mesh_px(width_px: float = 200.0, centre_px: tuple[float, float] = (200.0, 200.0)) -> np.ndarray:
    vertices = canonical_mesh().vertices_cm
    mesh = (vertices - (vertices.max(axis=0) + vertices.min(axis=0)) / 2) * (width_px / np.ptp(vertices[:, 0]))
    return (mesh + np.array([*centre_px, 0.0])).astype(np.float32)


def drawn_face(mesh: np.ndarray) -> np.ndarray:
    """A frame with the average appearance painted at the points of the mesh, on skin with some grain."""
    rng = np.random.default_rng(0)
    tone = np.full((SIDE_PX, SIDE_PX), 140.0, np.float32)
    weight = np.full((SIDE_PX, SIDE_PX), 1e-3, np.float32)
    paint = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    radius = max(1, int(np.ptp(mesh[:, 0]) / 40))
    for (x, y, _), value in zip(mesh, canonical_mesh().appearance, strict=True):
        if 0 <= x < SIDE_PX and 0 <= y < SIDE_PX:
            spot = np.zeros((SIDE_PX, SIDE_PX), np.float32)
            cv2.circle(spot, (int(x), int(y)), radius, 1.0, -1)
            paint += spot * value
            weight += spot
    tone += 35.0 * paint / weight + rng.normal(0, 6, tone.shape)
    return np.repeat(tone.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return drawn_face(mesh_px())


def test_judge_accepts_a_clear_face(face: np.ndarray) -> None:
    status, confidence = judge(mesh_px(), FRONTAL, 1.0, 0.95, face)
    assert status is Status.OK
    assert confidence > 0.95


def test_judge_accepts_a_clear_face_of_48_px(face: np.ndarray) -> None:
    small = cv2.resize(face, None, fx=0.24, fy=0.24, interpolation=cv2.INTER_AREA)
    assert judge(mesh_px() * np.float32(0.24), FRONTAL, 0.99999, math.nan, small).status is Status.OK


def test_judge_calls_a_covered_half_occluded_when_presence_drops(face: np.ndarray) -> None:
    covered = face.copy()
    covered[:200] = 128
    covered[:200] += np.random.default_rng(1).integers(0, 12, (200, SIDE_PX, 1), np.uint8)
    presence = 1.0 / (1.0 + math.exp(-9.0))
    assert judge(mesh_px(), FRONTAL, presence, 0.8, covered).status is Status.OCCLUDED
    assert judge(mesh_px(), FRONTAL, presence, 0.8, face).status is Status.OK, "low presence alone is no cover"
    assert judge(mesh_px(), FRONTAL, 1.0, 0.8, covered).status is Status.OK, "a beard or a mask of light is no cover"


def test_judge_says_no_more_than_low_confidence_of_a_blurred_face(face: np.ndarray) -> None:
    blurred = cv2.GaussianBlur(face, (0, 0), 12.0)
    status, confidence = judge(mesh_px(), FRONTAL, 0.9, 0.6, blurred)
    assert status is Status.LOW_CONFIDENCE
    assert confidence < judge(mesh_px(), FRONTAL, 0.9, 0.6, face).confidence


def test_measure_finds_the_drawn_face_and_misses_another(face: np.ndarray) -> None:
    here = measure(mesh_px(), FRONTAL, 1.0, 0.9, face)
    upside_down = measure(mesh_px(), FRONTAL, 1.0, 0.9, np.ascontiguousarray(face[::-1]))
    assert here.support > 0.5
    assert upside_down.support < OCCLUDED_SUPPORT


def test_measure_support_ignores_slanting_light_and_tone(face: np.ndarray) -> None:
    slant = np.linspace(0.35, 1.0, SIDE_PX)[None, :, None]
    lit = (face * slant).astype(np.uint8)
    supports = [measure(mesh_px(), FRONTAL, 1.0, 0.9, image).support for image in (face, lit)]
    assert supports[1] == pytest.approx(supports[0], abs=0.12)


def test_measure_sharpness_falls_with_blur(face: np.ndarray) -> None:
    sharpness = [
        measure(mesh_px(), FRONTAL, 1.0, 0.9, cv2.GaussianBlur(face, (0, 0), sigma)).sharpness
        for sigma in (0.5, 3.0, 6.0, 12.0)
    ]
    assert sharpness == sorted(sharpness, reverse=True)
    assert sharpness[-1] < 0.2 * sharpness[0]


def test_measure_counts_the_share_inside_the_frame(face: np.ndarray) -> None:
    half_out = measure(mesh_px(centre_px=(0.0, 200.0)), FRONTAL, 1.0, 0.9, face)
    assert 0.4 < half_out.inside_share < 0.6
    gone = measure(mesh_px(centre_px=(-500.0, 200.0)), FRONTAL, 1.0, 0.9, face)
    assert gone.inside_share == 0.0
    assert math.isnan(gone.sharpness)
    assert math.isnan(gone.support)
    assert status_of(gone) is Status.LOW_CONFIDENCE
    assert confidence_of(gone) == 0.0


def test_measure_keeps_log_odds_of_a_float32_score(face: np.ndarray) -> None:
    for log_odds in (-3.0, 0.0, 5.0, 13.0):
        score = float(np.float32(1) / (np.float32(1) + np.exp(np.float32(-log_odds))))
        found = measure(mesh_px(), FRONTAL, score, 0.9, face).presence_log_odds
        assert found == pytest.approx(log_odds, abs=0.1)
    assert measure(mesh_px(), FRONTAL, 1.0, 0.9, face).presence_log_odds > 16
    assert measure(mesh_px(), FRONTAL, 0.0, 0.9, face).presence_log_odds < -16


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, Status.OK),
        ({"detector_score": math.nan}, Status.OK),
        ({"box_w_px": 48.0}, Status.OK),
        ({"box_w_px": MIN_BOX_W_PX - 1}, Status.TOO_SMALL),
        ({"pose": Pose(0, MAX_YAW_DEG + 1, 0)}, Status.EXTREME_POSE),
        ({"pose": Pose(-MAX_PITCH_DEG - 1, 0, 0)}, Status.EXTREME_POSE),
        ({"pose": Pose(0, 0, 170)}, Status.OK),
        ({"presence_log_odds": 8.0, "support": 0.1}, Status.OCCLUDED),
        ({"presence_log_odds": 8.0, "support": math.nan}, Status.OK),
        ({"presence_log_odds": 1.0}, Status.LOW_CONFIDENCE),
        ({"presence_log_odds": 1.0, "support": 0.1}, Status.OCCLUDED),
        ({"presence_log_odds": 1.0, "support": 0.1, "sharpness": 0.05}, Status.LOW_CONFIDENCE),
        ({"inside_share": 0.5}, Status.LOW_CONFIDENCE),
        ({"sharpness": 0.01}, Status.LOW_CONFIDENCE),
        ({"detector_score": 0.25}, Status.LOW_CONFIDENCE),
        ({"box_w_px": 20.0, "pose": Pose(0, 80, 0)}, Status.TOO_SMALL),
    ],
)
def test_status_of_names_the_first_reason(change: dict[str, object], status: Status) -> None:
    assert status_of(replace(GOOD, **change)) is status


@pytest.mark.parametrize(
    ("name", "worse_to_better"),
    [
        ("presence_log_odds", [-5.0, 0.0, 3.0, 9.0, 12.0, 16.0]),
        ("detector_score", [0.1, 0.3, 0.5, 0.7, 1.0]),
        ("box_w_px", [10.0, 30.0, 48.0, 64.0, 500.0]),
        ("pose", [Pose(0, yaw, 0) for yaw in (90, -60, 50, 35, 0)]),
        ("pose", [Pose(pitch, 0, 0) for pitch in (60, -50, 40, 28, 0)]),
        ("sharpness", [math.nan, 0.0, 0.03, 0.1, 0.5]),
        ("inside_share", [0.0, 0.6, 0.8, 1.0]),
    ],
)
def test_confidence_of_is_monotone(name: str, worse_to_better: list[object]) -> None:
    values = [confidence_of(replace(GOOD, **{name: value})) for value in worse_to_better]
    assert values == sorted(values)
    assert values[0] < values[-1] == 1.0
    assert all(0.0 <= value <= 1.0 for value in values)


def test_judge_refuses_a_score_that_is_no_probability(face: np.ndarray) -> None:
    with pytest.raises(ValueError, match="presence_score is 14"):
        judge(mesh_px(), FRONTAL, 14.0, 0.9, face)
    with pytest.raises(ValueError, match="presence_score is nan"):
        judge(mesh_px(), FRONTAL, math.nan, 0.9, face)
