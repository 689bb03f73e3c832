"""Brings rows and picture of a frame together in the views."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, Slot

from fer_core.types import Frame, FrameResult
from fer_studio.live.side_panel import SidePanel
from fer_studio.session import UNNAMED, Recording
from fer_studio.views.video_view import VideoView

#: What trail and history lines show of the time before; views keep ten seconds.
_PAST_S = 10.0
_PAST_SAMPLES = 60
#: Frames that playing may skip before the past is shown anew.
_SKIPPED_FRAMES = 30


class Presenter(QObject):
    """The rows of the frame that is to be seen go to the panel at once; the picture gets its own when it is there.

    A picture may come later than its rows while a person scrubs. Boxes are therefore always those of the picture's own
    frame.
    """

    def __init__(self, video: VideoView, panel: SidePanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._video = video
        self._panel = panel
        self._recording: Recording | None = None
        self._face_id: int | None = None
        self._index = -1
        self._frame: Frame | None = None

    def set_recording(self, recording: Recording) -> None:
        """Rows of another recording."""
        self._recording = recording
        self._panel.clear()
        self._show_baselines(recording)

    def clear(self) -> None:
        """Shows nothing."""
        self._recording, self._face_id, self._index, self._frame = None, None, -1, None
        self._panel.clear()
        self._panel.show_baselines(())
        self._video.show_frame(None, None)

    def choose_face(self, face_id: int | None) -> None:
        """Whose values the panel shows."""
        if face_id != self._face_id:
            self._face_id = face_id
            index, self._index = self._index, -1
            self.show_rows(index)

    @Slot(object)
    def show_frame(self, frame: Frame) -> None:
        """A picture has come."""
        self._frame = frame
        self._video.show_frame(frame.image_rgb_u8, self._result(frame.index))

    def show_rows(self, index: int) -> None:
        """The frame that is to be seen."""
        recording, before = self._recording, self._index
        self._index = index
        if recording is None or index < 0:
            return
        position = recording.position_of(index)
        if position is None:
            self._panel.clear()
            return
        if not 0 < index - before <= _SKIPPED_FRAMES:
            self._show_past(recording, position)
        self._show(recording, position)

    def refresh(self) -> None:
        """Rows have come, maybe for a frame that is shown already."""
        if self._recording is not None:
            self._show_baselines(self._recording)
        if self._frame is not None:
            self.show_frame(self._frame)
        index, self._index = self._index, -1
        self.show_rows(index)

    def _show_baselines(self, recording: Recording) -> None:
        shares = recording.baseline_shares()
        self._panel.show_baselines(tuple(shares), partly=any(share < 1.0 for share in shares.values()))

    def _show_past(self, recording: Recording, position: int) -> None:
        self._panel.clear()
        first = int(np.searchsorted(recording.time_s, recording.time_s[position] - _PAST_S))
        step = max(1, (position - first) // _PAST_SAMPLES)
        for earlier in range(first, position, step):
            self._show(recording, earlier)

    def _show(self, recording: Recording, position: int) -> None:
        result = recording.result(position)
        face = next((f for f in result.faces if f.face.face_id == self._face_id), None)
        present = [f.face.face_id for f in result.faces if f.face.face_id != UNNAMED]
        self._panel.show_face(self._face_id, face, result.time_s, present)

    def _result(self, index: int) -> FrameResult | None:
        position = self._recording.position_of(index) if self._recording is not None else None
        if self._recording is None or position is None:
            return None
        result = self._recording.result(position)
        # Boxes carry ids; a face that never was usable in this frame has none.
        return replace(result, faces=tuple(f for f in result.faces if f.face.face_id != UNNAMED))
