"""A backbone that has seen millions of faces: MobileNet (Howard et al. 2017) trained to tell people apart.

The registry package ``@vladmandic/human`` (npm, 3.3.6, MIT) carries the face descriptor of HSE_FaceRec_tf as a
TensorFlow.js graph, ``models/faceres.json`` beside ``models/faceres.bin``: the identity features of Savchenko
("Efficient facial representations for age, gender and identity recognition in organizing photo albums using
multi-output ConvNet", PeerJ Computer Science 2019), learned on VGGFace2 (Cao et al. 2018). Here its convolutions become
the weights of timm's ``mobilenetv1_100``, so that a recipe may start from them.

The stored graph has its batch normalisation folded into the convolutions; :mod:`fer_core.models.unfolded` gives it
back.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from fer_core.data.errors import DataError
from fer_core.models.backbones import create_backbone
from fer_core.models.multitask import normalise
from fer_core.models.unfolded import Pair, unfold
from fer_core.types import Floats

#: The timm network with the same layers.
BACKBONE = "mobilenetv1_100"
#: What the descriptor subtracted from its blue, green and red input, 0..255.
_MEANS_BGR = (103.939, 116.779, 123.68)
#: Half of the range of luminance: a network of this project reads (l - 127.5) / 127.5.
_HALF = 127.5


def face_backbone(graph: Path, batches: Iterable[Tensor]) -> nn.Module:
    """The backbone with the descriptor's weights.

    Args:
        graph: ``faceres.json``, with its weights beside it.
        batches: images (B, 3, S, S) RGB in 0..255, of the size that it will learn with, to measure the statistics of
            its channels on; a thousand faces in all do.

    Returns:
        timm's ``mobilenetv1_100`` without classifier, in evaluation mode, for normalised luminance
        (:func:`fer_core.models.multitask.normalise`).

    Raises:
        DataError: when the files are not there, or of another graph.
    """
    tensors = read_tensorflow_js(graph)
    backbone = create_backbone(BACKBONE, imagenet=False).eval()
    try:
        folded = [_folded(tensors, name) for name in _layers()]
    except KeyError as error:
        raise DataError(f"{graph}: holds no {error}; it is not the face descriptor {BACKBONE} can start from") from None
    folded[0] = _for_luminance(*folded[0])
    unfold(lambda batch: backbone(normalise(batch)), list(_convolutions(backbone)), folded, batches)
    return backbone


def read_tensorflow_js(graph: Path) -> dict[str, Floats]:
    """The weights of a TensorFlow.js model by name, as float32; half precision is widened.

    Raises:
        DataError: when a file is missing, cut short or of another kind.
    """
    try:
        manifest = json.loads(graph.read_text(encoding="utf-8"))["weightsManifest"]
        tensors: dict[str, Floats] = {}
        for group in manifest:
            blob = b"".join((graph.parent / part).read_bytes() for part in group["paths"])
            offset = 0
            for entry in group["weights"]:
                stored = np.dtype(entry.get("quantization", {}).get("dtype", entry["dtype"])).newbyteorder("<")
                count = math.prod(entry["shape"])
                values = np.frombuffer(blob, stored, count, offset).reshape(entry["shape"])
                tensors[entry["name"]] = values.astype(np.float32)
                offset += count * stored.itemsize
        return tensors
    except OSError as error:
        raise DataError(f"{error.filename or graph}: cannot be read ({error.strerror or error})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{graph}: is no TensorFlow.js model with its weights beside it ({error})") from error


def _layers() -> list[str]:
    """Names of the descriptor's convolutions in the order of the network."""
    return ["conv1", *(f"conv_{kind}_{n}" for n in range(1, 14) for kind in ("dw", "pw"))]


def _folded(tensors: Mapping[str, Floats], layer: str) -> tuple[Floats, Floats]:
    """Kernel in PyTorch's order (out, in, height, width), with the scale of its normalisation; and bias."""
    bias = tensors[f"{layer}_bn/batchnorm_1/sub"]
    if layer.startswith("conv_dw"):
        kernel = tensors[f"{layer}/depthwise_kernel"].transpose(2, 3, 0, 1)  # (C, 1, 3, 3)
        return kernel * tensors[f"{layer}_bn/batchnorm_1/mul"][:, None, None, None], bias
    return np.ascontiguousarray(tensors[f"{layer}/convolution/merged_input"].transpose(3, 2, 0, 1)), bias


def _convolutions(backbone: nn.Module) -> Iterable[Pair]:
    """Each convolution with the normalisation after it."""
    network: Any = backbone
    yield network.conv_stem, network.bn1
    for group in network.blocks:
        for block in group:
            yield block.conv_dw, block.bn1
            yield block.conv_pw, block.bn2


def _for_luminance(kernel: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """From colours less their means to normalised luminance, three times: what the first layer computes of grey."""
    shift = kernel.sum(axis=(2, 3)) @ np.array([_HALF - mean for mean in _MEANS_BGR], np.float32)
    return kernel * np.float32(_HALF), bias + shift
