"""A live recording on disk: the video and the rows of the same frames, side by side in a folder of their own.

The frames are those that were analysed, each with its time since the first of them, so picture ``n`` of the video is
frame ``n`` of the CSV. Whatever ends the program, the CSV is valid up to its last whole frame, the video can be played
up to the last second, and the JSON beside them says whether the recording was completed.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_core import __version__
from fer_core.record.csv import CsvRecorder
from fer_core.record.errors import RecordError, write_error
from fer_core.record.layouts import make_layout
from fer_core.record.sidecar import RunRecord, sidecar_path, utc_now, write_sidecar
from fer_core.types import Frame, FrameResult, ImageU8, MediaInfo, Status
from fer_studio.marks import Mark, MarkKind, Marks, marks_path, save_marks

if TYPE_CHECKING:
    from fer_core.infer.baseline import Baseline
    from fer_core.infer.engine import Engine

_FOLDER_TRIES = 100
#: Frames farther apart than this, and than so many frames before, are those around a pause.
_PAUSE_S, _PAUSE_FRAMES = 1.0, 3
_LEAST_FRAME_S = 0.01


@dataclass(frozen=True, slots=True)
class RecordingPaths:
    """Where a recording lies."""

    csv: Path
    video: Path
    frames: int = 0


class RecordingFiles:
    """Writes one recording. For one thread at a time.

    Args:
        folder: gets a new folder, named after the time, with the files in it.
        info: of the camera.
        engine: whose answers are written.
        options: what the live view was set to, for the JSON.

    Raises:
        RecordError, MediaError: it cannot be written.
    """

    def __init__(self, folder: Path, info: MediaInfo, engine: Engine, options: Mapping[str, Any]) -> None:
        from fer_core.infer.engine import file_sha256
        from fer_core.media.writer import VideoWriter

        card = engine.card
        home = _new_folder(folder)
        self._csv_path = home / f"{home.name}.csv"
        self._video_path = home / f"{home.name}.mp4"
        layout = make_layout("native", card.expressions, card.action_units, with_baseline=True)
        self._record = RunRecord(
            program="fer-studio",
            program_version=__version__,
            model_name=card.name,
            model_version=card.version,
            model_sha256=file_sha256(engine.path),
            options={"smooth_s": 0.0, "baseline": "live", **options},
            input_name=info.name,
            input_sha256=None,
            layout=layout.name,
            notes=(
                "recorded live: the frames are those that were analysed, times count from the first of them; a pause "
                "begins with its last picture once more, as a frame without a face",
                "the columns _b are filled from the moment on at which a neutral face was calibrated; it is in "
                "<name>.face<id>.baseline.json, which annotate --baseline takes",
            ),
            provider=engine.provider,
            frame_rate_hz=info.frame_rate_hz,
            started_utc=utc_now(),
        )
        write_sidecar(sidecar_path(self._csv_path), self._record)
        self._csv = CsvRecorder(self._csv_path, layout, info)
        try:
            self._video = VideoWriter(self._video_path, None, info, crash_safe=True)
        except BaseException:
            self._csv.close()
            raise
        self._first_s: float | None = None
        self._last: tuple[ImageU8, float] | None = None
        self._length_s = 0.0
        """Of the last frame but one."""
        self._marks: Marks = ()
        self._card = card
        self._baselines: dict[int, int] = {}
        """How many of a face were written."""

    @property
    def paths(self) -> RecordingPaths:
        """The files, and how many frames are in them."""
        return RecordingPaths(self._csv_path, self._video_path, self._csv.frames)

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Appends a frame and what was measured on it.

        Raises:
            RecordError, MediaError: the disk is full, or gone. What was written stays.
        """
        if frame.image_rgb_u8 is None:
            return
        self._first_s = result.time_s if self._first_s is None else self._first_s
        time_s = result.time_s - self._first_s
        if self._last is not None and time_s - self._last[1] > max(_PAUSE_S, _PAUSE_FRAMES * self._length_s):
            self._write_pause(*self._last)
        self._length_s = time_s - self._last[1] if self._last is not None else 0.0
        self._write(frame.image_rgb_u8, result, time_s)
        self._last = (frame.image_rgb_u8, time_s)

    def _write_pause(self, image_rgb_u8: ImageU8, time_s: float) -> None:
        """One frame after the last that was measured, so that what it showed does not count for all of a pause."""
        size = (image_rgb_u8.shape[1], image_rgb_u8.shape[0])
        at_s = time_s + min(max(self._length_s, _LEAST_FRAME_S), _PAUSE_S / 2)
        self._write(image_rgb_u8, FrameResult(0, at_s, *size, Status.NO_FACE, ()), at_s)

    def _write(self, image_rgb_u8: ImageU8, result: FrameResult, time_s: float) -> None:
        # Rows first: they are what cannot be made again.
        self._csv.write(replace(result, index=self._csv.frames, time_s=time_s))
        self._video.write(image_rgb_u8, time_s)

    def mark(self, time_s: float, name: str) -> None:
        """Notes a moment, in the time of the camera, where review looks for marks.

        Raises:
            RecordError: it cannot be written; the marks before stay.
        """
        at_s = max(time_s - self._first_s, 0.0) if self._first_s is not None else 0.0
        self._marks = (*self._marks, Mark(at_s, at_s, name, MarkKind.POINT))
        save_marks(marks_path(self._csv_path), self._marks)

    def keep_baseline(self, face_id: int, baseline: Baseline) -> None:
        """Writes the neutral face that is subtracted from now on, so that the columns ``_b`` can be made again.

        Raises:
            RecordError: it cannot be written.
        """
        number = self._baselines[face_id] = self._baselines.get(face_id, 0) + 1
        again = f"-{number}" if number > 1 else ""
        path = self._csv_path.with_name(f"{self._csv_path.stem}.face{face_id}{again}.baseline.json")
        try:
            baseline.save(path, self._card)
        except OSError as error:
            raise write_error(path, error) from error

    def close(self, *, complete: bool = True) -> RecordingPaths:
        """Completes all files.

        Raises:
            RecordError, MediaError: one of them cannot be completed; the others are.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(self._close_sidecar, complete)
            stack.callback(self._csv.close)
            self._video.close()
        return self.paths

    def _close_sidecar(self, complete: bool) -> None:
        ended = self._record.ended(
            frame_count=self._csv.frames,
            row_count=self._csv.rows,
            first_time_s=self._csv.first_time_s,
            last_time_s=self._csv.last_time_s,
            complete=complete,
        )
        write_sidecar(sidecar_path(self._csv_path), ended)


def _new_folder(parent: Path) -> Path:
    """A folder that did not exist, named after the local time, which is how people look for it."""
    stem = datetime.datetime.now().astimezone().strftime("live_%Y-%m-%d_%H-%M-%S")
    for number in range(1, _FOLDER_TRIES):
        folder = parent / (stem if number == 1 else f"{stem}_{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise write_error(folder, error) from error
        return folder
    raise RecordError(parent, f"has {_FOLDER_TRIES} recordings of this very second", "choose another folder")
