from pathlib import Path

import numpy as np
import pytest

from fer_core.infer.engine import Engine
from fer_core.infer.shipped_models import SHIPPED_MODELS, STANDARD, model_file
from fer_core.labels import EXPRESSIONS


@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_every_shipped_model_answers(name):
    engine = Engine(Path(name), "cpu")
    side_px = engine.card.geometry.size_px
    probs, va, units = engine.run(np.full((2, side_px, side_px, 3), 128, np.uint8))
    assert probs.shape == (2, len(EXPRESSIONS))
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert np.abs(va).max() <= 1
    assert units.shape == (2, len(engine.card.action_units))


def test_shipped_models_have_the_same_crop_so_that_one_can_replace_another():
    cards = [Engine(Path(name), "cpu").card for name in SHIPPED_MODELS]
    assert len({(card.geometry, card.expressions, card.action_units) for card in cards}) == 1
    assert len({card.name for card in cards}) == len(cards)


def test_tiny_is_as_small_as_it_says():
    assert model_file(Path("tiny")).stat().st_size <= 5_000_000
    assert model_file(None).stat().st_size <= 20_000_000


def test_model_file_takes_a_path_as_it_is():
    assert model_file(Path("other/mine.onnx")) == Path("other/mine.onnx")
    assert model_file(None) == model_file(Path(STANDARD))
