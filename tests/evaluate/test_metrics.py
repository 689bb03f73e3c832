import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from sklearn import metrics as sk

from fer_core.evaluate import metrics

CLASSES = 5
Pair = tuple[npt.NDArray[Any], npt.NDArray[Any]]

labels = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.int64, n, elements=st.integers(0, CLASSES - 1)),
        hnp.arrays(np.int64, n, elements=st.integers(0, CLASSES - 1)),
    )
)
# Few distinct values, so that ties occur often.
reals = st.sampled_from([-1.0, -0.5, -0.25, 0.0, 0.125, 0.3, 0.7, 1.0])
curves = st.integers(2, 40).flatmap(
    lambda n: st.tuples(hnp.arrays(np.float64, n, elements=reals), hnp.arrays(np.float64, n, elements=reals))
)
units = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.6, 0.95, 1.0])),
        hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 1.0, np.nan])),
    )
)


@settings(deadline=None)
@given(labels)
def test_expression_metrics_equal_scikit_learn(pair: Pair) -> None:
    target, pred = pair
    every = list(range(CLASSES))
    np.testing.assert_array_equal(
        metrics.confusion_matrix(target, pred, CLASSES), sk.confusion_matrix(target, pred, labels=every)
    )
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        target, pred, labels=every, average=None, zero_division=np.nan
    )
    found = metrics.class_scores(target, pred, CLASSES)
    np.testing.assert_allclose(found.precision, precision)
    np.testing.assert_allclose(found.recall, recall)
    np.testing.assert_allclose(found.f1, f1)
    np.testing.assert_array_equal(found.support, support)
    assert metrics.accuracy(target, pred) == pytest.approx(sk.accuracy_score(target, pred))
    present = np.unique(target)
    assert metrics.mean_class_accuracy(target, pred, CLASSES) == pytest.approx(
        sk.recall_score(target, pred, labels=present, average="macro")
    )
    assert metrics.macro_f1(target, pred, CLASSES) == pytest.approx(sk.f1_score(target, pred, average="macro"))


def test_confusion_matrix_has_labels_in_rows() -> None:
    confusion = metrics.confusion_matrix(np.array([0, 0, 2]), np.array([1, 1, 2]), 3)
    np.testing.assert_array_equal(confusion, [[0, 2, 0], [0, 0, 0], [0, 0, 1]])


def test_expression_metrics_without_rows_are_nan() -> None:
    none = np.array([], np.int64)
    assert math.isnan(metrics.accuracy(none, none))
    assert math.isnan(metrics.macro_f1(none, none, CLASSES))
    assert math.isnan(metrics.mean_class_accuracy(none, none, CLASSES))


@pytest.mark.parametrize(("target", "pred"), [([-1, 0], [0, 0]), ([0, 5], [0, 0]), ([0, 0], [0, 7])])
def test_confusion_matrix_refuses_indices_out_of_range(target: list[int], pred: list[int]) -> None:
    with pytest.raises(ValueError, match="class indices"):
        metrics.confusion_matrix(np.array(target), np.array(pred), CLASSES)


def _naive_ccc(x: list[float], y: list[float]) -> float:
    n = len(x)
    mean_x, mean_y = math.fsum(x) / n, math.fsum(y) / n
    var_x = math.fsum((v - mean_x) ** 2 for v in x) / n
    var_y = math.fsum((v - mean_y) ** 2 for v in y) / n
    cov = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / n
    return 2 * cov / (var_x + var_y + (mean_x - mean_y) ** 2)


@settings(deadline=None)
@given(curves)
def test_ccc_equals_naive_loop(pair: Pair) -> None:
    pred, target = pair
    found = metrics.ccc(pred, target)
    if len(set(pred.tolist() + target.tolist())) == 1:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(_naive_ccc(pred.tolist(), target.tolist()), abs=1e-9)
        assert -1 - 1e-12 <= found <= 1 + 1e-12


@settings(deadline=None)
@given(curves)
def test_pearson_equals_scipy_and_rmse_scikit_learn(pair: Pair) -> None:
    pred, target = pair
    found = metrics.pearson(pred, target)
    if len(set(pred.tolist())) == 1 or len(set(target.tolist())) == 1:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(stats.pearsonr(pred, target).statistic, abs=1e-9)
    assert metrics.rmse(pred, target) == pytest.approx(sk.root_mean_squared_error(target, pred))


@settings(deadline=None)
@given(curves)
def test_ccc_is_no_larger_than_pearson_and_symmetric(pair: Pair) -> None:
    pred, target = pair
    correlation = metrics.pearson(pred, target)
    if not math.isnan(correlation):
        assert abs(metrics.ccc(pred, target)) <= abs(correlation) + 1e-9
        assert metrics.ccc(pred, target) == pytest.approx(metrics.ccc(target, pred))


def test_sagr_counts_equal_signs() -> None:
    pred = np.array([0.5, -0.2, 0.0, 0.0, -0.1])
    target = np.array([0.1, -0.9, 0.0, 0.4, 0.3])
    assert metrics.sagr(pred, target) == pytest.approx(3 / 5)


def test_va_metrics_of_constants() -> None:
    flat, varied = np.full(4, 0.1, np.float32), np.array([0.0, 0.2, 0.1, 0.3], np.float32)
    assert math.isnan(metrics.ccc(flat, flat))
    assert metrics.ccc(flat, varied) == pytest.approx(0, abs=1e-7)
    assert metrics.ccc(flat, flat + 1) == 0
    assert math.isnan(metrics.pearson(flat, varied))


def test_va_metrics_without_rows_are_nan() -> None:
    none = np.array([])
    for metric in (metrics.ccc, metrics.pearson, metrics.rmse, metrics.sagr):
        assert math.isnan(metric(none, none))
    assert math.isnan(metrics.ccc(np.array([0.3]), np.array([0.2])))


def test_va_metrics_refuse_nan_and_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="NaN"):
        metrics.ccc(np.array([0.1, np.nan]), np.array([0.1, 0.2]))
    with pytest.raises(ValueError, match="both arguments"):
        metrics.rmse(np.zeros((3, 2)), np.zeros((3, 2)))


@settings(deadline=None)
@given(units)
def test_unit_metrics_equal_scikit_learn(pair: Pair) -> None:
    probs, target = pair
    known = ~np.isnan(target)
    auc, f1 = metrics.roc_auc(probs, target), metrics.au_f1(probs, target)
    if len(set(target[known].tolist())) < 2:
        assert math.isnan(auc)
    else:
        assert auc == pytest.approx(sk.roc_auc_score(target[known], probs[known]))
    if not known.any():
        assert math.isnan(f1)
    else:
        expected = sk.f1_score(target[known], probs[known] >= 0.5, zero_division=np.nan)
        assert f1 == pytest.approx(expected, nan_ok=True)


def test_roc_auc_equals_naive_pair_count() -> None:
    generator = np.random.default_rng(0)
    probs = generator.integers(0, 6, 50) / 5
    target = (generator.random(50) < 0.3).astype(float)
    wins = [1.0 if p > q else 0.5 if p == q else 0.0 for p in probs[target == 1] for q in probs[target == 0]]
    assert metrics.roc_auc(probs, target) == pytest.approx(np.mean(wins))


def test_per_unit_metrics_keep_columns_apart() -> None:
    probs = np.array([[0.9, 0.9, 0.2], [0.1, 0.1, 0.3]])
    target = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, np.nan]])
    np.testing.assert_array_equal(metrics.per_unit_auc(probs, target), [1, 0, np.nan])
    np.testing.assert_array_equal(metrics.per_unit_f1(probs, target), [1, 0, 0])


def test_nan_mean_skips_undefined_and_is_nan_without_any() -> None:
    assert metrics.nan_mean(np.array([1.0, np.nan, 3.0])) == 2
    assert math.isnan(metrics.nan_mean(np.array([np.nan])))
    assert math.isnan(metrics.nan_mean(np.array([])))


def test_f1_of_a_unit_at_a_threshold_equals_scikit_learn() -> None:
    probs, target = np.array([0.1, 0.3, 0.6, 0.9]), np.array([0.0, 1.0, 0.0, 1.0])
    for threshold in (0.05, 0.3, 0.7, 0.95):
        expected = sk.f1_score(target, probs >= threshold)
        assert metrics.au_f1(probs, target, threshold) == pytest.approx(expected)
    both = metrics.per_unit_f1(np.stack([probs, probs], 1), np.stack([target, target], 1), np.array([0.3, 0.95]))
    np.testing.assert_allclose(both, [0.8, 0])


def test_p_mtl_is_the_mean_concordance_plus_both_f1() -> None:
    assert metrics.p_mtl(0.2, 0.4, 0.3, 0.5) == pytest.approx(1.1)
    assert math.isnan(metrics.p_mtl(0.2, 0.4, float("nan"), 0.5))
