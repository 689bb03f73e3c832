import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from fer_core.evaluate.ranking import (
    average_precision,
    mean_average_precision,
    one_against_rest,
    per_column_average_precision,
    precision_recall,
)

pairs = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.6, 0.95, 1.0])),
        hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 1.0, np.nan])),
    )
)


@settings(deadline=None)
@given(pairs)
def test_average_precision_equals_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    scores, target = pair
    known = ~np.isnan(target)
    found = average_precision(scores, target)
    if not (target == 1).any():
        assert math.isnan(found)
    else:
        assert found == pytest.approx(sk.average_precision_score(target[known], scores[known]))
        precision, recall, _ = sk.precision_recall_curve(target[known], scores[known])
        curve = precision_recall(scores, target)
        np.testing.assert_allclose(curve.precision, precision[:-1][::-1][: curve.precision.size])
        np.testing.assert_allclose(curve.recall, recall[:-1][::-1][: curve.recall.size])


def test_average_precision_of_a_ranking_by_hand() -> None:
    # present at ranks 1 and 3: 1/2 * 1 + 1/2 * 2/3
    assert average_precision(np.array([0.9, 0.8, 0.3, 0.1]), np.array([1.0, 0, 1, 0])) == pytest.approx(5 / 6)


def test_mean_average_precision_skips_columns_without_positives() -> None:
    scores = np.array([[0.9, 0.2, 0.5], [0.1, 0.7, 0.5]])
    target = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    np.testing.assert_array_equal(per_column_average_precision(scores, target), [1, 1, np.nan])
    assert mean_average_precision(scores, target) == 1
    assert math.isnan(mean_average_precision(scores[:, 2:], target[:, 2:]))
    assert math.isnan(average_precision(np.array([]), np.array([])))


def test_one_against_rest_is_one_hot_and_empty_for_no_class() -> None:
    np.testing.assert_array_equal(one_against_rest(np.array([1, -1]), 3), [[0, 1, 0], [0, 0, 0]])
