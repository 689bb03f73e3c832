import pytest
import torch

from fer_core.models.au_relation import AuRelationOptions
from fer_core.models.dan import DanOptions
from fer_core.models.heads import LinearOptions
from fer_core.models.recurrent import RecurrentOptions
from fer_core.models.staged import STAGES, enter_stage, leave_stages

ANSWER = {"au": "au_logits", "expression": "expression_logits", "va": "va"}


@pytest.mark.parametrize("options", [AuRelationOptions(), AuRelationOptions(au="linear"), LinearOptions()])
@pytest.mark.parametrize("stage", STAGES)
def test_enter_stage_changes_that_stage_alone(make_network, image, options, stage):
    network = make_network(options, dropout=0.2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    parameters = enter_stage(network, stage)
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    for _ in range(2):
        enter_stage(network, stage)
        (getattr(network(image), ANSWER[stage]) - 0.3).square().mean().backward()
        optimizer.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    heads = network if isinstance(options, LinearOptions) else network.head
    own = {
        "au": {"au"},
        "expression": {"expression", "attention"},
        "va": {"va"},
    }[stage]
    prefix = "" if heads is network else "head."
    assert changed
    assert {name.removeprefix(prefix).split(".")[0] for name in changed} <= own
    assert all(name.startswith(prefix) for name in changed)


def test_enter_stage_expression_attends_to_frozen_units(make_network, image):
    network = make_network(AuRelationOptions())
    before = network(image).au_logits
    parameters = enter_stage(network, "expression")
    network(image).expression_logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in parameters)
    assert all(p.grad is None for p in network.head.au.parameters())
    torch.testing.assert_close(network(image).au_logits, before, rtol=0, atol=0)


def test_joint_training_lets_expressions_teach_units(make_network, image):
    network = make_network(AuRelationOptions())
    leave_stages(network)
    network.train()
    network(image).expression_logits.square().sum().backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in network.head.au.parameters())
    assert network.backbone.network.conv_stem.weight.grad.abs().max() > 0


def test_leave_stages_undoes_the_freeze(make_network):
    network = make_network(AuRelationOptions())
    enter_stage(network, "va")
    leave_stages(network)
    assert all(p.requires_grad for p in network.parameters())
    assert not any(m.training for m in network.modules())


def test_enter_stage_says_what_there_is(make_network):
    with pytest.raises(ValueError, match="HeadedNet has no stage 'units'; it has au, expression, va"):
        enter_stage(make_network(AuRelationOptions()), "units")
    with pytest.raises(ValueError, match="no stage 'au'; it has joint"):
        enter_stage(make_network(DanOptions()), "au")
    with pytest.raises(ValueError, match="Linear has no stage 'au'; it has none"):
        enter_stage(torch.nn.Linear(2, 2), "au")


def test_enter_stage_recurrent_keeps_the_cnn(make_network):
    network = make_network(RecurrentOptions())
    parameters = {id(p) for p in enter_stage(network, "recurrent")}
    assert parameters.isdisjoint(id(p) for p in network.backbone.parameters())
    assert len(parameters) == len(list(network.parameters())) - len(list(network.backbone.parameters()))
