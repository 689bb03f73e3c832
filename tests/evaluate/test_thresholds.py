import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fer_core.evaluate.evaluation import Evaluation
from fer_core.evaluate.metrics import au_f1, per_unit_f1
from fer_core.evaluate.thresholds import best_f1_threshold, choose_au_thresholds
from fer_core.labels import EXPRESSIONS

pairs = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, n, elements=st.floats(0, 1, width=16)),
        hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 1.0, np.nan])),
    )
)


@settings(deadline=None)
@given(pairs)
def test_best_f1_threshold_is_best_of_all(pair: tuple[np.ndarray, np.ndarray]) -> None:
    probs, target = pair
    found = best_f1_threshold(probs, target)
    if not (target == 1).any():
        assert math.isnan(found)
        return
    every = [au_f1(probs, target, t) for t in np.unique(probs)]
    assert au_f1(probs, target, found) == pytest.approx(max(every))
    assert 0 <= found <= 1


def test_best_f1_threshold_lies_between_the_probabilities() -> None:
    assert best_f1_threshold(np.array([0.2, 0.3, 0.8]), np.array([0.0, 1, 1])) == pytest.approx(0.25)
    assert best_f1_threshold(np.array([0.2, 0.3]), np.array([1.0, 1])) == pytest.approx(0.2)


def _faces(seed: int) -> Evaluation:
    """A unit whose probabilities are all too low, one that is right at 0.5, one that never occurs."""
    generator = np.random.default_rng(seed)
    target = generator.integers(0, 2, (300, 3)).astype(float)
    target[:, 2] = 0
    probs = np.clip(target * 0.4 + generator.normal(0.3, 0.12, target.shape), 0, 1)
    probs[:, 0] /= 3
    none = np.full((300, 2), np.nan)
    names = np.array([str(n) for n in range(300)])
    return Evaluation(
        EXPRESSIONS, (1, 2, 4), np.full((300, 8), 1 / 8), np.full((300, 8), np.nan), np.zeros((300, 2)),
        none, probs, target, np.full(300, "made"), names, np.full(300, ""),
    )  # fmt: skip


def test_choose_au_thresholds_on_validation_raises_f1_on_test() -> None:
    chosen = choose_au_thresholds(_faces(0))
    assert set(chosen) == {1, 2}
    assert chosen[1] < 0.3 < chosen[2]
    test = _faces(1)
    before = per_unit_f1(test.au_probs, test.au_target)
    after = per_unit_f1(test.au_probs, test.au_target, test.thresholds(chosen))
    assert after[0] > before[0] + 0.5
    assert after[1] == pytest.approx(before[1], abs=0.1)
    assert test.thresholds(chosen)[2] == 0.5
