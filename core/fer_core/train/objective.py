"""What is minimised: the losses of a recipe by name, each from the network's answers and a batch to a scalar.

A loss is registered in ``LOSSES`` under the name that recipes use. Its function takes the :class:`Setting` and, as
keyword-only arguments, the options of the recipe, and returns a term: a callable of (outputs, batch), a module where it
keeps something, such as centres. The losses themselves are in :mod:`fer_core.losses`; here stands what each looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from fer_core.data.dataset import Batch, Labels
from fer_core.data.va_bins import class_histogram, soft_labels, va_sector
from fer_core.losses.affinity import AffinityLoss
from fer_core.losses.ccc import ccc_loss
from fer_core.losses.center import CenterLoss
from fer_core.losses.center_local import center_local_loss
from fer_core.losses.class_weights import balanced_class_weights
from fer_core.losses.contrastive import negative_contrastive_loss, positive_contrastive_loss
from fer_core.losses.focal import focal_loss
from fer_core.losses.island import EuclideanIslandLoss, IslandLoss
from fer_core.losses.logit_loss import logit_loss
from fer_core.losses.masked_bce import masked_bce_with_logits
from fer_core.losses.partition import partition_loss
from fer_core.losses.subclass import LocalSubclassLoss
from fer_core.losses.va_center import va_center_loss
from fer_core.losses.va_mse import va_mse_loss
from fer_core.losses.va_sectors import va_sector_loss
from fer_core.losses.vote_cross_entropy import vote_cross_entropy
from fer_core.losses.weighted_asymmetric import occurrence_weights, weighted_asymmetric_loss
from fer_core.models.multitask import Outputs
from fer_core.train.options import RecipeError, choose
from fer_core.train.recipe import Recipe

Term = Callable[[Outputs, Batch], Tensor]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a loss may have to know before the first batch."""

    labels: Labels
    """Of the training split."""
    features: int
    """F, of ``Outputs.features``."""

    @property
    def expressions(self) -> int:
        """E."""
        return int(self.labels.votes.shape[1])


class Objective(nn.Module):
    """The weighted losses of a recipe; one of weight 0 is left out.

    Args:
        recipe: names, weights and options.
        setting: training labels and width of the features.

    Raises:
        RecipeError: for a loss or option that there is not, or one that the labels do not allow.
    """

    def __init__(self, recipe: Recipe, setting: Setting) -> None:
        super().__init__()
        self.terms: dict[str, Term] = {}
        self.weights: dict[str, float] = {}
        for name, given in recipe.losses.items():
            make, options = chosen_loss(name, given)
            if not given["weight"]:
                continue
            try:
                term: Term = make(setting, **options)
            except ValueError as error:
                raise RecipeError(f"losses.{name}: {error}") from None
            self.terms[name], self.weights[name] = term, float(given["weight"])
        # What keeps something goes into the checkpoint.
        self.kept = nn.ModuleDict({name: term for name, term in self.terms.items() if isinstance(term, nn.Module)})

    def forward(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """A scalar by loss, and ``total``, their weighted sum."""
        found = {name: term(outputs, batch) for name, term in self.terms.items()}
        total = sum((self.weights[name] * loss for name, loss in found.items()), torch.zeros(()).to(outputs.va))
        return {"total": total, **found}

    @torch.no_grad()
    def update(self, outputs: Outputs, batch: Batch) -> None:
        """Once a step, after the losses: moves what moves by a rule of its own."""
        for term in self.kept.values():
            if isinstance(term, Centers):
                term.update(outputs, batch)


def chosen_loss(name: str, given: Mapping[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The function of ``LOSSES`` and its options without the weight.

    Raises:
        RecipeError: when there is none, or an option is not one.
    """
    options = {key: value for key, value in given.items() if key != "weight"}
    return choose(LOSSES, name, options, f"losses.{name}")


# ---- expressions


def votes(setting: Setting, *, class_weights: bool = False, majority: bool = False) -> Term:
    """Cross-entropy on the votes, or on the majority's class; weighted, rare classes count more."""
    weights = _class_weights(setting, majority) if class_weights else None
    return lambda o, b: vote_cross_entropy(o.expression_logits, *_expression(b.votes, majority), class_weights=weights)


def focal(setting: Setting, *, gamma: float = 2.0, class_weights: bool = False, majority: bool = True) -> Term:
    """Focal loss."""
    if gamma < 0:
        raise RecipeError(f"losses.focal.gamma: expected 0 or more, not {gamma}")
    weights = _class_weights(setting, majority) if class_weights else None
    return lambda o, b: focal_loss(o.expression_logits, *_expression(b.votes, majority), gamma, weights)


def soft(setting: Setting, *, bins: int = 10) -> Term:
    """Cross-entropy on the classes that share the sample's cell of the valence-arousal plane."""
    histogram = _histogram(setting, bins)

    def term(outputs: Outputs, batch: Batch) -> Tensor:
        target = soft_labels(batch.va, histogram.to(batch.va))
        return vote_cross_entropy(outputs.expression_logits, target, _complete(target))

    return term


def logit(setting: Setting, *, bins: int = 10) -> Term:
    """Squared distance to the classes that share the sample's cell."""
    histogram = _histogram(setting, bins)

    def term(outputs: Outputs, batch: Batch) -> Tensor:
        target = soft_labels(batch.va, histogram.to(batch.va))
        return logit_loss(outputs.expression_logits, target, _complete(target))

    return term


# ---- features


class Centers(nn.Module):
    """A loss with centres that move by their own rule."""

    def __init__(self, loss: CenterLoss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The loss."""
        found: Tensor = self.loss(*_classed_features(outputs, batch))
        return found

    def update(self, outputs: Outputs, batch: Batch) -> None:
        """Moves the centres."""
        self.loss.update(*_classed_features(outputs, batch))


class VaCenters(Centers):
    """VA-based centre loss with centres of its own (thesis, eq. 4.5.1)."""

    def __init__(self, loss: CenterLoss, classes: int, axes: tuple[int, ...]) -> None:
        super().__init__(loss)
        self.classes, self.axes = classes, axes

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The loss."""
        features = _classed_features(outputs, batch)
        return va_center_loss(*features, batch.va, self.classes, self.loss.centers, self.axes)


def center(setting: Setting, *, rate: float = 0.5) -> Term:
    """Centre loss."""
    return Centers(CenterLoss(setting.expressions, setting.features, rate))


def center_local(setting: Setting) -> Term:
    """Centre loss whose centres are the means of the batch."""
    return lambda o, b: center_local_loss(*_classed_features(o, b), setting.expressions)


def island(setting: Setting, *, rate: float = 0.5, penalty_weight: float = 0.1) -> Term:
    """Island loss by cosine."""
    return Centers(IslandLoss(setting.expressions, setting.features, rate, penalty_weight))


def euclidean_island(setting: Setting, *, rate: float = 0.5, penalty_weight: float = 0.1, margin: float = 5.0) -> Term:
    """Island loss by distance."""
    return Centers(EuclideanIslandLoss(setting.expressions, setting.features, rate, penalty_weight, margin))


def local_subclass(
    setting: Setting, *, subclasses: int = 5, rate: float = 0.5, penalty_weight: float = 0.0, margin: float = 0.5
) -> Term:
    """Local subclass loss, with a margin where ``penalty_weight`` is above 0."""
    sizes = (setting.expressions, setting.features, subclasses)
    return Centers(LocalSubclassLoss(*sizes, rate, penalty_weight, margin))


def contrastive_positive(setting: Setting) -> Term:
    """Pairs of one class together."""
    return lambda o, b: positive_contrastive_loss(*_classed_features(o, b))


def contrastive_negative(setting: Setting, *, margin: float = 2.0) -> Term:
    """Pairs of different classes apart."""
    if margin < 0:
        raise RecipeError(f"losses.contrastive_negative.margin: expected 0 or more, not {margin}")
    return lambda o, b: negative_contrastive_loss(*_classed_features(o, b), margin)


_AXES = {"both": (0, 1), "valence": (0,), "arousal": (1,)}


def va_center(setting: Setting, *, axes: str = "both", local: bool = True, rate: float = 0.5) -> Term:
    """VA-based centre loss, with the means of the batch as centres or, not ``local``, with centres of its own."""
    if axes not in _AXES:
        raise RecipeError(f"losses.va_center.axes: expected {', '.join(_AXES)}, not {axes!r}")
    chosen = _AXES[axes]
    if not local:
        return VaCenters(CenterLoss(setting.expressions, setting.features, rate), setting.expressions, chosen)
    return lambda o, b: va_center_loss(*_classed_features(o, b), b.va, setting.expressions, axes=chosen)


class Affinity(nn.Module):
    """Affinity loss, whose centres the optimiser moves."""

    def __init__(self, loss: AffinityLoss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The loss."""
        found: Tensor = self.loss(*_classed_features(outputs, batch))
        return found


def affinity(setting: Setting) -> Term:
    """DAN: near the centre of the class, in units of how far the centres lie apart."""
    return Affinity(AffinityLoss(setting.expressions, setting.features))


def partition(setting: Setting) -> Term:
    """DAN: attention heads that look at different things."""
    return lambda o, b: partition_loss(_answered(o.attention, "partition", "attention of several heads"))


# ---- valence and arousal


def va_mse(setting: Setting) -> Term:
    """Squared error."""
    return lambda o, b: va_mse_loss(o.va, b.va, _complete(b.va))


def va_ccc(setting: Setting) -> Term:
    """Concordance."""
    return lambda o, b: ccc_loss(o.va, b.va, _complete(b.va))


def va_sectors(setting: Setting, *, least_radius: float = 0.0) -> Term:
    """Cross-entropy on the angular sector; how many there are, the head says."""
    if least_radius < 0:
        raise RecipeError(f"losses.va_sectors.least_radius: expected 0 or more, not {least_radius}")

    def term(outputs: Outputs, batch: Batch) -> Tensor:
        logits = _answered(outputs.sector_logits, "va_sectors", "sectors")
        return va_sector_loss(logits, va_sector(batch.va, logits.shape[1], least_radius))

    return term


# ---- action units and regions


def au(setting: Setting) -> Term:
    """Binary cross-entropy."""
    return lambda o, b: masked_bce_with_logits(o.au_logits, b.au, b.au_weight.expand_as(b.au))


def au_asymmetric(setting: Setting, *, detach_focus: bool = True) -> Term:
    """Weighted asymmetric loss, by how rarely a unit is shown in training; one that never is takes no part."""
    target = torch.from_numpy(setting.labels.au)
    shown = target.nan_to_num().sum(dim=0) > 0
    weights = occurrence_weights(torch.where(shown, target, torch.nan))

    def term(outputs: Outputs, batch: Batch) -> Tensor:
        entry_weights = weights.to(batch.au) * batch.au_weight  # (B, A)
        return weighted_asymmetric_loss(outputs.au_logits.sigmoid(), batch.au, entry_weights, detach_focus)

    return term


def region(setting: Setting) -> Term:
    """Binary cross-entropy a pixel of the mask of eyes and mouth (thesis, section 5.1.2)."""

    def term(outputs: Outputs, batch: Batch) -> Tensor:
        logits = _answered(outputs.mask_logits, "region", "a mask")
        if batch.region is None:
            raise RecipeError("losses.region: these batches carry no mask of eyes and mouth")
        target = functional.interpolate(batch.region, size=logits.shape[-2:], mode="area")
        return functional.binary_cross_entropy_with_logits(logits, target)

    return term


#: By the name in recipes.
LOSSES: dict[str, Callable[..., Term]] = {
    made.__name__: made
    for made in (
        *(votes, focal, soft, logit),
        *(center, center_local, island, euclidean_island, local_subclass),
        *(contrastive_positive, contrastive_negative, va_center, affinity, partition),
        *(va_mse, va_ccc, va_sectors, au, au_asymmetric, region),
    )
}


# ---- what terms look at


def _complete(values: Tensor) -> Tensor:
    """(B,) bool, True where no entry of the row is missing."""
    return ~torch.isnan(values).any(dim=1)


def _expression(votes_: Tensor, majority: bool) -> tuple[Tensor, Tensor]:
    """Target probabilities (B, E) of votes (B, E), and which rows have them (B,)."""
    mask = _complete(votes_)
    if not majority:
        return votes_, mask
    return functional.one_hot(votes_.nan_to_num().argmax(dim=1), votes_.shape[1]).to(votes_), mask


def _classed_features(outputs: Outputs, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Features (B, F), majority class (B,), and which rows have one (B,)."""
    features = _answered(outputs.features, "a loss on features", "features")
    return features, batch.votes.nan_to_num().argmax(dim=1), _complete(batch.votes)


def _answered(answer: Tensor | None, loss: str, what: str) -> Tensor:
    if answer is None:
        raise RecipeError(f"{loss}: the head of this recipe answers no {what}; name another head")
    return answer


def _class_weights(setting: Setting, majority: bool) -> Tensor:
    """(E,) by how often the loss's own targets show each class."""
    target, mask = _expression(torch.from_numpy(setting.labels.votes), majority)
    return balanced_class_weights(target[mask].sum(dim=0))


def _histogram(setting: Setting, bins: int) -> Tensor:
    return class_histogram(torch.from_numpy(setting.labels.va), torch.from_numpy(setting.labels.votes), bins)
