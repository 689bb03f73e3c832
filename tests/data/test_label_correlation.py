import numpy as np
import pytest

pytest.importorskip("scipy", reason="training needs the extra 'train'")

from scipy.stats import spearmanr

from fer_core.data.label_correlation import conditional_votes, label_adjacency, label_correlation


@pytest.fixture
def labels() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 4, 60)
    va = np.round(rng.normal(0, 0.2, (60, 2)), 1)  # many ties
    va[classes == 1, 0] += 0.6
    va[classes == 2, 1] += 0.6
    return np.eye(4)[classes], va


def test_label_correlation_equals_scipy(labels):
    expressions, va = labels
    correlation = label_correlation(expressions, va)
    assert correlation.shape == (4, 2)
    for e in range(4):
        for d in range(2):
            assert correlation[e, d] == pytest.approx(spearmanr(expressions[:, e], va[:, d]).statistic)
    assert correlation[1, 0] > 0.5
    assert correlation[2, 1] > 0.5


def test_label_correlation_takes_the_majority_or_the_shares(labels):
    one_hot, va = labels
    shares = 0.7 * one_hot + 0.3 * np.random.default_rng(1).dirichlet(np.ones(4), len(one_hot))
    np.testing.assert_allclose(label_correlation(shares, va), label_correlation(one_hot, va))
    correlation = label_correlation(shares, va, majority=False)
    assert correlation[3, 1] == pytest.approx(spearmanr(shares[:, 3], va[:, 1]).statistic)
    assert not np.allclose(correlation, label_correlation(one_hot, va))


def test_label_correlation_leaves_out_rows_without_a_label(labels):
    expressions, va = (a.copy() for a in labels)
    expressions[::5], va[1::5, 1] = np.nan, np.nan
    rows = np.isfinite(expressions[:, 0]) & np.isfinite(va[:, 1])
    np.testing.assert_allclose(label_correlation(expressions, va), label_correlation(expressions[rows], va[rows]))


def test_label_correlation_of_what_never_varies_is_nan(labels):
    expressions, va = labels
    with_none = np.concatenate([expressions, np.zeros((60, 1))], axis=1)
    correlation = label_correlation(with_none, va)
    assert np.isnan(correlation[4]).all()
    assert np.isfinite(correlation[:4]).all()
    assert np.isnan(label_correlation(expressions[:1], va[:1])).all()
    assert np.isnan(label_correlation(expressions, np.full((60, 2), np.nan))).all()


def test_label_correlation_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"must be \(N, E\) and va \(N, 2\), got \(3, 4\) and \(2, 2\)"):
        label_correlation(np.zeros((3, 4)), np.zeros((2, 2)))


def naive_adjacency(correlation: np.ndarray, tau: float, p: float) -> np.ndarray:
    count = len(correlation)
    a = np.zeros((count + 2, count + 2))  # eq. 6.3.2, off the diagonal
    for i in range(count):
        for d in range(2):
            a[i, count + d] = a[count + d, i] = abs(correlation[i, d])
    result = np.zeros_like(a)
    for i in range(count + 2):
        neighbours = [j for j in range(count + 2) if j != i and (i < count) != (j < count) and a[i, j] >= tau]
        for j in neighbours:
            result[i, j] = p / len(neighbours)
        result[i, i] = 1 - p if neighbours else 1
    return result


@pytest.mark.parametrize("tau", [0.0, 0.05, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("p", [0.0, 0.2, 0.7, 1.0])
def test_label_adjacency_equals_the_formula(tau, p):
    correlation = np.array([[0.5, -0.2], [0.05, 0.4], [0.0, 0.3], [-0.6, -0.02]])
    adjacency = label_adjacency(correlation, tau, p)
    np.testing.assert_allclose(adjacency, naive_adjacency(correlation, tau, p))
    np.testing.assert_allclose(adjacency.sum(axis=1), 1)


def test_label_adjacency_joins_expressions_and_dimensions_only():
    adjacency = label_adjacency(np.ones((3, 2)), 0.1, 0.7)
    assert not np.any(adjacency[:3, :3] - np.diag(np.diag(adjacency[:3, :3])))
    assert adjacency[3, 4] == adjacency[4, 3] == 0
    assert adjacency[0, 3] == pytest.approx(0.35)
    assert adjacency[3, 0] == pytest.approx(0.7 / 3)


def test_label_adjacency_of_an_undefined_correlation_has_no_edge():
    adjacency = label_adjacency(np.array([[np.nan, np.nan], [0.5, 0.5]]), 0.0, 0.7)
    np.testing.assert_array_equal(adjacency[0], [1, 0, 0, 0])
    assert adjacency[2, 0] == 0


@pytest.mark.parametrize(
    ("correlation", "tau", "p", "message"),
    [
        (np.zeros((3, 3)), 0.1, 0.7, r"must be \(E, 2\), got \(3, 3\)"),
        (np.zeros((3, 2)), -1, 0.7, "threshold must be between 0 and 1, not -1"),
        (np.zeros((3, 2)), 0.1, 7, "weight must be between 0 and 1, not 7"),
    ],
)
def test_label_adjacency_says_what_is_wrong(correlation, tau, p, message):
    with pytest.raises(ValueError, match=message):
        label_adjacency(correlation, tau, p)


def test_conditional_votes_counts_pairs_of_raters():
    votes = np.array([[0.5, 0.5, 0], [1, 0, 0], [np.nan] * 3])
    expected = np.zeros((2, 2))
    for image in votes[:2]:
        for i in range(2):
            for j in range(2):
                expected[i, j] += image[i] * image[j]
    expected /= [[1.5], [0.5]]
    found = conditional_votes(votes)
    np.testing.assert_allclose(found[:2, :2], expected)
    np.testing.assert_allclose(found[:2].sum(axis=1), 1)
    assert np.isnan(found[2]).all()  # nobody voted for it
    np.testing.assert_array_equal(conditional_votes(np.eye(3)), np.eye(3))


def test_label_adjacency_joins_expressions_that_share_votes():
    correlation = np.array([[0.5, 0.0], [0.0, 0.0], [0.0, 0.0]])
    conditional = np.array([[0.7, 0.3, 0.0], [0.05, 0.95, 0.0], [np.nan] * 3])
    found = label_adjacency(correlation, 0.1, 0.6, conditional)
    # Expression 0 takes from 1 and from valence, 1 from nobody (0.05 is too little), 2 from nobody.
    np.testing.assert_allclose(found[0], [0.4, 0.3, 0, 0.3, 0])
    np.testing.assert_allclose(found[1:3], np.eye(5)[1:3])
    np.testing.assert_allclose(found[3], [0.6, 0, 0, 0.4, 0])
    np.testing.assert_allclose(
        label_adjacency(correlation, 0.1, 0.6, np.eye(3)), label_adjacency(correlation, 0.1, 0.6)
    )
    with pytest.raises(ValueError, match=r"conditional must be \(3, 3\)"):
        label_adjacency(correlation, 0.1, 0.6, np.eye(2))
