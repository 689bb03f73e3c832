import dataclasses

import pytest
import torch

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.models.backbones import create_backbone
from fer_core.models.emotion_gcn import EmotionGcnOptions
from fer_core.models.fusion import FusionOptions
from fer_core.models.head import HeadedNet
from fer_core.models.heads import HEADS, Labels, create_network, head_options
from fer_core.models.multitask import MultitaskNet
from fer_core.models.recurrent import RecurrentNet
from fer_core.train.options import RecipeError

KINDS = {"linear": MultitaskNet, "recurrent": RecurrentNet}


@pytest.mark.parametrize("name", HEADS)
def test_every_head_answers_all_tasks(make_network, image, name):
    network = make_network(head_options(name))
    outputs = network(image)
    assert isinstance(network, KINDS.get(name, HeadedNet))
    assert outputs.expression_logits.shape == (4, len(EXPRESSIONS))
    assert outputs.va.shape == (4, 2)
    assert outputs.va.abs().max() <= 1
    assert outputs.au_logits.shape == (4, len(ACTION_UNITS))
    assert outputs.features is not None
    assert all(torch.isfinite(t).all() for t in (outputs.expression_logits, outputs.va, outputs.au_logits))


@pytest.mark.parametrize("name", HEADS)
def test_every_head_gives_a_gradient_to_every_parameter(make_network, image, name):
    network = make_network(head_options(name)).train()
    outputs = network(image)
    answers = (outputs.expression_logits, outputs.va, outputs.au_logits, outputs.mask_logits)
    sum(t.square().sum() for t in answers if t is not None).backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name


@pytest.mark.parametrize("name", HEADS)
def test_every_head_restores_from_its_state(make_network, image, name):
    options = head_options(name)
    trained = make_network(options)
    labels = Labels(EXPRESSIONS, len(ACTION_UNITS))  # as when a checkpoint is loaded: no training data
    restored = create_network(create_backbone("test_efficientnet", imagenet=False), options, labels).eval()
    restored.load_state_dict(trained.state_dict())
    torch.testing.assert_close(restored(image).expression_logits, trained(image).expression_logits)


@pytest.mark.parametrize("name", HEADS)
def test_every_heads_options_are_frozen_and_named(name):
    options = HEADS[name].options
    assert options.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(options))
    assert HEADS[name].summary


def test_head_options_read_a_table_of_a_recipe():
    options = head_options("emotion_gcn", {"layers": 3, "threshold": 0, "embeddings": "glove.txt"})
    assert options == EmotionGcnOptions(layers=3, threshold=0.0, embeddings="glove.txt")
    assert head_options("fusion", {"va": "sectors", "sectors": 12}) == FusionOptions(va="sectors", sectors=12)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("emotion-gcn", {}, "unknown name 'emotion-gcn'; did you mean 'emotion_gcn'"),
        ("fusion", {"fusoin": "classic"}, "unknown key 'fusoin'; did you mean 'fusion'"),
        ("fusion", {"fusion": "late"}, "fusion must be one of 'classic'"),
        ("fusion", {"hidden": 1.5}, "expected int, not 1.5"),
        ("dan", {"heads": 0}, "heads must be at least 1"),
        ("linear", {"hidden": 3}, "unknown key 'hidden'"),
    ],
)
def test_head_options_say_what_is_wrong(name, values, message):
    with pytest.raises(RecipeError, match=message):
        head_options(name, values)
