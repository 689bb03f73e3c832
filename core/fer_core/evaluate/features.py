"""What a model's classifier of expressions reads, taken out of its ONNX file while it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime

from fer_core.infer.engine import INPUT, OUTPUTS, Engine
from fer_core.types import Floats, ImageU8

#: Operators of a linear layer; the first input is what it reads.
_LINEAR = ("Gemm", "MatMul")


def features_tensor(graph: Any) -> str:
    """Name of the tensor that the last linear layer before the expression probabilities reads; "" without such a layer.

    Follows what each operator reads first. Of linear heads that is the backbone's feature vector.

    Args:
        graph: of an ``onnx.ModelProto``.
    """
    made_by = {output: node for node in graph.node for output in node.output}
    name = OUTPUTS[0]
    while name in made_by:
        node = made_by[name]
        if not node.input:
            return ""
        name = node.input[0]
        if node.op_type in _LINEAR:
            return str(name)
    return ""


@dataclass(slots=True)
class FeatureReader:
    """Answers as an engine does, and keeps the features of all faces in their order.

    Args:
        engine: whose model and provider are used.
    """

    engine: Engine
    _seen: list[Floats] = field(default_factory=list)
    _tensor: str = ""
    _session: Any = None

    def __post_init__(self) -> None:
        model = onnx.load(str(self.engine.path))
        self._tensor = features_tensor(model.graph)
        if self._tensor:
            model.graph.output.append(onnx.ValueInfoProto(name=self._tensor))
            self._session = onnxruntime.InferenceSession(model.SerializeToString(), providers=[self.engine.provider])

    def run(self, crops_rgb_u8: ImageU8) -> tuple[Floats, Floats, Floats]:
        """As :meth:`fer_core.infer.engine.Engine.run`."""
        if not self._tensor:
            return self.engine.run(crops_rgb_u8)
        probs, va, au, features = self._session.run([*OUTPUTS, self._tensor], {INPUT: crops_rgb_u8})
        self._seen.append(features.reshape(len(features), -1))
        return probs, va, au

    def features(self) -> Floats | None:
        """(N, F) of all faces so far; None where the model has no linear layer, or no face was seen."""
        return np.concatenate(self._seen) if self._seen else None
