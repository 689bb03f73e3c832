import pytest
import torch
from torch.nn import functional

from fer_core.models.facial_mask import FacialMaskHead, FacialMaskOptions
from fer_core.models.head import Features


@pytest.mark.parametrize("doublings", [1, 3])
def test_facial_mask_doubles_the_maps(doublings):
    head = FacialMaskHead(6, 10, 8, 3, FacialMaskOptions(channels=4, doublings=doublings))
    outputs = head(Features(torch.randn(2, 6), torch.randn(2, 10, 3, 4)))
    side = 2**doublings
    assert outputs.mask_logits.shape == (2, 1, 3 * side, 4 * side)
    assert outputs.expression_logits.shape == (2, 8)
    assert outputs.au_logits.shape == (2, 3)
    assert outputs.va.abs().max() <= 1


def test_facial_mask_without_doubled_maps_is_a_map_of_logits():
    torch.manual_seed(0)
    head = FacialMaskHead(6, 10, 8, 3, FacialMaskOptions(channels=4, doublings=1)).eval()
    maps = torch.randn(1, 10, 2, 2)
    got = head(Features(torch.randn(1, 6), maps)).mask_logits
    reduce, step, answer = head.decoder
    reduced = torch.einsum("oc,chw->ohw", reduce.weight[:, :, 0, 0], maps[0]) + reduce.bias[:, None, None]
    # Bilinear doubling without aligned corners: quarters and three quarters between the two centres, edges repeated.
    mix = torch.tensor([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1.0]])
    large = torch.einsum("ih,chw,jw->cij", mix, reduced, mix)
    padded = functional.pad(large, (1, 1, 1, 1))
    kernel, norm = step[1].weight, step[2]
    for y in range(4):
        for x in range(4):
            patch = padded[:, y : y + 3, x : x + 3]
            hidden = torch.stack([(kernel[o] * patch).sum() for o in range(4)])
            hidden = (hidden / (norm.running_var + norm.eps).sqrt()).relu()
            expected = (answer.weight[0, :, 0, 0] * hidden).sum() + answer.bias[0]
            torch.testing.assert_close(got[0, 0, y, x], expected, atol=1e-5, rtol=0)


def test_facial_mask_trains_the_backbone_through_the_mask(make_network, image):
    network = make_network(FacialMaskOptions(channels=8)).train()
    target = torch.zeros_like(network(image).mask_logits)
    target[:, :, : target.shape[2] // 2] = 1
    first, optimizer = None, torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(15):
        loss = functional.binary_cross_entropy_with_logits(network(image).mask_logits, target)
        first = loss.item() if first is None else first
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert network.backbone.network.conv_stem.weight.grad.abs().max() > 0
    assert loss.item() < 0.5 * first


def test_facial_mask_gradients():
    torch.manual_seed(0)
    head = FacialMaskHead(3, 2, 2, 2, FacialMaskOptions(channels=2, doublings=1)).double().eval()
    maps = torch.randn(1, 2, 2, 2, dtype=torch.double, requires_grad=True)
    pooled = torch.randn(1, 3, dtype=torch.double)
    assert torch.autograd.gradcheck(lambda m: head(Features(pooled, m)).mask_logits, maps)


def test_facial_mask_needs_maps():
    head = FacialMaskHead(6, 10, 8, 3, FacialMaskOptions())
    with pytest.raises(ValueError, match="gave none"):
        head(Features(torch.randn(2, 6)))


def test_facial_mask_exports(make_network, assert_exports):
    assert_exports(make_network(FacialMaskOptions(channels=8)))
