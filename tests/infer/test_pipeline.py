"""The two ways through the pipeline, on the shipped clip with the shipped model."""

import threading
from itertools import islice

import numpy as np
import pytest

from fer_core.assets import asset_path
from fer_core.infer import pipeline as pipeline_module
from fer_core.infer.engine import Engine
from fer_core.infer.pipeline import BATCH_FACES, Pipeline
from fer_core.media.source import open_source
from fer_core.types import Frame, FrameResult

FRAMES = 30


class CountingEngine(Engine):
    """Remembers how many faces it was asked about at once."""

    def affects(self, crops_rgb_u8):
        self.asked = [*getattr(self, "asked", []), len(crops_rgb_u8)]
        return super().affects(crops_rgb_u8)


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    with open_source(asset_path("demo", "demo.mp4")) as source:
        return list(islice(source.frames(), FRAMES))


@pytest.fixture
def pipeline():
    with Pipeline(CountingEngine(device="cpu")) as pipeline:
        yield pipeline


def assert_same(one: FrameResult, other: FrameResult) -> None:
    assert (one.index, one.time_s, one.status) == (other.index, other.time_s, other.status)
    assert len(one.faces) == len(other.faces)
    for a, b in zip(one.faces, other.faces, strict=True):
        assert (a.face.face_id, a.face.status, a.face.box) == (b.face.face_id, b.face.status, b.face.box)
        assert (a.affect is None) == (b.affect is None)
        if a.affect is not None and b.affect is not None:
            np.testing.assert_array_equal(a.affect.expression_probs, b.affect.expression_probs)
            np.testing.assert_array_equal(a.affect.au_probs, b.affect.au_probs)
            assert (a.affect.valence, a.affect.arousal) == (b.affect.valence, b.affect.arousal)


def test_run_gives_what_process_gives_to_the_last_bit(pipeline, frames):
    alone = [pipeline.process(frame) for frame in frames]
    assert sum(len(result.faces) for result in alone) > FRAMES / 2
    assert max(pipeline.engine.asked) == 1
    pipeline.engine.asked.clear()
    pipeline.reset()
    together = list(pipeline.run(frames))
    assert max(pipeline.engine.asked) == BATCH_FACES
    assert len(together) == FRAMES
    for one, other in zip(alone, together, strict=True):
        assert_same(one, other)


def test_run_hands_each_result_out_with_its_frame(pipeline, frames):
    pairs = list(pipeline.run_with_frames(frames[:7]))
    assert [frame is given for (frame, _), given in zip(pairs, frames[:7], strict=True)] == [True] * 7
    assert [result.index for _, result in pairs] == [frame.index for frame in frames[:7]]


def test_run_gives_the_results_before_a_failure_and_then_the_failure(pipeline, frames):
    def broken():
        yield from frames[:6]
        raise OSError("the disk went away")

    results = pipeline.run(broken())
    assert [next(results).index for _ in range(6)] == [frame.index for frame in frames[:6]]
    with pytest.raises(OSError, match="went away"):
        next(results)


def test_run_that_is_left_early_ends_its_threads(pipeline, frames):
    before = threading.active_count()
    results = pipeline.run(frames)
    next(results)
    assert threading.active_count() > before
    results.close()
    assert threading.active_count() == before


def test_batches_hold_at_most_so_many_faces_or_frames():
    found = [1, 1, 1, 1, 0, 0, 0, 0, 3, 2, 5, 1]
    items = [pipeline_module._Located(None, (None,) * n) for n in found]  # type: ignore[arg-type]
    sizes = [[len(item.found) for item in batch] for batch in pipeline_module._batches(items)]
    assert sizes == [[1, 1, 1, 1], [0, 0, 0, 0], [3, 2], [5], [1]]
