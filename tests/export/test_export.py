import numpy as np
import pytest

pytest.importorskip("timm", reason="exporting needs the extra 'train'")

import onnx
import torch

from fer_core import export
from fer_core.export import PARITY, ServedNet, export_onnx, parity
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.infer.engine import Engine
from fer_core.infer.model_card import CARD_KEY, ModelCard
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.models.backbones import create_backbone
from fer_core.models.multitask import MultitaskNet

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
