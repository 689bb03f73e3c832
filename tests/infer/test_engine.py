import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("onnx", reason="making a model needs the extra 'train'")

import onnx

from fer_core.infer.engine import INPUT, OUTPUTS, Engine, choose_provider, cpu_count, file_sha256
from fer_core.infer.model_card import CARD_KEY, ModelError
from fer_core.infer.shipped_models import SHIPPED_MODELS, STANDARD, ShippedModel
from fer_core.labels import ACTION_UNITS, EXPRESSIONS

WEIGHTS = {
    name: np.random.default_rng(i).normal(0, 2, (3, size)).astype(np.float32)
    for i, (name, size) in enumerate(zip(OUTPUTS, (len(EXPRESSIONS), 2, len(ACTION_UNITS)), strict=True))
}


def write_model(path, metadata: dict[str, str]) -> None:
    """Answers from the mean colour of each crop, by functions that NumPy can repeat."""
    node = onnx.helper.make_node
    nodes = [
        node("Cast", [INPUT], ["float"], to=onnx.TensorProto.FLOAT),
        node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
        node("Mul", ["mean", "scale"], ["colour"]),
    ]
    for name, activation in zip(OUTPUTS, ("Softmax", "Tanh", "Sigmoid"), strict=True):
        nodes += [node("MatMul", ["colour", f"w_{name}"], [f"raw_{name}"]), node(activation, [f"raw_{name}"], [name])]
    constants = [onnx.numpy_helper.from_array(w, f"w_{name}") for name, w in WEIGHTS.items()]
    constants.append(onnx.numpy_helper.from_array(np.array(1 / 255, np.float32), "scale"))
    graph = onnx.helper.make_graph(
        nodes,
        "made",
        [onnx.helper.make_tensor_value_info(INPUT, onnx.TensorProto.UINT8, ["faces", 16, 16, 3])],
        [
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["faces", w.shape[1]])
            for name, w in WEIGHTS.items()
        ],
        constants,
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def expected(crops: np.ndarray) -> tuple[np.ndarray, ...]:
    probs, va, au = (crops.mean(axis=(1, 2)) / 255 @ WEIGHTS[name] for name in OUTPUTS)
    return np.exp(probs) / np.exp(probs).sum(axis=1, keepdims=True), np.tanh(va), 1 / (1 + np.exp(-au))


@pytest.fixture(scope="module")
def model(tmp_path_factory, made):
    path = tmp_path_factory.mktemp("model") / "made.onnx"
    write_model(path, {CARD_KEY: made.card(geometry=made.card().geometry.scaled(16)).to_json()})
    return path


@pytest.fixture
def crops() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.integers(0, 256, (5, 1, 1, 3)) * rng.uniform(0.5, 1, (5, 16, 16, 3))).astype(np.uint8)


def test_engine_runs_the_model(model, crops):
    engine = Engine(model, "cpu")
    for got, want in zip(engine.run(crops), expected(crops), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)
    assert engine.provider == "CPUExecutionProvider"
    assert engine.threads == 1
    assert engine.path == model


def test_engine_card_comes_from_the_file(model):
    card = Engine(model, "cpu").card
    assert card.geometry.size_px == 16
    assert card.expressions == EXPRESSIONS
    assert card.action_units == ACTION_UNITS


def test_engine_affects_gives_one_answer_a_crop(model, crops):
    engine = Engine(model, "cpu")
    affects = engine.affects(list(crops))
    assert len(affects) == 5
    probs, va, au = expected(crops)
    for i, affect in enumerate(affects):
        np.testing.assert_allclose(affect.expression_probs, probs[i], atol=1e-5)
        assert affect.expression_probs.sum() == pytest.approx(1, abs=1e-5)
        assert (affect.valence, affect.arousal) == pytest.approx(tuple(va[i]), abs=1e-5)
        assert isinstance(affect.valence, float)
        np.testing.assert_allclose(affect.au_probs, au[i], atol=1e-5)
    assert engine.affects([]) == []


def test_engine_answer_does_not_depend_on_the_batch(model, crops):
    engine = Engine(model, "cpu")
    together, alone = engine.affects(list(crops)), [engine.affects([c])[0] for c in crops]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a.expression_probs, b.expression_probs, atol=1e-6)


def test_engine_is_safe_from_several_threads(model, crops):
    engine = Engine(model, "cpu")
    single = engine.run(crops)
    with ThreadPoolExecutor(4) as pool:
        for answers in pool.map(lambda _: engine.run(crops), range(20)):
            for got, want in zip(answers, single, strict=True):
                np.testing.assert_array_equal(got, want)


def test_engine_names_a_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"absent\.onnx: cannot be loaded as an ONNX model"):
        Engine(tmp_path / "absent.onnx", "cpu")


def test_engine_names_a_file_that_is_no_model(tmp_path):
    path = tmp_path / "text.onnx"
    path.write_text("not a network")
    with pytest.raises(ModelError, match=r"text\.onnx: cannot be loaded as an ONNX model"):
        Engine(path, "cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action_units": ACTION_UNITS[1:]}, "its au_probs is not what its model card says"),
        ({"expressions": EXPRESSIONS[:7]}, "its expression_probs is not what its model card says"),
        ({"action_units": (1, *ACTION_UNITS[:-1])}, "names a label twice"),
    ],
)
def test_engine_refuses_a_model_that_answers_otherwise_than_its_card_says(tmp_path, made, change, message):
    card = replace(made.card(geometry=made.card().geometry.scaled(16)), **change)
    write_model(tmp_path / "odd.onnx", {CARD_KEY: card.to_json()})
    with pytest.raises(ModelError, match=rf"odd\.onnx: .*{message}.*; export the model again"):
        Engine(tmp_path / "odd.onnx", "cpu")


def test_engine_refuses_crops_of_another_size_than_its_card_says(tmp_path, made):
    write_model(tmp_path / "odd.onnx", {CARD_KEY: made.card().to_json()})
    with pytest.raises(ModelError, match="its image_rgb_u8 is not what its model card says"):
        Engine(tmp_path / "odd.onnx", "cpu")


def test_engine_says_that_a_device_does_not_start(model, monkeypatch):
    """ONNX Runtime was built with it, and turns to the processor by itself where the driver is missing."""
    real = onnxruntime.InferenceSession
    present = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: present)
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda path, options, providers: real(path, options, providers=providers[-1:])
    )
    with pytest.raises(ValueError, match="--device cuda: it does not start"):
        Engine(model, "cuda")
    assert Engine(model, "auto").provider == "CPUExecutionProvider"


def test_engine_refuses_a_model_without_or_with_a_foreign_card(tmp_path):
    path = tmp_path / "bare.onnx"
    write_model(path, {})
    with pytest.raises(ModelError, match=r"bare\.onnx: has no model card; export it with: fer-core export"):
        Engine(path, "cpu")
    write_model(path, {CARD_KEY: "[]"})
    with pytest.raises(ModelError, match=r"bare\.onnx: its model card cannot be read"):
        Engine(path, "cpu")


def test_engine_without_the_shipped_model_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(SHIPPED_MODELS, STANDARD, ShippedModel("never-shipped.onnx", ""))
    with pytest.raises(FileNotFoundError, match=r"models/never-shipped\.onnx .*reinstall fer-studio"):
        Engine(device="cpu")


def test_choose_provider_prefers_accelerators(monkeypatch):
    def have(*providers):
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(providers))

    have("CPUExecutionProvider", "CUDAExecutionProvider")
    assert choose_provider("auto") == "CUDAExecutionProvider"
    assert choose_provider("cpu") == "CPUExecutionProvider"
    have("AzureExecutionProvider", "CPUExecutionProvider")
    assert choose_provider("auto") == "CPUExecutionProvider"
    with pytest.raises(ValueError, match="--device coreml: this machine's ONNX Runtime has only: cpu"):
        choose_provider("coreml")


def test_choose_provider_refuses_an_unknown_word(model):
    with pytest.raises(ValueError, match="--device gpu: unknown; choose auto, cuda, directml, coreml, cpu"):
        choose_provider("gpu")
    with pytest.raises(ValueError, match="--device gpu"):
        Engine(model, "gpu")


def test_file_sha256_hashes_the_content(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc" * 100_000)
    assert file_sha256(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_cpu_count_is_at_least_one():
    assert cpu_count() >= 1
