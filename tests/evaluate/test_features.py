import numpy as np
import onnx
import pytest
from onnx import helper

from fer_core.evaluate.features import FeatureReader, features_tensor
from fer_core.infer.engine import Engine


def _graph(*nodes: onnx.NodeProto) -> onnx.GraphProto:
    return helper.make_graph(nodes, "made", [], [])


@pytest.mark.parametrize("linear", ["Gemm", "MatMul"])
def test_features_tensor_is_what_the_last_linear_layer_of_the_expressions_reads(linear: str) -> None:
    graph = _graph(
        helper.make_node("Gemm", ["pixels", "w0"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node(linear, ["active", "w1"], ["logits"]),
        helper.make_node("Gemm", ["active", "w2"], ["va"]),
        helper.make_node("Softmax", ["logits"], ["expression_probs"]),
    )
    assert features_tensor(graph) == "active"


def test_features_tensor_is_empty_without_a_linear_layer() -> None:
    assert features_tensor(_graph(helper.make_node("Softmax", ["level"], ["expression_probs"]))) == ""
    assert features_tensor(_graph(helper.make_node("Constant", [], ["expression_probs"]))) == ""


def test_feature_reader_answers_as_the_engine_and_keeps_what_the_classifier_reads() -> None:
    engine = Engine(device="cpu")
    reader = FeatureReader(engine)
    assert reader.features() is None
    side = engine.card.geometry.size_px
    crops = np.random.default_rng(0).integers(0, 256, (3, side, side, 3), np.uint8)
    answers = [reader.run(crops[:2]), reader.run(crops[2:])]
    for found, expected in zip(map(np.concatenate, zip(*answers, strict=True)), engine.run(crops), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    features = reader.features()
    assert features is not None
    assert features.shape == (3, 1024)
    # The valence-arousal layer reads the same features: its weights must give its answers.
    weights = {i.name: onnx.numpy_helper.to_array(i) for i in onnx.load(str(engine.path)).graph.initializer}
    w, b = (next(v for k, v in weights.items() if k.endswith(f"va.{kind}")) for kind in ("weight", "bias"))
    np.testing.assert_allclose(np.tanh(features @ w.T + b), engine.run(crops)[1], atol=1e-4)
