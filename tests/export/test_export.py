import numpy as np
import pytest

pytest.importorskip("timm", reason="exporting needs the extra 'train'")

import onnx
import torch

from fer_core import export
from fer_core.data.errors import DataError
from fer_core.data.sample import Sample
from fer_core.data.shards import build_shard, encode_crop
from fer_core.export import PARITY, ServedNet, export_onnx, parity
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.infer.engine import Engine
from fer_core.infer.model_card import CARD_KEY, ModelCard
from fer_core.infer.processor import multiplies_bytes
from fer_core.infer.shipped_models import byte_twin
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.models.backbones import create_backbone
from fer_core.models.multitask import MultitaskNet
from fer_core.quantise import KEPT, quantise

SIDE_PX = 48


def made_network(backbone: str = "test_efficientnet", *, imagenet: bool = False) -> MultitaskNet:
    torch.manual_seed(0)
    network = MultitaskNet(create_backbone(backbone, imagenet), len(EXPRESSIONS), len(ACTION_UNITS), dropout=0.5)
    with torch.no_grad():
        for head in (network.expression, network.va, network.au):
            head.weight.mul_(200)  # answers of an untrained network hardly differ between images
    return network.eval()


def made_card(side_px: int = SIDE_PX) -> ModelCard:
    geometry = DEFAULT_GEOMETRY.scaled(side_px)
    return ModelCard("made", "1", EXPRESSIONS, ACTION_UNITS, geometry, "test_efficientnet", limits=("none known",))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "made.onnx"
    network = made_network()
    return network, path, export_onnx(network, made_card(), path, temperature=1.7)


def random_crops(count: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (count, SIDE_PX, SIDE_PX, 3), np.uint8)


def test_export_agrees_with_torch_on_other_images(exported):
    network, path, difference = exported
    assert 0 <= difference <= PARITY
    crops = random_crops(6)
    with torch.inference_mode():
        outputs = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
    wanted = (
        (outputs.expression_logits / 1.7).softmax(dim=1).numpy(),
        outputs.va.numpy(),
        outputs.au_logits.sigmoid().numpy(),
    )
    for got, want in zip(Engine(path, "cpu").run(crops), wanted, strict=True):
        np.testing.assert_allclose(got, want, atol=PARITY)
    assert wanted[0].std(axis=0).max() > 0.001  # the images do differ for the network


@pytest.mark.parametrize("count", [1, 2, 9])
def test_export_takes_any_number_of_faces(exported, count):
    probs, va, au = Engine(exported[1], "cpu").run(random_crops(count))
    assert probs.shape == (count, len(EXPRESSIONS))
    assert va.shape == (count, 2)
    assert au.shape == (count, len(ACTION_UNITS))
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert np.abs(va).max() <= 1
    assert au.min() >= 0
    assert au.max() <= 1


def test_export_card_travels_inside_and_beside(exported):
    path = exported[1]
    assert Engine(path, "cpu").card == made_card()
    assert ModelCard.from_json(path.with_suffix(".json").read_text(encoding="utf-8"), "beside") == made_card()
    assert [p.key for p in onnx.load(str(path)).metadata_props] == [CARD_KEY]
    assert {p.name for p in path.parent.iterdir()} == {"made.onnx", "made.json"}


def test_export_of_the_shipped_backbone_agrees(tmp_path):
    assert export_onnx(made_network("tf_efficientnet_lite0"), made_card(64), tmp_path / "lite0.onnx") <= PARITY


def test_export_that_differs_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "made.onnx"
    path.write_bytes(b"the model before")
    monkeypatch.setattr(export, "parity", lambda *_: 3e-3)
    with pytest.raises(
        ValueError, match=r"made\.onnx: ONNX Runtime differs from PyTorch by 3\.00e-03, more than 0\.0001"
    ):
        export_onnx(made_network(), made_card(), path)
    assert path.read_bytes() == b"the model before"
    assert list(tmp_path.iterdir()) == [path]


def test_parity_sees_another_network(exported):
    network, path, _ = exported
    assert parity(ServedNet(network, 1.7, SIDE_PX, SIDE_PX).eval(), path, SIDE_PX) <= PARITY
    assert parity(ServedNet(network, 1.0, SIDE_PX, SIDE_PX).eval(), path, SIDE_PX) > 10 * PARITY


def test_served_net_temperature_softens_and_keeps_the_order():
    network, crops = made_network(), torch.from_numpy(random_crops(3))
    with torch.inference_mode():
        plain, soft = (ServedNet(network, t, SIDE_PX, SIDE_PX).eval()(crops)[0] for t in (1.0, 4.0))
    assert torch.equal(plain.argsort(dim=1), soft.argsort(dim=1))
    assert (soft.amax(dim=1) < plain.amax(dim=1)).all()


def test_export_resizes_the_crop_to_what_the_network_was_trained_at(exported, tmp_path):
    network = exported[0]
    path = tmp_path / "small.onnx"
    assert export_onnx(network, made_card(), path, input_px=SIDE_PX // 2) <= PARITY
    crops = random_crops(3)
    small = ServedNet(network, 1.0, SIDE_PX, SIDE_PX // 2).eval()
    with torch.inference_mode():
        expected = small(torch.from_numpy(crops))[0].numpy()
    np.testing.assert_allclose(Engine(path, "cpu").run(crops)[0], expected, atol=PARITY)


def made_shard(split: str, count: int = 12):
    samples = [Sample("made", f"{n}.png", split) for n in range(count)]
    jpegs = [encode_crop(crop) for crop in random_crops(count)]
    return build_shard("made", DEFAULT_GEOMETRY.scaled(SIDE_PX), samples, jpegs, ["detector"] * count)


def test_quantise_writes_a_twin_that_computes_in_bytes(tmp_path):
    path = tmp_path / "made.onnx"
    export_onnx(made_network(), made_card(), path)
    twin = quantise(path, [made_shard("train", 2), made_shard("train")])
    assert twin == byte_twin(path) == tmp_path / "made-int8.onnx"
    assert twin.stat().st_size < path.stat().st_size
    whole, bytewise = onnx.load(str(path)).graph, onnx.load(str(twin)).graph
    convolutions = sum(node.op_type == "Conv" for node in whole.node)
    weights = {t.name for t in bytewise.initializer if t.data_type == onnx.TensorProto.INT8 and len(t.dims) == 4}
    assert len(weights) == convolutions - KEPT > 0
    card = Engine(twin, "cpu").card
    assert card.name == "made-int8"
    assert card.training["int8"]["kept"] == KEPT
    assert card.training["int8"]["figures_of"] == "made"
    assert ModelCard.from_json(twin.with_suffix(".json").read_text(encoding="utf-8"), "beside") == card
    assert {p.name for p in tmp_path.iterdir()} == {"made.onnx", "made.json", "made-int8.onnx", "made-int8.json"}


@pytest.mark.skipif(not multiplies_bytes(), reason="sums of bytes may overflow on this processor")
def test_quantised_twin_answers_alike(tmp_path):
    path = tmp_path / "made.onnx"
    export_onnx(made_network(), made_card(), path)
    crops = random_crops(12)
    answers = [np.hstack(Engine(p, "cpu").run(crops)) for p in (path, quantise(path, [made_shard("train")]))]
    assert 0 < np.abs(answers[0] - answers[1]).max() < 0.15
    assert np.corrcoef(answers[0].ravel(), answers[1].ravel())[0, 1] > 0.98


@pytest.mark.parametrize("shards", [[], [made_shard("test")]])
def test_quantise_needs_training_faces_and_leaves_nothing(shards, tmp_path):
    path = tmp_path / "made.onnx"
    export_onnx(made_network(), made_card(), path)
    with pytest.raises(DataError, match="no training faces"):
        quantise(path, shards)
    assert {p.name for p in tmp_path.iterdir()} == {"made.onnx", "made.json"}
