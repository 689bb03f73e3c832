import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.faces.identity import REENTRY_S
from fer_core.infer.smoothing import Smoother
from fer_core.types import Affect

LOW = Affect(np.array([0.9, 0.1], np.float32), -0.5, -1.0, np.array([0.0, 0.2, 1.0], np.float32))
HIGH = Affect(np.array([0.1, 0.9], np.float32), 0.5, 1.0, np.array([1.0, 0.8, 0.0], np.float32))


def values(affect: Affect) -> np.ndarray:
    return np.array([*affect.expression_probs, affect.valence, affect.arousal, *affect.au_probs], np.float64)


def progress(affect: Affect) -> np.ndarray:
    """How far of the way from LOW to HIGH every value has gone."""
    return (values(affect) - values(LOW)) / (values(HIGH) - values(LOW))


def test_smoothing_reaches_1_minus_1_over_e_of_a_step_after_tau():
    smoother = Smoother(0.8)
    smoother.apply(1, 10.0, LOW)
    for n in range(1, 41):
        answer = smoother.apply(1, 10.0 + 0.02 * n, HIGH)
    np.testing.assert_allclose(progress(answer), 1 - 1 / math.e, atol=1e-6)


@given(st.lists(st.floats(0.001, 0.2), min_size=1, max_size=40))
def test_smoothing_of_irregular_samples_equals_regular_ones(gaps_s: list[float]):
    irregular, regular = Smoother(0.5), Smoother(0.5)
    irregular.apply(1, 0.0, LOW)
    regular.apply(1, 0.0, LOW)
    times_s = np.cumsum(gaps_s)
    for time_s in times_s:
        one = irregular.apply(1, float(time_s), HIGH)
    count = math.ceil(times_s[-1] / 0.05)
    for n in range(1, count + 1):
        other = regular.apply(1, float(times_s[-1]) * n / count, HIGH)
    np.testing.assert_allclose(values(one), values(other), atol=1e-6)
    np.testing.assert_allclose(progress(one), 1 - math.exp(-times_s[-1] / 0.5), atol=1e-6)


def test_smoothing_leaves_a_constant_unchanged():
    smoother = Smoother(0.3)
    for time_s in (0.0, 0.01, 0.4, 0.41, 1.2):
        np.testing.assert_array_equal(values(smoother.apply(1, time_s, LOW)), values(LOW))


@given(st.integers(0, 2**32 - 1))
def test_smoothing_keeps_sums_and_ranges(seed: int):
    rng, smoother = np.random.default_rng(seed), Smoother(0.2)
    for n in range(20):
        probs = rng.dirichlet(np.full(8, 0.1)).astype(np.float32)
        raw = Affect(probs, rng.uniform(-1, 1), rng.uniform(-1, 1), rng.random(5, np.float32))
        smooth = smoother.apply(1, n / 30, raw)
        assert smooth.expression_probs.dtype == np.float32
        assert smooth.expression_probs.sum() == pytest.approx(1, abs=1e-5)
        assert smooth.expression_probs.min() >= 0
        assert -1 <= smooth.valence <= 1
        assert -1 <= smooth.arousal <= 1
        assert 0 <= smooth.au_probs.min() <= smooth.au_probs.max() <= 1


def test_smoothing_keeps_faces_apart():
    smoother = Smoother(1.0)
    smoother.apply(1, 0.0, LOW)
    np.testing.assert_array_equal(values(smoother.apply(2, 0.0, HIGH)), values(HIGH))
    np.testing.assert_array_equal(values(smoother.apply(2, 0.5, HIGH)), values(HIGH))
    assert progress(smoother.apply(1, 0.5, HIGH)).max() < 0.5


@pytest.mark.parametrize(("tau_s", "gap_s"), [(0.1, 0.51), (2.0, REENTRY_S + 0.01), (0.1, -0.01), (0.1, math.nan)])
def test_smoothing_starts_anew_after_a_long_gap_or_when_time_runs_back(tau_s: float, gap_s: float):
    smoother = Smoother(tau_s)
    smoother.apply(1, 5.0, LOW)
    np.testing.assert_array_equal(values(smoother.apply(1, 5.0 + gap_s, HIGH)), values(HIGH))


@pytest.mark.parametrize(("tau_s", "gap_s"), [(0.1, 0.49), (2.0, REENTRY_S - 0.01)])
def test_smoothing_goes_on_after_a_shorter_gap(tau_s: float, gap_s: float):
    smoother = Smoother(tau_s)
    smoother.apply(1, 5.0, LOW)
    np.testing.assert_allclose(progress(smoother.apply(1, 5.0 + gap_s, HIGH)), 1 - math.exp(-gap_s / tau_s), atol=1e-6)


def test_smoothing_memory_does_not_grow_with_the_number_of_faces():
    smoother = Smoother(0.2)
    for n in range(5000):
        smoother.apply(n, n * 0.1, LOW)
    assert len(smoother._states) <= 11  # those of the last second, five time constants


@pytest.mark.parametrize("tau_s", [0.0, -1.0, math.nan, math.inf])
def test_smoothing_refuses_a_time_constant_that_is_none(tau_s: float):
    with pytest.raises(ValueError, match="above 0 seconds"):
        Smoother(tau_s)
