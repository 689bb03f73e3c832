import json

import numpy as np
import pytest

from fer_core.data.circumplex import CircumplexReconciliation
from fer_core.data.votes import C25, RATERS
from fer_core.labels import EXPRESSIONS

SADNESS, ANGER, CONTEMPT = (EXPRESSIONS.index(e) for e in ("sadness", "anger", "contempt"))
#: Crowd valence and arousal of each expression where arousal is an intensity, and the circumplex of another crowd.
CROWD = np.array([[0, -0.45], [0.4, 0], [0, 0.3], [-0.6, 0.2], [-0.5, 0.3], [-0.5, 0.3], [-0.5, 0.3], [-0.1, -0.2]])
CIRCUMPLEX = np.array([[0, 0], [0.4, 0.3], [0, 0.5], [-0.2, -0.15], [-0.5, 0.5], [-0.5, 0.2], [-0.4, 0.25]])


@pytest.fixture(scope="module")
def c25() -> C25:
    rng = np.random.default_rng(0)
    main = np.repeat(np.arange(8), 40)
    mixture = 0.75 * np.eye(8)[main] + 0.25 * rng.dirichlet(np.ones(8), len(main))
    expression = np.array([rng.choice(8, RATERS, p=row) for row in mixture])
    affect = CROWD[expression] + rng.normal(0, 0.05, (len(main), RATERS, 2))
    return C25(expression, affect[..., 0], affect[..., 1])


@pytest.fixture(scope="module")
def model(c25) -> CircumplexReconciliation:
    return CircumplexReconciliation.fit(c25, np.repeat(np.eye(8)[:7], 3, axis=0), np.repeat(CIRCUMPLEX, 3, axis=0))


def test_reconciliation_puts_neutral_votes_at_the_origin(model):
    np.testing.assert_allclose(model.apply(np.eye(8)[:1]), [[0, 0]], atol=1e-12)


def test_reconciliation_gives_clear_images_the_circumplex_arousal(model, c25):
    shares = c25.proportions
    for index in range(1, 7):
        clear = shares[:, index] > 0.6
        assert model.apply(shares[clear])[:, 1].mean() == pytest.approx(CIRCUMPLEX[index, 1], abs=0.08)
    assert model.apply(np.eye(8)[[SADNESS]])[0, 1] < -0.1


def test_reconciliation_takes_valence_half_way(model, c25):
    clear = c25.proportions[:, SADNESS] > 0.6
    ours = model.apply(c25.proportions[clear])[:, 0].mean()
    theirs = c25.va[clear, 0].mean()
    assert ours == pytest.approx((theirs + CIRCUMPLEX[SADNESS, 0]) / 2, abs=0.05)


def test_reconciliation_makes_contempt_mildly_active(model):
    assert 0 < model.arousal_anchor[CONTEMPT] < model.arousal_anchor[ANGER]


def test_reconciliation_is_continuous_near_neutral(model):
    steps = 0.999 * np.eye(8)[:1] + 0.001 * np.eye(8)
    assert np.abs(model.apply(steps)).max() < 0.01


def test_reconciliation_stays_in_range(model):
    extreme = CircumplexReconciliation(model.bridge, 5 * np.ones(8), -5 * np.ones(8))
    np.testing.assert_array_equal(extreme.apply(np.eye(8)), [[-1.0, 1.0]] * 8)


def test_reconciliation_survives_json(model, c25):
    data = json.loads(json.dumps(model.to_dict()))
    again = CircumplexReconciliation.from_dict(data)
    np.testing.assert_array_equal(again.apply(c25.proportions), model.apply(c25.proportions))
    data["expressions"].reverse()
    with pytest.raises(ValueError, match="order"):
        CircumplexReconciliation.from_dict(data)


def test_reconciliation_names_the_class_without_examples(c25):
    with pytest.raises(ValueError, match="fear"):
        CircumplexReconciliation.fit(c25, np.eye(8)[:6], CIRCUMPLEX[:6])
