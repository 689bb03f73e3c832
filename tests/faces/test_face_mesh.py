"""The shipped mesh against the one inside the mediapipe wheel, which MediaPipe's own graph runs."""

from pathlib import Path

import cv2
import mediapipe
import numpy as np
import pytest
from google.protobuf import text_format
from mediapipe.framework import calculator_pb2
from mediapipe.python import packet_creator, packet_getter
from mediapipe.python._framework_bindings import calculator_graph, image_frame, resource_util

from fer_core.faces.networks import MESH_INPUT_PX, MeshNetwork
from fer_core.faces.roi import Roi

# Names are those of MediaPipe: a picture of 192x192 pixels in, two vectors out.
GRAPH = """
input_stream: "image" output_stream: "landmarks" output_stream: "presence"
node { calculator: "ImageToTensorCalculator" input_stream: "IMAGE:image" output_stream: "TENSORS:input"
  options { [mediapipe.ImageToTensorCalculatorOptions.ext] {
    output_tensor_width: 192 output_tensor_height: 192 output_tensor_float_range { min: 0 max: 1 } } } }
node { calculator: "InferenceCalculatorCpu" input_stream: "TENSORS:input" output_stream: "TENSORS:output"
  options { [mediapipe.InferenceCalculatorOptions.ext] {
    model_path: "mediapipe/modules/face_landmark/face_landmark.tflite" delegate { xnnpack { num_threads: 1 } } } } }
node { calculator: "SplitTensorVectorCalculator" input_stream: "output"
  output_stream: "landmark_tensors" output_stream: "presence_tensors"
  options { [mediapipe.SplitVectorCalculatorOptions.ext] { ranges { begin: 0 end: 1 } ranges { begin: 1 end: 2 } } } }
node { calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:landmark_tensors"
  output_stream: "FLOATS:landmarks" }
node { calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:presence_tensors"
  output_stream: "FLOAT:presence"
  options { [mediapipe.TensorsToFloatsCalculatorOptions.ext] { activation: SIGMOID } } }
"""
WHOLE = Roi(MESH_INPUT_PX / 2, MESH_INPUT_PX / 2, MESH_INPUT_PX, 0.0)


@pytest.fixture(scope="module")
def ask_mediapipe():
    resource_util.set_resource_dir(str(Path(mediapipe.__file__).parents[1]))
    config = text_format.Parse(GRAPH, calculator_pb2.CalculatorGraphConfig())
    graph = calculator_graph.CalculatorGraph(graph_config=config)
    answers = {}
    for name in ("landmarks", "presence"):
        graph.observe_output_stream(name, answers.__setitem__, False)
    graph.start_run()

    def ask(region: np.ndarray, time: int) -> tuple[np.ndarray, float]:
        frame = image_frame.ImageFrame(image_format=image_frame.ImageFormat.SRGB, data=region)
        graph.add_packet_to_input_stream(stream="image", packet=packet_creator.create_image_frame(frame).at(time))
        graph.wait_until_idle()
        landmarks = np.array(packet_getter.get_float_list(answers["landmarks"]), np.float32).reshape(-1, 3)
        return landmarks, packet_getter.get_float(answers["presence"])

    yield ask
    graph.close_all_packet_sources()
    graph.wait_until_done()


def regions(photo: np.ndarray) -> list[np.ndarray]:
    """A face, in place, turned, small, dark and blurred; noise; nothing."""
    face = cv2.resize(photo[60:330, 190:460], (MESH_INPUT_PX, MESH_INPUT_PX), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(0).integers(0, 256, face.shape, np.uint8)
    small = cv2.copyMakeBorder(cv2.resize(face, (96, 96)), 48, 48, 48, 48, cv2.BORDER_REPLICATE)
    variants = [face, np.rot90(face), small, face // 3, cv2.blur(face, (9, 9)), noise, np.zeros_like(face)]
    return [np.ascontiguousarray(variant) for variant in variants]


def test_mesh_network_answers_as_mediapipes_graph(photo, ask_mediapipe):
    network = MeshNetwork()
    for time, region in enumerate(regions(photo), start=1):
        landmarks, presence = ask_mediapipe(region, time)
        (mesh,) = network.run(region, [WHOLE])
        np.testing.assert_allclose(mesh.landmarks_px, landmarks, atol=2e-3)
        assert mesh.presence == pytest.approx(presence, abs=1e-6)
