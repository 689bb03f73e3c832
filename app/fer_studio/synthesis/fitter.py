"""Finds the faces of a photograph, judges whether the chosen one is neutral, and fits it. No Qt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fer_core.types import Box, FaceResult, Frame, ImageU8, Status
from fer_studio.quiet import ignore_library_warnings, quiet_native_stderr
from fer_studio.synthesis.fitted import FittedPhoto, fit_levels
from fer_studio.synthesis.photograph import Photograph
from fer_studio.terms import explain_status
from fer_studio.workers.abandon import Abandoned, call_abandonable
from fer_studio.workers.analysis import EngineFactory
from fer_studio.workers.control import Cancelled

if TYPE_CHECKING:
    from fer_core.infer.pipeline import Pipeline

MAX_FACES = 8
NEUTRAL = "neutral"
#: A face whose most probable expression is another one, or that is farther than this from the origin, is not neutral.
NEUTRAL_RADIUS = 0.3

_NO_FACE = "no face was found; choose a photograph that shows one face from the front, in good light"
_NOT_NEUTRAL_REMEDY = "For the best result take one with a relaxed face and closed lips."

Tell = Callable[[float, str], None]
ShouldStop = Callable[[], bool]


class PhotoProblem(Exception):  # noqa: N818  shown to people, it is no fault of the program
    """A photograph that cannot be used; the message is ``"<what>; <remedy>"``."""


class PhotoFitter:
    """Loads the networks at the first photograph and keeps them. May be asked from several threads, one after another.

    What cannot be interrupted runs in helper threads, and holds the lock until it has ended: nobody else uses, or
    closes, the networks meanwhile.

    Args:
        engine_factory: gives the affect network.
    """

    def __init__(self, engine_factory: EngineFactory) -> None:
        self._engine_factory = engine_factory
        self._lock = threading.Lock()
        self._pipeline: Pipeline | None = None
        self._expressions: tuple[str, ...] = ()
        self._closed = False

    def fit(self, photograph: Photograph, tell: Tell, should_stop: ShouldStop) -> FittedPhoto:
        """The largest face.

        Args:
            photograph: with any number of faces.
            tell: gets how far it is, 0..1, and what is being done.
            should_stop: is asked often.

        Raises:
            PhotoProblem: no face, or the largest one cannot be used.
            ModelError, ValueError, FileNotFoundError: the network cannot be used.
            Cancelled: it should stop.
        """

        def tell_while_wanted(share: float, text: str) -> None:
            if not should_stop():
                tell(share, text)

        def find() -> tuple[FaceResult, ...]:
            return self._find(photograph.image_rgb_u8, tell_while_wanted)

        try:
            faces = call_abandonable("looking for faces", find, should_stop, lambda late: None)
        except Abandoned as reason:
            raise Cancelled from reason
        if not faces:
            raise PhotoProblem(_NO_FACE)
        tell(0.75, "fitting the face")
        largest = max(faces, key=lambda face: face.face.box.w_px * face.face.box.h_px)
        return self._fitted(photograph, faces, largest, should_stop)

    def fit_other(self, before: FittedPhoto, face_id: int, should_stop: ShouldStop) -> FittedPhoto:
        """Another face of the same photograph.

        Raises:
            PhotoProblem: it cannot be used.
            Cancelled: it should stop.
        """
        face = next(face for face in before.faces if face.face.face_id == face_id)
        return self._fitted(before.photograph, before.faces, face, should_stop)

    def close(self) -> None:
        """Ends the networks' threads; while a helper uses them, as soon as it has ended."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            self._close_pipeline()
            self._lock.release()

    def _find(self, image: ImageU8, tell: Tell) -> tuple[FaceResult, ...]:
        """All faces, numbered from the left."""
        with self._lock:
            try:
                pipeline = self._load(tell)
                tell(0.5, "looking for faces")
                faces = pipeline.process(Frame(0, 0.0, image, name="photograph")).faces
                if not faces:
                    # A face that fills its picture is found when there is room around it.
                    pad = max(image.shape[:2]) // 3
                    padded = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
                    found = pipeline.process(Frame(0, 0.0, padded, name="photograph")).faces
                    faces = tuple(_moved(face, -pad) for face in found)
            finally:
                if self._closed:
                    self._close_pipeline()
        ordered = sorted(faces, key=lambda face: face.face.box.x_px)
        return tuple(
            replace(face, face=replace(face.face, face_id=number)) for number, face in enumerate(ordered, start=1)
        )

    def _load(self, tell: Tell) -> Pipeline:
        from fer_core.infer.pipeline import Pipeline

        ignore_library_warnings()
        if self._pipeline is None:
            tell(0.15, "loading the networks")
        engine = self._engine_factory()
        if self._pipeline is None or self._pipeline.engine is not engine:  # another model was chosen meanwhile
            self._close_pipeline()
            with quiet_native_stderr():
                self._pipeline = Pipeline(engine, max_faces=MAX_FACES)
                self._pipeline.process(Frame(0, 0.0, np.zeros((256, 256, 3), np.uint8), name="warm-up"))
            self._expressions = engine.card.expressions
        return self._pipeline

    def _close_pipeline(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.close()

    def _fitted(
        self, photograph: Photograph, faces: Sequence[FaceResult], face: FaceResult, should_stop: ShouldStop
    ) -> FittedPhoto:
        # The last one is for the window's thread, which would wait for it when it first makes a sequence.
        from fer_core.augment.affect3d import Synthesiser, SynthesisError, sequence  # noqa: F401

        try:
            levels = fit_levels(photograph.image_rgb_u8, face.face.landmarks_px, faces, should_stop)
        except SynthesisError as error:
            raise PhotoProblem(str(error)) from error
        notes = (
            *_about_choice(faces),
            *_about_state(face, self._expressions),
            *levels[-1].fit.warnings,
        )
        return FittedPhoto(photograph, Synthesiser.load(), tuple(faces), face.face.face_id, levels, notes)


def is_neutral(face: FaceResult, expressions: Sequence[str]) -> bool:
    """Whether the network sees a neutral face; a face that it cannot judge counts as one."""
    affect = face.affect
    if affect is None:
        return True
    top = expressions[int(np.argmax(affect.expression_probs))]
    return top == NEUTRAL and float(np.hypot(affect.valence, affect.arousal)) <= NEUTRAL_RADIUS


def _about_choice(faces: Sequence[FaceResult]) -> list[str]:
    if len(faces) == 1:
        return []
    return [f"{len(faces)} faces were found, and the largest was taken. Click another one to take it instead."]


def _about_state(face: FaceResult, expressions: Sequence[str]) -> list[str]:
    if face.face.status is not Status.OK:
        return [explain_status(face.face.status)]
    if is_neutral(face, expressions):
        return []
    assert face.affect is not None
    probs = face.affect.expression_probs
    seen = expressions[int(np.argmax(probs))]
    if seen == NEUTRAL:
        look = f"valence {face.affect.valence:+.2f}, arousal {face.affect.arousal:+.2f}"
    else:
        look = f"{seen}, {probs.max():.0%}"
    return [f"The photograph is not neutral ({look}): what is asked for adds to what it shows. {_NOT_NEUTRAL_REMEDY}"]


def _moved(result: FaceResult, by_px: float) -> FaceResult:
    face, box = result.face, result.face.box
    landmarks = face.landmarks_px + np.array([by_px, by_px, 0], np.float32)
    moved = replace(face, box=Box(box.x_px + by_px, box.y_px + by_px, box.w_px, box.h_px), landmarks_px=landmarks)
    return replace(result, face=moved)
