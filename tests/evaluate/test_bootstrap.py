import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from fer_core.evaluate.bootstrap import bootstrap_interval


def _mean_interval(values: npt.NDArray[Any], seed: int) -> tuple[float, float]:
    return bootstrap_interval(lambda i: float(values[i].mean()), len(values), level=0.9, resamples=200, seed=seed)


def test_bootstrap_interval_of_a_mean_equals_scipy() -> None:
    values = np.random.default_rng(0).normal(size=200)
    low, high = bootstrap_interval(lambda i: float(values[i].mean()), 200, resamples=4000)
    reference = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", random_state=1)
    assert low == pytest.approx(reference.confidence_interval.low, abs=0.01)
    assert high == pytest.approx(reference.confidence_interval.high, abs=0.01)


def test_bootstrap_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    samples = np.random.default_rng(5).normal(size=(200, 60))
    covered = 0
    for trial, values in enumerate(samples):
        low, high = _mean_interval(values, seed=trial)
        covered += low <= 0 <= high
    assert 0.8 <= covered / 200 <= 0.96


def test_bootstrap_interval_over_groups_is_wider_when_rows_of_a_group_are_alike() -> None:
    persons = np.repeat(np.arange(20), 30)
    values = np.random.default_rng(1).normal(size=20)[persons]
    rows = bootstrap_interval(lambda i: float(values[i].mean()), 600)
    grouped = bootstrap_interval(lambda i: float(values[i].mean()), 600, groups=persons)
    assert grouped[1] - grouped[0] > 3 * (rows[1] - rows[0])


def test_bootstrap_interval_draws_whole_groups() -> None:
    groups = np.array(["b", "a", "b", "c", "a"])
    seen = []

    def statistic(rows: npt.NDArray[Any]) -> float:
        counts = np.bincount(rows, minlength=5)
        assert counts[0] == counts[2]
        assert counts[1] == counts[4]
        seen.append(rows)
        return float(rows.mean())

    bootstrap_interval(statistic, 5, groups=groups, resamples=50)
    assert len(seen) == 50


def test_bootstrap_interval_repeats_with_the_seed() -> None:
    values = np.random.default_rng(2).random(30)

    def interval(seed: int) -> tuple[float, float]:
        return bootstrap_interval(lambda i: float(values[i].mean()), 30, resamples=100, seed=seed)

    assert interval(7) == interval(7)
    assert interval(7) != interval(8)


def test_bootstrap_interval_leaves_out_undefined_resamples() -> None:
    values = np.array([np.nan, *np.linspace(0, 1, 20)])
    low, high = bootstrap_interval(lambda i: float(values[i].mean()), 21)  # NaN in about 63 % of the draws
    assert math.isnan(low)
    assert math.isnan(high)
    rare = bootstrap_interval(lambda i: float("nan") if (i == 0).sum() > 2 else float(i.mean()), 21)
    assert 0 < rare[0] < rare[1] < 20


@pytest.mark.parametrize("rows", [0, 1])
def test_bootstrap_interval_of_too_few_rows_is_nan(rows: int) -> None:
    assert all(math.isnan(v) for v in bootstrap_interval(lambda i: 1.0, rows))


def test_bootstrap_interval_of_one_group_is_nan() -> None:
    assert all(math.isnan(v) for v in bootstrap_interval(lambda i: 1.0, 9, groups=np.zeros(9)))


def test_bootstrap_interval_refuses_bad_arguments() -> None:
    with pytest.raises(ValueError, match="groups"):
        bootstrap_interval(lambda i: 1.0, 5, groups=np.zeros(4))
    with pytest.raises(ValueError, match="level"):
        bootstrap_interval(lambda i: 1.0, 5, level=95)
