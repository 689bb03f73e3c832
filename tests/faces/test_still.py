from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from fer_core.faces.align import DEFAULT_GEOMETRY, align_face
from fer_core.faces.still import LandmarkSource, StillFaceFinder
from fer_core.infer.pipeline import Pipeline
from fer_core.types import Affect, Frame


@pytest.fixture(scope="module")
def finder():
    still = StillFaceFinder()
    yield still
    still.close()


def tight(photo: np.ndarray, size_px: int) -> np.ndarray:
    """The face alone, as research images are cut."""
    return cv2.resize(photo[84:284, 222:422], (size_px, size_px), interpolation=cv2.INTER_AREA)


def in_crop(landmarks: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Where the alignment points of an image's mesh are as shares of its side."""
    return landmarks[list(DEFAULT_GEOMETRY.mesh_points), :2] / max(image.shape[:2])


def test_still_finder_crop_is_the_one_that_inference_cuts(photo, finder):
    for image in (photo, tight(photo, 200), tight(photo, 48)):
        face = finder.find(image)
        np.testing.assert_array_equal(face.crop_rgb_u8, align_face(image, face.landmarks_px, DEFAULT_GEOMETRY))


class RecordingEngine:
    """Stands where the network is and keeps the crops that it is given."""

    def __init__(self) -> None:
        self.card = SimpleNamespace(geometry=DEFAULT_GEOMETRY)
        self.crops: list[np.ndarray] = []

    def affects(self, crops):
        self.crops += crops
        return [Affect(np.full(8, 1 / 8, np.float32), 0.0, 0.0, np.zeros(18, np.float32)) for _ in crops]


@pytest.mark.parametrize("name", [None, "photo.png"], ids=["as video", "as image"])
def test_network_sees_at_run_time_the_crop_of_training(photo, finder, name):
    """With identical landmarks the crops are byte-identical; with landmarks of their own they hardly differ."""
    engine = RecordingEngine()
    with Pipeline(engine) as pipeline:
        for index in range(3):
            result = pipeline.process(Frame(index, index / 25, photo, name))
            face = result.faces[0].face
            expected = align_face(photo, face.landmarks_px, DEFAULT_GEOMETRY)
            assert engine.crops.pop().tobytes() == expected.tobytes()
    training = finder.find(photo)
    np.testing.assert_array_equal(training.crop_rgb_u8, align_face(photo, training.landmarks_px, DEFAULT_GEOMETRY))
    assert np.abs(training.crop_rgb_u8.astype(int) - expected).mean() < 3


def test_still_finder_puts_the_eyes_at_the_template(photo, finder):
    face = finder.find(photo)
    assert face.source is LandmarkSource.DETECTOR
    assert face.presence > 0.9
    again = finder.find(cv2.resize(face.crop_rgb_u8, (336, 336), interpolation=cv2.INTER_CUBIC))
    points = in_crop(again.landmarks_px, np.empty((336, 336))) * 112
    np.testing.assert_allclose(points, DEFAULT_GEOMETRY.template_px, atol=5)


def test_still_finder_finds_a_grey_face_of_48_pixels(photo, finder):
    grey = cv2.cvtColor(tight(photo, 48), cv2.COLOR_RGB2GRAY)
    small = finder.find(np.repeat(grey[..., None], 3, axis=2))
    assert small.source is not LandmarkSource.NONE
    assert small.presence > 0.9
    large = tight(photo, 200)
    expected = in_crop(finder.find(large).landmarks_px, large)
    assert np.abs(in_crop(small.landmarks_px, grey) - expected).max() < 0.03  # 1.4 px of the small image


def test_still_finder_small_and_large_image_give_nearly_the_same_crop(photo, finder):
    large, small = finder.find(tight(photo, 200)), finder.find(tight(photo, 100))
    blurred = (cv2.GaussianBlur(f.crop_rgb_u8, (0, 0), 2).astype(int) for f in (large, small))
    assert np.abs(np.subtract(*blurred)).mean() < 6


def test_still_finder_answers_independently_of_what_came_before(photo, finder):
    first = finder.find(photo)
    finder.find(np.ascontiguousarray(photo[:, ::-1]))
    np.testing.assert_array_equal(finder.find(photo).landmarks_px, first.landmarks_px)


def test_still_finder_takes_the_larger_of_two_faces(photo, finder):
    canvas = np.full((360, 640, 3), 128, np.uint8)
    canvas[20:290, 330:600] = photo[60:330, 190:460]
    canvas[100:235, 60:195] = cv2.resize(photo[60:330, 190:460], (135, 135), interpolation=cv2.INTER_AREA)
    assert finder.find(canvas).landmarks_px[:, 0].mean() > 330


@pytest.mark.parametrize("shape", [(48, 48), (120, 200)])
def test_still_finder_gives_the_whole_image_when_no_mesh_fits(finder, shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    face = finder.find(noise)
    assert face.source is LandmarkSource.NONE
    assert face.landmarks_px is None
    assert face.presence == 0
    assert face.crop_rgb_u8.shape == (112, 112, 3)


def test_still_finder_whole_image_fallback_is_centred(finder):
    image = np.zeros((112, 56, 3), np.uint8)
    image[:, :28], image[:, 28:] = (200, 0, 0), (0, 0, 200)
    crop = finder.find(image).crop_rgb_u8
    assert crop[56, 40].tolist() == [200, 0, 0]
    assert crop[56, 72].tolist() == [0, 0, 200]
    edge = np.abs(np.diff(crop[56, :, 0].astype(int))).argmax()
    assert edge == pytest.approx(55, abs=1)
