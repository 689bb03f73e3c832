from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import onnx
import torch

from fer_core import cli
from fer_core.data.errors import DataError
from fer_core.data.shards import Shard
from fer_core.export import export_onnx, read_card
from fer_core.infer.engine import Engine
from fer_core.infer.model_card import ModelCard, ModelError
from fer_core.infer.shipped_models import SHIPPED_MODELS, STANDARD, byte_twin, model_file
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.train.networks import create_model, read_trained
from fer_core.train.recipe import Recipe, Stage
from fer_core.train.reopened import _trained_with, reopen
from fer_core.train.trainer import CHECKPOINT, train


@pytest.fixture(scope="module")
def shard(toys) -> Shard:
    """Noise of the size of an aligned crop."""
    return toys.labelled_shard(train=16, valid=4, side_px=112)


def crops(shard: Shard) -> np.ndarray:
    return np.stack([shard.image(n) for n in range(8)])


@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_reopen_answers_what_the_file_does(name, shard, tmp_path):
    out = tmp_path / "runs" / "shipped.pt"
    file = model_file(Path(name))
    card = reopen(file, [shard], out)
    network, recipe, content = read_trained(out)
    assert card.version == Engine(file, "cpu").card.version
    assert content["step"] == card.training["steps"]
    images = torch.from_numpy(crops(shard)).permute(0, 3, 1, 2).float()
    side_px = recipe.stages[-1].size_px
    with torch.inference_mode():
        found = network(torch.nn.functional.interpolate(images, (side_px, side_px), mode="bilinear", antialias=True))
    probs, va, au = Engine(file, "cpu").run(crops(shard))
    got = (found.expression_logits / card.training["temperature"]).softmax(dim=1)
    np.testing.assert_allclose(got, probs, atol=1e-4)
    np.testing.assert_allclose(found.va, va, atol=1e-4)
    np.testing.assert_allclose(found.au_logits.sigmoid(), au, atol=1e-4)


def test_reopen_gives_each_channel_the_statistics_of_the_faces(shard, tmp_path):
    reopen(model_file(None), [shard], tmp_path / "shipped.pt")
    network, _, _ = read_trained(tmp_path / "shipped.pt")
    network.dropout.p = 0.0
    images = torch.from_numpy(np.stack([shard.image(n) for n in range(16)])).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        in_use = network(images).va
        in_training = network.train()(images).va
    torch.testing.assert_close(in_training, in_use, rtol=0, atol=1e-2)


def test_recipe_starts_from_a_reopened_model(shard, tmp_path):
    reopen(model_file(None), [shard], tmp_path / "shipped.pt")
    _, recipe, _ = read_trained(tmp_path / "shipped.pt")
    again = replace(recipe, weights="", start=str(tmp_path / "shipped.pt"), stages=(Stage(1, 64),), batch_size=8)
    trained = train(replace(again, learning_rate=1e-9), [shard], tmp_path / "run")
    before, after = (read_trained(path)[0].state_dict() for path in (tmp_path / "shipped.pt", trained))
    assert trained == tmp_path / "run" / CHECKPOINT
    torch.testing.assert_close(after["expression.weight"], before["expression.weight"])


def test_reopen_command_says_what_it_wrote(shard, tmp_path, capsys):
    (tmp_path / "prepared").mkdir()
    shard.save(tmp_path / "prepared" / "toy.npz")
    options = ["--data", str(tmp_path / "prepared")]
    out = tmp_path / "runs" / "shipped.pt"
    assert cli.main(["reopen", STANDARD, *options, "--out", str(out)]) == 0
    assert f"{out}: fer-studio" in capsys.readouterr().out
    assert cli.main(["reopen", STANDARD, *options, "--out", str(tmp_path / "prepared")]) == 1
    assert "prepared" in capsys.readouterr().err


def test_reopen_refuses_graphs_that_no_export_wrote(shard, tmp_path):
    """No convolution at all; a card with a recipe and no steps."""
    whole = onnx.load(str(model_file(None)))
    del whole.graph.node[:]
    onnx.save(whole, tmp_path / "bare.onnx")
    with pytest.raises(DataError, match="linear heads"):
        reopen(tmp_path / "bare.onnx", [shard], tmp_path / "out.pt")
    card = read_card(whole, "standard")
    with pytest.raises(DataError, match=r"steps.*export the model again"):
        _trained_with(replace(card, training={"recipe": card.training["recipe"]}))


def test_reopen_names_what_is_wrong(shard, tmp_path):
    def refused(model, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            reopen(model, [shard], tmp_path / "out.pt")
        assert not (tmp_path / "out.pt").exists()

    refused(tmp_path / "gone.onnx", DataError, r"gone\.onnx: cannot be read")
    (tmp_path / "text.onnx").write_text("no graph")
    refused(tmp_path / "text.onnx", DataError, r"text\.onnx: is no ONNX model")
    (tmp_path / "empty.onnx").write_bytes(b"")
    refused(tmp_path / "empty.onnx", ModelError, "no model card")
    refused(byte_twin(model_file(None)), DataError, "in floating point")
    with pytest.raises(DataError, match="no training faces"):
        reopen(model_file(None), [shard.select(np.flatnonzero(shard.split == "valid"))], tmp_path)


@pytest.mark.parametrize(
    ("recipe", "units", "message"),
    [
        (Recipe(backbone="test_efficientnet", imagenet=False, head={"name": "dan"}), ACTION_UNITS, "linear heads"),
        (Recipe(backbone="test_efficientnet", imagenet=False), ACTION_UNITS[1:], "lacks some"),
        (None, ACTION_UNITS, "names no recipe"),
    ],
)
def test_reopen_refuses_networks_of_other_kinds(recipe, units, message, shard, tmp_path):
    made = create_model(recipe or Recipe(backbone="test_efficientnet", imagenet=False), imagenet=False).eval()
    if units != ACTION_UNITS:
        made.keep_units(range(1, len(ACTION_UNITS)))
    training = {"recipe": asdict(recipe), "steps": 1} if recipe else {}
    card = ModelCard("odd", "1", EXPRESSIONS, units, shard.geometry, "test_efficientnet", training=training)
    export_onnx(made, card, tmp_path / "odd.onnx")
    with pytest.raises(DataError, match=message):
        reopen(tmp_path / "odd.onnx", [shard], tmp_path / "out.pt")
