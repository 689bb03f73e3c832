"""Which face the bars show."""

from __future__ import annotations

import math

from fer_core.types import FaceResult, FrameResult, Status

#: As long as the tracker may give a returning face its old id (``fer_core.faces.identity.REENTRY_S``), the choice of a
#: person waits for it.
PATIENCE_S = 4.0
#: A face that nobody chose is waited for as long as a hand passes by.
UNCHOSEN_PATIENCE_S = 1.0


class FaceSelection:
    """Follows one face by id. Without a choice of the person it takes the largest usable face."""

    def __init__(self) -> None:
        self.face_id: int | None = None
        self._seen_s = math.inf
        self._patience_s = UNCHOSEN_PATIENCE_S

    def choose(self, face_id: int) -> None:
        """The person's choice."""
        self._select(face_id, PATIENCE_S)

    def update(self, result: FrameResult) -> FaceResult | None:
        """The selected face of this frame, None when it is not in it."""
        found = next((f for f in result.faces if f.face.face_id == self.face_id), None)
        if found is not None:
            self._seen_s = result.time_s
            return found
        # A choice just made counts from now.
        self._seen_s = min(self._seen_s, result.time_s)
        if self.face_id is not None and result.time_s - self._seen_s <= self._patience_s:
            return None
        usable = [f for f in result.faces if f.face.status is Status.OK]
        if not usable:
            return None
        largest = max(usable, key=lambda f: f.face.box.w_px * f.face.box.h_px)
        self._select(largest.face.face_id, UNCHOSEN_PATIENCE_S)
        self._seen_s = result.time_s
        return largest

    def reset(self) -> None:
        """Another recording: ids mean other people."""
        self.face_id = None
        self._seen_s = math.inf

    def _select(self, face_id: int, patience_s: float) -> None:
        self.face_id = face_id
        self._patience_s = patience_s
        self._seen_s = math.inf
