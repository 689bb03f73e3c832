import numpy as np
import pytest
import torch

from fer_core.models.au_graph import EPSILON, AuNodeFeatures, AuSimilarity, FacialGraph, probability_logits

B, F, A, D = 3, 7, 5, 4


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_node_features_are_one_layer_a_unit():
    nodes, x = AuNodeFeatures(F, A, D), torch.randn(B, F)
    expected = np.zeros((B, A, D))
    for b in range(B):
        for i in range(A):
            for d in range(D):
                row = nodes.linear.weight[i * D + d].detach().numpy()
                expected[b, i, d] = max(0.0, float(row @ x[b].numpy() + nodes.linear.bias[i * D + d].item()))
    np.testing.assert_allclose(nodes(x).detach().numpy(), expected, atol=1e-6)


def naive_adjacency(nodes: np.ndarray, k: int) -> np.ndarray:
    result = np.zeros((len(nodes), A, A))
    for b, v in enumerate(nodes):
        edges = np.zeros((A, A))
        for i in range(A):
            products = [float(v[i] @ v[j]) for j in range(A)]
            for j in sorted(range(A), key=lambda j: -products[j])[:k]:
                edges[i, j] = 1
        degree = edges.sum(axis=1)
        for i in range(A):
            for j in range(A):
                result[b, i, j] = edges[i, j] / np.sqrt(degree[i] * degree[j])
    return result


@pytest.mark.parametrize("k", [1, 2, 3, A])
def test_facial_graph_keeps_the_nearest_neighbours(k):
    nodes = torch.rand(B, A, D)
    adjacency = FacialGraph(A, D, k).adjacency(nodes)
    np.testing.assert_allclose(adjacency.numpy(), naive_adjacency(nodes.numpy(), k), atol=1e-6)
    np.testing.assert_allclose(adjacency.sum(dim=2).numpy(), 1, atol=1e-6)  # all nodes have k neighbours


def test_facial_graph_neighbours_that_tie_are_all_kept():
    adjacency = FacialGraph(A, D, 2).adjacency(torch.zeros(1, A, D))
    torch.testing.assert_close(adjacency, torch.full((1, A, A), 1 / A))


def test_facial_graph_equals_the_formula():
    graph, nodes = FacialGraph(A, D, 3).eval(), torch.rand(B, A, D)
    with torch.no_grad():
        graph.norm.running_mean.normal_()
        graph.norm.running_var.uniform_(0.5, 2)
        graph.norm.weight.uniform_(0.5, 2)
        graph.norm.bias.normal_()
        got = graph(nodes).numpy()
    own, others, norm = graph.own, graph.others, graph.norm
    w1, b1, w2, b2 = (t.detach().numpy() for t in (own.weight, own.bias, others.weight, others.bias))
    adjacency = naive_adjacency(nodes.numpy(), 3)
    for b in range(B):
        v = nodes[b].numpy()
        for i in range(A):
            message = w1 @ v[i] + b1 + sum(adjacency[b, i, j] * (w2 @ v[j] + b2) for j in range(A))
            scale = norm.weight[i].item() / np.sqrt(norm.running_var[i].item() + norm.eps)
            message = (message - norm.running_mean[i].item()) * scale + norm.bias[i].item()
            np.testing.assert_allclose(got[b, i], np.maximum(0, v[i] + message), atol=1e-5)


@pytest.mark.parametrize("k", [0, A + 1])
def test_facial_graph_needs_that_many_nodes(k):
    with pytest.raises(ValueError, match=f"between 1 and the {A} action units, not {k}"):
        FacialGraph(A, D, k)


def test_similarity_is_the_cosine_after_relu():
    similarity, nodes = AuSimilarity(A, D), torch.randn(B, A, D)
    got = similarity(nodes).detach().numpy()
    for b in range(B):
        for i in range(A):
            v = np.maximum(0, nodes[b, i].numpy())
            s = np.maximum(0, similarity.vectors[i].detach().numpy())
            norms = np.linalg.norm(v) * np.linalg.norm(s)
            expected = v @ s / norms if norms else 0.0
            assert got[b, i] == pytest.approx(expected, abs=1e-6)
    assert got.min() >= 0
    assert got.max() <= 1 + 1e-6


def test_similarity_of_a_node_without_activation_is_zero_with_a_gradient():
    similarity = AuSimilarity(A, D)
    nodes = -torch.ones(1, A, D, requires_grad=True)
    probs = similarity(nodes)
    probs.sum().backward()
    assert torch.equal(probs, torch.zeros(1, A))
    assert torch.isfinite(similarity.vectors.grad).all()


def test_probability_logits_are_undone_by_the_sigmoid():
    probs = torch.tensor([0.0, 1e-6, 0.3, 0.5, 0.9, 1.0, 1.0 + 1e-7], dtype=torch.double, requires_grad=True)
    logits = probability_logits(probs)
    torch.testing.assert_close(logits.sigmoid(), probs, atol=1.01 * EPSILON, rtol=0)
    assert torch.isfinite(logits).all()
    logits.sum().backward()
    assert (probs.grad > 0).all()  # at the ends too


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_similarity_stays_a_probability_in_half_precision(dtype):
    """Nodes along their unit's own vector: the cosine is 1, and does not round past it."""
    similarity = AuSimilarity(A, 128)
    nodes = (similarity.vectors.detach() * torch.rand(64, 1, 1) * 9).to(dtype)
    with torch.autocast("cpu", dtype):
        probs = similarity(nodes)
        logits = probability_logits(probs)
    torch.testing.assert_close(probs, torch.ones(64, A), atol=1e-5, rtol=0)
    assert torch.isfinite(logits).all()
    assert torch.isfinite(probability_logits(torch.tensor([0, 1], dtype=dtype))).all()


def test_au_graph_gradients():
    nodes = AuNodeFeatures(F, A, D).double()
    graph, similarity = FacialGraph(A, D, 3).double(), AuSimilarity(A, D).double()
    x = torch.randn(B, F, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: probability_logits(similarity(graph(nodes(t)))), x)
