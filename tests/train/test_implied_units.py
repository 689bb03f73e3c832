"""Rows of the unit head that votes teach."""

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch

from fer_core.data.shards import Shard
from fer_core.labels import ACTION_UNITS, EXPRESSIONS, Expression
from fer_core.models.backbones import create_backbone
from fer_core.models.multitask import MultitaskNet
from fer_core.train.frozen_head import HeadFit
from fer_core.train.implied_units import IMPLIED_UNITS, implied_presence, teach_implied_units
from fer_core.train.recipe import Recipe, Stage

RECIPE = replace(Recipe(), stages=(Stage(1, 48),))
FIT = HeadFit(steps=60, views=1, learning_rate=0.1)
COLUMN = ACTION_UNITS.index(12)
HAPPY = EXPRESSIONS.index(Expression.HAPPINESS)


def made_network() -> MultitaskNet:
    torch.manual_seed(0)
    return MultitaskNet(create_backbone("test_efficientnet", imagenet=False), len(EXPRESSIONS), len(ACTION_UNITS), 0.5)


def named(shard: Shard, name: str) -> Shard:
    return replace(shard, dataset=name)


def voted(shard: Shard, share: float) -> Shard:
    """FER+ whose raters give happiness this share everywhere, with weak labels that say the unit is absent."""
    votes = np.full_like(shard.votes, (1 - share) / 7)
    votes[:, HAPPY] = share
    weights = np.full_like(shard.au_weight, 0.3)
    return replace(shard, dataset="ferplus", votes=votes, au=np.zeros_like(shard.au), au_weight=weights)


def test_implied_presence_is_the_share_up_to_a_half_and_certain_beyond():
    votes = np.full((4, len(EXPRESSIONS)), np.nan, np.float32)
    for row, share in enumerate((0.0, 0.4, 0.6)):
        votes[row] = (1 - share) / 7
        votes[row, HAPPY] = share
    np.testing.assert_allclose(implied_presence(votes, Expression.HAPPINESS), [0, 0.4, 1, np.nan], rtol=1e-6)


def test_teach_implied_units_changes_their_rows_alone(toys: ModuleType):
    network = made_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    shard = toys.labelled_shard()
    assert teach_implied_units(network, [voted(shard, 1.0), named(shard, "ckplus128")], RECIPE, FIT) == tuple(
        IMPLIED_UNITS
    )
    others = [n for n in range(len(ACTION_UNITS)) if n != COLUMN]
    for name, value in network.state_dict().items():
        if name in ("au.weight", "au.bias"):
            assert not torch.equal(value[COLUMN], before[name][COLUMN])
            assert torch.equal(value[others], before[name][others])
        else:
            assert torch.equal(value, before[name]), name


def test_teach_implied_units_follows_the_votes_and_not_the_weak_labels(toys: ModuleType):
    shard = toys.labelled_shard()
    coded = named(shard, "ckplus128")
    logits = {}
    for share in (0.0, 1.0):
        network = made_network()
        teach_implied_units(network, [voted(shard, share), coded], RECIPE, FIT)
        with torch.no_grad():
            logits[share] = float(network.au(network.backbone(torch.zeros(1, 3, 48, 48)))[0, COLUMN])
    assert logits[1.0] > logits[0.0] + 1


def test_teach_implied_units_asks_all_who_voted_but_not_where_coders_saw(toys: ModuleType):
    shard = toys.labelled_shard()
    coded, photographs = named(shard, "ckplus128"), voted(shard, 0.0)
    rows = {}
    for drawn in (None, 0.0, 1.0):
        network = made_network()
        others = [] if drawn is None else [named(voted(shard, drawn), "diffusionfer")]
        teach_implied_units(network, [photographs, *others, coded], RECIPE, FIT)
        rows[drawn] = network.au.weight[COLUMN].detach()
    assert not torch.allclose(rows[1.0], rows[0.0], atol=1e-3)
    network = made_network()
    smiling = np.zeros_like(shard.votes)
    smiling[:, HAPPY] = 1
    teach_implied_units(network, [photographs, replace(coded, votes=smiling)], RECIPE, FIT)
    torch.testing.assert_close(network.au.weight[COLUMN].detach(), rows[None])


def test_teach_implied_units_leaves_a_network_without_votes_or_coders(toys: ModuleType):
    shard = toys.labelled_shard()
    weak = replace(named(shard, "ckplus128"), au_weight=np.full_like(shard.au_weight, 0.3))
    for shards in ([], [voted(shard, 1.0)], [named(shard, "ckplus128")], [voted(shard, 1.0), weak]):
        network = made_network()
        before = network.au.weight.clone()
        assert teach_implied_units(network, shards, RECIPE, FIT) == ()
        assert torch.equal(network.au.weight, before)
