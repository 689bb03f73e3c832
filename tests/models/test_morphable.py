from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer_core.faces.pose import rotation_of
from fer_core.faces.similarity import fit_similarity
from fer_core.models.face_model import face_model
from fer_core.models.linear_model import principal_components
from fer_core.models.morphable import MorphableModel, SurfacePlaces, fit_shape_model, procrustes
from fer_core.models.morphable_files import MorphableImportError
from fer_core.types import Pose


@pytest.fixture
def shapes() -> np.ndarray:
    """Sixty shapes that vary in exactly three ways, each turned, scaled and moved."""
    rng = np.random.default_rng(1)
    base, ways = rng.normal(size=(30, 3)), 0.05 * rng.normal(size=(3, 30, 3))
    made = base + np.tensordot(rng.normal(size=(60, 3)), ways, axes=1)
    turns = [rotation_of(Pose(*angles)) for angles in rng.uniform(-80, 80, (60, 3))]
    return np.stack(
        [rng.uniform(0.5, 2) * s @ turn.T + rng.normal(size=3) for s, turn in zip(made, turns, strict=True)]
    )


def test_procrustes_mean_is_centred_and_of_unit_size(shapes: np.ndarray) -> None:
    aligned, mean = procrustes(shapes)
    assert np.allclose(mean.mean(axis=0), 0)
    assert np.isclose((mean**2).sum(axis=1).mean(), 1)
    spread = ((aligned - aligned.mean(axis=0)) ** 2).sum(axis=2).mean()
    assert spread < 0.05


def test_fit_shape_model_finds_the_ways_in_which_shapes_vary(shapes: np.ndarray) -> None:
    model = fit_shape_model(shapes, 0.99)
    # Three, and one or two for what a similarity bends.
    assert 3 <= len(model.variances) <= 5
    assert model.explained >= 0.99
    flat = model.components.reshape(len(model.components), -1)
    assert np.allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-9)
    seventh = fit_similarity(shapes[7], model.mean).apply(shapes[7])
    assert np.abs(model.instance(model.parameters(seventh)) - seventh).max() < 0.05


def test_linear_model_parameters_undo_instance_for_any_basis(shapes: np.ndarray) -> None:
    model = fit_shape_model(shapes)
    skewed = replace(model, components=model.components + 0.3 * model.components[:1])
    wanted = np.array([0.4, -0.2, 0.1])
    assert np.allclose(skewed.parameters(skewed.instance(wanted))[:3], wanted)


def test_linear_model_at_some_points_and_of_first_components(shapes: np.ndarray) -> None:
    model = fit_shape_model(shapes)
    some = np.array([4, 2, 9])
    assert np.allclose(model.at(some).instance([0.3, 0.1]), model.instance([0.3, 0.1])[some])
    assert len(model.first(2).variances) == 2
    assert model.first(2).explained < model.explained


def test_principal_components_keep_what_explains_the_share() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(400, 3, 1)) * np.array([10.0, 1.0, 0.1])[:, None]
    for share, count in ((0.9, 1), (0.995, 2), (1.0, 3)):
        model = principal_components(samples, share)
        assert len(model.variances) == count
        assert model.explained >= share - 1e-9
    assert np.allclose(model.variances, [100, 1, 0.01], rtol=0.2)


def test_fit_shape_model_refuses_a_single_shape(shapes: np.ndarray) -> None:
    with pytest.raises(ValueError, match="at least two"):
        fit_shape_model(shapes[:1])
    with pytest.raises(ValueError, match="explained"):
        fit_shape_model(shapes, 1.5)


def test_surface_places_interpolate_vertices() -> None:
    places = SurfacePlaces(np.array([[0, 1, 2], [1, 2, 3]], np.int32), np.array([[0.5, 0.5, 0], [0, 0, 1]]))
    vertices = np.array([[0, 0, 0], [2, 4, 0], [9, 9, 9], [1, 2, 3]], float)
    assert np.allclose(places.on(vertices), [[1, 2, 0], [1, 2, 3]])
    assert places.on(np.stack([vertices, vertices])).shape == (2, 2, 3)


def test_morphable_model_survives_writing(shapes: np.ndarray, tmp_path: Path) -> None:
    shape = fit_shape_model(shapes)
    model = MorphableModel(
        shape,
        np.array([[0, 1, 2]], np.int32),
        expression=shape.first(1),
        places=SurfacePlaces(np.array([[0, 1, 2]], np.int32), np.array([[0.25, 0.25, 0.5]])),
        landmarks=np.arange(3, dtype=np.int32),
        expression_names=("smile",),
        source="made",
    )
    model.save(tmp_path / "m.npz")
    again = MorphableModel.load(tmp_path / "m.npz")
    assert np.allclose(again.shape.components, shape.components, atol=2e-4)
    assert np.allclose(again.shape.mean, shape.mean, atol=1e-6)
    assert again.texture is None
    assert again.places is not None
    assert np.array_equal(again.places.shares, [[0.25, 0.25, 0.5]])
    assert (again.expression_names, again.source) == (("smile",), "made")


def test_morphable_model_load_names_what_is_missing(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", format=1, triangles=np.zeros((1, 3)))
    with pytest.raises(MorphableImportError, match=r"m\.npz: shape_mean.* missing"):
        MorphableModel.load(tmp_path / "m.npz")
    shape = {"shape_mean": np.zeros((3, 3)), "shape_components": np.zeros((1, 3, 3))}
    shape |= {"shape_variances": np.ones(1), "shape_explained": np.array(1.0)}
    np.savez(tmp_path / "m.npz", format=1, triangles=np.zeros((1, 3)), expression_mean=np.zeros((3, 3)), **shape)
    with pytest.raises(MorphableImportError, match=r"m\.npz: expression_components.* missing"):
        MorphableModel.load(tmp_path / "m.npz")
    np.savez(tmp_path / "m.npz", format=9)
    with pytest.raises(MorphableImportError, match="write it again"):
        MorphableModel.load(tmp_path / "m.npz")


def test_face_model_that_ships_covers_the_mesh_and_explains_its_share() -> None:
    model = face_model()
    assert model.shape.mean.shape == (468, 3)
    assert model.shape.explained >= 0.995
    assert model.expression is not None
    assert np.abs(model.expression.mean).max() < 1e-6
    assert model.texture is not None
    assert model.places is not None
    assert model.texture.mean.shape == (len(model.places.corners), 4)
