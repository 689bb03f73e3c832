from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fer_core.evaluate.evaluate import combine, predict_shard
from fer_core.evaluate.evaluation import Evaluation
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.types import ImageU8

ROWS = 11


@dataclass
class MadeFaces:
    """Crops whose first pixel is their number."""

    dataset: str = "made"
    path: npt.NDArray[np.str_] = field(default_factory=lambda: np.array([f"{n}.png" for n in range(ROWS)]))
    subject: npt.NDArray[np.str_] = field(default_factory=lambda: np.array([f"s{n % 3}" for n in range(ROWS)]))
    split: npt.NDArray[np.str_] = field(
        default_factory=lambda: np.array(["test" if n % 2 else "train" for n in range(ROWS)])
    )
    votes: npt.NDArray[np.float32] = field(default_factory=lambda: np.eye(8, dtype=np.float32)[np.arange(ROWS) % 8])
    va: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.linspace(-1, 1, 2 * ROWS, dtype=np.float32).reshape(ROWS, 2)
    )
    au: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.tile(np.arange(len(ACTION_UNITS), dtype=np.float32) % 2, (ROWS, 1))
    )
    au_weight: npt.NDArray[np.float32] = field(default_factory=lambda: np.ones(ROWS, np.float32))

    def image(self, index: int) -> ImageU8:
        return np.full((4, 4, 3), index, np.uint8)


def _reads_number(crops: ImageU8) -> tuple[Any, Any, Any]:
    """A model that says the number of the crop in every head."""
    assert crops.dtype == np.uint8
    assert crops.shape[1:] == (4, 4, 3)
    number = crops[:, 0, 0, 0].astype(np.float32)
    units = np.tile(number[:, None] / 100, (1, len(ACTION_UNITS)))
    return np.eye(8, dtype=np.float32)[crops[:, 0, 0, 0] % 8], np.stack([number, -number], axis=1) / 100, units


@pytest.mark.parametrize("batch", [1, 4, 11, 64])
def test_predict_shard_keeps_faces_and_labels_in_step_for_any_batch(batch: int) -> None:
    faces = MadeFaces()
    result = predict_shard(_reads_number, faces, batch=batch)
    np.testing.assert_allclose(result.va_pred[:, 0] * 100, np.arange(ROWS), rtol=1e-6)
    np.testing.assert_array_equal(result.predicted(), np.arange(ROWS) % 8)
    np.testing.assert_array_equal(result.va_target, faces.va)
    np.testing.assert_array_equal(result.path, faces.path)
    assert result.metrics(resamples=0)["accuracy"] == 1


def test_predict_shard_keeps_one_split() -> None:
    result = predict_shard(_reads_number, MadeFaces(), split="test", batch=2)
    assert result.path.tolist() == [f"{n}.png" for n in range(1, ROWS, 2)]
    np.testing.assert_allclose(result.va_pred[:, 0] * 100, np.arange(1, ROWS, 2), rtol=1e-6)
    assert set(result.dataset.tolist()) == {"made"}


def test_predict_shard_reorders_the_labels_of_the_model() -> None:
    units = (12, 1, 99)

    def predict(crops: ImageU8) -> tuple[Any, Any, Any]:
        probs, va, _ = _reads_number(crops)
        return probs[:, ::-1], va, np.tile(np.array([0.12, 0.01, 0.99]), (len(crops), 1))

    result = predict_shard(predict, MadeFaces(), model_expressions=EXPRESSIONS[::-1], model_action_units=units)
    assert result.expressions == EXPRESSIONS
    np.testing.assert_array_equal(result.predicted(), np.arange(ROWS) % 8)
    assert result.action_units == (1, 12)
    np.testing.assert_allclose(result.au_probs[0], [0.01, 0.12])
    expected = [ACTION_UNITS.index(1) % 2, ACTION_UNITS.index(12) % 2]
    np.testing.assert_array_equal(result.au_target[0], expected)


def test_predict_shard_leaves_out_action_units_that_a_model_labelled() -> None:
    faces = MadeFaces(au_weight=np.where(np.arange(ROWS) < 4, 1, 0.3).astype(np.float32))
    result = predict_shard(_reads_number, faces)
    assert not np.isnan(result.au_target[:4]).any()
    assert np.isnan(result.au_target[4:]).all()


def test_predict_shard_tells_progress() -> None:
    told: list[tuple[int, int]] = []
    predict_shard(_reads_number, MadeFaces(), batch=4, on_progress=lambda done, rows: told.append((done, rows)))
    assert told == [(4, 11), (8, 11), (11, 11)]


def test_predict_shard_names_an_unknown_split_and_its_choices() -> None:
    with pytest.raises(ValueError, match="made has no faces in split 'valid'; its splits: test, train"):
        predict_shard(_reads_number, MadeFaces(), split="valid")


def test_predict_shard_refuses_other_expressions_and_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="the model's expressions"):
        predict_shard(_reads_number, MadeFaces(), model_expressions=("joy", *EXPRESSIONS[1:]))
    with pytest.raises(ValueError, match=r"answered \(4, 18\) where \(4, 2\) was due"):
        predict_shard(_reads_number, MadeFaces(), batch=4, model_action_units=(1, 2))
    with pytest.raises(ValueError, match="batch"):
        predict_shard(_reads_number, MadeFaces(), batch=0)


def test_combine_joins_data_sets_in_order() -> None:
    one = predict_shard(_reads_number, MadeFaces(), split="test")
    two = predict_shard(_reads_number, MadeFaces(dataset="another data set"))
    both = combine([one, two])
    assert both.dataset_names() == ("made", "another data set")
    assert len(both) == len(one) + len(two)
    np.testing.assert_array_equal(both.for_dataset("another data set").va_pred, two.va_pred)


def test_combine_refuses_nothing_and_different_labels() -> None:
    with pytest.raises(ValueError, match="nothing to combine"):
        combine([])
    one = predict_shard(_reads_number, MadeFaces())
    other: Evaluation = replace(one, action_units=tuple(reversed(one.action_units)))
    with pytest.raises(ValueError, match="different expressions or action units"):
        combine([one, other])
