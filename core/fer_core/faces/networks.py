"""MediaPipe's two face networks as plain functions of an image: a detector and a 468-point mesh.

Both run the models that ship inside the mediapipe wheel, through small graphs of our own instead of MediaPipe's
ready-made solution. That solution searches for new faces on every frame while fewer than the maximum are followed,
hides the presence score of the mesh, and hands over landmarks as thousands of protobuf messages. Here the tracker
decides when to search, sees the score, and gets arrays.

Neither class is safe for use from two threads at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import mediapipe
import numpy as np
import numpy.typing as npt
from google.protobuf import text_format  # type: ignore[import-untyped]
from mediapipe.framework import calculator_pb2
from mediapipe.python import packet_creator, packet_getter
from mediapipe.python._framework_bindings import calculator_graph, image_frame, resource_util

from fer_core.faces.roi import Roi, roi_to_frame_matrix
from fer_core.types import Floats, ImageU8

MESH_INPUT_PX = 192
MESH_POINTS = 468
#: Faces that are read at the same time; a laptop has few more cores to spare beside decoding and the affect network.
PARALLEL_MESHES = 2

_MESH_GRAPH = """
input_stream: "image"
output_stream: "landmarks"
output_stream: "presence"
node {
  calculator: "ImageToTensorCalculator"
  input_stream: "IMAGE:image"
  output_stream: "TENSORS:input"
  options { [mediapipe.ImageToTensorCalculatorOptions.ext] {
    output_tensor_width: 192 output_tensor_height: 192 output_tensor_float_range { min: 0 max: 1 } } }
}
node {
  calculator: "InferenceCalculatorCpu"
  input_stream: "TENSORS:input"
  output_stream: "TENSORS:output"
  options { [mediapipe.InferenceCalculatorOptions.ext] {
    model_path: "mediapipe/modules/face_landmark/face_landmark.tflite"
    delegate { xnnpack { num_threads: 1 } } } }
}
node {
  calculator: "SplitTensorVectorCalculator"
  input_stream: "output"
  output_stream: "landmark_tensors"
  output_stream: "flag_tensors"
  options { [mediapipe.SplitVectorCalculatorOptions.ext] { ranges { begin: 0 end: 1 } ranges { begin: 1 end: 2 } } }
}
node {
  calculator: "TensorsToFloatsCalculator"
  input_stream: "TENSORS:flag_tensors"
  output_stream: "FLOAT:presence"
  options { [mediapipe.TensorsToFloatsCalculatorOptions.ext] { activation: SIGMOID } }
}
node {
  calculator: "TensorsToFloatsCalculator"
  input_stream: "TENSORS:landmark_tensors"
  output_stream: "FLOATS:landmarks"
}
"""

_DETECTOR_GRAPH = """
input_stream: "image"
output_stream: "detections"
node {
  calculator: "FaceDetectionFullRangeCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
}
"""


@dataclass(frozen=True, slots=True)
class Detection:
    """A face found by the detector, in pixels of the image it was given."""

    x_px: float
    y_px: float
    w_px: float
    h_px: float
    eyes_px: Floats
    """(2, 2): the eye on the image's left, then the one on its right (x, y)."""
    score: float


@dataclass(frozen=True, slots=True)
class Mesh:
    """A mesh fitted inside a region of interest."""

    landmarks_px: Floats
    """(468, 3) in pixels of the whole image; z in the same scale, negative towards the camera."""
    presence: float
    """0..1, the network's own probability that the region shows a face."""


class _Graph:
    """One MediaPipe graph, fed one picture at a time."""

    def __init__(self, config: str, outputs: tuple[str, ...]) -> None:
        resource_util.set_resource_dir(str(Path(mediapipe.__file__).parents[1]))
        parsed = text_format.Parse(config, calculator_pb2.CalculatorGraphConfig())
        self._graph = calculator_graph.CalculatorGraph(graph_config=parsed)
        self._latest: dict[str, object] = {}
        for name in outputs:
            self._graph.observe_output_stream(name, lambda n, packet: self._latest.__setitem__(n, packet), False)
        self._graph.start_run()
        self._timestamp = 0

    def run(self, image_rgb_u8: ImageU8) -> dict[str, object]:
        self.start(image_rgb_u8)
        return self.finish()

    def start(self, image_rgb_u8: ImageU8) -> None:
        """Begins in the graph's own thread."""
        self._latest.clear()
        self._timestamp += 1
        frame = image_frame.ImageFrame(image_format=image_frame.ImageFormat.SRGB, data=image_rgb_u8)
        self._graph.add_packet_to_input_stream(
            stream="image", packet=packet_creator.create_image_frame(frame).at(self._timestamp)
        )

    def finish(self) -> dict[str, object]:
        """Waits for what was started."""
        self._graph.wait_until_idle()
        return self._latest

    def close(self) -> None:
        self._graph.close_all_packet_sources()
        self._graph.wait_until_done()


class MeshNetwork:
    """The 468-point face mesh (MediaPipe Face Mesh; Kartynnik et al. 2019)."""

    def __init__(self) -> None:
        self._graphs = [_mesh_graph()]

    def run(self, image_rgb_u8: ImageU8, rois: Sequence[Roi]) -> list[Mesh]:
        """Fits a mesh inside each region of interest, ``PARALLEL_MESHES`` at a time."""
        meshes: list[Mesh] = []
        for first in range(0, len(rois), PARALLEL_MESHES):
            together = rois[first : first + PARALLEL_MESHES]
            while len(self._graphs) < len(together):
                self._graphs.append(_mesh_graph())
            to_frame = [roi_to_frame_matrix(roi, MESH_INPUT_PX) for roi in together]  # (2, 3) each
            for graph, matrix in zip(self._graphs, to_frame, strict=False):
                graph.start(_region(image_rgb_u8, matrix))
            for graph, roi, matrix in zip(self._graphs, together, to_frame, strict=False):
                meshes.append(_read_mesh(graph.finish(), roi, matrix))
        return meshes

    def close(self) -> None:
        """Ends the graphs' threads."""
        for graph in self._graphs:
            graph.close()


def _mesh_graph() -> _Graph:
    return _Graph(_MESH_GRAPH, ("landmarks", "presence"))


def _region(image_rgb_u8: ImageU8, to_frame: npt.NDArray[np.float64]) -> ImageU8:
    region: ImageU8 = cv2.warpAffine(
        image_rgb_u8,
        to_frame,
        (MESH_INPUT_PX, MESH_INPUT_PX),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return region


def _read_mesh(packets: Mapping[str, object], roi: Roi, to_frame: npt.NDArray[np.float64]) -> Mesh:
    raw = np.asarray(packet_getter.get_float_list(packets["landmarks"]), np.float32).reshape(MESH_POINTS, 3)
    landmarks = np.empty_like(raw)
    landmarks[:, :2] = raw[:, :2] @ to_frame[:, :2].T + to_frame[:, 2]
    landmarks[:, 2] = raw[:, 2] * (roi.size_px / MESH_INPUT_PX)
    return Mesh(landmarks, packet_getter.get_float(packets["presence"]))


class DetectorNetwork:
    """The full-range face detector (BlazeFace, sparse; Bazarevsky et al. 2019)."""

    def __init__(self) -> None:
        self._graph = _Graph(_DETECTOR_GRAPH, ("detections",))

    def run(self, image_rgb_u8: ImageU8) -> list[Detection]:
        """Faces of an image, best first. The image is letterboxed to 192x192 pixels by the network."""
        packets = self._graph.run(np.ascontiguousarray(image_rgb_u8))
        if "detections" not in packets:
            return []
        height, width = image_rgb_u8.shape[:2]
        found = []
        for proto in packet_getter.get_proto_list(packets["detections"]):
            box = proto.location_data.relative_bounding_box
            points = proto.location_data.relative_keypoints
            eyes = np.array([[points[i].x * width, points[i].y * height] for i in (0, 1)], np.float32)
            found.append(
                Detection(
                    box.xmin * width, box.ymin * height, box.width * width, box.height * height, eyes, proto.score[0]
                )
            )
        return sorted(found, key=lambda d: -d.score)

    def close(self) -> None:
        """Ends the graph's threads."""
        self._graph.close()
