from dataclasses import replace

import cv2
import mediapipe
import numpy as np
import pytest

from fer_core.faces.networks import DetectorNetwork, MeshNetwork
from fer_core.faces.roi import Roi, roi_from_box, roi_from_landmarks


@pytest.fixture(scope="module")
def mesh():
    return MeshNetwork()


@pytest.fixture(scope="module")
def detector():
    network = DetectorNetwork()
    yield network
    network.close()


def fit(mesh, detector, image, rounds=4):
    """The mesh of the best face, in the region that the fit before gave, as in a video of one picture."""
    best = detector.run(image)[0]
    roi = roi_from_box(best.x_px, best.y_px, best.w_px, best.h_px, best.eyes_px)
    for _ in range(rounds):
        (fitted,) = mesh.run(image, [roi])
        landmarks, presence = fitted.landmarks_px, fitted.presence
        roi = roi_from_landmarks(landmarks)
    return landmarks, presence


def test_mesh_network_agrees_with_mediapipes_own_solution(photo, mesh, detector):
    height, width = photo.shape[:2]
    with mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=1) as solution:
        for _ in range(4):
            found = solution.process(photo)
    points = found.multi_face_landmarks[0].landmark
    expected = np.array([[p.x * width, p.y * height, p.z * width] for p in points])
    landmarks, _ = fit(mesh, detector, photo)
    assert landmarks.shape == (468, 3)
    assert np.linalg.norm(landmarks[:, :2] - expected[:, :2], axis=1).max() < 1.5
    # Depth is the network's vaguest answer; the scale and the sign must be right.
    assert np.corrcoef(landmarks[:, 2], expected[:, 2])[0, 1] > 0.99
    assert np.ptp(landmarks[:, 2]) == pytest.approx(np.ptp(expected[:, 2]), rel=0.1)
    assert landmarks[1, 2] < landmarks[234, 2]  # the tip of the nose is nearer to the camera than the ear


def test_mesh_network_turns_with_the_face(photo, mesh, detector):
    upright, _ = fit(mesh, detector, photo)
    centre = upright[:, :2].mean(axis=0)
    turn = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), -30, 1)
    tilted = cv2.warpAffine(photo, turn, photo.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    landmarks, presence = fit(mesh, detector, tilted)
    expected = upright[:, :2] @ turn[:, :2].T + turn[:, 2]
    assert np.linalg.norm(landmarks[:, :2] - expected, axis=1).mean() < 2
    assert presence > 0.9


def test_mesh_network_presence_tells_a_face_from_noise(photo, mesh, detector):
    _, presence = fit(mesh, detector, photo)
    assert presence > 0.9
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    assert mesh.run(noise, [Roi(150, 150, 250, 0.0)])[0].presence < 0.1
    # A wall beside the person, in the same picture.
    assert mesh.run(photo, [Roi(40, 320, 60, 0.0)])[0].presence < 0.5


def test_mesh_network_depends_on_its_picture_alone(photo, mesh):
    roi = Roi(322, 187, 245, 0.0)
    first = mesh.run(photo, [roi])[0].landmarks_px
    mesh.run(np.zeros_like(photo), [roi, roi])
    np.testing.assert_array_equal(mesh.run(photo, [roi])[0].landmarks_px, first)


def test_mesh_network_reads_several_faces_as_it_reads_each_alone(photo, mesh, detector):
    best = detector.run(photo)[0]
    roi = roi_from_box(best.x_px, best.y_px, best.w_px, best.h_px, best.eyes_px)
    rois = [roi, replace(roi, size_px=roi.size_px * 1.2), Roi(60, 60, 90, 0.4)]
    together = mesh.run(photo, rois)
    assert mesh.run(photo, []) == []
    for one, roi in zip(together, rois, strict=True):
        (alone,) = mesh.run(photo, [roi])
        np.testing.assert_array_equal(one.landmarks_px, alone.landmarks_px)
        assert one.presence == alone.presence


def test_detector_network_finds_the_face_and_its_eyes(photo, mesh, detector):
    landmarks, _ = fit(mesh, detector, photo)
    best = detector.run(photo)[0]
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    np.testing.assert_allclose((best.x_px + best.w_px / 2, best.y_px + best.h_px / 2), (low + high) / 2, atol=20)
    assert best.score > 0.5
    for eye, corners in zip(best.eyes_px, ((33, 133), (362, 263)), strict=True):
        np.testing.assert_allclose(eye, landmarks[list(corners), :2].mean(axis=0), atol=10)


def test_detector_network_finds_two_faces_best_first(photo, detector):
    face = photo[60:330, 190:460]
    canvas = np.full((360, 640, 3), 128, np.uint8)
    canvas[40:310, 20:290] = face
    canvas[100:235, 430:565] = cv2.resize(face, (135, 135), interpolation=cv2.INTER_AREA)
    found = detector.run(canvas)
    assert len(found) == 2
    assert found[0].score >= found[1].score
    centres = sorted(d.x_px + d.w_px / 2 for d in found)
    np.testing.assert_allclose(centres, (155, 497), atol=25)


def test_detector_network_finds_nothing_on_a_plain_wall(detector):
    assert detector.run(np.full((240, 320, 3), 90, np.uint8)) == []


def test_detector_network_takes_a_view_of_a_larger_picture(photo, detector):
    view = photo[:, 100:600]  # not contiguous
    whole, part = detector.run(photo)[0], detector.run(view)[0]
    assert part.x_px + part.w_px / 2 + 100 == pytest.approx(whole.x_px + whole.w_px / 2, abs=10)
