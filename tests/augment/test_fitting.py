from collections.abc import Callable

import av
import numpy as np
import pytest

from fer_core.assets import asset_path
from fer_core.augment.affect3d import FaceFitter, SynthesisError, fit_mesh
from fer_core.augment.affect3d.fitting import MAX_SHADING, skin_shading

Landmarks = Callable[..., np.ndarray]


def first_picture() -> np.ndarray:
    with av.open(str(asset_path("demo", "demo.mp4"))) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def test_fit_finds_the_face_of_a_photograph(fitter: FaceFitter) -> None:
    image = first_picture()
    fit = fitter.fit(image)
    assert fit.vertices_px.shape == (468 + 72, 2)
    left, top = fit.left_px, fit.top_px
    height, width = fit.region_rgb_u8.shape[:2]
    assert np.array_equal(fit.region_rgb_u8, image[top : top + height, left : left + width])
    inside = fit.uv_map[..., 0] >= 0
    assert 0.1 < inside.mean() < 0.9


def test_fit_refuses_a_picture_without_a_face(fitter: FaceFitter) -> None:
    with pytest.raises(SynthesisError, match=r"no face.*choose"):
        fitter.fit(np.full((300, 300, 3), 90, np.uint8))


def test_fit_refuses_several_faces(fitter: FaceFitter) -> None:
    image = first_picture()
    with pytest.raises(SynthesisError, match="2 faces"):
        fitter.fit(np.concatenate([image, image], axis=1))


def test_fit_refuses_what_is_no_picture(fitter: FaceFitter) -> None:
    with pytest.raises(SynthesisError, match=r"\(H, W, 3\) uint8"):
        fitter.fit(np.zeros((20, 20), np.uint8))


def test_fit_mesh_refuses_a_small_face(made_landmarks: Landmarks, made_photo: np.ndarray) -> None:
    with pytest.raises(SynthesisError, match=r"too small.*larger"):
        fit_mesh(made_photo, made_landmarks(scale_px_per_cm=3.0))


def test_fit_mesh_refuses_a_turned_head(made_landmarks: Landmarks, made_photo: np.ndarray) -> None:
    with pytest.raises(SynthesisError, match="turned by 40 degrees"):
        fit_mesh(made_photo, made_landmarks(yaw_deg=40.0))


def test_skin_shading_grows_as_skin_gets_darker_and_is_bounded() -> None:
    white = np.full(3, 160, np.float32)
    found = [skin_shading(np.full((50, 3), skin, np.uint8), white) for skin in (160, 140, 100, 60, 5)]
    assert found[:2] == [1.0, 1.0]
    assert 1 < found[2] < found[3] <= found[4] == MAX_SHADING
    # The light falls out of it: the same skin in half the light.
    half = skin_shading(np.full((50, 3), 50, np.uint8), white / 2)
    assert half == pytest.approx(found[2])
    assert skin_shading(np.zeros((0, 3), np.uint8), white) == 1.0


def test_fit_mesh_warns_of_parted_lips(made_landmarks: Landmarks, made_photo: np.ndarray) -> None:
    landmarks = made_landmarks()
    assert not fit_mesh(made_photo, landmarks).warnings
    landmarks[[14, 87, 317], 1] += 14.0
    assert "lips are apart" in fit_mesh(made_photo, landmarks).warnings[0]


def test_fit_mesh_warns_of_a_smile_and_of_closed_eyes(made_landmarks: Landmarks, made_photo: np.ndarray) -> None:
    landmarks = made_landmarks()
    landmarks[[61, 291], 1] -= 14.0
    assert "smile" in " ".join(fit_mesh(made_photo, landmarks).warnings)
    landmarks = made_landmarks()
    for upper, lower in ((159, 145), (160, 144), (158, 153), (386, 374), (385, 380), (387, 373)):
        landmarks[upper] = landmarks[lower]
    for upper, lower in ((246, 7), (161, 163), (157, 154), (173, 155), (466, 249), (388, 390), (384, 381), (398, 382)):
        landmarks[upper] = landmarks[lower]
    assert "closed" in " ".join(fit_mesh(made_photo, landmarks).warnings)
