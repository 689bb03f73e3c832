import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fer_core.evaluate.calibration import expected_calibration_error, reliability_curve


def _made(rows: int = 400, classes: int = 4) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    generator = np.random.default_rng(3)
    probs = generator.dirichlet(np.full(classes, 0.4), rows)
    return probs, generator.integers(0, classes, rows)


def _naive_error(probs: npt.NDArray[Any], target: npt.NDArray[Any], bins: int) -> float:
    total = 0.0
    for b in range(bins):
        inside = [n for n in range(len(probs)) if b / bins < probs[n].max() <= (b + 1) / bins]
        if inside:
            confidence = sum(probs[n].max() for n in inside) / len(inside)
            right = sum(probs[n].argmax() == target[n] for n in inside) / len(inside)
            total += len(inside) / len(probs) * abs(confidence - right)
    return total


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_expected_calibration_error_equals_naive_loop(bins: int) -> None:
    probs, target = _made()
    assert expected_calibration_error(probs, target, bins) == pytest.approx(_naive_error(probs, target, bins))


def test_expected_calibration_error_is_zero_when_honest_and_large_when_sure_and_wrong() -> None:
    target = np.array([0, 0, 0, 1])
    assert expected_calibration_error(np.tile([0.75, 0.25], (4, 1)), target) == pytest.approx(0)
    assert expected_calibration_error(np.tile([0.0, 1.0], (4, 1)), target) == pytest.approx(0.75)


def test_reliability_curve_counts_every_row_once_edges_included() -> None:
    probs = np.array([[0.5, 0.5], [0.6, 0.4], [1.0, 0.0]])
    curve = reliability_curve(probs, np.array([0, 1, 0]), bins=2)
    np.testing.assert_array_equal(curve.count, [1, 2])
    np.testing.assert_allclose(curve.confidence, [0.5, 0.8])
    np.testing.assert_allclose(curve.accuracy, [1, 0.5])


def test_reliability_curve_of_empty_bins_is_nan() -> None:
    curve = reliability_curve(np.array([[0.9, 0.1]]), np.array([0]), bins=4)
    assert np.isnan(curve.accuracy[:3]).all()
    assert np.isnan(curve.confidence[:3]).all()


def test_expected_calibration_error_without_rows_is_nan() -> None:
    assert math.isnan(expected_calibration_error(np.empty((0, 8)), np.empty(0, np.int64)))


def test_reliability_curve_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="need probs"):
        reliability_curve(np.zeros((3, 2)), np.zeros(4, np.int64))
