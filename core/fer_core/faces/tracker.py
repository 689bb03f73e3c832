"""Finds the faces of a stream of frames and follows them.

A face once found is followed by its mesh: the mesh of one frame says where to read the mesh of the next, as in
MediaPipe's own pipeline. New faces are searched for with the detector, on every frame while nobody is followed or
somebody was just lost, otherwise every ``SEARCH_INTERVAL_S``: the network that finds faces costs as much as the one
that reads them, and people seldom appear five times a second.

MediaPipe stays behind this module, :mod:`fer_core.faces.networks` and :mod:`fer_core.faces.still`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import TracebackType

from fer_core.faces.identity import Candidate, IdentityTracker
from fer_core.faces.networks import Detection, DetectorNetwork, MeshNetwork
from fer_core.faces.pose import head_pose
from fer_core.faces.quality import judge
from fer_core.faces.roi import Roi, roi_from_box, roi_from_landmarks
from fer_core.faces.search import SAME_FACE_OVERLAP, detect_in, overlap, square_regions
from fer_core.types import Box, Face, Floats, ImageU8, Status

DEFAULT_MAX_FACES = 4
#: Time of the media between searches for further faces while some are followed and there is room for more.
SEARCH_INTERVAL_S = 0.2
#: A face that moved farther than this share of its region's side since the frame before is read a second time, in the
#: region where it now is: off centre, the mesh is bent enough to look like another head.
REFIT_MOVE = 0.08
#: Least presence score for a mesh to be a face; MediaPipe's own threshold.
MIN_PRESENCE = 0.5


@dataclass(frozen=True, slots=True)
class _Found:
    """A mesh in the present frame."""

    landmarks_px: Floats
    presence: float
    detector_score: float
    """NaN when the face was followed."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        low, high = self.landmarks_px[:, :2].min(axis=0), self.landmarks_px[:, :2].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


class FaceTracker:
    """Faces of consecutive frames, with stable ids. Not safe for use from two threads at once.

    Args:
        max_faces: how many are followed; where more are seen, the ones found first stay.
    """

    def __init__(self, max_faces: int = DEFAULT_MAX_FACES) -> None:
        if max_faces < 1:
            raise ValueError(f"max_faces is {max_faces}; at least one face must be allowed")
        self._max_faces = max_faces
        self._detector = DetectorNetwork()
        self._mesh = MeshNetwork()
        self.reset()

    def reset(self) -> None:
        """Forgets everybody: the next frame is the first of another recording."""
        self._identity = IdentityTracker()
        self._rois: list[Roi] = []
        self._searched_s = -math.inf
        self._searches = 0

    def update(self, image_rgb_u8: ImageU8, time_s: float) -> tuple[Face, ...]:
        """Faces of the next frame.

        Args:
            image_rgb_u8: (H, W, 3).
            time_s: its time in the media, larger than that of the frame before.

        Returns:
            Every face found, usable or not (``status`` says), by rising id.
        """
        found = self._follow(image_rgb_u8)
        lost = len(found) < len(self._rois)
        due = time_s - self._searched_s >= SEARCH_INTERVAL_S
        if len(found) < self._max_faces and (due or lost or not found):
            found = self._search(image_rgb_u8, found)
            self._searched_s = time_s
        self._rois = [roi_from_landmarks(f.landmarks_px) for f in found]
        return self._describe(image_rgb_u8, found, time_s)

    def update_still(self, image_rgb_u8: ImageU8) -> tuple[Face, ...]:
        """Faces of a picture that belongs to no sequence: ids count from 1 and mean nothing beyond it."""
        self.reset()
        found = self._search(image_rgb_u8, [], everywhere=True)
        self.reset()
        return self._describe(image_rgb_u8, found, 0.0)

    def close(self) -> None:
        """Ends the networks' threads."""
        self._detector.close()
        self._mesh.close()

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _follow(self, image: ImageU8) -> list[_Found]:
        found: list[_Found] = []
        for roi in self._rois:
            landmarks, presence = self._mesh.run(image, roi)
            moved = roi_from_landmarks(landmarks)
            distance_px = math.dist((roi.center_x_px, roi.center_y_px), (moved.center_x_px, moved.center_y_px))
            if presence >= MIN_PRESENCE and distance_px > REFIT_MOVE * roi.size_px:
                landmarks, presence = self._mesh.run(image, moved)
            self._keep_if_new_face(found, _Found(landmarks, presence, math.nan))
        return found

    def _search(self, image: ImageU8, found: list[_Found], everywhere: bool = False) -> list[_Found]:
        squares = square_regions(image.shape[1], image.shape[0])
        if squares and not everywhere:
            squares = [squares[self._searches % len(squares)]]
        self._searches += 1
        for detection in detect_in(self._detector, image, [None, *squares]):
            if len(found) >= self._max_faces:
                break
            if all(overlap(_box(detection), f.box) < SAME_FACE_OVERLAP for f in found):
                self._keep_if_new_face(found, self._fit(image, detection))
        return found

    def _fit(self, image: ImageU8, detection: Detection) -> _Found:
        roi = roi_from_box(*_box(detection), detection.eyes_px)
        # The detector's box is rougher than a mesh: the second fit sees the region that the first one found.
        landmarks, _ = self._mesh.run(image, roi)
        landmarks, presence = self._mesh.run(image, roi_from_landmarks(landmarks))
        return _Found(landmarks, presence, detection.score)

    @staticmethod
    def _keep_if_new_face(found: list[_Found], new: _Found) -> None:
        if new.presence >= MIN_PRESENCE and all(overlap(new.box, f.box) < SAME_FACE_OVERLAP for f in found):
            found.append(new)

    def _describe(self, image: ImageU8, found: list[_Found], time_s: float) -> tuple[Face, ...]:
        poses = [head_pose(f.landmarks_px) for f in found]
        judgements = [
            judge(f.landmarks_px, pose, f.presence, f.detector_score, image)
            for f, pose in zip(found, poses, strict=True)
        ]
        candidates = [
            Candidate(f.landmarks_px, reliable=j.status is Status.OK and _inside(f.box, image))
            for f, j in zip(found, judgements, strict=True)
        ]
        ids = self._identity.update(candidates, time_s)
        faces = [
            Face(face_id, j.status, j.confidence, Box(*f.box), pose, f.landmarks_px)
            for face_id, j, f, pose in zip(ids, judgements, found, poses, strict=True)
        ]
        return tuple(sorted(faces, key=lambda face: face.face_id))


def _box(detection: Detection) -> tuple[float, float, float, float]:
    return detection.x_px, detection.y_px, detection.w_px, detection.h_px


def _inside(box: tuple[float, float, float, float], image: ImageU8) -> bool:
    """Whether a face is wholly in the frame: of one that is cut off, the mesh is partly made up."""
    x_px, y_px, w_px, h_px = box
    return x_px >= 0 and y_px >= 0 and x_px + w_px <= image.shape[1] and y_px + h_px <= image.shape[0]
