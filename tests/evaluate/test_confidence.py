import math
import statistics

import numpy as np
import pytest

from fer_core.evaluate.confidence import confidence_by_outcome


def test_confidence_equals_naive_loop():
    generator = np.random.default_rng(3)
    probs, target = generator.dirichlet(np.full(5, 0.4), 301), generator.integers(0, 5, 301)
    correct, wrong = [], []
    for row, label in zip(probs, target, strict=True):
        best = max(range(5), key=lambda c: row[c])
        (correct if best == label else wrong).append(float(row[best]))
    found = confidence_by_outcome(probs, target)
    for part, expected in ((found.correct, correct), (found.wrong, wrong)):
        assert part.count == len(expected) > 10
        assert part.mean == pytest.approx(statistics.fmean(expected))
        assert part.median == pytest.approx(statistics.median(expected))


def test_confidence_of_no_predictions_is_nan():
    found = confidence_by_outcome(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 0]))
    assert found.correct.mean == pytest.approx(0.85)
    assert found.wrong.count == 0
    assert math.isnan(found.wrong.mean)
    assert math.isnan(found.wrong.median)
    assert math.isnan(confidence_by_outcome(np.empty((0, 8)), np.empty(0, np.int64)).correct.mean)


def test_confidence_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="need probs"):
        confidence_by_outcome(np.zeros((3, 2)), np.zeros(4, np.int64))
