import numpy as np
import pytest

from fer_core.models.morphable import ShapeModel, align_similarity, fit_shape_model, procrustes


def turn(rng: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else q * [-1, 1, 1]


@pytest.fixture
def shapes() -> np.ndarray:
    """Sixty shapes that vary in exactly three ways, each turned, scaled and moved."""
    rng = np.random.default_rng(1)
    base, ways = rng.normal(size=(30, 3)), 0.05 * rng.normal(size=(3, 30, 3))
    made = base + np.tensordot(rng.normal(size=(60, 3)), ways, axes=1)
    return np.stack([rng.uniform(0.5, 2) * s @ turn(rng).T + rng.normal(size=3) for s in made])


def test_align_similarity_undoes_a_similarity(shapes: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    moved = 1.7 * shapes[0] @ turn(rng).T + [3, -1, 2]
    assert np.allclose(align_similarity(moved, shapes[0]), shapes[0])


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
    flat = model.components.reshape(len(model.components), -1)
    assert np.allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-9)
    again = model.shape(model.parameters(shapes[7]))
    assert np.abs(again - align_similarity(shapes[7], model.mean)).max() < 0.05


def test_shape_model_survives_writing(shapes: np.ndarray, tmp_path) -> None:  # type: ignore[no-untyped-def]
    model = fit_shape_model(shapes)
    model.save(tmp_path / "m.npz")
    again = ShapeModel.load(tmp_path / "m.npz")
    assert np.array_equal(again.components, model.components)
    assert again.explained == model.explained


def test_fit_shape_model_refuses_a_single_shape(shapes: np.ndarray) -> None:
    with pytest.raises(ValueError, match="at least two"):
        fit_shape_model(shapes[:1])
    with pytest.raises(ValueError, match="explained"):
        fit_shape_model(shapes, 1.5)
