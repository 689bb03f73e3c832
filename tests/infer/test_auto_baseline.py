import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fer_core.infer import auto_baseline
from fer_core.infer.auto_baseline import MAX_ROWS, fill_auto_baseline
from fer_core.infer.baseline import Baseline, NeutralReference
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.record.csv import CsvRecorder
from fer_core.record.errors import RecordError
from fer_core.record.layouts import make_layout
from fer_core.record.reader import read_native
from fer_core.record.schema import format_affect
from fer_core.types import Affect, FrameResult, MediaInfo, Status

INFO = MediaInfo("made.mp4", 640, 360, 25.0, None, None)
WIDTH = len(EXPRESSIONS) + 2 + len(ACTION_UNITS)


def write(path: Path, frames: list[FrameResult], *, with_baseline: bool = True) -> Path:
    layout = make_layout("native", EXPRESSIONS, ACTION_UNITS, with_baseline=with_baseline)
    with CsvRecorder(path, layout, INFO) as recorder:
        for frame in frames:
            recorder.write(frame)
    return path


def said(made: SimpleNamespace, rng: np.random.Generator, p_neutral: float) -> Affect:
    affect = made.affect(rng)
    rest = affect.expression_probs[1:] / affect.expression_probs[1:].sum() * (1 - p_neutral)
    return Affect(np.array([p_neutral, *rest], np.float32), affect.valence, affect.arousal, affect.au_probs)


def test_auto_baseline_fills_from_the_most_neutral_tenth(made: SimpleNamespace, tmp_path: Path):
    rng, card = np.random.default_rng(0), made.card()
    neutrality = rng.permutation(np.linspace(0.01, 0.99, 200))
    affects = [said(made, rng, float(p)) for p in neutrality]
    frames = [made.frame(n, made.result(1, a)) for n, a in enumerate(affects)]
    path = write(tmp_path / "a.csv", frames)
    before = path.read_text().splitlines()
    assert fill_auto_baseline(path, card) == {1: 20}

    most_neutral = np.argsort(neutrality)[-20:]
    baseline = Baseline.from_affects([affects[i] for i in most_neutral], NeutralReference.of_card(card))
    rows = list(read_native(path))
    for row, affect in zip(rows, affects, strict=True):
        expected = baseline.correct(affect)
        assert row.affect_baseline is not None
        # The file keeps six decimals of what is corrected; the correction can enlarge that error.
        np.testing.assert_allclose(row.affect_baseline.expression_probs, expected.expression_probs, atol=1e-4)
        np.testing.assert_allclose(row.affect_baseline.au_probs, expected.au_probs, atol=1e-4)
        assert row.affect_baseline.valence == pytest.approx(expected.valence, abs=2e-6)
    after = path.read_text().splitlines()
    assert after[0] == before[0]
    assert [line.split(",")[:-WIDTH] for line in after] == [line.split(",")[:-WIDTH] for line in before]
    assert after[1].split(",")[-WIDTH:] == format_affect(rows[0].affect_baseline)
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    fill_auto_baseline(path, card)
    assert path.read_text().splitlines() == after


def test_auto_baseline_gives_each_face_its_own_and_leaves_short_visits_empty(made: SimpleNamespace, tmp_path: Path):
    rng = np.random.default_rng(1)
    first, second = said(made, rng, 0.7), said(made, rng, 0.4)
    frames = []
    for n in range(30):
        faces = [made.result(1, first), made.result(2, second)]
        if n < 9:
            faces.append(made.result(3, first))  # nine rows in a third of a second
        if n % 10 == 0:
            faces.append(made.result(4, None, status=Status.OCCLUDED))
        frames.append(made.frame(n, *faces))
    frames += [made.frame(30), made.frame(31, made.result(1, None, status=Status.TOO_SMALL))]
    path = write(tmp_path / "b.csv", frames)
    assert fill_auto_baseline(path, made.card()) == {1: 10, 2: 10}
    reference = NeutralReference.of_card(made.card())
    for row in read_native(path):
        if row.face_id in (1, 2) and row.status is Status.OK:
            # Each said one thing only: it is their neutral, hence the reference.
            np.testing.assert_allclose(row.affect_baseline.expression_probs, reference.expression_probs, atol=1e-5)
            assert row.affect_baseline.valence == pytest.approx(0, abs=1e-6)
        else:
            assert row.affect_baseline is None


def test_auto_baseline_counts_a_second_of_sparse_frames(made: SimpleNamespace, tmp_path: Path):
    affect = said(made, np.random.default_rng(2), 0.5)
    for name, step_s, expected in (("slow", 0.25, {1: 5}), ("brief", 0.2, {})):
        frames = [made.frame(n, made.result(1, affect), time_s=n * step_s) for n in range(5)]
        assert fill_auto_baseline(write(tmp_path / f"{name}.csv", frames), made.card()) == expected


def test_auto_baseline_memory_is_flat(made: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(auto_baseline, "MAX_ROWS", 20)
    affect = said(made, np.random.default_rng(3), 0.5)
    peaks = []
    for count in (300, 3000):
        path = write(tmp_path / f"{count}.csv", [made.frame(n, made.result(1, affect)) for n in range(count)])
        tracemalloc.start()
        assert fill_auto_baseline(path, made.card()) == {1: 20}
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
    assert MAX_ROWS >= 100


def test_auto_baseline_refuses_files_it_cannot_fill(made: SimpleNamespace, tmp_path: Path):
    affect = said(made, np.random.default_rng(4), 0.5)
    frames = [made.frame(n, made.result(1, affect)) for n in range(12)]
    plain = write(tmp_path / "plain.csv", frames, with_baseline=False)
    with pytest.raises(RecordError, match="no columns for a baseline"):
        fill_auto_baseline(plain, made.card())
    with pytest.raises(RecordError, match="other labels"):
        fill_auto_baseline(write(tmp_path / "other.csv", frames), made.card(action_units=(1, 2)))
    with pytest.raises(RecordError, match="cannot be read"):
        fill_auto_baseline(tmp_path / "missing.csv", made.card())


def test_auto_baseline_keeps_the_file_when_the_new_one_cannot_be_written(
    made: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    affect = said(made, np.random.default_rng(5), 0.5)
    path = write(tmp_path / "c.csv", [made.frame(n, made.result(1, affect)) for n in range(12)])
    before = path.read_bytes()

    def no_space(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(auto_baseline.os, "fsync", no_space)
    with pytest.raises(RecordError, match="free some space"):
        fill_auto_baseline(path, made.card())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.csv"]
