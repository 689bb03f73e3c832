import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fer_core.evaluate.evaluation import Evaluation
from fer_core.evaluate.metrics import au_f1, per_unit_f1
from fer_core.evaluate.thresholds import best_f1_threshold, chosen_au_thresholds, read_au_thresholds
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


def test_chosen_au_thresholds_of_validation_raise_f1_on_test() -> None:
    chosen = chosen_au_thresholds(_faces(0).metrics(resamples=0))
    assert set(chosen) == {1, 2}
    assert chosen[1] < 0.3 < chosen[2]
    test = _faces(1)
    before = per_unit_f1(test.au_probs, test.au_target)
    after = per_unit_f1(test.au_probs, test.au_target, test.thresholds(chosen))
    assert after[0] > before[0] + 0.5
    assert after[1] == pytest.approx(before[1], abs=0.1)
    assert test.thresholds(chosen)[2] == 0.5


def test_read_au_thresholds_takes_the_best_of_other_faces(tmp_path: Path) -> None:
    figures = _faces(0).metrics(resamples=0)
    path = tmp_path / "figures.json"
    path.write_text(json.dumps({"dataset": "made", "split": "valid", **figures}))
    assert read_au_thresholds(path, "made", "test") == chosen_au_thresholds(figures)
    with pytest.raises(ValueError, match="chosen on made, valid itself"):
        read_au_thresholds(path, "made", "valid")
    path.write_text(json.dumps({"dataset": "other, made", "split": "valid", **figures}))
    assert read_au_thresholds(path, "made", "test") == chosen_au_thresholds(figures)
    with pytest.raises(ValueError, match="chosen on made, valid itself"):
        read_au_thresholds(path, "made", "valid")
    for text in ("no json", "[]", '{"dataset": "made", "split": "valid"}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"figures\.json: is no file of figures.* evaluate --json"):
            read_au_thresholds(path, "made", "test")
    path.write_text(json.dumps({"dataset": "made", "split": "valid", "action_units": {}}))
    with pytest.raises(ValueError, match="no action unit is present"):
        read_au_thresholds(path, "made", "test")
