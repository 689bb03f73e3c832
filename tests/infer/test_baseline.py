import json
import logging
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.infer.baseline import (
    DEFAULT_AU,
    DEFAULT_NEUTRAL,
    MAX_FRAMES,
    Baseline,
    BaselineError,
    NeutralReference,
    load_baseline,
)
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.types import Affect, Status

UNITS = len(ACTION_UNITS)


@pytest.fixture
def reference() -> NeutralReference:
    probs = np.array([0.8, 0.02, 0.03, 0.06, 0.04, 0.02, 0.01, 0.02], np.float32)
    return NeutralReference(probs, np.zeros(2, np.float32), np.linspace(0, 0.4, UNITS, dtype=np.float32))


def assert_equal(one: Affect, other: Affect, atol: float = 1e-6) -> None:
    np.testing.assert_allclose(one.expression_probs, other.expression_probs, atol=atol)
    np.testing.assert_allclose([one.valence, one.arousal], [other.valence, other.arousal], atol=atol)
    np.testing.assert_allclose(one.au_probs, other.au_probs, atol=atol)


@given(seed=st.integers(0, 2**32 - 1))
def test_baseline_gives_the_own_neutral_face_the_reference(made: SimpleNamespace, seed: int):
    rng = np.random.default_rng(seed)
    neutral, average = made.affect(rng), made.affect(rng)
    reference = NeutralReference(average.expression_probs, np.zeros(2, np.float32), average.au_probs)
    corrected = Baseline.from_affects([neutral], reference).correct(neutral)
    assert_equal(corrected, Affect(average.expression_probs, 0.0, 0.0, average.au_probs))


@given(seed=st.integers(0, 2**32 - 1))
def test_baseline_changes_nothing_for_a_person_like_the_reference(made: SimpleNamespace, seed: int):
    rng = np.random.default_rng(seed)
    neutral, said = made.affect(rng), made.affect(rng)
    at_origin = Affect(neutral.expression_probs, 0.0, 0.0, neutral.au_probs)
    reference = NeutralReference(neutral.expression_probs, np.zeros(2, np.float32), neutral.au_probs)
    assert_equal(Baseline.from_affects([at_origin], reference).correct(said), said)


@given(seed=st.integers(0, 2**32 - 1))
def test_baseline_keeps_sums_and_ranges(made: SimpleNamespace, seed: int):
    rng = np.random.default_rng(seed)
    neutral, average, said = (made.affect(rng) for _ in range(3))
    reference = NeutralReference(average.expression_probs, np.zeros(2, np.float32), average.au_probs)
    corrected = Baseline.from_affects([neutral], reference).correct(said)
    assert corrected.expression_probs.dtype == np.float32
    assert corrected.expression_probs.sum() == pytest.approx(1, abs=1e-5)
    assert corrected.expression_probs.min() >= 0
    assert min(corrected.valence, corrected.arousal) >= -1
    assert max(corrected.valence, corrected.arousal) <= 1
    assert corrected.au_probs.min() >= 0
    assert corrected.au_probs.max() <= 1


def test_baseline_subtracts_and_clips_valence_and_arousal(made: SimpleNamespace, reference: NeutralReference):
    neutral = Affect(reference.expression_probs, -0.3, 0.2, reference.au_probs)
    said = Affect(reference.expression_probs, 0.9, -0.1, reference.au_probs)
    corrected = Baseline.from_affects([neutral], reference).correct(said)
    assert corrected.valence == 1.0
    assert corrected.arousal == pytest.approx(-0.3)


def test_baseline_of_a_stern_face_makes_it_neutral_and_its_smile_a_smile(reference: NeutralReference):
    stern = Affect(np.array([0.3, 0, 0, 0.1, 0.6, 0, 0, 0], np.float32), -0.4, 0.1, np.full(UNITS, 0.6, np.float32))
    smile = Affect(np.array([0.1, 0.5, 0, 0, 0.4, 0, 0, 0], np.float32), 0.1, 0.2, np.full(UNITS, 0.9, np.float32))
    baseline = Baseline.from_affects([stern], reference)
    assert EXPRESSIONS[baseline.correct(stern).expression_probs.argmax()] == "neutral"
    assert EXPRESSIONS[baseline.correct(smile).expression_probs.argmax()] == "happiness"
    assert (baseline.correct(smile).au_probs > baseline.correct(stern).au_probs).all()


def test_baseline_is_not_moved_by_noise_in_tiny_probabilities(reference: NeutralReference):
    neutral = np.array([1 - 7e-6, *[1e-6] * 7], np.float32)
    now = np.array([1 - 1e-3 - 6e-6, 1e-3, *[1e-6] * 6], np.float32)
    units = reference.au_probs
    corrected = Baseline.from_affects([Affect(neutral, 0, 0, units)], reference).correct(Affect(now, 0, 0, units))
    assert abs(corrected.expression_probs - reference.expression_probs).max() < 0.01


def test_baseline_is_the_median_so_that_a_blink_does_not_move_it(made: SimpleNamespace, reference: NeutralReference):
    rng = np.random.default_rng(1)
    calm, blink = made.affect(rng), made.affect(rng)
    baseline = Baseline.from_affects([calm] * 5 + [blink] * 4, reference)
    np.testing.assert_allclose(baseline.expression_probs, calm.expression_probs, atol=1e-6)
    np.testing.assert_allclose(baseline.va, [calm.valence, calm.arousal], atol=1e-6)
    np.testing.assert_array_equal(baseline.au_probs, calm.au_probs)
    with pytest.raises(BaselineError, match="at least one usable frame"):
        Baseline.from_affects([], reference)


def test_baseline_survives_a_round_trip_through_its_file(made: SimpleNamespace, tmp_path: Path):
    card, rng = made.card(), np.random.default_rng(2)
    baseline = Baseline.from_affects([made.affect(rng) for _ in range(3)], NeutralReference.of_card(card))
    baseline.save(tmp_path / "me.json", card)
    said = made.affect(rng)
    for copy in (Baseline.load(tmp_path / "me.json", card), pickle.loads(pickle.dumps(baseline))):
        assert_equal(copy.correct(said), baseline.correct(said), atol=0)


def test_baseline_refuses_files_that_are_none_or_of_another_model(made: SimpleNamespace, tmp_path: Path):
    card, path = made.card(), tmp_path / "me.json"
    Baseline.from_affects([made.affect(np.random.default_rng(3))], NeutralReference.of_card(card)).save(path, card)
    with pytest.raises(BaselineError, match=r"was made with model made 7,"):
        Baseline.load(path, made.card(version="8"))
    content = json.loads(path.read_text())
    for changes in ({"au_probs": [0.5]}, {"va": [2, 0]}, {"va": [float("nan"), 0]}, {"expression_probs": [1.0] * 8}):
        path.write_text(json.dumps(content | changes))
        with pytest.raises(BaselineError, match="does not fit"):
            Baseline.load(path, card)
    for text, complaint in (("[]", "no baseline"), ("{", "no JSON"), ("{}", "no baseline")):
        path.write_text(text)
        with pytest.raises(BaselineError, match=complaint):
            Baseline.load(path, card)
    with pytest.raises(BaselineError, match="cannot be read"):
        Baseline.load(tmp_path / "nobody.json", card)


def test_reference_comes_from_the_card_or_a_stated_default(made: SimpleNamespace, reference: NeutralReference):
    card = made.card(figures={"neutral_reference": reference.to_dict()})
    np.testing.assert_allclose(NeutralReference.of_card(card).expression_probs, reference.expression_probs)
    default = NeutralReference.of_card(made.card())
    assert default.expression_probs[0] == pytest.approx(DEFAULT_NEUTRAL)
    assert default.expression_probs.sum() == pytest.approx(1)
    assert default.au_probs.tolist() == pytest.approx([DEFAULT_AU] * UNITS)
    with pytest.raises(BaselineError, match="card of model made"):
        NeutralReference.of_card(made.card(figures={"neutral_reference": {"va": [0, 0]}}))


def test_reference_mean_of_equal_answers_is_that_answer_and_of_mirrored_odds_is_half(made: SimpleNamespace):
    said = made.affect(np.random.default_rng(4))
    tiled = [np.tile(a, (5, 1)) for a in (said.expression_probs, np.array([0.1, -0.2], np.float32), said.au_probs)]
    mean = NeutralReference.mean(*tiled)
    np.testing.assert_allclose(mean.expression_probs, said.expression_probs, atol=1e-6)
    np.testing.assert_allclose(mean.va, [0.1, -0.2])
    np.testing.assert_allclose(mean.au_probs, said.au_probs, atol=1e-6)
    opposite = NeutralReference.mean(
        np.array([[0.9, 0.1], [0.1, 0.9]], np.float32), np.zeros((2, 2)), np.array([[0.2], [0.8]], np.float32)
    )
    np.testing.assert_allclose(opposite.expression_probs, 0.5, atol=1e-6)
    np.testing.assert_allclose(opposite.au_probs, 0.5, atol=1e-6)


def test_load_baseline_reads_a_saved_file_without_analysing(made: SimpleNamespace, tmp_path: Path):
    card, said = made.card(), made.affect(np.random.default_rng(5))
    Baseline.from_affects([said], NeutralReference.of_card(card)).save(tmp_path / "me.JSON", card)
    loaded = load_baseline(tmp_path / "me.JSON", card, lambda path: pytest.fail("the file is JSON"))
    np.testing.assert_array_equal(loaded.au_probs, said.au_probs)


def test_load_baseline_takes_the_largest_face_and_says_so(
    made: SimpleNamespace, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    rng = np.random.default_rng(6)
    small, large = made.affect(rng), made.affect(rng)
    frames = [made.frame(n, made.result(1, small, 60), made.result(2, large, 90)) for n in range(4)]
    frames += [made.frame(4), made.frame(5, made.result(3, None, 500, Status.OCCLUDED))]
    with caplog.at_level(logging.WARNING):
        baseline = load_baseline(tmp_path / "us.mp4", made.card(), lambda path: iter(frames))
    np.testing.assert_array_equal(baseline.au_probs, large.au_probs)
    assert "2 faces in it; the largest (face 2)" in caplog.text


def test_load_baseline_names_the_reason_when_no_face_is_usable(made: SimpleNamespace, tmp_path: Path):
    frames = [made.frame(0), *(made.frame(n, made.result(1, None, 20, Status.TOO_SMALL)) for n in (1, 2))]
    with pytest.raises(BaselineError, match=r"me\.png: no usable face in it \(too_small\)"):
        load_baseline(tmp_path / "me.png", made.card(), lambda path: iter(frames))
    with pytest.raises(BaselineError, match="no_face"):
        load_baseline(tmp_path / "me.png", made.card(), lambda path: iter(()))


def test_load_baseline_stops_reading_a_long_video(made: SimpleNamespace, tmp_path: Path):
    said, read = made.affect(np.random.default_rng(7)), []

    def endless(path: Path):
        while True:
            read.append(path)
            yield made.frame(len(read), made.result(1, said))

    load_baseline(tmp_path / "long.mp4", made.card(), endless)
    assert len(read) == MAX_FRAMES
