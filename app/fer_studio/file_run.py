"""Annotates one input: frames in, rows, sidecar and video out.

The sidecar is written before the first row, with ``complete`` false, so that whatever ends the run leaves behind what
``--resume`` needs to tell whether it may go on. Tracker and smoothing remember what they saw; a resumed run therefore
measures every frame again and writes from the resume point on, which gives the bytes of a run in one go.
"""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, cast

from fer_core import __version__
from fer_core.infer.auto_baseline import fill_auto_baseline
from fer_core.infer.baseline import Baseline
from fer_core.infer.engine import Engine, file_sha256
from fer_core.infer.pipeline import Pipeline
from fer_core.media.errors import MediaError
from fer_core.media.images import IMAGE_SUFFIXES, list_files
from fer_core.media.overlay import draw_overlay
from fer_core.media.source import Source, open_source
from fer_core.media.writer import VideoWriter
from fer_core.record.csv import CsvRecorder, require_writable
from fer_core.record.errors import RecordError
from fer_core.record.layouts import make_layout
from fer_core.record.resume import find_resume_point
from fer_core.record.sidecar import RunRecord, hash_input, read_sidecar, utc_now, write_sidecar
from fer_core.record.spans import TIME_TOLERANCE_S, in_span
from fer_core.types import Frame, FrameResult, MediaInfo, Status
from fer_studio.options import AUTO_BASELINE, NO_BASELINE, AnnotateOptions, Existing
from fer_studio.outcome import End, Listener, Outcome
from fer_studio.outputs import Outputs
from fer_studio.quiet import quiet_native_stderr

_Measured = tuple[Frame, FrameResult]

#: Why ``--baseline auto`` left its columns empty.
NO_AUTO_BASELINE = "no baseline: each of the pictures may show somebody else; give a neutral one with --baseline FILE"

#: Options that do not change a row.
_HARMLESS_OPTIONS = ("device", "video")


class FileAnnotator:
    """Annotates inputs one after the other with one loaded model.

    Args:
        options: of the run.
        engine: the model.
        baseline: what the options mean by a baseline file.

    Raises:
        OSError: the model or the baseline file cannot be read.
    """

    def __init__(self, options: AnnotateOptions, engine: Engine, baseline: Baseline | None) -> None:
        self.options = options
        self.engine = engine
        self.layout = make_layout(
            options.layout,
            engine.card.expressions,
            engine.card.action_units,
            with_baseline=options.baseline != NO_BASELINE,
        )
        self._baseline = baseline
        self._model_sha256 = file_sha256(engine.path)
        file = options.baseline_file
        self._baseline_name = f"{file.name} {file_sha256(file)}" if file else options.baseline

    def annotate(self, path: Path, outputs: Outputs, listener: Listener, should_stop: Callable[[], bool]) -> Outcome:
        """Measures one input; never raises for what is wrong with it, the outcome says it."""
        start_s = time.perf_counter()
        try:
            outcome = self._annotate(path, outputs, listener, should_stop)
        except (MediaError, RecordError) as error:
            outcome = Outcome(path, End.FAILED, problem=str(error))
        except Exception as error:  # one bad input must not cost the others
            outcome = Outcome(path, End.FAILED, problem=unexpected(path, error), trace=traceback.format_exc())
        outcome = replace(outcome, wall_s=time.perf_counter() - start_s)
        listener.finished(outcome)
        return outcome

    def _annotate(self, path: Path, outputs: Outputs, listener: Listener, should_stop: Callable[[], bool]) -> Outcome:
        existing, with_video = self.options.existing, self.options.video
        with open_source(path) as source:
            if existing is Existing.REFUSE:
                _refuse_existing(outputs.written(with_video))
            record = replace(self.record(path), input_name=source.info.name, frame_rate_hz=source.info.frame_rate_hz)
            if existing is not Existing.REFUSE:
                _refuse_other_sidecar(outputs)
            if existing is Existing.RESUME and os.path.exists(outputs.recording):
                before = _resumable(outputs, record)
                if self._is_up_to_date(before, outputs, source.info):
                    counts = (before.frame_count or 0, before.row_count or 0)
                    return Outcome(path, End.UP_TO_DATE, outputs.recording, *counts)
            listener.started(path, source.info.frame_count)
            require_writable(outputs.recording)  # or its rows would stand under the sidecar of this run
            write_sidecar(outputs.sidecar, record)
            return self._write(_Input(path, source), outputs, record, listener, should_stop)

    def _write(
        self,
        item: _Input,
        outputs: Outputs,
        record: RunRecord,
        listener: Listener,
        should_stop: Callable[[], bool],
    ) -> Outcome:
        resume, overwrite = (self.options.existing is e for e in (Existing.RESUME, Existing.OVERWRITE))
        info = item.source.info
        recorder = CsvRecorder(outputs.recording, self.layout, info, resume=resume, overwrite=overwrite)
        tally = _Tally(listener, item.path)
        stopped = True
        refused: tuple[str, ...] = ()
        try:
            with recorder, self._video(item, outputs) as video:
                stopped = self._measure(item, recorder, video, tally, should_stop)
            if not stopped and self.options.baseline == AUTO_BASELINE and self.layout.name == "native":
                if tally.pictures:
                    refused = (NO_AUTO_BASELINE,)
                    record = replace(record, notes=(*record.notes, *refused))
                else:
                    fill_auto_baseline(outputs.recording, self.engine.card)
        except BaseException:
            with contextlib.suppress(RecordError):  # what ended the run is the news
                write_sidecar(outputs.sidecar, _ended(record, recorder, complete=False))
            raise
        complete = not stopped and item.break_off is None
        write_sidecar(outputs.sidecar, _ended(record, recorder, complete=complete))
        return Outcome(
            item.path,
            End.INTERRUPTED if stopped else End.DONE if complete else End.FAILED,
            outputs.recording,
            recorder.frames,
            recorder.rows,
            tally.frames,
            problem=str(item.break_off or ""),
            notes=(*refused, *tally.notes(video.sound_problem if video else None)),
        )

    def _measure(
        self,
        item: _Input,
        recorder: CsvRecorder,
        video: VideoWriter | None,
        tally: _Tally,
        should_stop: Callable[[], bool],
    ) -> bool:
        """Measures and writes frame by frame; True when it was stopped before the end."""
        write_from, span_s = recorder.resume_from().frame_index, self.options.span_s
        with self._results(item) as results:
            for frame, result in results:
                if should_stop():
                    if video:
                        video.abort()
                    return True
                if span_s is not None and result.time_s > span_s[1] + TIME_TOLERANCE_S:
                    return False
                if result.index >= write_from and self._is_wanted(result.time_s):
                    recorder.write(result)
                if video and frame.image_rgb_u8 is not None:
                    card = self.engine.card
                    picture = draw_overlay(frame.image_rgb_u8, result, card.expressions, card.action_units)
                    video.write(picture, frame.time_s)
                tally.add(result)
        return False

    def _is_wanted(self, time_s: float) -> bool:
        return bool(in_span(time_s, self.options.span_s, self.options.excluded_s))

    @contextlib.contextmanager
    def _results(self, item: _Input) -> Iterator[Iterator[_Measured]]:
        """Frames with their results; leaving ends the threads behind them."""
        options = self.options
        with contextlib.ExitStack() as stack:
            # The graphs of MediaPipe open, and write their noise, until the first result is there.
            with quiet_native_stderr():
                pipeline = stack.enter_context(
                    Pipeline(
                        self.engine,
                        max_faces=options.max_faces,
                        smooth_s=options.smooth_s,
                        baseline=self._baseline,
                    )
                )
                results = cast(Generator[_Measured, None, None], pipeline.run_with_frames(item.frames()))
                stack.enter_context(contextlib.closing(results))
                first = list(islice(results, 1))
            yield chain(first, results)

    @contextlib.contextmanager
    def _video(self, item: _Input, outputs: Outputs) -> Iterator[VideoWriter | None]:
        if not self.options.video:
            yield None
            return
        with VideoWriter(outputs.video, item.path, item.source.info) as video:
            yield video

    def record(self, path: Path) -> RunRecord:
        """What a run over an input that begins now has in its JSON, as far as the input need not be opened for it.

        Raises:
            RecordError: the input cannot be read.
            MediaError: a folder cannot be listed.
        """
        options, card = self.options, self.engine.card
        files = list_files(path, IMAGE_SUFFIXES) if path.is_dir() else []
        return RunRecord(
            program="fer-studio",
            program_version=__version__,
            model_name=card.name,
            model_version=card.version,
            model_sha256=self._model_sha256,
            options={
                "max_faces": options.max_faces,
                "smooth_s": options.smooth_s,
                "baseline": self._baseline_name,
                "device": options.device,
                "video": options.video,
                **({"span_s": list(options.span_s)} if options.span_s else {}),
                **({"excluded_s": [list(span) for span in options.excluded_s]} if options.excluded_s else {}),
            },
            input_name=path.name,
            input_sha256=hash_input(path, files),
            input_files=tuple(file.name for file in files),
            layout=self.layout.name,
            empty_columns=self.layout.empty_columns,
            notes=self.layout.notes,
            provider=self.engine.provider,
            frame_rate_hz=None,
            started_utc=utc_now(),
        )

    def _is_up_to_date(self, before: RunRecord, outputs: Outputs, info: MediaInfo) -> bool:
        if not before.complete or (self.options.video and not os.path.exists(outputs.video)):
            return False
        # The resume point leaves out the last frame. A file that was cut or changed since is measured again.
        return find_resume_point(outputs.recording, self.layout, info).frames + 1 == before.frame_count


class _Input:
    """An open source that may break off: then its frames end, and the reason is kept."""

    def __init__(self, path: Path, source: Source) -> None:
        self.path = path
        self.source = source
        self.break_off: MediaError | None = None

    def frames(self) -> Iterator[Frame]:
        try:
            yield from self.source.frames()
        except MediaError as error:
            self.break_off = error


class _Tally:
    """Counts frames, and tells the listener."""

    def __init__(self, listener: Listener, path: Path) -> None:
        self.frames = 0
        self.pictures = False
        """Whether the frames are photographs, whose faces have nothing to do with each other."""
        self._lost = 0
        self._listener = listener
        self._path = path

    def add(self, result: FrameResult) -> None:
        self.frames += 1
        self.pictures = self.pictures or result.name is not None
        self._lost += result.status is Status.DECODE_ERROR
        self._listener.advanced(self._path, 1)

    def notes(self, sound_problem: str | None) -> Iterator[str]:
        if self._lost:
            yield f"{self._lost} of its frames could not be decoded (status decode_error)"
        if sound_problem:
            yield f"no complete sound in the video: {sound_problem}"


def unexpected(path: Path, error: BaseException) -> str:
    """The problem text for an error that nobody foresaw."""
    return f"{path}: unexpected problem ({type(error).__name__}: {error}); please report it with the lines above"


def _ended(record: RunRecord, recorder: CsvRecorder, *, complete: bool) -> RunRecord:
    return record.ended(
        frame_count=recorder.frames,
        row_count=recorder.rows,
        first_time_s=recorder.first_time_s,
        last_time_s=recorder.last_time_s,
        complete=complete,
    )


def _refuse_existing(paths: Iterable[Path]) -> None:
    for path in paths:
        if os.path.lexists(path):  # not Path.exists, which raises where that cannot be found out
            raise RecordError(
                path,
                "exists already",
                "go on with --resume, replace it with --overwrite, or use another folder with -o",
            )


def _refuse_other_sidecar(outputs: Outputs) -> None:
    """Nothing is replaced that is not of this recording: a saved baseline, notes, the sidecar of ``clip.txt``."""
    if not os.path.exists(outputs.sidecar):
        return
    remedy = "move it, or use another folder with -o"
    try:
        layout = read_sidecar(outputs.sidecar).layout
        suffix = make_layout(layout, (), ()).suffix
    except (RecordError, ValueError) as error:
        raise RecordError(outputs.sidecar, "would be replaced, and is not of a recording", remedy) from error
    if suffix != outputs.recording.suffix:
        raise RecordError(outputs.sidecar, f"would be replaced, and is of a recording with the layout {layout}", remedy)


def _resumable(outputs: Outputs, now: RunRecord) -> RunRecord:
    """The sidecar of the run before, when that run was like this one.

    Raises:
        RecordError: it was not, or there is no sidecar.
    """
    if not os.path.exists(outputs.sidecar):
        raise RecordError(
            outputs.recording, "has no .json beside it that says how it was measured", "start anew with --overwrite"
        )
    before = read_sidecar(outputs.sidecar)
    if other := differences(before, now):
        raise RecordError(
            outputs.recording,
            f"was measured with another {' and another '.join(other)}",
            "resume with what the first run had (see the .json beside it), or start anew with --overwrite",
        )
    return before


def differences(one: RunRecord, other: RunRecord) -> list[str]:
    """What makes two runs give other rows, in words; none when one may go on where the other stopped."""
    parts = {
        "input": one.input_sha256 == other.input_sha256,
        "model": one.model_sha256 == other.model_sha256,
        "layout": one.layout == other.layout,
        "device": one.provider == other.provider,
        "program version": one.program_version == other.program_version,
        "options": _rows_options(one) == _rows_options(other),
    }
    return [name for name, same in parts.items() if not same]


def _rows_options(record: RunRecord) -> dict[str, Any]:
    return {name: value for name, value in record.options.items() if name not in _HARMLESS_OPTIONS}
