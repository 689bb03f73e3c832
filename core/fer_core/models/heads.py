"""Every network by the name that a recipe gives its head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from fer_core.data.label_correlation import Doubles
from fer_core.models.au_relation import AuRelationHead, AuRelationOptions
from fer_core.models.dan import DanHead, DanOptions
from fer_core.models.emotion_gcn import EmotionGcnHead, EmotionGcnOptions
from fer_core.models.facial_mask import FacialMaskHead, FacialMaskOptions
from fer_core.models.fusion import FusionHead, FusionOptions
from fer_core.models.head import FeatureExtractor, HeadedNet
from fer_core.models.multitask import MultitaskNet
from fer_core.models.recurrent import RecurrentNet, RecurrentOptions
from fer_core.train.options import RecipeError, choose


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearOptions:
    """A linear layer a task has no options."""


HeadOptions = (
    LinearOptions
    | AuRelationOptions
    | DanOptions
    | EmotionGcnOptions
    | FacialMaskOptions
    | FusionOptions
    | RecurrentOptions
)


@dataclass(frozen=True, slots=True)
class Labels:
    """What a network is to answer."""

    expressions: Sequence[str]
    """Names of the E expressions."""
    action_units: int
    """A"""
    correlation: Doubles | None = None
    """(E, 2) of the training labels, for heads with a label graph; None when a checkpoint will be loaded."""
    conditional: Doubles | None = None
    """(E, E) of the training votes, likewise."""


@dataclass(frozen=True, slots=True)
class HeadKind:
    """A head that recipes can name."""

    summary: str
    options: Callable[..., Any]
    build: Callable[[nn.Module, Any, Labels, float], nn.Module]
    """Backbone, options, labels and dropout to a network."""


def head_options(name: str, values: Mapping[str, Any] | None = None, where: str = "head") -> HeadOptions:
    """Options of a head from named values, such as a table of a recipe; ``where`` begins every message.

    Raises:
        RecipeError: for an unknown head or option, with a suggestion, or a value that does not fit.
    """
    kinds = {known: kind.options for known, kind in HEADS.items()}
    make, given = choose(kinds, name, values or {}, where)
    try:
        options: HeadOptions = make(**given)
    except ValueError as error:
        raise RecipeError(f"{where}: {error}") from None
    return options


def create_network(backbone: nn.Module, options: HeadOptions, labels: Labels, dropout: float = 0.0) -> nn.Module:
    """The network of a backbone and a head.

    Args:
        backbone: from :func:`fer_core.models.backbones.create_backbone`.
        options: from :func:`head_options`; their type says which head.
        labels: what is to be answered.
        dropout: on the features, before the head.

    Returns:
        A network from crops (B, 3, S, S) in 0..255 to :class:`~fer_core.models.multitask.Outputs`;
        :class:`~fer_core.models.recurrent.RecurrentNet` takes clips (B, T, 3, S, S).

    Raises:
        ValueError: when the options do not suit the labels.
    """
    kind = next(kind for kind in HEADS.values() if kind.options is type(options))
    return kind.build(backbone, options, labels, dropout)


def _linear(backbone: nn.Module, _: LinearOptions, labels: Labels, dropout: float) -> nn.Module:
    return MultitaskNet(backbone, len(labels.expressions), labels.action_units, dropout)


def _au_relation(backbone: nn.Module, options: AuRelationOptions, labels: Labels, dropout: float) -> nn.Module:
    extractor = FeatureExtractor(backbone, options.pooling)
    head = AuRelationHead(extractor.num_features, len(labels.expressions), labels.action_units, options)
    return HeadedNet(extractor, head, dropout)


def _dan(backbone: nn.Module, options: DanOptions, labels: Labels, dropout: float) -> nn.Module:
    extractor = FeatureExtractor(backbone, options.pooling)
    head = DanHead(extractor.map_channels, len(labels.expressions), labels.action_units, options)
    return HeadedNet(extractor, head, dropout)


def _emotion_gcn(backbone: nn.Module, options: EmotionGcnOptions, labels: Labels, dropout: float) -> nn.Module:
    extractor = FeatureExtractor(backbone, options.pooling)
    graph = labels.correlation, labels.conditional
    head = EmotionGcnHead(extractor.num_features, labels.expressions, labels.action_units, options, *graph)
    return HeadedNet(extractor, head, dropout)


def _facial_mask(backbone: nn.Module, options: FacialMaskOptions, labels: Labels, dropout: float) -> nn.Module:
    extractor = FeatureExtractor(backbone, options.pooling)
    sizes = extractor.num_features, extractor.map_channels
    head = FacialMaskHead(*sizes, len(labels.expressions), labels.action_units, options)
    return HeadedNet(extractor, head, dropout)


def _fusion(backbone: nn.Module, options: FusionOptions, labels: Labels, dropout: float) -> nn.Module:
    extractor = FeatureExtractor(backbone, options.pooling)
    head = FusionHead(extractor.num_features, len(labels.expressions), labels.action_units, options)
    return HeadedNet(extractor, head, dropout)


def _recurrent(backbone: nn.Module, options: RecurrentOptions, labels: Labels, dropout: float) -> nn.Module:
    extractor = FeatureExtractor(backbone, options.pooling)
    return RecurrentNet(extractor, len(labels.expressions), labels.action_units, options, dropout)


HEADS: Mapping[str, HeadKind] = {
    "linear": HeadKind("a linear layer a task, the baseline", LinearOptions, _linear),
    "fusion": HeadKind("thesis: classic, concatenate or separate; VA values or sectors", FusionOptions, _fusion),
    "facial_mask": HeadKind("thesis: linear layers and a mask of eyes and mouth", FacialMaskOptions, _facial_mask),
    "emotion_gcn": HeadKind("thesis: Emotion-GCN, weights made of label words", EmotionGcnOptions, _emotion_gcn),
    "au_relation": HeadKind("AU paper: facial graph and cross attention", AuRelationOptions, _au_relation),
    "dan": HeadKind("DAN, several attention heads, a baseline", DanOptions, _dan),
    "recurrent": HeadKind("CNN and GRU, for video", RecurrentOptions, _recurrent),
}
