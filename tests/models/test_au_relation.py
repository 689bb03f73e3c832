import itertools

import numpy as np
import pytest
import torch

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.models.au_relation import AuRelationHead, AuRelationOptions, BatchNormVa
from fer_core.models.head import Features

EVERY = [
    AuRelationOptions(au=au, cross_attention=attention, batch_norm_va=norm)
    for au, attention, norm in itertools.product(("graph", "nodes", "linear"), (True, False), (True, False))
]


@pytest.mark.parametrize("options", EVERY)
def test_au_relation_shapes_and_ranges(options):
    torch.manual_seed(0)
    head = AuRelationHead(10, 8, 6, options)
    outputs = head(Features(torch.randn(5, 10)))
    assert outputs.expression_logits.shape == (5, 8)
    assert outputs.va.shape == (5, 2)
    assert outputs.au_logits.shape == (5, 6)
    assert outputs.features.shape == (5, 10)
    assert outputs.va.abs().max() <= 1
    sum(t.square().sum() for t in (outputs.expression_logits, outputs.va, outputs.au_logits)).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in head.parameters())


def test_au_relation_attends_to_probabilities_of_units():
    torch.manual_seed(0)
    head, x = AuRelationHead(10, 8, 6, AuRelationOptions(node_size=8)).eval(), torch.randn(3, 10)
    outputs = head(Features(x))
    probs = head.au(x)
    torch.testing.assert_close(outputs.au_logits.sigmoid(), probs, atol=2e-4, rtol=0)
    torch.testing.assert_close(outputs.expression_logits, head.attention(probs, head.expression(x)))


def test_batch_norm_va_equals_the_formula():
    torch.manual_seed(0)
    va, x = BatchNormVa(4), torch.randn(9, 4)
    with torch.no_grad():
        va.norm.weight.uniform_(0.5, 2)
        va.norm.bias.normal_()
        got = va(x).numpy()
    weight, bias = va.linear.weight.detach().numpy(), va.linear.bias.detach().numpy()
    raw = np.array([[weight[d] @ row + bias[d] for d in range(2)] for row in x.numpy()])
    normed = (raw - raw.mean(axis=0)) / np.sqrt(raw.var(axis=0) + va.norm.eps)
    expected = np.tanh(normed * va.norm.weight.detach().numpy() + va.norm.bias.detach().numpy())
    np.testing.assert_allclose(got, expected, atol=1e-5)


# Attention may saturate on a wrong expression, whose logit then has no rival that can still change.
@pytest.mark.parametrize(("attention", "least_right"), [(True, 6), (False, 8)])
def test_au_relation_overfits_a_few_faces(attention, least_right):
    torch.manual_seed(0)
    head = AuRelationHead(12, 4, 5, AuRelationOptions(node_size=16, neighbours=2, cross_attention=attention))
    x, expression = torch.randn(8, 12), torch.arange(8) % 4
    units = torch.randint(0, 2, (8, 5)).float()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(150):
        outputs = head(Features(x))
        loss = torch.nn.functional.cross_entropy(outputs.expression_logits, expression)
        loss = loss + torch.nn.functional.binary_cross_entropy_with_logits(outputs.au_logits, units)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    outputs = head(Features(x))
    assert (outputs.expression_logits.argmax(dim=1) == expression).sum() >= least_right
    assert torch.equal((outputs.au_logits > 0).float(), units)


@pytest.mark.parametrize("options", [EVERY[0], EVERY[4], EVERY[-1]])
def test_au_relation_exports(make_network, assert_exports, options):
    assert_exports(make_network(options))


def test_au_relation_options_are_checked():
    with pytest.raises(ValueError, match="au must be one of 'graph', 'nodes', 'linear', not 'grpah'"):
        AuRelationOptions(au="grpah")
    with pytest.raises(ValueError, match="node_size must be at least 1, not 0"):
        AuRelationOptions(node_size=0)
    with pytest.raises(ValueError, match=f"between 1 and the {len(ACTION_UNITS)} action units"):
        AuRelationHead(4, len(EXPRESSIONS), len(ACTION_UNITS), AuRelationOptions(neighbours=99))


@pytest.mark.parametrize("training", [True, False])
def test_au_relation_gradcheck(training):
    torch.manual_seed(0)
    head = (
        AuRelationHead(5, 3, 4, AuRelationOptions(node_size=6, neighbours=2, attention_size=3)).double().train(training)
    )
    x = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)

    def answers(pooled):
        outputs = head(Features(pooled))
        return outputs.expression_logits, outputs.va, outputs.au_logits

    assert torch.autograd.gradcheck(answers, x)
