from dataclasses import replace

import av
import cv2
import numpy as np
import pytest

from fer_core.assets import asset_path
from fer_core.faces.pose import align_canonical, pose_of, rotation_of
from fer_core.faces.still import StillFaceFinder
from fer_core.models import morphable_fit
from fer_core.models.camera import CAMERA_PARAMETERS, PerspectiveCamera, quaternion_of
from fer_core.models.face_model import face_model
from fer_core.models.morphable import MorphableModel
from fer_core.models.morphable_fit import FitWeights, fit_morphable
from fer_core.record.ibug68 import MESH_PAIRS
from fer_core.types import Pose

SIZE = (640, 480)
IBUG = np.array(MESH_PAIRS)[:, 0]


def seen(
    seed: int, pose: Pose, distance_cm: float = 45.0
) -> tuple[MorphableModel, np.ndarray, PerspectiveCamera, np.ndarray]:
    """A person of the shipped model, smiling or not, before a camera of 640 px."""
    model = face_model()
    assert model.expression is not None
    rng = np.random.default_rng(seed)
    person = rng.normal(0, 1, len(model.shape.variances)) * np.sqrt(model.shape.variances)
    move = 0.7 * rng.normal(0, 1, len(model.expression.variances)) * np.sqrt(model.expression.variances)
    mesh = model.shape.instance(person) + np.tensordot(move, model.expression.components, axes=1)
    turn = quaternion_of(rotation_of(pose))
    camera = PerspectiveCamera(640.0, turn, np.array([2.0, -1.0, distance_cm]), np.array(SIZE) / 2)
    return model, mesh, camera, camera.project(mesh)


@pytest.mark.parametrize("pose", [Pose(0, 0, 0), Pose(10, 30, 5), Pose(-20, -28, -15)])
def test_fit_morphable_finds_camera_and_shape_of_a_made_person(pose: Pose) -> None:
    model, mesh, _, landmarks = seen(0, pose)
    fit = fit_morphable(model, landmarks, SIZE, focal_px=640.0)
    assert fit.landmark_error_px < 1.2
    found = pose_of(fit.camera.rotation)
    assert abs(found.yaw_deg - pose.yaw_deg) < 1.5
    assert abs(found.pitch_deg - pose.pitch_deg) < 3
    assert abs(found.roll_deg - pose.roll_deg) < 1
    assert fit.camera.focal_px == 640.0
    # Depth as well as the plane of the picture; the mean face is farther off.
    error = np.sqrt(((fit.mesh(model) - mesh) ** 2).sum(axis=1).mean())
    assert error < 0.5 * np.sqrt(((model.shape.mean - mesh) ** 2).sum(axis=1).mean())


def test_fit_morphable_needs_no_more_than_the_68_points() -> None:
    model, _, camera, landmarks = seen(1, Pose(5, 20, 0))
    fit = fit_morphable(model, landmarks[IBUG], SIZE, vertices=IBUG)
    assert np.abs(fit.camera.project(fit.mesh(model)) - landmarks).mean() < 2.5
    assert pose_of(fit.camera.rotation).yaw_deg == pytest.approx(20, abs=3)
    assert 0.5 < fit.camera.focal_px / camera.focal_px < 2


def test_fit_morphable_separates_the_movement_from_the_person() -> None:
    model, mesh, camera, _ = seen(2, Pose(0, 0, 0))
    assert model.expression is not None
    largest = np.sqrt(model.expression.variances[0]) * model.expression.components[0]
    rest = fit_morphable(model, camera.project(mesh - largest), SIZE, focal_px=640.0)
    moved = fit_morphable(model, camera.project(mesh + largest), SIZE, focal_px=640.0)
    apart = (moved.expression - rest.expression) / np.sqrt(model.expression.variances)
    assert apart[0] == pytest.approx(2, abs=0.4)
    people = (moved.shape - rest.shape) / np.sqrt(model.shape.variances)
    assert np.abs(people).max() < 0.5
    assert np.abs(moved.neutral(model) - rest.neutral(model)).max() < 0.4 * np.abs(2 * largest).max()


def test_fit_morphable_costs_fall_and_the_prior_holds() -> None:
    model, _, _, landmarks = seen(3, Pose(10, -25, 0))
    fit = fit_morphable(model, landmarks + np.random.default_rng(0).normal(0, 2, landmarks.shape), SIZE)
    assert np.all(np.diff(fit.costs) < 0)
    free = fit_morphable(model, landmarks + 2, SIZE, weights=FitWeights(shape=1.0, expression=1.0))
    held = fit_morphable(model, landmarks + 2, SIZE, weights=FitWeights(shape=1e9, expression=1e9))
    assert np.abs(held.shape).max() < 0.05 * np.abs(free.shape).max()


def test_fit_morphable_counts_a_pixel_relative_to_the_face() -> None:
    model, _, _, landmarks = seen(4, Pose(0, 10, 0))
    noisy = landmarks + np.random.default_rng(0).normal(0, 2, landmarks.shape)
    small = fit_morphable(model, noisy, SIZE)
    large = fit_morphable(model, 3 * noisy, (3 * SIZE[0], 3 * SIZE[1]))
    assert np.allclose(large.shape, small.shape, atol=1e-2 * np.abs(small.shape).max())
    assert large.costs[-1] == pytest.approx(small.costs[-1], rel=1e-3)


def test_fit_morphable_trusts_landmarks_by_their_weights() -> None:
    model, _, _, landmarks = seen(5, Pose(0, 0, 0))
    spoilt = landmarks.copy()
    spoilt[:40] += 25.0
    weights = (np.arange(468) >= 40).astype(float)
    found = fit_morphable(model, spoilt, SIZE, landmark_weights=weights)
    plain = fit_morphable(model, spoilt, SIZE)
    truth = fit_morphable(model, landmarks, SIZE)

    def off(fit: morphable_fit.MorphableFit) -> float:
        return float(np.abs(fit.mesh(model) - truth.mesh(model)).mean())

    assert off(found) < 0.3 * off(plain)


def test_normal_equations_are_the_derivative_of_equation_four() -> None:
    model, _, camera, landmarks = seen(6, Pose(8, -12, 3))
    problem = morphable_fit._Problem(model, np.arange(468), landmarks + 3, np.ones(468), FitWeights(), False)
    rng = np.random.default_rng(0)
    parameters = rng.normal(0, 1, problem.count)
    problem.log_focal = 6.2
    system = problem._system(parameters, camera)
    # Eq. 4 by hand: landmarks in pixels of the reference face, as if there were 68, and the priors.
    mesh = problem.landmarks.at(parameters)
    spread = np.sqrt(((landmarks - landmarks.mean(axis=0)) ** 2).sum(axis=1).mean())
    rest = (camera.project(mesh) - landmarks - 3) * 75 / spread
    by_hand = 1e5 * (rest**2).sum() * 68 / 468 + 3e6 * (parameters**2).sum()
    by_hand += 3e6 * ((np.log(640) - 6.2) / morphable_fit.FOCAL_SPREAD) ** 2
    assert system.cost == pytest.approx(by_hand)
    small = 1e-5
    for k in range(problem.count):
        step = small * np.eye(problem.count)[k]
        slope = problem._system(parameters + step, camera).cost - problem._system(parameters - step, camera).cost
        assert slope / (4 * small) == pytest.approx(system.gradient[k], rel=1e-3, abs=1e3)
    for k in range(CAMERA_PARAMETERS):
        step = small * np.eye(CAMERA_PARAMETERS)[k]
        slope = (
            problem._system(parameters, camera.moved(step)).cost - problem._system(parameters, camera.moved(-step)).cost
        )
        assert slope / (4 * small) == pytest.approx(system.gradient[problem.count + k], rel=1e-3, abs=1e3)


@pytest.fixture(scope="module")
def portrait() -> tuple[np.ndarray, np.ndarray]:
    """A photograph with its mesh."""
    with av.open(str(asset_path("demo", "demo.mp4"))) as container:
        image = next(container.decode(video=0)).to_ndarray(format="rgb24")
    finder = StillFaceFinder()
    found = finder.find(image)
    finder.close()
    assert found.landmarks_px is not None
    return image, found.landmarks_px


def test_texture_is_projected_out_as_if_it_were_solved_for(portrait: tuple[np.ndarray, np.ndarray]) -> None:
    image, landmarks = portrait
    model = face_model()
    assert model.texture is not None
    size = (image.shape[1], image.shape[0])
    fit = fit_morphable(model, landmarks, size)
    problem = morphable_fit._Problem(model, np.arange(468), landmarks[:, :2], np.ones(468), FitWeights(), False)
    problem.add_texture(image)
    term = problem._texture
    assert term is not None
    parameters = np.concatenate([fit.shape, fit.expression]) / problem.deviations
    best = term.parameters(parameters, fit.camera)
    places = fit.camera.project(term._basis.at(parameters))
    visible = term._seen(places, parameters, fit.camera)
    given = term._sample(term._features, places[visible])

    def cost(texture: np.ndarray) -> float:
        rest = given - model.texture.instance(texture)[visible]
        return float(53215 / visible.sum() * (rest**2).sum() + (texture**2 / model.texture.variances).sum())

    assert 0.3 < visible.mean() <= 1
    assert term.system(parameters, fit.camera).cost == pytest.approx(cost(best))
    for k in range(0, len(best), 5):
        assert cost(best + 0.1 * np.eye(len(best))[k]) > cost(best)


def test_texture_brings_back_a_camera_that_looks_aside() -> None:
    model, mesh, camera, _ = seen(8, Pose(0, 8, 0))
    rng = np.random.default_rng(0)
    photo = cv2.GaussianBlur(rng.uniform(0, 255, (480, 640)).astype(np.float32), (0, 0), 6)
    photo = cv2.normalize(photo, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    parameters = np.zeros(len(model.shape.variances) + len(model.expression.variances))
    # Texture alone, with the person held.
    alone = FitWeights(features=1e6, landmarks=1e-3, shape=1e12, expression=1e12)
    points = camera.project(model.shape.mean)
    problem = morphable_fit._Problem(model, np.arange(468), points, np.ones(468), alone, True)
    problem.log_focal = float(np.log(camera.focal_px))
    problem.add_texture(photo)
    # What the mean face looks like is what this picture shows where the face truly is.
    shown = problem._texture._sample(problem._texture._features, camera.project(model.places.on(model.shape.mean)))
    own = replace(model, texture=replace(model.texture.first(1), mean=shown))
    problem = morphable_fit._Problem(own, np.arange(468), points, np.ones(468), alone, True)
    problem.log_focal = float(np.log(camera.focal_px))
    problem.add_texture(photo)
    aside = camera.moved(np.array([0, 0, 0, 0, 0.02 * np.ptp(mesh[:, 0]), 0, 0]))
    before = np.abs(aside.project(model.shape.mean) - points).mean()
    found, back, costs = problem.solve(parameters, aside)
    after = np.abs(back.project(problem.landmarks.at(found)) - points).mean()
    assert before > 1
    assert after < 0.2 * before
    assert costs[-1] < 0.2 * costs[0]


def test_fit_morphable_agrees_with_the_pose_of_the_mesh_on_a_photograph(
    portrait: tuple[np.ndarray, np.ndarray],
) -> None:
    image, landmarks = portrait
    model = face_model()
    fit = fit_morphable(model, landmarks, (image.shape[1], image.shape[0]))
    own, found = pose_of(align_canonical(landmarks).rotation), pose_of(fit.camera.rotation)
    assert abs(own.yaw_deg - found.yaw_deg) < 8
    assert abs(own.roll_deg - found.roll_deg) < 3
    assert fit.landmark_error_px < 0.02 * np.ptp(landmarks[:, 0])


def test_fit_morphable_refuses_what_does_not_match() -> None:
    model, _, _, landmarks = seen(7, Pose(0, 0, 0))
    with pytest.raises(ValueError, match="68 landmarks for 468 vertices"):
        fit_morphable(model, landmarks[:68], SIZE)
    with pytest.raises(ValueError, match="names no landmarks"):
        fit_morphable(replace(model, landmarks=None), landmarks, SIZE)
    with pytest.raises(ValueError, match="no texture of features"):
        fit_morphable(replace(model, texture=None), landmarks, SIZE, photo_u8=np.zeros((480, 640), np.uint8))
