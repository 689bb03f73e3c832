"""MediaPipe's two face networks as plain functions of an image: a detector and a 468-point mesh.

The mesh is the network of the mediapipe wheel in another format (``packaging/make_face_mesh.py``), run by ONNX Runtime
in half of the time. The detector runs as it ships, through a small graph of our own instead of MediaPipe's ready-made
solution. That solution searches for new faces on every frame while fewer than the maximum are followed, hides the
presence score of the mesh, and hands over landmarks as thousands of protobuf messages. Here the tracker decides when to
search, sees the score, and gets arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import mediapipe
import numpy as np
import onnxruntime
from google.protobuf import text_format  # type: ignore[import-untyped]
from mediapipe.framework import calculator_pb2
from mediapipe.python import packet_creator, packet_getter
from mediapipe.python._framework_bindings import calculator_graph, image_frame, resource_util

from fer_core.assets import asset_path
from fer_core.faces.roi import Roi, roi_to_frame_matrix
from fer_core.onnx_session import session_options
from fer_core.types import Floats, ImageU8

MESH_INPUT_PX = 192
MESH_MODEL = ("models", "face-mesh.onnx")

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


class MeshNetwork:
    """The 468-point face mesh (MediaPipe Face Mesh; Kartynnik et al. 2019), on one core of the CPU."""

    def __init__(self) -> None:
        model = asset_path(*MESH_MODEL)
        self._session = onnxruntime.InferenceSession(str(model), session_options(), providers=["CPUExecutionProvider"])

    def run(self, image_rgb_u8: ImageU8, rois: Sequence[Roi]) -> list[Mesh]:
        """Fits a mesh inside each region of interest, one after the other: a batch of them would not be faster."""
        return [self._fit(image_rgb_u8, roi) for roi in rois]

    def _fit(self, image_rgb_u8: ImageU8, roi: Roi) -> Mesh:
        to_frame = roi_to_frame_matrix(roi, MESH_INPUT_PX)
        region = cv2.warpAffine(
            image_rgb_u8,
            to_frame,
            (MESH_INPUT_PX, MESH_INPUT_PX),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        (raw,), (logit,) = self._session.run(("landmarks_px", "presence_logit"), {"image_rgb_u8": region[None]})
        landmarks = np.empty_like(raw)
        landmarks[:, :2] = raw[:, :2] @ to_frame[:, :2].T + to_frame[:, 2]
        landmarks[:, 2] = raw[:, 2] * (roi.size_px / MESH_INPUT_PX)
        return Mesh(landmarks, 1.0 / (1.0 + math.exp(-float(logit))))


class DetectorNetwork:
    """The full-range face detector (BlazeFace, sparse; Bazarevsky et al. 2019). One thread at a time."""

    def __init__(self) -> None:
        resource_util.set_resource_dir(str(Path(mediapipe.__file__).parents[1]))
        config = text_format.Parse(_DETECTOR_GRAPH, calculator_pb2.CalculatorGraphConfig())
        self._graph = calculator_graph.CalculatorGraph(graph_config=config)
        self._packets: list[object] = []
        self._graph.observe_output_stream("detections", lambda _, packet: self._packets.append(packet), False)
        self._graph.start_run()
        self._timestamp = 0

    def run(self, image_rgb_u8: ImageU8) -> list[Detection]:
        """Faces of an image, best first. The image is letterboxed to 192x192 pixels by the network."""
        self._packets.clear()
        self._timestamp += 1
        frame = image_frame.ImageFrame(
            image_format=image_frame.ImageFormat.SRGB, data=np.ascontiguousarray(image_rgb_u8)
        )
        self._graph.add_packet_to_input_stream(
            stream="image", packet=packet_creator.create_image_frame(frame).at(self._timestamp)
        )
        self._graph.wait_until_idle()
        if not self._packets:
            return []
        height, width = image_rgb_u8.shape[:2]
        found = []
        for proto in packet_getter.get_proto_list(self._packets[0]):
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
        self._graph.close_all_packet_sources()
        self._graph.wait_until_done()
