import numpy as np
import pytest

from fer_core.evaluate.frechet import frechet_distance


def test_frechet_distance_equals_scipys_matrix_root():
    linalg = pytest.importorskip("scipy.linalg", reason="comparison needs scipy")
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5)), rng.normal(1, 2, (40, 5))
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(ca + cb - 2 * linalg.sqrtm(ca @ cb).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_shifted_and_scaled_sets():
    rows = np.array([[0.0], [2.0], [4.0]])
    assert frechet_distance(rows, rows + 3) == pytest.approx(9)
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(rows, 2 * rows) == pytest.approx(2**2 + (2 - 4) ** 2)  # means 2 and 4, deviations 2 and 4


def test_frechet_distance_with_fewer_rows_than_features_is_finite():
    rng = np.random.default_rng(1)
    assert np.isfinite(frechet_distance(rng.normal(size=(4, 20)), rng.normal(size=(5, 20))))


def test_frechet_distance_of_too_few_is_undefined():
    assert np.isnan(frechet_distance(np.zeros((1, 2)), np.zeros((5, 2))))


def test_frechet_distance_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"need features \(N, F\) and \(M, F\)"):
        frechet_distance(np.zeros((3, 2)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="finite"):
        frechet_distance(np.full((3, 2), np.nan), np.zeros((3, 2)))
