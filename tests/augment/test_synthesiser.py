import subprocess
import sys
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from fer_core.augment.affect3d import Blend, FittedFace, Synthesiser, SynthesisError, Target
from fer_core.augment.affect3d.deform import moved_mesh, to_pixels
from fer_core.augment.affect3d.fitting import fit_mesh
from fer_core.augment.affect3d.topology import (
    EYES,
    LEFT_LID_PAIRS,
    LID_CREASE_PAIRS,
    LID_EDGE_PAIRS,
    LIP_PAIRS,
    LOWER_LIP_ROWS,
    RIGHT_LID_PAIRS,
    UPPER_LIP_ROWS,
)

Landmarks = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def synthesiser() -> Synthesiser:
    return Synthesiser.load()


def test_render_neutral_leaves_the_photograph(synthesiser: Synthesiser, made_fit: FittedFace) -> None:
    for target in (Target.point(0, 0), Target.expression("anger", 0)):
        assert np.array_equal(synthesiser.render(made_fit, target), made_fit.photo_rgb_u8)


@pytest.mark.parametrize("blend", list(Blend))
@pytest.mark.parametrize("name", ["happiness", "surprise", "sadness", "anger", "disgust", "fear"])
def test_render_changes_the_face_and_nothing_else(
    synthesiser: Synthesiser, made_fit: FittedFace, name: str, blend: Blend
) -> None:
    out = synthesiser.render(made_fit, Target.expression(name), blend)
    assert out.shape == made_fit.photo_rgb_u8.shape
    assert out.dtype == np.uint8
    changed = (out != made_fit.photo_rgb_u8).any(axis=2)
    assert changed.mean() > 0.02
    height, width = made_fit.region_rgb_u8.shape[:2]
    changed[made_fit.top_px : made_fit.top_px + height, made_fit.left_px : made_fit.left_px + width] = False
    assert not changed.any()


@pytest.mark.parametrize("gap_cm", [0.0, 0.08, 0.25], ids=["joined", "closed", "ajar"])
@pytest.mark.parametrize("name", ["sadness", "anger"])
def test_render_draws_the_line_between_closed_lips_without_steps(
    synthesiser: Synthesiser, made_landmarks: Landmarks, name: str, gap_cm: float
) -> None:
    landmarks = made_landmarks(scale_px_per_cm=28.0, centre=360.0)
    landmarks[LIP_PAIRS[:, 0], 1] -= 14 * gap_cm
    landmarks[LIP_PAIRS[:, 1], 1] += 14 * gap_cm
    line = landmarks[LIP_PAIRS].mean(axis=1)
    columns = np.arange(720)
    # Darker above the line between the lips than below it, and never steeper than in a photograph.
    below = np.clip(np.arange(720)[:, None] - np.interp(columns, line[:, 0], line[:, 1]), -2, 2)
    photo = np.repeat((120 + 30 * below)[..., None], 3, axis=2).astype(np.uint8)
    fit = fit_mesh(photo, landmarks)
    target = Target.expression(name)
    out = synthesiser.render(fit, target)[..., 1].astype(float)
    places = to_pixels(fit, moved_mesh(fit, target.weights(synthesiser.model), synthesiser.model))
    left, right = places[[191, 415], 0].astype(int)
    top, bottom = places[LIP_PAIRS, 1].min() - 12, places[LIP_PAIRS, 1].max() + 12
    strip = out[int(top) : int(bottom), left:right]
    under = (strip >= 120).argmax(axis=0)
    x = np.arange(right - left)
    above, beneath = strip[under - 1, x], strip[under, x]
    height = under - (beneath - 120) / (beneath - above)
    curve = np.polynomial.Polynomial.fit(x, height, 8)(x)
    assert np.ptp(height) > 3
    assert np.abs(np.diff(height)).max() < 0.9
    assert np.abs(np.diff(height - curve)).max() < 0.5


def test_render_changes_nothing_beyond_the_rings_around_the_face(
    synthesiser: Synthesiser, made_fit: FittedFace
) -> None:
    outline = np.zeros(made_fit.photo_rgb_u8.shape[:2], np.uint8)
    cv2.fillConvexPoly(outline, cv2.convexHull(np.ceil(made_fit.vertices_px).astype(np.int32)), 1)
    beyond = cv2.dilate(outline, np.ones((3, 3), np.uint8)) == 0
    for name in ("surprise", "anger"):
        out = synthesiser.render(made_fit, Target.expression(name))
        assert np.array_equal(out[beyond], made_fit.photo_rgb_u8[beyond])


@pytest.mark.parametrize("blend", list(Blend))
def test_render_of_a_grey_photograph_is_grey(
    synthesiser: Synthesiser, made_landmarks: Landmarks, made_photo: np.ndarray, made_fit: FittedFace, blend: Blend
) -> None:
    fit = fit_mesh(np.repeat(made_photo[..., 1:2], 3, axis=2), made_landmarks())
    assert (fit.grey, made_fit.grey) == (True, False)
    out = synthesiser.render(fit, Target.expression("happiness"), blend)
    assert (out != fit.photo_rgb_u8).any()
    assert np.array_equal(out, np.repeat(out[..., :1], 3, axis=2))
    coloured = synthesiser.render(made_fit, Target.expression("happiness"), blend)
    assert not np.array_equal(coloured[..., 0], coloured[..., 1])


def test_render_has_no_step_at_the_outline(synthesiser: Synthesiser, made_landmarks: Landmarks) -> None:
    # On one colour everywhere, only wrinkles and the mouth can change a pixel: at the outline they fade out.
    flat = np.full((360, 360, 3), 140, np.uint8)
    fit = fit_mesh(flat, made_landmarks())
    out = synthesiser.render(fit, Target.expression("sadness")).astype(int)
    steps = np.abs(np.diff(out[:, :, 1], axis=1))
    ring = np.hypot(*(np.mgrid[0:360, 0:360] - np.array([162, 180])[:, None, None]))[:, 1:] > 125
    assert steps[ring].max() <= 4


def test_render_of_an_open_mouth_shows_teeth_instead_of_stretched_lips(
    synthesiser: Synthesiser, made_fit: FittedFace
) -> None:
    out = synthesiser.render(made_fit, Target.expression("happiness"))
    weights = Target.expression("happiness").weights(synthesiser.model)
    places = to_pixels(made_fit, moved_mesh(made_fit, weights, synthesiser.model))
    x, y = places[[13, 14]].mean(axis=0).round().astype(int)
    inside = out[y, x - 6 : x + 7].astype(float)
    # Teeth have less colour than skin, and the light of the photograph.
    assert (inside[:, 2] / inside[:, 0]).mean() > 110 / 170 + 0.08
    assert inside.mean() > 100
    assert places[14, 1] - places[13, 1] > 5


def test_moved_mesh_closes_lids_and_lips_but_never_crosses_them(synthesiser: Synthesiser, made_fit: FittedFace) -> None:
    rng = np.random.default_rng(0)
    pairs = np.concatenate([RIGHT_LID_PAIRS, LEFT_LID_PAIRS, LIP_PAIRS])
    for _ in range(20):
        weights = rng.uniform(0, 2, len(synthesiser.model.unit_names)).astype(np.float32)
        moved = moved_mesh(made_fit, weights, synthesiser.model)
        assert (moved[pairs[:, 1], 1] - moved[pairs[:, 0], 1]).min() > -1e-3


def test_moved_mesh_keeps_the_line_of_closed_lips_and_folds_none(
    synthesiser: Synthesiser, made_landmarks: Landmarks, made_photo: np.ndarray
) -> None:
    landmarks = made_landmarks()
    landmarks[LIP_PAIRS[:, 1], 1] += 1.0
    fit = fit_mesh(made_photo, landmarks)
    for name in ("sadness", "anger"):
        moved = moved_mesh(fit, Target.expression(name).weights(synthesiser.model), synthesiser.model)
        gap = (moved - fit.mesh_cm)[LIP_PAIRS, 1]
        assert (gap[:, 1] - gap[:, 0]).min() > -1e-3
        for rows, outwards in ((UPPER_LIP_ROWS, -1), (LOWER_LIP_ROWS, 1)):
            heights = outwards * np.diff(moved[rows, 1], axis=0)
            rest = outwards * np.diff(fit.mesh_cm[rows, 1], axis=0)
            assert np.all(heights[rest > 0.02] > 0)


def test_moved_mesh_raises_the_brow_without_stretching_the_lid(synthesiser: Synthesiser, made_fit: FittedFace) -> None:
    moved = moved_mesh(made_fit, Target.expression("surprise").weights(synthesiser.model), synthesiser.model)
    rest = made_fit.mesh_cm
    assert (rest[[105, 334], 1] - moved[[105, 334], 1]).min() > 0.7
    for pairs, most in ((LID_EDGE_PAIRS, 1.15), (LID_CREASE_PAIRS, 2.0)):
        before = rest[pairs[:, 0], 1] - rest[pairs[:, 1], 1]
        after = moved[pairs[:, 0], 1] - moved[pairs[:, 1], 1]
        assert np.all(after <= most * before + 1e-4)


def test_render_of_a_dropped_jaw_shows_the_edge_of_the_upper_teeth(
    synthesiser: Synthesiser, made_fit: FittedFace
) -> None:
    target = Target.expression("surprise")
    out = synthesiser.render(made_fit, target).astype(float)
    places = to_pixels(made_fit, moved_mesh(made_fit, target.weights(synthesiser.model), synthesiser.model))
    x, top, bottom = round(float(places[13, 0])), float(places[13, 1]), float(places[14, 1])
    column = out[round(top) : round(bottom), x - 5 : x + 6].mean(axis=(1, 2))
    third = len(column) // 3
    assert column[:third].max() > 1.5 * column[third : 2 * third].min()


def test_render_shades_dark_skin_deeper_than_light_skin(synthesiser: Synthesiser, made_landmarks: Landmarks) -> None:
    depth = []
    for skin in (150, 70):
        photo = np.full((360, 360, 3), skin, np.uint8)
        landmarks = made_landmarks()
        for eye in EYES:
            cv2.fillPoly(photo, [landmarks[eye, :2].round().astype(np.int32)], (160, 160, 160))
        fit = fit_mesh(photo, landmarks)
        brow = landmarks[9, :2].round().astype(int)
        out = synthesiser.render(fit, Target.expression("anger"))
        around = out[brow[1] - 8 : brow[1] + 25, brow[0] - 25 : brow[0] + 25].astype(float) / skin
        depth.append(1 - around.min())
    assert depth[1] > 1.15 * depth[0] > 0.02


def test_to_pixels_of_the_fitted_mesh_is_where_it_was(made_fit: FittedFace) -> None:
    assert np.allclose(to_pixels(made_fit, made_fit.mesh_cm), made_fit.landmarks_px[:, :2], atol=1e-3)


def test_render_of_a_turned_head_moves_the_mouth_the_same_way(
    synthesiser: Synthesiser, made_landmarks: Landmarks, made_photo: np.ndarray
) -> None:
    for yaw_deg in (-25.0, 25.0):
        fit = fit_mesh(made_photo, made_landmarks(yaw_deg))
        out = synthesiser.render(fit, Target.expression("surprise"))
        weights = Target.expression("surprise").weights(synthesiser.model)
        places = to_pixels(fit, moved_mesh(fit, weights, synthesiser.model))
        assert places[152, 1] > fit.landmarks_px[152, 1] + 5
        assert not np.array_equal(out, fit.photo_rgb_u8)


def test_render_names_the_expressions_that_it_knows(synthesiser: Synthesiser, made_fit: FittedFace) -> None:
    with pytest.raises(SynthesisError, match=r"'joy'.*happiness"):
        synthesiser.render(made_fit, Target.expression("joy"))


def test_synthesis_needs_no_torch_and_no_window() -> None:
    code = "import sys, fer_core.augment.affect3d; print([m for m in ('torch', 'PySide6') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
