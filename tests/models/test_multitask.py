import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch

from fer_core.models.backbones import create_backbone
from fer_core.models.multitask import MultitaskNet, normalise


@pytest.fixture(scope="module")
def network() -> MultitaskNet:
    torch.manual_seed(0)
    return MultitaskNet(create_backbone("test_efficientnet", imagenet=False), 8, 18, dropout=0.3)


@pytest.fixture
def image() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (4, 3, 64, 64)).astype(np.float32))


def test_multitask_shapes_and_ranges(network, image):
    outputs = network.eval()(image)
    assert outputs.expression_logits.shape == (4, 8)
    assert outputs.va.shape == (4, 2)
    assert outputs.au_logits.shape == (4, 18)
    with torch.no_grad():
        network.va.weight.mul_(1e6)
        extreme = network(image).va
        network.va.weight.div_(1e6)
    assert extreme.abs().max() <= 1
    assert extreme.abs().max() > 0.99


@pytest.mark.parametrize("size_px", [48, 80, 112])
def test_multitask_takes_any_resolution(network, size_px):
    assert network.eval()(torch.zeros(2, 3, size_px, size_px)).va.shape == (2, 2)


def test_multitask_sees_luminance_only(network, image):
    luma = (image * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    colour, grey = network.eval()(image), network(luma.expand(-1, 3, -1, -1))
    torch.testing.assert_close(grey.expression_logits, colour.expression_logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(grey.va, colour.va, rtol=1e-4, atol=1e-5)
    brighter = network(image * 0.5).expression_logits
    assert not torch.allclose(brighter, colour.expression_logits, atol=1e-4)


def test_normalise_spans_minus_one_to_one():
    image = torch.tensor([0.0, 127.5, 255.0]).view(3, 1, 1, 1).expand(3, 3, 2, 2)
    levels = normalise(image)
    assert levels.shape == (3, 3, 2, 2)
    torch.testing.assert_close(levels[:, 0, 0, 0], torch.tensor([-1.0, 0.0, 1.0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(levels[:, 0], levels[:, 2])


def test_multitask_gradient_reaches_all_heads_and_the_backbone(network, image):
    network.train().zero_grad()
    outputs = network(image)
    (outputs.expression_logits.square().sum() + outputs.va.square().sum() + outputs.au_logits.square().sum()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    for part in (network.expression, network.va, network.au, network.backbone.conv_stem):
        assert part.weight.grad.abs().max() > 0


def test_multitask_dropout_acts_in_training_only(network, image):
    network.eval()
    torch.testing.assert_close(network(image).va, network(image).va, rtol=0, atol=0)
    network.train()
    network.backbone.eval()
    assert not torch.equal(network(image).va, network(image).va)


def test_multitask_answers_the_features_that_its_heads_read(network, image):
    outputs = network.eval()(image)
    torch.testing.assert_close(outputs.expression_logits, network.expression(outputs.features))
    assert (outputs.sector_logits, outputs.mask_logits, outputs.attention) == (None, None, None)
