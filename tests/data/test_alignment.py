import json

import numpy as np
import pytest

from fer_core.data.alignment import ALIGNMENTS, AlignedFaceFinder, alignment_points, by_single_points
from fer_core.faces.align import DEFAULT_GEOMETRY, CropGeometry, similarity_to_template
from fer_core.faces.canonical import canonical_mesh
from fer_core.faces.eye_alignment import EyeGeometry, align_face_by_eyes, eye_centers, eye_similarity
from fer_core.faces.pose import rotation_of
from fer_core.faces.still import LandmarkSource, StillFace, StillFaceFinder
from fer_core.record.ibug68 import ibug68_from_mesh
from fer_core.types import Pose

EYES = ALIGNMENTS["eyes"]


def mesh_px(seed: int) -> np.ndarray:
    """A turned, uneven head somewhere in a frame."""
    rng = np.random.default_rng(seed)
    head = canonical_mesh().vertices_cm + rng.normal(0, 0.2, (468, 3))
    turned = head @ rotation_of(Pose(*rng.uniform(-20, 20, 3))).T
    return (turned * 9 + (210, 160, 0)).astype(np.float32)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """The mesh that the finder of still faces gives, and finds a crop of its own for."""
    landmarks = mesh_px(1)

    def find(finder: StillFaceFinder, image: np.ndarray) -> StillFace:
        return StillFace(np.zeros((112, 112, 3), np.uint8), landmarks, 1.0, LandmarkSource.DETECTOR)

    monkeypatch.setattr(StillFaceFinder, "find", find)
    return landmarks


@pytest.mark.parametrize("seed", range(5))
def test_alignment_by_the_eyes_has_the_angle_and_scale_of_the_thesis(seed: int):
    landmarks = mesh_px(seed)
    centers = eye_centers(ibug68_from_mesh(landmarks))
    np.testing.assert_allclose(alignment_points(landmarks, EYES), centers, rtol=1e-6)
    matrix = similarity_to_template(alignment_points(landmarks, EYES), EYES)
    np.testing.assert_allclose(matrix, eye_similarity(centers, EyeGeometry()), rtol=1e-4, atol=1e-3)


def test_alignment_by_five_points_is_that_of_the_program():
    landmarks = mesh_px(0)
    points = alignment_points(landmarks, DEFAULT_GEOMETRY)
    np.testing.assert_array_equal(points, landmarks[list(DEFAULT_GEOMETRY.mesh_points), :2])
    assert ALIGNMENTS["points"] == DEFAULT_GEOMETRY
    assert by_single_points(DEFAULT_GEOMETRY)
    assert not by_single_points(EYES)


def test_alignment_travels_as_json_and_scales():
    assert CropGeometry.from_dict(json.loads(json.dumps(EYES.to_dict()))) == EYES
    half, landmarks = EYES.scaled(56), mesh_px(2)
    whole = similarity_to_template(alignment_points(landmarks, EYES), EYES)
    np.testing.assert_allclose(similarity_to_template(alignment_points(landmarks, half), half), whole / 2)


def test_aligned_face_finder_cuts_by_the_eyes_what_was_found(found: np.ndarray):
    down, across = np.mgrid[:320, :420]
    image = np.stack([down * 0.7, across * 0.6, 127 + 120 * np.sin(across / 15)], axis=2).astype(np.uint8)
    finder = AlignedFaceFinder(EYES)
    crop, source = finder.find(image)
    finder.close()
    assert source == "detector"
    np.testing.assert_allclose(crop.astype(int), align_face_by_eyes(image, ibug68_from_mesh(found)).astype(int), atol=1)


def test_aligned_face_finder_leaves_five_points_to_the_program(found: np.ndarray):
    finder = AlignedFaceFinder(DEFAULT_GEOMETRY)
    crop, _ = finder.find(np.full((300, 300, 3), 9, np.uint8))
    finder.close()
    assert not crop.any()


@pytest.mark.parametrize("geometry", [DEFAULT_GEOMETRY, EYES, EYES.scaled(64)])
def test_aligned_face_finder_gives_the_whole_image_where_there_is_no_face(geometry: CropGeometry):
    finder = AlignedFaceFinder(geometry)
    crop, source = finder.find(np.full((90, 90, 3), 77, np.uint8))
    finder.close()
    assert source == "none"
    assert crop.shape == (geometry.size_px, geometry.size_px, 3)
    assert (crop == 77).all()
