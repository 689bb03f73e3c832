"""Makes assets/models/face-mesh.onnx from the face mesh inside the mediapipe wheel. Run by hand, with the train extra:

    python -m pip install tflite==2.18.0
    python packaging/make_face_mesh.py [--out FILE]

The network is the same, weight by weight; tests/faces/test_networks.py holds it against MediaPipe's own graph. Three
things are said in another way, so that ONNX Runtime keeps its blocked layout from the first convolution to the last:

- bytes come in, and the division by 255 is part of the first convolution;
- ``PRelu(z)`` with slopes a is ``z + s * Relu(-|1 - a| * z)``, where s is the sign of 1 - a, of which the factors are
  depthwise convolutions of one pixel;
- a block that pads its shortcut with empty channels multiplies it with an identity matrix instead.

The answer of the presence is given before its sigmoid, of which float32 would keep less than the program uses.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import mediapipe
import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

SOURCE = Path(mediapipe.__file__).parent / "modules" / "face_landmark" / "face_landmark.tflite"
OUT = Path(__file__).resolve().parents[1] / "assets" / "models" / "face-mesh.onnx"
SIDE_PX = 192
POINTS = 468
OPSET = 17
#: Of ONNX; the oldest that knows the opset.
IR_VERSION = 8
NOTICE = "MediaPipe Face Mesh, (c) The MediaPipe Authors, Apache-2.0; converted from TensorFlow Lite"

TYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
OPERATORS = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}


class Converter:
    """Walks the operators in their order; pictures are (N, C, H, W) where TensorFlow Lite has (N, H, W, C)."""

    def __init__(self, content: bytes) -> None:
        self._model = tflite.Model.GetRootAsModel(content, 0)
        self._graph = self._model.Subgraphs(0)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        #: The name in ONNX of a tensor of TensorFlow Lite that is computed, by its number there.
        self._names: dict[int, str] = {}
        #: Weights that an operator of TensorFlow Lite has widened.
        self._widened: dict[int, np.ndarray] = {}

    def model(self) -> onnx.ModelProto:
        """The whole network."""
        picture = self._node("Cast", ["image_rgb_u8"], to=TensorProto.FLOAT)
        self._names[self._graph.Inputs(0)] = self._node("Transpose", [picture], perm=[0, 3, 1, 2])
        for k in range(self._graph.OperatorsLength()):
            self._convert(self._graph.Operators(k))
        by_size = {self._shape(t)[-1]: self._names[t] for t in self._graph.OutputsAsNumpy().tolist()}
        self._node("Reshape", [by_size[3 * POINTS], self._constant(np.array([-1, POINTS, 3]))], "landmarks_px")
        self._node("Reshape", [by_size[1], self._constant(np.array([-1]))], "presence_logit")
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self._nodes,
            "face_mesh",
            [value("image_rgb_u8", TensorProto.UINT8, ["faces", SIDE_PX, SIDE_PX, 3])],
            [
                value("landmarks_px", TensorProto.FLOAT, ["faces", POINTS, 3]),
                value("presence_logit", TensorProto.FLOAT, ["faces"]),
            ],
            self._weights,
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, doc_string=NOTICE)

    def _convert(self, operator: tflite.Operator) -> None:
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        kind = OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs, output = operator.InputsAsNumpy().tolist(), operator.Outputs(0)
        if kind == "DEQUANTIZE":
            self._widened[output] = self._weight(inputs[0]).astype(np.float32)
            return
        convert: dict[str, Callable[[tflite.Operator, list[int], int], str]] = {
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._depthwise,
            "PRELU": self._prelu,
            "ADD": self._add,
            "MAX_POOL_2D": self._max_pool,
            "PAD": self._pad_channels,
        }
        if kind not in convert:
            raise SystemExit(f"{SOURCE}: holds {kind}, for which this script knows no translation")
        self._names[output] = convert[kind](operator, inputs, output)

    def _convolution(self, operator: tflite.Operator, inputs: list[int], output: int) -> str:
        options = _options(operator, tflite.Conv2DOptions())
        weights = self._weight(inputs[1]).transpose(0, 3, 1, 2)
        if inputs[0] == self._graph.Inputs(0):
            weights = weights / np.float32(255)
        return self._convolve(options, inputs, output, weights, 1)

    def _depthwise(self, operator: tflite.Operator, inputs: list[int], output: int) -> str:
        options = _options(operator, tflite.DepthwiseConv2DOptions())
        weights = self._weight(inputs[1]).transpose(3, 0, 1, 2)
        return self._convolve(options, inputs, output, weights, len(weights))

    def _convolve(
        self,
        options: tflite.Conv2DOptions | tflite.DepthwiseConv2DOptions,
        inputs: list[int],
        output: int,
        weights: np.ndarray,
        group: int,
    ) -> str:
        assert options.FusedActivationFunction() == tflite.ActivationFunctionType.NONE
        stride, kernel = options.StrideH(), weights.shape[2]
        before = after = 0
        if options.Padding() == tflite.Padding.SAME:
            # As TensorFlow pads: an odd pixel goes to the right and to the bottom.
            total = max(0, (self._shape(output)[1] - 1) * stride + kernel - self._shape(inputs[0])[1])
            before, after = total // 2, total - total // 2
        operands = [self._names[inputs[0]], self._constant(weights), self._constant(self._weight(inputs[2]))]
        pads = [before, before, after, after]
        return self._node("Conv", operands, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, group=group)

    def _prelu(self, operator: tflite.Operator, inputs: list[int], output: int) -> str:
        z, factors = self._names[inputs[0]], 1 - self._weight(inputs[1]).ravel()
        negative = self._node("Relu", [self._scaled(z, -abs(factors))])
        return self._node("Add", [z, self._scaled(negative, np.sign(factors))])

    def _add(self, operator: tflite.Operator, inputs: list[int], output: int) -> str:
        return self._node("Add", [self._names[t] for t in inputs])

    def _max_pool(self, operator: tflite.Operator, inputs: list[int], output: int) -> str:
        options = _options(operator, tflite.Pool2DOptions())
        kernel, stride = options.FilterHeight(), options.StrideH()
        return self._node("MaxPool", [self._names[inputs[0]]], kernel_shape=[kernel] * 2, strides=[stride] * 2)

    def _pad_channels(self, operator: tflite.Operator, inputs: list[int], output: int) -> str:
        added = self._weight(inputs[1])
        assert not added[:3].any(), "only channels are padded"
        assert not added[3, 0], "only at their end"
        identity = np.eye(self._shape(output)[3], self._shape(inputs[0])[3], dtype=np.float32)
        weights = self._constant(identity[:, :, None, None])
        return self._node("Conv", [self._names[inputs[0]], weights], kernel_shape=[1, 1])

    def _scaled(self, name: str, factors: np.ndarray) -> str:
        """Each channel times its factor."""
        weights = self._constant(factors.reshape(-1, 1, 1, 1))
        return self._node("Conv", [name, weights], kernel_shape=[1, 1], group=len(factors))

    def _node(self, kind: str, inputs: list[str], output: str = "", **attributes: object) -> str:
        output = output or f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def _constant(self, values: np.ndarray) -> str:
        """Floats that half precision holds, as most weights here, are stored in it; loading widens them."""
        name = f"weight_{len(self._weights)}"
        half = values.astype(np.float16) if values.dtype == np.float32 else values
        if not np.array_equal(half, values):
            half = values
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(half), name))
        return self._node("Cast", [name], to=TensorProto.FLOAT) if half.dtype == np.float16 else name

    def _weight(self, tensor: int) -> np.ndarray:
        if tensor in self._widened:
            return self._widened[tensor]
        stored = self._graph.Tensors(tensor)
        content = self._model.Buffers(stored.Buffer()).DataAsNumpy()
        return np.frombuffer(content.tobytes(), TYPES[stored.Type()]).reshape(self._shape(tensor))

    def _shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(self._graph.Tensors(tensor).ShapeAsNumpy().tolist())


def _options(operator: tflite.Operator, options: tflite.Conv2DOptions) -> tflite.Conv2DOptions:
    table = operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return options


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    model = Converter(SOURCE.read_bytes()).model()
    onnx.checker.check_model(model)
    onnx.save(model, str(options.out))
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
