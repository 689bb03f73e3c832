import pytest
import torch
from torch.nn import functional

from fer_core.models.resize import AntialiasResize


@pytest.mark.parametrize(("in_px", "out_px"), [(112, 80), (112, 112), (48, 64), (7, 3)])
def test_antialias_resize_equals_interpolation(in_px, out_px):
    image = torch.rand(2, 3, in_px, in_px) * 255
    expected = functional.interpolate(image, size=(out_px, out_px), mode="bilinear", antialias=True)
    torch.testing.assert_close(AntialiasResize(in_px, out_px)(image), expected, atol=1e-3, rtol=0)


def test_antialias_resize_passes_gradients():
    image = torch.rand(1, 1, 6, 6, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(AntialiasResize(6, 4).double(), image)
