import numpy as np
import pytest
import torch

from fer_core.models.cross_attention import CrossAttention

B, E, A, H = 4, 3, 5, 6


@pytest.fixture
def attention() -> CrossAttention:
    torch.manual_seed(0)
    return CrossAttention(E, A, H)


def test_cross_attention_equals_the_formula(attention):
    probs, logits = torch.rand(B, A), torch.randn(B, E) * 3
    got = attention(probs, logits).detach().numpy()
    w_q, w_k, w_v = (
        layer.weight.detach().numpy().astype(float) for layer in (attention.query, attention.key, attention.score)
    )
    for b in range(B):
        hidden = [
            np.tanh(
                sum(w_q[n, i] * probs[b, i].item() for i in range(A))
                + sum(w_k[n, e] * logits[b, e].item() for e in range(E))
            )
            for n in range(H)
        ]
        scores = [sum(w_v[e, n] * hidden[n] for n in range(H)) for e in range(E)]
        shares = [np.exp(s) / sum(np.exp(t) for t in scores) for s in scores]
        np.testing.assert_allclose(got[b], [a * logits[b, e].item() for e, a in enumerate(shares)], atol=1e-5)


def test_cross_attention_weights_sum_to_one_and_depend_on_units(attention):
    logits = torch.randn(B, E)
    first, second = attention.weights(torch.zeros(B, A), logits), attention.weights(torch.ones(B, A), logits)
    torch.testing.assert_close(first.sum(dim=1), torch.ones(B))
    assert not torch.allclose(first, second, atol=1e-3)


def test_cross_attention_without_scores_divides_evenly(attention):
    with torch.no_grad():
        attention.score.weight.zero_()
    logits = torch.randn(B, E)
    torch.testing.assert_close(attention(torch.rand(B, A), logits), logits / E)


def test_cross_attention_gradients(attention):
    inputs = (torch.rand(B, A, dtype=torch.double), torch.randn(B, E, dtype=torch.double))
    assert torch.autograd.gradcheck(attention.double(), tuple(t.requires_grad_() for t in inputs))
