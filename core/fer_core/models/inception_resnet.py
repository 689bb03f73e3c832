"""Inception-ResNet-v1 (Szegedy, Ioffe, Vanhoucke & Alemi 2017), in the size that FaceNet's open trainings have.

Known to timm by its name once this module is imported. Batch normalisation has no scale in the original;
here it has one, since one that was folded into a convolution needs it again (:mod:`fer_core.models.unfolded`).
"""

from __future__ import annotations

from typing import Any

import torch
from timm.models import register_model
from torch import Tensor, nn

NAME = "inception_resnet_v1"
#: Width of the pooled features.
FEATURES = 1792
_EPSILON = 1e-3
#: Side of the smallest picture of which anything is left after the last reduction.
LEAST_PX = 75
#: One number for height and width, or each.
_Size = int | tuple[int, int]


class Convolution(nn.Module):
    """Convolution without bias, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: _Size, stride: int = 1, padding: _Size = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H', W')."""
        activated: Tensor = torch.relu(self.bn(self.conv(x)))
        return activated


class Residual(nn.Module):
    """Several branches, side by side, whose joint answer is added to the input, ``scale`` times."""

    def __init__(self, channels: int, branches: list[nn.Module], width: int, scale: float, *, rectified: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.up = nn.Conv2d(width, channels, 1)
        self.scale = scale
        self.rectified = rectified

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W), the same size out."""
        added: Tensor = x + self.scale * self.up(torch.cat([branch(x) for branch in self.branches], dim=1))
        return torch.relu(added) if self.rectified else added


class Reduction(nn.Module):
    """Several branches side by side, each of which halves the map; the last is a maximum."""

    def __init__(self, branches: list[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList([*branches, nn.MaxPool2d(3, 2)])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / 2, W / 2)."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def _block35() -> Residual:
    branches = [
        Convolution(256, 32, 1),
        nn.Sequential(Convolution(256, 32, 1), Convolution(32, 32, 3, padding=1)),
        nn.Sequential(Convolution(256, 32, 1), Convolution(32, 32, 3, padding=1), Convolution(32, 32, 3, padding=1)),
    ]
    return Residual(256, branches, 96, 0.17, rectified=True)


def _block17() -> Residual:
    tall = [Convolution(896, 128, 1), Convolution(128, 128, (1, 7), padding=(0, 3))]
    branches = [Convolution(896, 128, 1), nn.Sequential(*tall, Convolution(128, 128, (7, 1), padding=(3, 0)))]
    return Residual(896, branches, 256, 0.10, rectified=True)


def _block8(scale: float = 0.20, *, rectified: bool = True) -> Residual:
    wide = [Convolution(FEATURES, 192, 1), Convolution(192, 192, (1, 3), padding=(0, 1))]
    branches = [Convolution(FEATURES, 192, 1), nn.Sequential(*wide, Convolution(192, 192, (3, 1), padding=(1, 0)))]
    return Residual(FEATURES, branches, 384, scale, rectified=rectified)


class InceptionResNetV1(nn.Module):
    """Images (B, 3, S, S) to pooled features (B, 1792); S is ``LEAST_PX`` or more, 160 in the original trainings."""

    num_features = FEATURES

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            Convolution(3, 32, 3, 2),
            Convolution(32, 32, 3),
            Convolution(32, 64, 3, padding=1),
            nn.MaxPool2d(3, 2),
            Convolution(64, 80, 1),
            Convolution(80, 192, 3),
            Convolution(192, 256, 3, 2),
        )
        reduced = [Convolution(256, 192, 1), Convolution(192, 192, 3, padding=1), Convolution(192, 256, 3, 2)]
        self.blocks35 = nn.Sequential(*(_block35() for _ in range(5)))
        self.reduction_a = Reduction([Convolution(256, 384, 3, 2), nn.Sequential(*reduced)])
        self.blocks17 = nn.Sequential(*(_block17() for _ in range(10)))
        self.reduction_b = Reduction(
            [
                nn.Sequential(Convolution(896, 256, 1), Convolution(256, 384, 3, 2)),
                nn.Sequential(Convolution(896, 256, 1), Convolution(256, 256, 3, 2)),
                nn.Sequential(
                    Convolution(896, 256, 1), Convolution(256, 256, 3, padding=1), Convolution(256, 256, 3, 2)
                ),
            ]
        )
        self.blocks8 = nn.Sequential(*(_block8() for _ in range(5)), _block8(1.0, rectified=False))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, 1792)."""
        return self.forward_head(self.forward_features(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """(B, 3, S, S) to maps (B, 1792, h, w).

        Raises:
            ValueError: when the images are too small.
        """
        if min(x.shape[-2:]) < LEAST_PX:
            raise ValueError(f"{NAME} needs images of {LEAST_PX} or more pixels; set size_px")
        maps: Tensor = self.blocks8(self.reduction_b(self.blocks17(self.reduction_a(self.blocks35(self.stem(x))))))
        return maps

    def forward_head(self, maps: Tensor) -> Tensor:
        """Maps (B, 1792, h, w) to their means (B, 1792)."""
        return maps.mean(dim=(2, 3))

    def reset_classifier(self, classes: int) -> None:
        """Nothing to take off: there is no classifier."""


@register_model  # type: ignore[untyped-decorator]
def inception_resnet_v1(
    pretrained: bool = False, *, pretrained_cfg: object = None, **options: Any
) -> InceptionResNetV1:
    """For :func:`timm.create_model`, with what it gives to every network; it knows no other options."""
    return InceptionResNetV1(**{name: value for name, value in options.items() if value is not None})
