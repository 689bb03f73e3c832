"""Finds the faces of a stream of frames and follows them.

A face once found is followed by its mesh: the mesh of one frame says where to read the mesh of the next, as in
MediaPipe's own pipeline. New faces are searched for with the detector, on every frame while nobody is followed or
somebody was just lost, otherwise every ``SEARCH_INTERVAL_S``: the network that finds faces costs three times as much as
the one that reads them, and people seldom appear twice a second. Where frames are far apart (few a second, or many
dropped), every one is searched.

The work has two halves, which may overlap for successive frames: ``find`` runs the networks, ``describe`` does the
arithmetic (pose, quality, identity).

MediaPipe stays behind this module, :mod:`fer_core.faces.networks` and :mod:`fer_core.faces.still`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

from fer_core.faces.identity import Candidate, IdentityTracker
from fer_core.faces.networks import Detection, DetectorNetwork, MeshNetwork
from fer_core.faces.pose import align_canonical, pose_of
from fer_core.faces.quality import judge
from fer_core.faces.roi import Roi, box_of, roi_from_box, roi_from_landmarks
from fer_core.faces.search import SAME_FACE_OVERLAP, detect_in, overlap, square_regions
from fer_core.types import Box, Face, Floats, ImageU8, Status

DEFAULT_MAX_FACES = 4
#: Time of the media between searches for further faces while some are followed and there is room for more.
SEARCH_INTERVAL_S = 0.5
#: Time of the media after which a face may be anywhere: it is looked for instead of followed.
FOLLOW_S = 0.1
_ROUNDING_S = 1e-6
#: A face that moved farther than this share of its region's side since the frame before is read a second time, in the
#: region where it now is: off centre, the mesh is bent enough to look like another head.
REFIT_MOVE = 0.08
#: Least presence score for a mesh to be a face; MediaPipe's own threshold.
MIN_PRESENCE = 0.5


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A mesh, before anything is said of it."""

    landmarks_px: Floats
    presence: float
    detector_score: float
    """NaN when the face was followed."""
    box: tuple[float, float, float, float] = field(init=False)
    """Left, top, width, height in pixels of the frame."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", box_of(self.landmarks_px))  # asked for many times a frame

    @property
    def roi(self) -> Roi:
        """Where to read the mesh in the next frame."""
        return roi_from_landmarks(self.landmarks_px, self.box)


class FaceTracker:
    """Faces of consecutive frames, with stable ids.

    ``find`` and ``describe`` may each have a thread of their own; neither may be called from two threads at once.

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
        self._followed: list[FoundFace] = []
        self._found_s = self._searched_s = -math.inf
        self._searches = 0

    def find(self, image_rgb_u8: ImageU8, time_s: float) -> tuple[FoundFace, ...]:
        """Meshes of the next frame.

        Args:
            image_rgb_u8: (H, W, 3).
            time_s: its time in the media, larger than that of the frame before.
        """
        searched = time_s - self._found_s > FOLLOW_S + _ROUNDING_S
        found = self._search(image_rgb_u8, [], everywhere=True) if searched else []
        found = found or self._follow(image_rgb_u8)
        lost = len(found) < len(self._followed)
        due = time_s - self._searched_s >= SEARCH_INTERVAL_S
        if not searched and len(found) < self._max_faces and (due or lost or not found):
            found = self._search(image_rgb_u8, found)
            searched = True
        if searched:
            self._searched_s = time_s
        self._found_s = time_s
        self._followed = found
        return tuple(found)

    def find_still(self, image_rgb_u8: ImageU8) -> tuple[FoundFace, ...]:
        """Meshes of a picture that belongs to no sequence."""
        self._followed = []
        self._searched_s = -math.inf
        return tuple(self._search(image_rgb_u8, [], everywhere=True))

    def describe(self, image_rgb_u8: ImageU8, found: Sequence[FoundFace], time_s: float) -> tuple[Face, ...]:
        """Every face of a frame, usable or not (``status`` says), by rising id."""
        return _describe(image_rgb_u8, found, time_s, self._identity)

    def describe_still(self, image_rgb_u8: ImageU8, found: Sequence[FoundFace]) -> tuple[Face, ...]:
        """As :meth:`describe`, with ids that count from 1 and mean nothing beyond this picture."""
        return _describe(image_rgb_u8, found, 0.0, IdentityTracker())

    def update(self, image_rgb_u8: ImageU8, time_s: float) -> tuple[Face, ...]:
        """Both halves for the next frame."""
        return self.describe(image_rgb_u8, self.find(image_rgb_u8, time_s), time_s)

    def update_still(self, image_rgb_u8: ImageU8) -> tuple[Face, ...]:
        """Both halves for a picture that belongs to no sequence."""
        return self.describe_still(image_rgb_u8, self.find_still(image_rgb_u8))

    def close(self) -> None:
        """Ends the detector's threads."""
        self._detector.close()

    def __enter__(self) -> FaceTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _follow(self, image: ImageU8) -> list[FoundFace]:
        rois = [face.roi for face in self._followed]
        faces = self._read(image, rois)
        moved = [k for k, face in enumerate(faces) if _moved(rois[k], face)]
        for k, face in zip(moved, self._read(image, [faces[k].roi for k in moved]), strict=True):
            faces[k] = face
        found: list[FoundFace] = []
        for face in faces:
            self._keep_if_new_face(found, face)
        return found

    def _read(self, image: ImageU8, rois: Sequence[Roi], detector_score: float = math.nan) -> list[FoundFace]:
        return [FoundFace(m.landmarks_px, m.presence, detector_score) for m in self._mesh.run(image, rois)]

    def _search(self, image: ImageU8, found: list[FoundFace], everywhere: bool = False) -> list[FoundFace]:
        squares = square_regions(image.shape[1], image.shape[0])
        if squares and not everywhere:
            squares = [squares[self._searches % len(squares)]]
        self._searches += 1
        detections = detect_in(self._detector, image, [None, *squares])
        for detection in sorted(detections, key=self._is_new):  # stable: of each kind the surest first
            if len(found) >= self._max_faces:
                break
            if all(overlap(_box(detection), f.box) < SAME_FACE_OVERLAP for f in found):
                self._keep_if_new_face(found, self._fit(image, detection))
        return found

    def _is_new(self, detection: Detection) -> bool:
        """Whether it lies where nobody was in the frame before; who was there keeps a place among ``max_faces``."""
        return all(overlap(_box(detection), f.box) < SAME_FACE_OVERLAP for f in self._followed)

    def _fit(self, image: ImageU8, detection: Detection) -> FoundFace:
        roi = roi_from_box(*_box(detection), detection.eyes_px)
        # The detector's box is rougher than a mesh: the second fit sees the region that the first one found.
        (rough,) = self._read(image, [roi])
        (face,) = self._read(image, [rough.roi], detection.score)
        return face

    @staticmethod
    def _keep_if_new_face(found: list[FoundFace], new: FoundFace) -> None:
        if new.presence >= MIN_PRESENCE and all(overlap(new.box, f.box) < SAME_FACE_OVERLAP for f in found):
            found.append(new)


def _describe(image: ImageU8, found: Sequence[FoundFace], time_s: float, identity: IdentityTracker) -> tuple[Face, ...]:
    alignments = [align_canonical(f.landmarks_px) for f in found]
    poses = [pose_of(alignment.rotation) for alignment in alignments]
    judgements = [
        judge(f.landmarks_px, pose, f.presence, f.detector_score, image) for f, pose in zip(found, poses, strict=True)
    ]
    candidates = [
        Candidate(f.landmarks_px, j.status is Status.OK and _inside(f.box, image), alignment)
        for f, j, alignment in zip(found, judgements, alignments, strict=True)
    ]
    ids = identity.update(candidates, time_s)
    faces = [
        Face(face_id, j.status, j.confidence, Box(*f.box), pose, f.landmarks_px)
        for face_id, j, f, pose in zip(ids, judgements, found, poses, strict=True)
    ]
    return tuple(sorted(faces, key=lambda face: face.face_id))


def _moved(read_in: Roi, face: FoundFace) -> bool:
    """Whether a face must be read again where it is now."""
    if face.presence < MIN_PRESENCE:
        return False
    now = face.roi
    distance_px = math.dist((read_in.center_x_px, read_in.center_y_px), (now.center_x_px, now.center_y_px))
    return distance_px > REFIT_MOVE * read_in.size_px


def _box(detection: Detection) -> tuple[float, float, float, float]:
    return detection.x_px, detection.y_px, detection.w_px, detection.h_px


def _inside(box: tuple[float, float, float, float], image: ImageU8) -> bool:
    """Whether a face is wholly in the frame: of one that is cut off, the mesh is partly made up."""
    x_px, y_px, w_px, h_px = box
    return x_px >= 0 and y_px >= 0 and x_px + w_px <= image.shape[1] and y_px + h_px <= image.shape[0]
