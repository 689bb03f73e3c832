"""One frame of the live view: the pipeline that everything shares, then what only the live view has.

Two results come out of a frame. The *measured* one is what ``fer-studio annotate`` would write, with the baseline of a
calibrated face added; it is recorded. The *shown* one is smoothed first, if a person wishes, and never recorded: a
slider moved for the eye leaves no trace in the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fer_core.types import FaceResult, Frame, FrameResult
from fer_studio.live.calibration import Calibration, CalibrationError

if TYPE_CHECKING:
    from fer_core.infer.baseline import Baseline
    from fer_core.infer.pipeline import Pipeline
    from fer_core.infer.smoothing import Smoother


@dataclass(frozen=True, slots=True)
class Analysed:
    """Both results of a frame, and how far a calibration is."""

    measured: FrameResult
    shown: FrameResult
    calibration: float | None = None
    """0..1 while a neutral face is collected."""
    calibration_problem: str | None = None
    """Why the collecting ended without a baseline, once."""


class LiveAnalyser:
    """Owns a pipeline without smoothing and baseline. For one thread at a time."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._smoother: Smoother | None = None
        self._smooth_s = 0.0
        self._baselines: dict[int, Baseline] = {}
        self._calibration: Calibration | None = None

    @property
    def baselines(self) -> Mapping[int, Baseline]:
        """What is subtracted, by face; another object whenever something else is."""
        return self._baselines

    def set_smoothing(self, tau_s: float) -> None:
        """Time constant of what is shown; 0 is off."""
        self._smooth_s = tau_s
        self._smoother = self._make_smoother()

    def calibrate(self, face_id: int) -> None:
        """Begins to collect the neutral of a face; a baseline that it has stays until the new one is there."""
        self._calibration = Calibration(face_id)

    def reset_baselines(self) -> None:
        """Nothing is subtracted any more."""
        self._calibration = None
        self._baselines = {}

    def reset(self) -> None:
        """The next frame is the first of another recording: ids, smoothing and baselines begin anew."""
        self.pipeline.reset()
        self._smoother = self._make_smoother()
        self.reset_baselines()

    def process(self, frame: Frame) -> Analysed:
        """Everything of one frame."""
        measured = self.pipeline.process(frame)
        problem = None
        try:
            progress = self._collect(measured)
        except CalibrationError as error:
            progress, problem = None, str(error)
        shown = self._smoothed(measured)
        return Analysed(self._corrected(measured), self._corrected(shown), progress, problem)

    def close(self) -> None:
        """Ends the pipeline's threads."""
        self.pipeline.close()

    def _collect(self, result: FrameResult) -> float | None:
        calibration = self._calibration
        if calibration is None:
            return None
        self._calibration = None
        if not calibration.add(result):
            self._calibration = calibration
            return calibration.progress
        from fer_core.infer.baseline import Baseline, NeutralReference

        reference = NeutralReference.of_card(self.pipeline.engine.card)
        made = Baseline.from_affects(calibration.affects, reference)
        self._baselines = {**self._baselines, calibration.face_id: made}
        return 1.0

    def _make_smoother(self) -> Smoother | None:
        if self._smooth_s <= 0:
            return None
        from fer_core.infer.smoothing import Smoother

        return Smoother(self._smooth_s)

    def _smoothed(self, result: FrameResult) -> FrameResult:
        smoother = self._smoother
        if smoother is None:
            return result
        faces = tuple(
            f if f.affect is None else replace(f, affect=smoother.apply(f.face.face_id, result.time_s, f.affect))
            for f in result.faces
        )
        return replace(result, faces=faces)

    def _corrected(self, result: FrameResult) -> FrameResult:
        if not self._baselines:
            return result
        return replace(result, faces=tuple(_correct(face, self._baselines) for face in result.faces))


def _correct(face: FaceResult, baselines: Mapping[int, Baseline]) -> FaceResult:
    baseline = baselines.get(face.face.face_id)
    if baseline is None or face.affect is None:
        return face
    return replace(face, affect_baseline=baseline.correct(face.affect))
