"""What the live view says in words: over the picture about the camera, below it about the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from fer_studio.notices import NoticeBar
from fer_studio.views.video_view import VideoView
from fer_studio.window_words import in_the_window

if TYPE_CHECKING:
    from fer_studio.live.recording_files import RecordingPaths


class LiveMessages(QObject):
    """Says it, and passes on what the person does about it."""

    review_requested = Signal(object, object)
    """CSV and video of the recording that was saved."""
    load_requested = Signal()
    """The network shall be loaded once more."""

    def __init__(self, video: VideoView, notice: NoticeBar, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._video = video
        self._notice = notice
        self._saved: RecordingPaths | None = None
        self._camera_failed = False
        notice.acted.connect(self._on_acted)

    def camera_off(self) -> None:
        """No camera runs, and nothing is wrong."""
        self._video.message("No camera is running.", "Choose a camera and press Start (F5).")

    def no_camera(self) -> None:
        """There is none; unless what failed a moment ago is the better news."""
        if not self._camera_failed:
            self._video.message(
                "No camera was found.",
                "Plug one in and refresh the list (Ctrl+F5), or press Start to see the demo clip in its place.",
            )

    def camera_sought(self, name: str) -> None:
        """The list is looked through for it, once more."""
        self._video.message(f"Looking for {name} ...")

    @Slot(str)
    def camera_missing(self, name: str) -> None:
        """It shall be opened again, and is not in the list."""
        self._camera_failed = True
        self._video.message(f"{name} is not there.", "Plug it in and try again, or choose another camera.", retry=True)

    def camera_opening(self, name: str) -> None:
        """It may take a few seconds."""
        self._camera_failed = False
        self._video.message(f"Opening {name} ...")

    def camera_runs(self) -> None:
        """Nothing to say."""
        self._video.clear_message()

    def camera_failed(self, source: str, reason: str, remedy: str) -> None:
        """It could not be opened, or broke off."""
        self._camera_failed = True
        self._video.message(f"{source}: {reason}.", remedy[:1].upper() + remedy[1:] + ".", retry=True)

    def clip_ended(self) -> None:
        """Of a file that posed as a camera."""
        self._video.message("The clip is over.", "It played in place of a camera.", retry=True)

    @Slot(str)
    def list_failed(self, problem: str) -> None:
        """The system does not list its cameras."""
        self._video.message("The cameras of this machine cannot be listed.", problem)

    def network_failed(self, problem: str) -> None:
        """The picture goes on without measurements."""
        self._say(f"Faces cannot be analysed: {problem}", action="Try again")

    @Slot(str)
    def calibration_failed(self, problem: str) -> None:
        """The neutral face was not seen."""
        self._say(problem)

    @Slot(str)
    def recording_failed(self, problem: str) -> None:
        """It stopped by itself."""
        self._say(f"The recording stopped. {in_the_window(problem, go_on='record again')}.")

    def recording_saved(self, paths: RecordingPaths) -> None:
        """With the offer to review it."""
        self._say(f"Saved {paths.frames} frames in {paths.csv.parent}", action="Review")
        self._saved = paths

    def _say(self, text: str, action: str = "") -> None:
        self._saved = None
        self._notice.say(text, action=action)

    @Slot()
    def _on_acted(self) -> None:
        if self._saved is not None:
            self.review_requested.emit(self._saved.csv, self._saved.video)
        else:
            self.load_requested.emit()
