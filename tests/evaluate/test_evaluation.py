import json
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from fer_core.evaluate.evaluation import Evaluation, json_ready
from fer_core.labels import EXPRESSIONS

UNITS = (1, 12, 25)


def made(rows: int = 60, seed: int = 0, **changes: Any) -> Evaluation:
    """Random predictions; rows 0, 10, ... lack votes, rows 1, 11, ... VA, rows 2, 12, ... action units."""
    generator = np.random.default_rng(seed)
    votes = generator.multinomial(10, np.full(8, 1 / 8), rows).astype(np.float32) / 10
    va = generator.uniform(-1, 1, (rows, 2)).astype(np.float32)
    au = generator.integers(0, 2, (rows, 3)).astype(np.float32)
    votes[0::10], va[1::10], au[2::10] = np.nan, np.nan, np.nan
    arrays: dict[str, Any] = {
        "expression_probs": generator.dirichlet(np.ones(8), rows).astype(np.float32),
        "expression_votes": votes,
        "va_pred": generator.uniform(-1, 1, (rows, 2)).astype(np.float32),
        "va_target": va,
        "au_probs": generator.random((rows, 3)).astype(np.float32),
        "au_target": au,
        "dataset": np.full(rows, "made"),
        "path": np.array([f"{n}.png" for n in range(rows)]),
        "subject": np.full(rows, ""),
    }
    return Evaluation(EXPRESSIONS, UNITS, **{**arrays, **changes})


def test_evaluation_metrics_equal_scikit_learn_over_labelled_rows() -> None:
    faces = made(200)
    found = faces.metrics(resamples=0)
    rated = ~np.isnan(faces.expression_votes).any(axis=1)
    target = faces.expression_votes[rated].argmax(axis=1)
    pred = faces.expression_probs[rated].argmax(axis=1)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(target, pred))
    assert found["macro_f1"] == pytest.approx(sk.f1_score(target, pred, average="macro"))
    assert found["mean_class_accuracy"] == pytest.approx(sk.balanced_accuracy_score(target, pred))
    assert found["confusion"] == sk.confusion_matrix(target, pred, labels=range(8)).tolist()
    assert found["expressions"]["fear"]["support"] == (target == EXPRESSIONS.index("fear")).sum()
    coded = ~np.isnan(faces.au_target[:, 1])
    auc = sk.roc_auc_score(faces.au_target[coded, 1], faces.au_probs[coded, 1])
    assert found["action_units"]["au12"]["auc"] == pytest.approx(auc)
    assert found["action_units"]["au12"]["rows"] == coded.sum()
    assert found["au_auc"] == pytest.approx(np.mean([u["auc"] for u in found["action_units"].values()]))
    precision = sk.average_precision_score(faces.au_target[coded, 1], faces.au_probs[coded, 1])
    assert found["action_units"]["au12"]["average_precision"] == pytest.approx(precision)
    probs, ones = faces.expression_probs[rated], np.eye(8)[target]
    assert found["mean_average_precision"] == pytest.approx(sk.average_precision_score(ones, probs))
    assert found["expression_auc"] == pytest.approx(sk.roc_auc_score(ones, probs))
    placed = ~np.isnan(faces.va_target).any(axis=1)
    x, y = faces.va_pred[placed, 1].astype(float), faces.va_target[placed, 1].astype(float)
    concordance = 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert found["ccc_arousal"] == pytest.approx(concordance)
    assert (found["rows"], found["expression_rows"], found["va_rows"], found["au_rows"]) == (200, 180, 180, 180)


def test_evaluation_of_perfect_predictions_is_perfect() -> None:
    faces = made()
    faces.expression_votes[3] = np.eye(8)[5]  # a clear winner
    perfect = made(
        expression_votes=faces.expression_votes,
        expression_probs=np.eye(8)[np.maximum(faces.majority(), 0)],
        va_pred=np.nan_to_num(faces.va_target),
        au_probs=np.nan_to_num(faces.au_target),
    )
    found = perfect.metrics(resamples=0)
    for key in ("accuracy", "accuracy_clear", "macro_f1", "ccc_valence", "sagr_arousal", "au_auc", "au_f1"):
        assert found[key] == pytest.approx(1), key
    assert found["rmse_valence"] == 0
    assert found["calibration_error"] == pytest.approx(0)


def test_majority_takes_the_first_of_a_tie_and_minus_one_without_votes() -> None:
    votes = np.zeros((3, 8), np.float32)
    votes[0, [3, 0]] = 0.5
    votes[1, [6, 4]] = 0.3, 0.7
    votes[2] = np.nan
    faces = made(3, expression_votes=votes)
    np.testing.assert_array_equal(faces.majority(), [0, 4, -1])
    assert faces.metrics(resamples=0)["expression_ties"] == 1


def test_accuracy_clear_keeps_winners_with_more_than_half_of_the_votes() -> None:
    votes = np.zeros((4, 8), np.float32)
    votes[0, :2] = 6, 4  # counts do as well as proportions
    votes[1, :2] = 0.5, 0.5
    votes[2, :3] = 0.4, 0.3, 0.3
    votes[3, :2] = 0.2, 0.8
    probs = np.eye(8)[[0, 1, 1, 0]]
    found = made(4, expression_votes=votes, expression_probs=probs).metrics(resamples=0)
    assert found["accuracy_clear_rows"] == 2
    assert found["accuracy_clear"] == 0.5
    assert found["accuracy"] == 0.25


def test_evaluation_metrics_without_labels_are_none_and_json() -> None:
    rows = 6
    faces = made(
        rows,
        expression_votes=np.full((rows, 8), np.nan),
        va_target=np.full((rows, 2), np.nan),
        au_target=np.full((rows, 3), np.nan),
    )
    found = faces.metrics(resamples=20)
    for key in ("accuracy", "macro_f1", "ccc_valence", "ccc_arousal", "au_auc", "calibration_error"):
        assert found[key] is None, key
    assert found["expressions"]["anger"]["recall"] is None
    assert found["action_units"]["au25"] == {
        "auc": None,
        "average_precision": None,
        "f1": None,
        "positives": 0,
        "rows": 0,
        "best_threshold": None,
    }
    assert found["intervals"]["accuracy"] == [None, None]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_evaluation_metrics_without_action_units() -> None:
    faces = made()
    none = np.empty((60, 0))
    arrays = {n: getattr(faces, n) for n in ("expression_probs", "expression_votes", "va_pred", "va_target")}
    places = {n: getattr(faces, n) for n in ("dataset", "path", "subject")}
    found = Evaluation(EXPRESSIONS, (), **arrays, au_probs=none, au_target=none, **places).metrics(resamples=10)
    assert found["au_auc"] is None
    assert found["action_units"] == {}
    assert found["accuracy"] is not None


def test_evaluation_intervals_hold_the_figure_and_repeat() -> None:
    faces = made(150)
    found = faces.metrics(resamples=200, seed=3)
    for key, (low, high) in found["intervals"].items():
        assert low < found[key] < high, key
    assert faces.metrics(resamples=200, seed=3) == found
    assert "intervals" not in faces.metrics(resamples=0)


def test_evaluation_groups_by_person_within_a_data_set() -> None:
    faces = made(5, subject=np.array(["s1", "s1", "", "", "s1"]), dataset=np.array(["a", "a", "a", "a", "b"]))
    groups = faces.groups()
    assert groups[0] == groups[1]
    assert len(set(groups.tolist())) == 4


def test_evaluation_reports_every_data_set_and_the_pool() -> None:
    faces = made(60, dataset=np.array(["b"] * 20 + ["a"] * 40))
    assert faces.dataset_names() == ("b", "a")
    found = faces.metrics(resamples=0)
    assert found["rows"] == 60
    assert {n: m["rows"] for n, m in found["datasets"].items()} == {"b": 20, "a": 40}
    assert found["datasets"]["a"] == faces.for_dataset("a").metrics(resamples=0)


def test_evaluation_mean_va_of_a_class_is_that_of_its_predictions() -> None:
    votes = np.zeros((2, 8), np.float32)
    votes[:, 0] = 1
    va = np.array([[0.3, 0.4], [-0.3, 0.0]])
    neutral = made(2, expression_votes=votes, va_pred=va).metrics(resamples=0)["expressions"]["neutral"]
    assert neutral["mean_va_pred"] == pytest.approx([0, 0.2])
    assert neutral["mean_va_distance"] == pytest.approx((0.5 + 0.3) / 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"va_pred": np.zeros((60, 3))}, "va_pred must be"),
        ({"au_target": np.zeros((60, 2))}, "au_target must be"),
        ({"subject": np.full(59, "")}, "subject must be"),
        ({"va_pred": np.where(np.arange(120).reshape(60, 2) == 14, np.nan, 0.0)}, r"va_pred is finite.*first 7\.png"),
        ({"expression_probs": np.ones((60, 8))}, "sum to 1"),
        ({"expression_votes": np.zeros((60, 8))}, "expression_votes"),
        ({"expression_votes": np.where(np.arange(8) == 2, np.nan, np.full((60, 8), 0.1))}, "expression_votes"),
        ({"au_probs": np.full((60, 3), 1.5)}, "au_probs lie in"),
    ],
)
def test_evaluation_names_what_is_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(**changes)


def test_json_ready_turns_numpy_and_undefined_into_json() -> None:
    value = {"a": np.float32(0.5), "b": [np.nan, np.int64(3)], "c": (np.array([1.0, np.inf]),), "d": "x", "e": True}
    assert json_ready(value) == {"a": 0.5, "b": [None, 3], "c": [[1.0, None]], "d": "x", "e": True}


def test_evaluation_p_mtl_adds_the_three_tasks_up() -> None:
    faces = made(120)
    found = faces.metrics(resamples=100)
    parts = (found["ccc_valence"] + found["ccc_arousal"]) / 2 + found["macro_f1"] + found["au_f1"]
    assert found["p_mtl"] == pytest.approx(parts)
    low, high = found["intervals"]["p_mtl"]
    assert low < found["p_mtl"] < high
    chosen = faces.metrics(resamples=0, au_thresholds={1: 0.05, 12: 0.05, 25: 0.05})
    assert chosen["p_mtl"] == pytest.approx(parts - found["au_f1"] + chosen["au_f1_chosen"])
    without = made(20, va_target=np.full((20, 2), np.nan)).metrics(resamples=10)
    assert without["p_mtl"] is None
    assert "p_mtl" not in without["intervals"]


def test_evaluation_chosen_thresholds_change_f1_alone() -> None:
    faces = made(200)
    plain, chosen = faces.metrics(resamples=0), faces.metrics(resamples=50, au_thresholds={12: 0.2})
    known = ~np.isnan(faces.au_target[:, 1])
    expected = sk.f1_score(faces.au_target[known, 1], faces.au_probs[known, 1] >= 0.2)
    assert chosen["action_units"]["au12"]["f1_chosen"] == pytest.approx(expected)
    assert chosen["action_units"]["au12"]["threshold"] == 0.2
    assert chosen["action_units"]["au01"]["threshold"] == 0.5
    assert chosen["action_units"]["au01"]["f1_chosen"] == chosen["action_units"]["au01"]["f1"]
    assert chosen["au_f1"] == plain["au_f1"]
    assert "au_f1_chosen" not in plain
    low, high = chosen["intervals"]["au_f1_chosen"]
    assert low < chosen["au_f1_chosen"] < high
