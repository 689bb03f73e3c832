import numpy as np
import pytest
import torch

from fer_core.data.label_correlation import label_adjacency
from fer_core.data.label_embeddings import node_words, read_embeddings
from fer_core.labels import EXPRESSIONS
from fer_core.models.emotion_gcn import EmotionGcnHead, EmotionGcnOptions, GraphConvolution
from fer_core.models.head import Features

F, A = 6, 5
CORRELATION = np.array([[0.5, -0.2], [0.05, 0.4], [0.0, 0.3], [-0.6, -0.02]] * 2)


def made_head(**options) -> EmotionGcnHead:
    torch.manual_seed(0)
    return EmotionGcnHead(F, EXPRESSIONS, A, EmotionGcnOptions(hidden=7, **options), CORRELATION)


def test_graph_convolution_equals_the_sum_over_neighbours():
    torch.manual_seed(0)
    convolution, nodes, adjacency = GraphConvolution(4, 3), torch.randn(5, 4), torch.rand(5, 5)
    got = convolution(nodes, adjacency).detach().numpy()
    weight = convolution.weight.detach().numpy()
    for i in range(5):
        expected = sum(adjacency[i, j].item() * (nodes[j].numpy() @ weight) for j in range(5))
        np.testing.assert_allclose(got[i], expected, atol=1e-5)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(("threshold", "weight"), [(0.1, 0.7), (0.0, 0.2), (1.0, 0.7)])
def test_learned_vectors_equal_a_naive_network(layers, threshold, weight):
    head = made_head(layers=layers, threshold=threshold, weight=weight)
    adjacency = label_adjacency(CORRELATION, threshold, weight)
    nodes = read_embeddings(node_words(EXPRESSIONS)).astype(float)
    for depth in range(layers):
        matrix = head.convolutions[depth].weight.detach().numpy().astype(float)
        nodes = np.array([sum(adjacency[i, j] * (nodes[j] @ matrix) for j in range(10)) for i in range(10)])
        if depth < layers - 1:
            nodes = np.where(nodes > 0, nodes, 0.2 * nodes)
    np.testing.assert_allclose(head.learned_vectors().detach().numpy(), nodes, atol=1e-5)
    assert len(head.convolutions) == layers


def test_emotion_gcn_multiplies_features_with_classifiers_and_regressors():
    head, x = made_head(), torch.randn(3, F)
    outputs = head(Features(x))
    vectors = head.learned_vectors()
    for b in range(3):
        for e in range(8):
            assert outputs.expression_logits[b, e].item() == pytest.approx((vectors[e] @ x[b]).item(), abs=1e-5)
        for d in range(2):
            assert outputs.va[b, d].item() == pytest.approx(np.tanh((vectors[8 + d] @ x[b]).item()), abs=1e-5)
    assert outputs.au_logits.shape == (3, A)
    torch.testing.assert_close(outputs.features, x)


def test_emotion_gcn_joins_expressions_where_asked():
    conditional = np.full((8, 8), 0.05)
    conditional[2, 6] = 0.4
    options = EmotionGcnOptions(hidden=7, expression_edges=True)
    head = EmotionGcnHead(F, EXPRESSIONS, A, options, CORRELATION, conditional)
    assert head.adjacency[2, 6] > 0
    assert head.adjacency[6, 2] == 0
    assert made_head().adjacency[2, 6] == 0
    with pytest.raises(ValueError, match="expression_edges needs"):
        EmotionGcnHead(F, EXPRESSIONS, A, options, CORRELATION)


def test_emotion_gcn_linear_regressors_are_cut_when_served():
    head, features = made_head(tanh=False), Features(torch.randn(3, F) * 100)
    assert head.train()(features).va.abs().max() > 1
    served = head.eval()(features).va
    torch.testing.assert_close(served, head.train()(features).va.clamp(-1, 1))


def test_emotion_gcn_gradients():
    head = made_head().double().eval()
    x = torch.randn(2, F, dtype=torch.double, requires_grad=True)
    weight = head.convolutions[0].weight.detach().clone().requires_grad_()

    def answers(x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, ...]:
        changed = {"convolutions.0.weight": weight}
        outputs = torch.func.functional_call(head, changed, (Features(x),))
        return outputs.expression_logits, outputs.va

    assert torch.autograd.gradcheck(answers, (x, weight))


def test_emotion_gcn_an_expression_teaches_the_dimensions_it_goes_with():
    head = made_head(layers=1)
    head(Features(torch.randn(2, F))).expression_logits[:, 0].sum().backward()
    assert head.convolutions[0].weight.grad.abs().max() > 0
    before = head.learned_vectors()[8].detach().clone()
    torch.optim.SGD(head.parameters(), lr=0.5).step()
    assert not torch.allclose(head.learned_vectors()[8], before)


def test_emotion_gcn_checkpoint_carries_its_graph():
    trained = made_head()
    restored = EmotionGcnHead(F, EXPRESSIONS, A, EmotionGcnOptions(hidden=7))
    restored.load_state_dict(trained.state_dict())
    x = Features(torch.randn(2, F))
    torch.testing.assert_close(restored(x).va, trained(x).va, rtol=0, atol=0)


def test_emotion_gcn_does_not_train_without_a_graph():
    head = EmotionGcnHead(F, EXPRESSIONS, A, EmotionGcnOptions())
    with pytest.raises(ValueError, match="no graph: give it the label correlation"):
        head(Features(torch.zeros(1, F)))
    with pytest.raises(ValueError, match=r"must be \(8, 2\), got \(7, 2\)"):
        head.set_correlation(CORRELATION[:7])


def test_emotion_gcn_reads_other_embeddings(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "glove.txt"
    lines = [f"{word} " + " ".join(f"{v:.4f}" for v in rng.normal(size=11)) for word in node_words(EXPRESSIONS)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert made_head(embeddings=str(path)).convolutions[0].weight.shape == (11, 7)


@pytest.mark.parametrize(("name", "value"), [("threshold", 1.5), ("weight", -0.1)])
def test_emotion_gcn_options_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} must be between 0 and 1"):
        EmotionGcnOptions(**{name: value})


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_emotion_gcn_exports(make_network, assert_exports, layers):
    assert_exports(make_network(EmotionGcnOptions(layers=layers, hidden=16)))
