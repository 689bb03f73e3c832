import numpy as np
import pytest
import torch

from fer_core.models.dan import ChannelAttention, DanHead, DanOptions, PlaceAttention
from fer_core.models.head import Features

C = 4


def trained(module: torch.nn.Module) -> torch.nn.Module:
    """With statistics of normalisation that are not those of the beginning."""
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            part.running_mean.uniform_(-0.2, 0.2)
            part.running_var.uniform_(0.5, 1.5)
    return module.eval()


def normed(norm: torch.nn.Module, channel: int, value: float) -> float:
    return (value - norm.running_mean[channel].item()) / np.sqrt(norm.running_var[channel].item() + norm.eps)


def test_place_attention_equals_a_naive_convolution():
    torch.manual_seed(0)
    attention, maps = trained(PlaceAttention(C)), torch.randn(1, C, 3, 4)
    conv, norm = attention.reduce
    reduced = np.zeros((2, 3, 4))
    for o, y, x in np.ndindex(2, 3, 4):
        total = conv.bias[o].item() + sum(conv.weight[o, c, 0, 0].item() * maps[0, c, y, x].item() for c in range(C))
        reduced[o, y, x] = normed(norm, o, total)
    weights = np.zeros((C, 3, 4))
    for conv, norm in attention.shapes:
        high, wide = conv.kernel_size
        for o, y, x in np.ndindex(C, 3, 4):
            total = conv.bias[o].item()
            for c, dy, dx in np.ndindex(2, high, wide):
                row, column = y + dy - high // 2, x + dx - wide // 2
                if 0 <= row < 3 and 0 <= column < 4:
                    total += conv.weight[o, c, dy, dx].item() * reduced[c, row, column]
            weights[o, y, x] += normed(norm, o, total)
    expected = maps[0].numpy() * np.maximum(0, weights).sum(axis=0)
    with torch.no_grad():
        np.testing.assert_allclose(attention(maps)[0].numpy(), expected, atol=1e-5)


def test_channel_attention_weighs_the_mean_of_each_channel():
    torch.manual_seed(0)
    attention, maps = trained(ChannelAttention(C)), torch.randn(2, C, 3, 4)
    first, norm, _, second, _ = attention.weigh
    for b in range(2):
        pooled = [float(np.mean(maps[b, c].numpy())) for c in range(C)]
        hidden = normed(norm, 0, first.bias[0].item() + sum(first.weight[0, c].item() * pooled[c] for c in range(C)))
        for c in range(C):
            score = second.weight[c, 0].item() * max(0.0, hidden) + second.bias[c].item()
            assert attention(maps)[b, c].item() == pytest.approx(pooled[c] / (1 + np.exp(-score)), abs=1e-5)


@pytest.mark.parametrize("heads", [1, 4])
def test_dan_fuses_heads_that_compete(heads):
    torch.manual_seed(0)
    head, maps = trained(DanHead(C, 8, 3, DanOptions(heads=heads))), torch.randn(5, C, 3, 3)
    outputs = head(Features(torch.randn(5, 6), maps))
    assert outputs.attention.shape == (5, heads, C)
    assert outputs.features.shape == (5, 6)
    if heads > 1:
        torch.testing.assert_close(outputs.attention.exp().sum(dim=1), torch.ones(5, C))
    else:
        torch.testing.assert_close(outputs.attention[:, 0], head.heads[0](maps))
    torch.testing.assert_close(outputs.va, torch.tanh(head.va(outputs.attention.sum(dim=1))))
    assert outputs.expression_logits.shape == (5, 8)


def test_dan_gradients_reach_every_parameter():
    torch.manual_seed(0)
    head = DanHead(16, 8, 3, DanOptions(heads=2))
    outputs = head(Features(torch.randn(5, 16), torch.randn(5, 16, 3, 3)))
    sum(t.square().sum() for t in (outputs.expression_logits, outputs.va, outputs.au_logits)).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in head.parameters())


def test_dan_gradcheck():
    torch.manual_seed(0)
    head = trained(DanHead(C, 3, 2, DanOptions(heads=2)).double())
    maps = torch.randn(1, C, 2, 2, dtype=torch.double, requires_grad=True)
    pooled = torch.zeros(1, C, dtype=torch.double)
    assert torch.autograd.gradcheck(lambda m: head(Features(pooled, m)).expression_logits, maps)


def test_dan_exports(make_network, assert_exports):
    assert_exports(make_network(DanOptions()))
