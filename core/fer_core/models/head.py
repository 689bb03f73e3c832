"""A backbone with any head: what a head is given, what it must answer, and the network that joins the two."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple, cast

from torch import Tensor, nn
from torch.nn import functional

from fer_core.models.multitask import Outputs, normalise

Pooling = Literal["backbone", "max"]


class Features(NamedTuple):
    """What a backbone says of B images."""

    pooled: Tensor
    """(B, F)"""
    maps: Tensor | None = None
    """(B, C, h, w) before pooling; may be missing where a head does not need them, as with stored features"""


class Head(nn.Module):
    """From features to answers. A subclass says in ``needs_maps`` whether pooled features do."""

    needs_maps: ClassVar[bool] = False

    def forward(self, features: Features) -> Outputs:
        """Answers for B images."""
        raise NotImplementedError

    def stage_modules(self) -> dict[str, tuple[nn.Module, ...]]:
        """What is trained in each stage (:mod:`fer_core.models.staged`); one stage where tasks are not separate."""
        return {"joint": (self,)}


class FeatureExtractor(nn.Module):
    """A timm backbone without classifier, pooled as it was built to be or by a global maximum.

    Emotion-GCN and the metric losses of the thesis pool with a maximum (eq. 6.3.1).

    Args:
        backbone: from :func:`fer_core.models.backbones.create_backbone`.
        pooling: ``backbone`` or ``max``.
    """

    def __init__(self, backbone: nn.Module, pooling: Pooling = "backbone") -> None:
        super().__init__()
        self.network = backbone
        self.pooling = pooling
        self.map_channels = int(backbone.num_features)  # type: ignore[arg-type]
        # Networks that widen the features after pooling state that width under another name.
        widened = int(getattr(backbone, "head_hidden_size", None) or self.map_channels)
        self.num_features = widened if pooling == "backbone" else self.map_channels

    def forward(self, image: Tensor) -> Features:
        """Features of normalised images (B, 3, S, S).

        Raises:
            ValueError: when the maximum is asked of a backbone that has no maps, such as a vision transformer.
        """
        maps: Tensor = self.network.forward_features(image)  # type: ignore[operator]  # (B, C, h, w)
        if self.pooling == "backbone":
            return Features(cast(Tensor, self.network.forward_head(maps)), maps)  # type: ignore[operator]
        return Features(functional.adaptive_max_pool2d(require_maps(maps), 1).flatten(1), maps)


class HeadedNet(nn.Module):
    """Backbone and head, interchangeable with :class:`fer_core.models.multitask.MultitaskNet`.

    Args:
        backbone: features of an image.
        head: answers from features.
        dropout: on the pooled features, before the head.
    """

    def __init__(self, backbone: FeatureExtractor, head: Head, dropout: float = 0.0) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = nn.Dropout(dropout)
        self.head = head

    def forward(self, image_rgb: Tensor) -> Outputs:
        """Answers for crops (B, 3, S, S) with values 0..255."""
        features: Features = self.backbone(normalise(image_rgb))
        return self.answers(features._replace(pooled=self.dropout(features.pooled)))

    def answers(self, features: Features) -> Outputs:
        """What the head says of the backbone's features."""
        if self.head.needs_maps:
            require_maps(features.maps)
        return cast(Outputs, self.head(features))

    def stage_modules(self) -> dict[str, tuple[nn.Module, ...]]:
        """What staged training (:mod:`fer_core.models.staged`) trains, by stage."""
        return {stage: (self.dropout, *modules) for stage, modules in self.head.stage_modules().items()}


def require_maps(maps: Tensor | None) -> Tensor:
    """The maps (B, C, h, w).

    Raises:
        ValueError: when there are none.
    """
    if maps is None or maps.ndim != 4:
        found = "none" if maps is None else f"features of shape {tuple(maps.shape)}"
        raise ValueError(f"feature maps (B, C, h, w) are needed, the backbone gave {found}; use a convolutional one")
    return maps
