import numpy as np
import onnxruntime
import pytest
import torch

from fer_core.export import OPSET
from fer_core.models.recurrent import RecurrentOptions

T = 4


@pytest.fixture
def clips() -> torch.Tensor:
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.uniform(0, 255, (2, T, 3, 48, 48)).astype(np.float32))


def naive_gru(gru: torch.nn.GRU, frames: np.ndarray) -> np.ndarray:
    """Hidden states of the last layer (T, H), gate by gate."""

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    for layer in range(gru.num_layers):
        names = (f"weight_ih_l{layer}", f"weight_hh_l{layer}", f"bias_ih_l{layer}", f"bias_hh_l{layer}")
        w_x, w_h, b_x, b_h = (getattr(gru, name).detach().numpy().astype(float) for name in names)
        h, states = np.zeros(gru.hidden_size), []
        for x in frames:
            reset_x, update_x, new_x = np.split(w_x @ x + b_x, 3)
            reset_h, update_h, new_h = np.split(w_h @ h + b_h, 3)
            update = sigmoid(update_x + update_h)
            h = (1 - update) * np.tanh(new_x + sigmoid(reset_x + reset_h) * new_h) + update * h
            states.append(h)
        frames = np.array(states)
    return frames


@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_equals_a_naive_gru_over_the_cnn(make_network, clips, layers):
    network = make_network(RecurrentOptions(hidden=6, layers=layers, every_frame=True))
    with torch.inference_mode():
        outputs = network(clips)
        for b in range(2):
            features = np.stack([network.frame_features(frame[None])[0].numpy() for frame in clips[b]])
            hidden = torch.from_numpy(naive_gru(network.gru, features.astype(float))).float()
            rows = slice(b * T, (b + 1) * T)
            torch.testing.assert_close(outputs.features[rows], hidden, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(outputs.va[rows], torch.tanh(network.va(hidden)), atol=1e-5, rtol=1e-4)
    assert outputs.expression_logits.shape == (2 * T, 8)
    assert outputs.au_logits.shape == (2 * T, 18)


def test_recurrent_gradcheck(make_network):
    torch.manual_seed(0)
    network = make_network(RecurrentOptions(hidden=4)).double()
    frames = torch.randn(2, T, network.gru.input_size, dtype=torch.float64) * 0.3

    def answers(values):
        hidden, _ = network.sequence(values)
        return network.va(hidden[:, -1]).tanh()

    some = torch.randn(2, T, 3, dtype=torch.float64, requires_grad=True)
    spread = torch.randn(3, network.gru.input_size, dtype=torch.float64) * 0.2
    assert torch.autograd.gradcheck(lambda t: answers(frames + t @ spread), some)


def test_recurrent_answers_for_the_last_frame(make_network, clips):
    last = make_network(RecurrentOptions(hidden=6))
    every = make_network(RecurrentOptions(hidden=6, every_frame=True))
    with torch.inference_mode():
        torch.testing.assert_close(last(clips).va, every(clips).va[T - 1 :: T])


def test_recurrent_sees_no_later_frame(make_network, clips):
    network = make_network(RecurrentOptions(hidden=6, every_frame=True))
    changed = clips.clone()
    changed[:, 2:] = 255 - changed[:, 2:]
    with torch.inference_mode():
        before, after = network(clips).va.view(2, T, 2), network(changed).va.view(2, T, 2)
    torch.testing.assert_close(after[:, :2], before[:, :2])
    assert not torch.allclose(after[:, 3], before[:, 3], atol=1e-4)


def test_recurrent_streams_to_the_same_answers(make_network, clips):
    network = make_network(RecurrentOptions(hidden=6, every_frame=True))
    with torch.inference_mode():
        expected, state = network(clips).va.view(2, T, 2), None
        for t in range(T):
            outputs, state = network.stream(clips[:, t], state)
            torch.testing.assert_close(outputs.va, expected[:, t], atol=1e-6, rtol=1e-5)


def test_recurrent_takes_an_image_as_a_clip_of_one_frame(make_network, clips):
    network = make_network(RecurrentOptions(hidden=6))
    with torch.inference_mode():
        torch.testing.assert_close(network(clips[:, 0]).va, network(clips[:, :1]).va)
    with pytest.raises(ValueError, match=r"clips must be \(B, T, 3, S, S\)"):
        network(clips[0, 0])


def test_recurrent_gradient_reaches_the_first_frame(make_network, clips):
    network = make_network(RecurrentOptions(hidden=6)).train()
    clips.requires_grad_()
    network(clips).va.square().sum().backward()
    assert clips.grad[:, 0].abs().max() > 0
    assert all(torch.isfinite(p.grad).all() for p in network.gru.parameters())


@pytest.mark.filterwarnings("ignore")  # of the tracing exporter; what they fear is what this test measures
def test_recurrent_step_exports_with_its_state(make_network, clips, tmp_path):
    network = make_network(RecurrentOptions(hidden=8))

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, ...]:
            outputs, state = self.network.stream(image, state)
            return outputs.expression_logits, outputs.va, outputs.au_logits, state

    path = tmp_path / "step.onnx"
    names = ["image", "state", "expression", "va", "au", "next_state"]
    torch.onnx.export(
        Step().eval(),
        (clips[:1, 0], torch.zeros(2, 1, 8)),
        str(path),
        input_names=names[:2],
        output_names=names[2:],
        dynamic_axes={name: {1 if "state" in name else 0: "faces"} for name in names},
        opset_version=OPSET,
        dynamo=False,
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    state, wanted_state = np.zeros((2, 2, 8), np.float32), None
    for t in range(T):
        with torch.inference_mode():
            wanted, wanted_state = network.stream(clips[:, t], wanted_state)
        expression, va, au, state = session.run(None, {"image": clips[:, t].numpy(), "state": state})
        answers = wanted.expression_logits, wanted.va, wanted.au_logits, wanted_state
        for ours, theirs in zip((expression, va, au, state), answers, strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)
