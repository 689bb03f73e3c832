"""A twin of an exported model that computes in bytes: the same answers to about .01, for half of the time.

Weights of the convolutions become int8, one scale a channel; their inputs become uint8, with ranges seen on training
faces (static quantisation: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference"). The first layers stay as they are: their few channels lose most and cost least.

Processors with dot products of bytes gain (:mod:`fer_core.infer.processor`); on others the sums may overflow, so the
program does not run the twin there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from fer_core.data.shards import Shard, drawn_training_faces
from fer_core.export import read_card
from fer_core.files import replacing
from fer_core.infer.engine import INPUT
from fer_core.infer.model_card import CARD_KEY, ModelCard
from fer_core.infer.shipped_models import byte_twin
from fer_core.types import ImageU8

#: Training faces whose ranges are taken.
FACES = 512
#: Convolutions at the beginning of the network that keep their precision.
KEPT = 3


def quantise(model: Path, shards: Sequence[Shard]) -> Path:
    """Writes the twin beside a model of :func:`fer_core.export.export_onnx`, card and all.

    Args:
        model: ONNX file.
        shards: prepared data; the largest gives the faces.

    Returns:
        The twin, named by :func:`fer_core.infer.shipped_models.byte_twin`.

    Raises:
        DataError: when there are no training faces.
    """
    faces = drawn_training_faces(shards, FACES)
    graph = onnx.load(str(model))
    convolutions = [node for node in graph.graph.node if node.op_type == "Conv"][KEPT:]
    # With its convolution, a clip is one step: what it would cut off needs no place among the 256 values.
    given = {node.output[0] for node in convolutions}
    clips = [node for node in graph.graph.node if node.op_type in ("Clip", "Relu") and node.input[0] in given]
    card = _card_of(graph, str(model))
    onnx.helper.set_model_props(graph, {CARD_KEY: card.to_json()})
    twin = byte_twin(model)
    with replacing(twin) as partial:
        quantize_static(
            graph,
            partial,
            _Faces(faces),
            quant_format=QuantFormat.QDQ,
            nodes_to_quantize=[node.name for node in (*convolutions, *clips)],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    twin.with_suffix(".json").write_text(card.to_json() + "\n", encoding="utf-8")
    return twin


def _card_of(graph: onnx.ModelProto, source: str) -> ModelCard:
    card = read_card(graph, source)
    made = {"faces": FACES, "kept": KEPT, "figures_of": card.name}  # what the card says was measured on the other file
    return replace(card, name=f"{card.name}-int8", training={**card.training, "int8": made})


class _Faces(CalibrationDataReader):  # type: ignore[misc]
    """Crops, one a call."""

    def __init__(self, crops: Iterable[ImageU8]) -> None:
        self._crops = iter(crops)

    def get_next(self) -> dict[str, ImageU8] | None:
        crop = next(self._crops, None)
        return None if crop is None else {INPUT: crop[None]}
