"""Action units that follow from what raters saw, taught to their rows of the finished head.

No coder saw the faces in the wild that training is mostly made of. Their weak labels (:mod:`fer_core.data.weak_au`)
carry the base rates of posed faces: of faces that most raters call happy they give unit 12, the lip corner puller, to
little more than half, and the head repeats that faithfully. But in a happy face unit 12 must be present (P. Lucey et
al., "The Extended Cohn-Kanade Dataset (CK+)", CVPR workshops 2010, table 1), and raters said who is happy. So the row
of that unit is fitted once more, on frozen features (:mod:`fer_core.train.frozen_head`), to what coders saw in the
data sets that have any and to what the votes imply in all others, each data set counting the same. The other rows,
and all that other heads say, stay as they are.

The votes know nothing of a unit 12 without a smile (a grimace, weeping): where it is not coded, it counts as absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from fer_core.data.shards import Shard
from fer_core.labels import ACTION_UNITS, EXPRESSIONS, Expression
from fer_core.losses.masked_bce import masked_bce_with_logits
from fer_core.models.multitask import MultitaskNet
from fer_core.train.frozen_head import FrozenFeatures, HeadFit, fit_head, frozen_features
from fer_core.train.recipe import Recipe
from fer_core.types import Floats

FIT = HeadFit()
#: Unit that a voted expression implies.
IMPLIED_UNITS = {12: Expression.HAPPINESS}


def implied_presence(votes: Floats, expression: Expression) -> Floats:
    """How present the unit is (N,) that an expression implies: 1 where most raters see it, else the share who do.

    Args:
        votes: (N, E) proportions in the order of ``EXPRESSIONS``, rows sum to 1 or are NaN.
    """
    share = votes[:, EXPRESSIONS.index(expression)]
    present: Floats = np.where(share > 0.5, np.float32(1), share)  # NaN stays NaN
    return present


def teach_implied_units(
    network: MultitaskNet, shards: Sequence[Shard], recipe: Recipe, fit: HeadFit = FIT
) -> tuple[int, ...]:
    """Changes the rows of ``network.au`` of ``IMPLIED_UNITS`` in place; uses the ``train`` split only.

    Returns:
        The units: none, with nothing changed, unless there are both voted and coded training faces.
    """
    coded = [kept for kept in map(_coded, shards) if kept is not None]
    by_coders = {shard.dataset for shard in coded}
    voted = [_implied(shard) for shard in shards if shard.dataset not in by_coders and _has_votes(shard)]
    if not (voted and coded):
        return ()
    network.eval()
    frozen = [frozen_features(network, shard, recipe, fit) for shard in (*voted, *coded)]
    fit_head(network.au, frozen, _loss, fit)  # rows without a label have no gradient
    return tuple(IMPLIED_UNITS)


def _has_votes(shard: Shard) -> bool:
    return bool(np.isfinite(shard.votes[shard.split == "train"]).all(axis=1).any())


def _implied(shard: Shard) -> Shard:
    labels = np.full_like(shard.au, np.nan)
    for unit, expression in IMPLIED_UNITS.items():
        labels[:, ACTION_UNITS.index(unit)] = implied_presence(shard.votes, expression)
    return replace(shard, au=labels)


def _coded(shard: Shard) -> Shard | None:
    """The training faces that a person coded for one of the units, with those labels alone."""
    columns = [ACTION_UNITS.index(unit) for unit in IMPLIED_UNITS]
    labels = np.full_like(shard.au, np.nan)
    labels[:, columns] = shard.au[:, columns]
    rows = (shard.split == "train") & (shard.au_weight >= 1) & np.isfinite(labels).any(axis=1)
    return replace(shard, au=labels).select(np.flatnonzero(rows)) if rows.any() else None


def _loss(logits: Tensor, frozen: FrozenFeatures) -> Tensor:
    """Scaled by the units of the head, so that the penalty weighs a row as it does when all are fitted."""
    return logits.shape[1] * masked_bce_with_logits(logits, frozen.au)
