from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_core.infer import engine
from fer_core.infer.engine import PROVIDERS, Engine
from fer_core.infer.processor import multiplies_bytes
from fer_core.infer.shipped_models import SHIPPED_MODELS, STANDARD, byte_twin, model_file
from fer_core.labels import EXPRESSIONS


@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_every_shipped_model_answers(name):
    model = Engine(Path(name), "cpu")
    side_px = model.card.geometry.size_px
    probs, va, units = model.run(np.full((2, side_px, side_px, 3), 128, np.uint8))
    assert probs.shape == (2, len(EXPRESSIONS))
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert np.abs(va).max() <= 1
    assert units.shape == (2, len(model.card.action_units))


def test_shipped_models_have_the_same_crop_so_that_one_can_replace_another():
    cards = [Engine(Path(name), "cpu").card for name in SHIPPED_MODELS]
    assert len({(card.geometry, card.expressions, card.action_units) for card in cards}) == 1
    assert len({card.name for card in cards}) == len(cards)


def test_tiny_is_as_small_as_it_says():
    assert model_file(Path("tiny")).stat().st_size <= 5_000_000
    assert model_file(None).stat().st_size <= 20_000_000


def test_model_file_gives_the_twin_where_one_is_asked_for_and_there():
    whole, twin = model_file(None), model_file(None, in_bytes=True)
    assert twin == byte_twin(whole)
    assert twin.is_file()
    assert model_file(Path("tiny"), in_bytes=True) == model_file(Path("tiny"))
    assert model_file(Path("mine.onnx"), in_bytes=True) == Path("mine.onnx")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("processor_gains", [True, False])
def test_engine_runs_the_twin_on_a_processor_that_gains(processor_gains, device, monkeypatch):
    asked = []

    def no_file(chosen: Path | None, *, in_bytes: bool) -> Path:
        asked.append((chosen, in_bytes))
        raise FileNotFoundError("asked")

    monkeypatch.setattr(engine, "multiplies_bytes", lambda: processor_gains)
    monkeypatch.setattr(engine, "choose_provider", PROVIDERS.__getitem__)
    monkeypatch.setattr(engine, "model_file", no_file)
    with pytest.raises(FileNotFoundError, match="asked"):
        Engine(Path("standard"), device)
    assert asked == [(Path("standard"), processor_gains and device == "cpu")]


@pytest.mark.skipif(not multiplies_bytes(), reason="sums of bytes may overflow on this processor")
def test_twin_answers_like_its_model():
    noise = np.random.default_rng(0).integers(0, 256, (6, 14, 14, 3), np.uint8)
    crops = np.stack([cv2.resize(picture, (112, 112), interpolation=cv2.INTER_CUBIC) for picture in noise])
    whole, twin = (np.hstack(Engine(model_file(None, in_bytes=b), "cpu").run(crops)) for b in (False, True))
    assert 0 < np.abs(whole - twin).mean() < 0.02


def test_model_file_takes_a_path_as_it_is():
    assert model_file(Path("other/mine.onnx")) == Path("other/mine.onnx")
    assert model_file(None) == model_file(Path(STANDARD))
