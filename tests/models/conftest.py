"""Tiny networks with random weights, and their way through ONNX."""

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch
from torch import nn

from fer_core.export import export_onnx
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.infer.engine import Engine
from fer_core.infer.model_card import ModelCard
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.models.backbones import create_backbone
from fer_core.models.heads import HeadOptions, Labels, create_network

SIDE_PX = 48
CORRELATION = np.array([[0.5, -0.2], [0.05, 0.4], [0.0, 0.3], [-0.6, -0.02]] * 2)

MakeNetwork = Callable[..., nn.Module]


@pytest.fixture
def image() -> torch.Tensor:
    """Four crops."""
    return torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (4, 3, SIDE_PX, SIDE_PX)).astype(np.float32))


@pytest.fixture
def make_network() -> MakeNetwork:
    """Options to a network on a tiny backbone, its running statistics and answers those of a trained one."""

    def make(options: HeadOptions, backbone: str = "test_efficientnet", dropout: float = 0.0) -> nn.Module:
        torch.manual_seed(0)
        labels = Labels(EXPRESSIONS, len(ACTION_UNITS), CORRELATION)
        network = create_network(create_backbone(backbone, imagenet=False), options, labels, dropout)
        crops = torch.rand(16, 3, SIDE_PX, SIDE_PX, generator=torch.Generator().manual_seed(3)) * 255
        with torch.no_grad():
            network.train()
            for _ in range(10):
                network(crops)
        return network.eval()

    return make


@pytest.fixture
def assert_exports(tmp_path) -> Callable[[nn.Module], None]:
    """Exports a network as it is served and compares it on other crops; the export itself checks parity to 1e-4."""

    def check(network: nn.Module) -> None:
        card = ModelCard("made", "1", EXPRESSIONS, ACTION_UNITS, DEFAULT_GEOMETRY.scaled(SIDE_PX), "test_efficientnet")
        assert export_onnx(network, card, tmp_path / "made.onnx") <= 1e-4
        crops = np.random.default_rng(7).integers(0, 256, (5, SIDE_PX, SIDE_PX, 3), np.uint8)
        with torch.inference_mode():
            outputs = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
        wanted = outputs.expression_logits.softmax(dim=1), outputs.va, outputs.au_logits.sigmoid()
        for got, want in zip(Engine(tmp_path / "made.onnx", "cpu").run(crops), wanted, strict=True):
            np.testing.assert_allclose(got, want.numpy(), atol=1e-4)
            assert want.std(dim=0).max() > 1e-5  # the network does tell the crops apart

    return check
