import numpy as np
import pytest

pytest.importorskip("scipy", reason="fitting a temperature needs the extra 'train'")

from fer_core.evaluate.temperature import fit_temperature, majority, negative_log_likelihood


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_fit_temperature_recovers_the_one_that_made_the_votes(temperature: float):
    logits = np.random.default_rng(0).normal(0, 3, (400, 8))
    assert fit_temperature(logits, softmax(logits / temperature)) == pytest.approx(temperature, rel=1e-3)


def test_fit_temperature_is_least_on_a_grid():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 4, (300, 8))
    votes = rng.multinomial(10, softmax(logits / 2.5)) / 10
    found = negative_log_likelihood(logits, votes, fit_temperature(logits, votes))
    assert found <= min(negative_log_likelihood(logits, votes, t) for t in np.geomspace(0.1, 15, 400)) + 1e-9


def test_negative_log_likelihood_equals_the_naive_sum():
    rng = np.random.default_rng(2)
    logits, votes = rng.normal(0, 2, (5, 3)), rng.dirichlet(np.ones(3), 5)
    probs = softmax(logits / 1.7)
    naive = -sum(votes[n, c] * np.log(probs[n, c]) for n in range(5) for c in range(3)) / 5
    assert negative_log_likelihood(logits, votes, 1.7) == pytest.approx(naive)


def test_fit_temperature_leaves_out_unlabelled_rows_and_needs_one():
    logits = np.random.default_rng(3).normal(0, 3, (100, 8))
    votes = softmax(logits / 2)
    votes[::2] = np.nan
    assert fit_temperature(logits, votes) == pytest.approx(2, rel=1e-3)
    with pytest.raises(ValueError, match="no image has votes"):
        fit_temperature(logits, np.full_like(votes, np.nan))
    with pytest.raises(ValueError, match="one shape"):
        fit_temperature(logits, votes[:, :7])


def test_majority_takes_the_most_frequent_vote_and_shares_ties():
    votes = np.array([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(majority(votes), [[1, 0, 0], [0.5, 0.5, 0], [np.nan] * 3])


def test_fit_temperature_to_the_majority_makes_confidence_equal_accuracy():
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 2, (4000, 8))
    chances = softmax(logits / 0.6)
    labels = np.eye(8)[[rng.choice(8, p=p) for p in chances]]
    voted = 0.7 * labels + 0.3 / 8  # people agree less than they are predictable
    temperature = fit_temperature(logits, majority(voted))
    probs = softmax(logits / temperature)
    right = (probs.argmax(axis=1) == labels.argmax(axis=1)).mean()
    assert probs.max(axis=1).mean() == pytest.approx(right, abs=0.02)
    assert temperature == pytest.approx(0.6, rel=0.05)
