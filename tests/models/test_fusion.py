import numpy as np
import pytest
import torch

from fer_core.data.va_bins import va_sector
from fer_core.models.fusion import FusionHead, FusionOptions, sector_centres
from fer_core.models.head import Features

F, E, A, H = 6, 4, 3, 5


def made_head(fusion: str, va: str = "regression", sectors: int = 8) -> FusionHead:
    torch.manual_seed(0)
    return FusionHead(F, E, A, FusionOptions(fusion=fusion, va=va, sectors=sectors, hidden=H))


def naive(head: FusionHead, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expression logits and raw valence-arousal answers of one image."""

    def dense(layer: torch.nn.Linear, v: np.ndarray) -> np.ndarray:
        return layer.weight.detach().numpy().astype(float) @ v + layer.bias.detach().numpy()

    shared = np.maximum(0, dense(head.expression_layer[0], x))
    read = shared if head.va_layer is None else np.maximum(0, dense(head.va_layer[0], x))
    raw = dense(head.va, read)
    if head.options.fusion == "concatenate":
        shared = np.concatenate([shared, np.tanh(raw) if len(raw) == 2 else np.exp(raw) / np.exp(raw).sum()])
    return dense(head.expression, shared), raw


@pytest.mark.parametrize("fusion", ["classic", "concatenate", "separate"])
@pytest.mark.parametrize("va", ["regression", "sectors"])
def test_fusion_equals_a_naive_network(fusion, va):
    head, x = made_head(fusion, va), torch.randn(5, F)
    outputs = head(Features(x))
    for b in range(5):
        logits, raw = naive(head, x[b].numpy().astype(float))
        np.testing.assert_allclose(outputs.expression_logits[b].detach().numpy(), logits, atol=1e-5)
        if va == "sectors":
            np.testing.assert_allclose(outputs.sector_logits[b].detach().numpy(), raw, atol=1e-5)
        else:
            assert outputs.sector_logits is None
            np.testing.assert_allclose(outputs.va[b].detach().numpy(), np.tanh(raw), atol=1e-5)
    assert outputs.features.shape == (5, H)
    assert outputs.au_logits.shape == (5, A)


@pytest.mark.parametrize(("fusion", "reaches"), [("classic", False), ("concatenate", True), ("separate", False)])
def test_fusion_expression_loss_reaches_the_va_weights_only_when_concatenated(fusion, reaches):
    head = made_head(fusion)
    head(Features(torch.randn(5, F))).expression_logits.square().sum().backward()
    assert (head.va.weight.grad is not None) == reaches


def test_fusion_separate_va_loss_leaves_the_expression_layer():
    head = made_head("separate")
    head(Features(torch.randn(5, F))).va.square().sum().backward()
    assert head.expression_layer[0].weight.grad is None
    assert head.va_layer[0].weight.grad.abs().max() > 0


@pytest.mark.parametrize("count", [2, 4, 8, 12, 7])
def test_sector_centres_lie_in_their_sectors(count):
    centres = sector_centres(count)
    assert va_sector(centres, count).tolist() == list(range(count))
    torch.testing.assert_close(centres.norm(dim=1), torch.full((count,), 0.5))


@pytest.mark.parametrize("count", [2, 4, 8, 12])
def test_fusion_answers_the_middle_of_a_certain_sector(count):
    head = made_head("classic", "sectors", count)
    with torch.no_grad():
        head.va.weight.zero_()
        head.va.bias.zero_()
        head.va.bias[1] = 50
    outputs = head(Features(torch.randn(2, F)))
    torch.testing.assert_close(outputs.va, sector_centres(count)[1].expand(2, 2))
    assert outputs.sector_logits.shape == (2, count)


@pytest.mark.parametrize("va", ["regression", "sectors"])
def test_fusion_gradients(va):
    head = made_head("concatenate", va).double()
    x = torch.randn(2, F, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: (head(Features(t)).expression_logits, head(Features(t)).va), x)


def test_fusion_options_are_checked():
    with pytest.raises(ValueError, match="fusion must be one of 'classic', 'concatenate', 'separate', not 'late'"):
        FusionOptions(fusion="late")
    with pytest.raises(ValueError, match="sectors must be at least 2, not 1"):
        FusionOptions(sectors=1)


@pytest.mark.parametrize("fusion", ["classic", "concatenate", "separate"])
@pytest.mark.parametrize("va", ["regression", "sectors"])
def test_fusion_exports(make_network, assert_exports, fusion, va):
    assert_exports(make_network(FusionOptions(fusion=fusion, va=va, hidden=16)))
