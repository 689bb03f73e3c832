import numpy as np
import pytest
from sklearn.decomposition import PCA

from fer_core.evaluate.projection import principal_components


@pytest.mark.parametrize("shape", [(40, 7), (5, 30)])
def test_principal_components_equal_scikit_learn_up_to_sign(shape: tuple[int, int]) -> None:
    features = np.random.default_rng(0).normal(size=shape) * np.arange(1, shape[1] + 1)
    points, shares = principal_components(features, 3)
    reference = PCA(3)
    expected = reference.fit_transform(features)
    np.testing.assert_allclose(np.abs(points), np.abs(expected), atol=1e-8)
    np.testing.assert_allclose(shares, reference.explained_variance_ratio_)
    np.testing.assert_allclose(principal_components(features + 5, 3)[0], points, atol=1e-8)


def test_principal_components_without_variance_have_no_shares() -> None:
    points, shares = principal_components(np.ones((4, 3)))
    np.testing.assert_allclose(points, 0)
    assert np.isnan(shares).all()


@pytest.mark.parametrize("features", [np.ones(4), np.ones((1, 4)), np.ones((4, 1)), np.array([[1, np.nan]] * 3)])
def test_principal_components_refuse_too_little_and_nan(features: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"no 2 components|must be finite"):
        principal_components(features)
