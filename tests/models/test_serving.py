import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import timm
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from fer_core.models.multitask import normalise
from fer_core.models.serving import for_serving


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "test_efficientnet", "test_resnet"])
@pytest.mark.parametrize("input_px", [48, 75, 80])
def test_for_serving_answers_luminance_as_the_backbone_answers_colour(name, input_px):
    torch.manual_seed(0)
    backbone = timm.create_model(name, num_classes=0).eval()
    grey = torch.randint(0, 256, (2, 1, input_px, input_px)).float()
    expected = backbone(normalise(grey.expand(-1, 3, -1, -1))).detach()
    served = for_serving(backbone, input_px)
    got = served((grey - 127.5) / 127.5)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert not any(isinstance(m, Conv2dSame) for m in served.modules())


def test_for_serving_leaves_the_backbone_as_it_was():
    backbone = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    for_serving(backbone, 64)
    assert backbone.conv_stem.in_channels == 3
    for name, value in backbone.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_for_serving_refuses_a_first_convolution_whose_channels_do_not_meet():
    with pytest.raises(ValueError, match="3 groups"):
        for_serving(nn.Sequential(nn.Conv2d(3, 6, 3, groups=3)), 16)
