"""Collects a person's neutral face for some seconds, to be subtracted from then on."""

from __future__ import annotations

from fer_core.types import Affect, FrameResult, Status

DURATION_S = 3.0
#: The person may blink or look away this long; longer is a failed attempt.
LONGEST_LOSS_S = 1.0
#: Below this a median says little; a slow machine takes longer rather than fewer.
MIN_FRAMES = 10


class CalibrationError(Exception):
    """The neutral face was not seen well enough; the message says what to do."""


class Calibration:
    """One attempt with one face, in the time of the media."""

    def __init__(self, face_id: int, duration_s: float = DURATION_S) -> None:
        self.face_id = face_id
        self.affects: list[Affect] = []
        self._duration_s = duration_s
        self._begun_s: float | None = None
        self._seen_s = 0.0

    @property
    def progress(self) -> float:
        """0..1; 1 when done."""
        if self._begun_s is None:
            return 0.0
        by_time = (self._seen_s - self._begun_s) / self._duration_s
        return max(0.0, min(by_time, len(self.affects) / MIN_FRAMES, 1.0))

    def add(self, result: FrameResult) -> bool:
        """Takes the raw answer of a frame; True when there are enough of them.

        Raises:
            CalibrationError: the face was away for too long.
        """
        if self._begun_s is None:
            self._begun_s = self._seen_s = result.time_s
        for face in result.faces:
            if face.face.face_id == self.face_id and face.face.status is Status.OK and face.affect is not None:
                self.affects.append(face.affect)
                self._seen_s = result.time_s
        if result.time_s - self._seen_s > LONGEST_LOSS_S:
            raise CalibrationError(
                f"Face {self.face_id} was not seen well enough for a neutral baseline. "
                "Face the camera in good light, rest your face, and try again."
            )
        return self.progress >= 1.0
