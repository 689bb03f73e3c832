"""From frames to results: the one path that live view, annotated files and command line share.

``process`` does everything for one frame where it is called. ``run`` gives the same numbers faster: while the caller's
thread hands out results, one thread decodes, one finds meshes, and one describes the faces, cuts their crops and runs
the affect network, which is about as much work as finding them. The network reads the faces of some successive frames
at once, because fetching its weights from memory takes as long as using them on one face. Between the threads are
short queues that make the faster wait for the slower, so memory does not grow with the length of a video.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

import cv2

from fer_core.faces.align import align_face
from fer_core.faces.tracker import DEFAULT_MAX_FACES, FaceTracker, FoundFace
from fer_core.infer.baseline import Baseline
from fer_core.infer.engine import Engine
from fer_core.infer.smoothing import Smoother
from fer_core.types import Affect, Face, FaceResult, Frame, FrameResult, ImageU8, Status

#: Frames that may wait between two stages.
QUEUE_FRAMES = 4
#: Faces that the network reads at once in ``run``: four take as long as two and a half alone, more gain little.
BATCH_FACES = 4

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class _Located:
    """A frame whose meshes are known."""

    frame: Frame
    found: tuple[FoundFace, ...]


@dataclass(frozen=True, slots=True)
class _Described:
    """A frame whose faces are known but for their affect."""

    frame: Frame
    faces: tuple[Face, ...]
    crops: tuple[ImageU8, ...]
    """Of the usable faces."""


class Pipeline:
    """Tracker, network, smoothing and baseline in a row. One recording at a time.

    Args:
        engine: the affect network; may be shared between pipelines.
        max_faces: how many faces are followed.
        smooth_s: time constant of causal smoothing; 0 is off.
        baseline: a person's neutral face to subtract, or None.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        max_faces: int = DEFAULT_MAX_FACES,
        smooth_s: float = 0.0,
        baseline: Baseline | None = None,
    ) -> None:
        self.engine = engine
        self.baseline = baseline
        self._smooth_s = smooth_s
        self._tracker = FaceTracker(max_faces)
        # The pictures here are small; a pool of threads for each of OpenCV's calls costs more than it saves.
        cv2.setNumThreads(1)
        self.reset()

    def reset(self) -> None:
        """Starts another recording: ids count from 1 again, smoothing forgets."""
        self._tracker.reset()
        self._smoother = Smoother(self._smooth_s) if self._smooth_s > 0 else None

    def process(self, frame: Frame) -> FrameResult:
        """Everything of one frame, in the calling thread. Frames come in the order of their times."""
        (result,) = self._measure([self._locate(frame)])
        return result

    def run(self, frames: Iterable[Frame]) -> Iterator[FrameResult]:
        """Results of many frames, in order, with the stages overlapped.

        An exception of ``frames`` is raised after the results of the frames before it. Ending the iteration early
        stops the threads.
        """
        for _, result in self.run_with_frames(frames):
            yield result

    def run_with_frames(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, FrameResult]]:
        """As :meth:`run`, each result with its frame."""
        with (
            closing(_Stage(iter(frames), lambda frame: frame)) as decoded,
            closing(_Stage(decoded, self._locate)) as located,
            closing(_Stage(_batches(located), lambda batch: (batch, self._measure(batch)))) as measured,
        ):
            for batch, results in measured:
                yield from zip((located.frame for located in batch), results, strict=True)

    def close(self) -> None:
        """Ends the tracker's threads."""
        self._tracker.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _locate(self, frame: Frame) -> _Located:
        image = frame.image_rgb_u8
        if image is None:
            return _Located(frame, ())
        if frame.name is not None:
            return _Located(frame, self._tracker.find_still(image))
        return _Located(frame, self._tracker.find(image, frame.time_s))

    def _measure(self, batch: Sequence[_Located]) -> list[FrameResult]:
        described = [self._describe(located) for located in batch]
        affects = iter(self.engine.affects([crop for d in described for crop in d.crops]))
        return [self._complete(d, affects) for d in described]

    def _describe(self, located: _Located) -> _Described:
        frame, image = located.frame, located.frame.image_rgb_u8
        if image is None:
            return _Described(frame, (), ())
        if frame.name is not None:
            faces = self._tracker.describe_still(image, located.found)
        else:
            faces = self._tracker.describe(image, located.found, frame.time_s)
        geometry = self.engine.card.geometry
        crops = tuple(align_face(image, f.landmarks_px, geometry) for f in faces if f.status is Status.OK)
        return _Described(frame, faces, crops)

    def _complete(self, described: _Described, affects: Iterator[Affect]) -> FrameResult:
        """The result of a frame, whose affects are the next ones."""
        frame, image = described.frame, described.frame.image_rgb_u8
        if image is None:
            return FrameResult(frame.index, frame.time_s, 0, 0, Status.DECODE_ERROR, (), frame.name)
        results = tuple(
            self._finish(face, next(affects) if face.status is Status.OK else None, frame) for face in described.faces
        )
        status = Status.OK if results else Status.NO_FACE
        return FrameResult(frame.index, frame.time_s, image.shape[1], image.shape[0], status, results, frame.name)

    def _finish(self, face: Face, affect: Affect | None, frame: Frame) -> FaceResult:
        if affect is None:
            return FaceResult(face, None)
        if self._smoother and frame.name is None:  # photographs follow each other in a folder, not in time
            affect = self._smoother.apply(face.face_id, frame.time_s, affect)
        return FaceResult(face, affect, self.baseline.correct(affect) if self.baseline else None)


def _batches(located: Iterable[_Located]) -> Iterator[list[_Located]]:
    """Successive frames with ``BATCH_FACES`` faces between them, and no more than that many frames."""
    batch: list[_Located] = []
    try:
        for item in located:
            batch.append(item)
            if len(batch) >= BATCH_FACES or sum(len(b.found) for b in batch) >= BATCH_FACES:
                yield batch
                batch = []
    except Exception:
        if batch:
            yield batch  # what came before the failure is good
        raise
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


class _End:
    pass


class _Stage(Generic[T, U]):
    """Applies a function to every item of an iterator in a thread of its own, through a bounded queue."""

    def __init__(self, items: Iterator[T], function: Callable[[T], U]) -> None:
        self._items = items
        self._function = function
        self._queue: queue.Queue[U | _Failed | _End] = queue.Queue(QUEUE_FRAMES)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            for item in self._items:
                if not self._put(self._function(item)):
                    return
            self._put(_End())
        except BaseException as error:  # handed to the consumer, in order
            self._put(_Failed(error))

    def _put(self, item: U | _Failed | _End) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.05)
            except queue.Full:
                continue
            return True
        return False

    def __iter__(self) -> Iterator[U]:
        return self

    def __next__(self) -> U:
        while True:
            try:
                item = self._queue.get(timeout=0.05)
            except queue.Empty:
                if self._stop.is_set():
                    raise StopIteration from None
                continue
            if isinstance(item, _Failed):
                raise item.error
            if isinstance(item, _End):
                raise StopIteration
            return item

    def close(self) -> None:
        """Stops the thread and waits for it."""
        self._stop.set()
        self._thread.join()
