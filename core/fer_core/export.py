"""From a training checkpoint to the ONNX file that the program runs, with its card inside and beside it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from fer_core.files import replacing
from fer_core.infer.engine import INPUT, OUTPUTS, Engine
from fer_core.infer.model_card import CARD_KEY, ModelCard
from fer_core.models.multitask import LUMA, MultitaskNet, Outputs, centred
from fer_core.models.resize import AntialiasResize
from fer_core.models.serving import for_serving

#: Largest difference between PyTorch and ONNX Runtime on any output.
PARITY = 1e-4
OPSET = 17


class ServedNet(nn.Module):
    """The network as the program calls it: bytes in, probabilities out.

    Args:
        network: in evaluation mode.
        temperature: divides the expression logits; 1 leaves them (Guo et al. 2017).
        crop_px: side of the aligned crop.
        input_px: side at which the network was trained.
    """

    def __init__(self, network: nn.Module, temperature: float, crop_px: int, input_px: int) -> None:
        super().__init__()
        self.network = network
        self.resize = AntialiasResize(crop_px, input_px)
        self.temperature = temperature

    def forward(self, image_rgb_u8: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, S, S, 3) uint8 to expression_probs (N, E), va (N, 2), au_probs (N, A)."""
        return self.probabilities(self.network(self.resize(image_rgb_u8.permute(0, 3, 1, 2).float())))

    def probabilities(self, outputs: Outputs) -> tuple[Tensor, Tensor, Tensor]:
        """What the file answers, from raw answers."""
        probs = (outputs.expression_logits / self.temperature).softmax(dim=1)
        return probs, outputs.va, outputs.au_logits.sigmoid()


class _CheaperNet(nn.Module):
    """A :class:`ServedNet` of linear heads in fewer operations: luminance first, then everything on one channel."""

    def __init__(self, served: ServedNet, network: MultitaskNet, input_px: int) -> None:
        super().__init__()
        self.served = served
        self.network = network
        self.backbone = for_serving(network.backbone, input_px)

    def forward(self, image_rgb_u8: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        red, green, blue = (image_rgb_u8[..., c].float() * LUMA[c] for c in range(3))  # (N, S, S)
        features = self.backbone(centred(self.served.resize((red + green + blue)[:, None])))
        return self.served.probabilities(self.network.answers(features))


def _cheaper(served: ServedNet, network: nn.Module, input_px: int) -> nn.Module:
    return _CheaperNet(served, network, input_px) if isinstance(network, MultitaskNet) else served


def export_onnx(
    network: nn.Module, card: ModelCard, path: Path, temperature: float = 1.0, input_px: int | None = None
) -> float:
    """Writes ``path`` and ``path`` with suffix ``.json``; returns the largest difference found by the parity check.

    ``input_px`` is the side at which the network was trained, that of the crop when None.

    A file of that name is replaced only by a network that passed the check.

    Raises:
        ValueError: when PyTorch and ONNX Runtime differ by more than ``PARITY``.
    """
    crop_px = card.geometry.size_px
    input_px = input_px or crop_px
    served = ServedNet(network, temperature, crop_px, input_px).eval()
    with replacing(path) as partial:
        _write_onnx(_cheaper(served, network, input_px).eval(), card, partial)
        difference = parity(served, partial, card.geometry.size_px)
        if difference > PARITY:
            raise ValueError(f"{path}: ONNX Runtime differs from PyTorch by {difference:.2e}, more than {PARITY}")
    path.with_suffix(".json").write_text(card.to_json() + "\n", encoding="utf-8")
    return difference


def read_card(graph: onnx.ModelProto, source: str) -> ModelCard:
    """The card in a graph; ``source`` begins every message.

    Raises:
        ModelError: when there is none.
    """
    return ModelCard.from_metadata({entry.key: entry.value for entry in graph.metadata_props}, source)


def _write_onnx(served: nn.Module, card: ModelCard, path: Path) -> None:
    side = card.geometry.size_px
    example = torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8)
    with warnings.catch_warnings():
        # Of the exporter that traces, which we choose: its successor needs one more package and rewrites the network.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Of constants in the trace, such as the weights of luminance; the parity check would find one that is not.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        # Of the amounts of padding, which ONNX Runtime folds when it loads the file.
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        torch.onnx.export(
            served,
            (example,),
            str(path),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "faces"} for name in (INPUT, *OUTPUTS)},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {CARD_KEY: card.to_json()})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


@torch.inference_mode()
def parity(served: nn.Module, path: Path, side_px: int, count: int = 16) -> float:
    """Largest absolute difference over all outputs on random and on smooth crops."""
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (count, side_px, side_px, 3), np.uint8)
    crops[::2] = np.linspace(0, 255, side_px, dtype=np.uint8)[None, :, None, None]
    engine = Engine(path, device="cpu")
    expected = served(torch.from_numpy(crops))
    return max(float(np.abs(e.numpy() - got).max()) for e, got in zip(expected, engine.run(crops), strict=True))
