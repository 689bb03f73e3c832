"""What review computes without a window: statistics, changes, marks, the clock, where media lie."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.record.csv import CsvRecorder
from fer_core.record.errors import RecordError
from fer_core.record.layouts import make_layout
from fer_core.record.summary import summarise
from fer_core.types import Affect, Box, Face, FaceResult, FrameResult, MediaInfo, Pose, Status
from fer_studio.marks import Mark, MarkKind, load_marks, marks_path, save_marks
from fer_studio.recording_file import read_recording
from fer_studio.review.find_media import find_media
from fer_studio.review.navigation import change_times, mark_times, nearest_after, nearest_before
from fer_studio.review.playback import PlaybackClock
from fer_studio.review.recording_loader import RecordingLoader
from fer_studio.review.statistics import face_statistics, time_in_span_s
from fer_studio.session import Recording

INFO = MediaInfo("made.mp4", 640, 360, 25.0, 100, 4.0)
HAPPY, ANGRY = EXPRESSIONS.index("happiness"), EXPRESSIONS.index("anger")


def result(index: int, time_s: float, expression: int | None, valence: float = 0.0, unit: float = 0.0) -> FrameResult:
    """One frame with one face that shows an expression, or none."""
    faces: tuple[FaceResult, ...] = ()
    if expression is not None:
        probs = np.full(len(EXPRESSIONS), 0.04, np.float32)
        probs[expression] = 1 - 0.04 * (len(EXPRESSIONS) - 1)
        units = np.full(len(ACTION_UNITS), unit, np.float32)
        seen = Face(1, Status.OK, 0.9, Box(1, 2, 3, 4), Pose(0, 0, 0), np.zeros((468, 3), np.float32))
        faces = (FaceResult(seen, Affect(probs, valence, -valence / 2, units)),)
    return FrameResult(index, time_s, 640, 360, Status.OK if faces else Status.NO_FACE, faces)


def recorded(frames: list[FrameResult]) -> Recording:
    recording = Recording(EXPRESSIONS, ACTION_UNITS)
    for frame in frames:
        recording.append(frame)
    return recording


def varied() -> list[FrameResult]:
    """A variable frame rate, gaps, and values that change."""
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.uniform(0.01, 0.1, 200))
    shown = rng.integers(-1, len(EXPRESSIONS), 200)
    return [
        result(i, float(t), int(e) if e >= 0 else None, float(rng.uniform(-1, 1)), float(rng.random()))
        for i, (t, e) in enumerate(zip(times, shown, strict=True))
    ]


def test_statistics_of_everything_are_those_of_the_summary(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with CsvRecorder(path, make_layout("native", EXPRESSIONS, ACTION_UNITS), INFO) as recorder:
        for frame in varied():
            recorder.write(frame)
    (expected,) = summarise(path).faces
    found = face_statistics(read_recording(path), 1)
    assert (found.face_id, found.frames_ok) == (1, expected.frames_ok)
    assert found.time_ok_s == pytest.approx(expected.time_ok_s)
    assert found.expression_share == pytest.approx(expected.expression_share)
    assert found.au_rate == pytest.approx(expected.au_rate)
    for name in ("valence_mean", "valence_sd", "arousal_mean", "arousal_sd"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=1e-6)


def test_statistics_of_a_span_equal_a_naive_loop() -> None:
    frames, span, excluded = varied(), (2.0, 6.0), [(3.0, 4.0)]
    found = face_statistics(recorded(frames), 1, span, excluded)
    weights, valences, happy = [], [], 0.0
    for this, following in zip(frames, [*frames[1:], None], strict=True):
        if not (span[0] <= this.time_s <= span[1]) or 3.0 <= this.time_s <= 4.0 or not this.faces:
            continue
        assert following is not None
        affect = this.faces[0].affect
        assert affect is not None
        weights.append(following.time_s - this.time_s)
        valences.append(affect.valence)
        happy += weights[-1] * (int(affect.expression_probs.argmax()) == HAPPY)
    mean = float(np.average(valences, weights=weights))
    assert found.frames_ok == len(weights) > 20
    assert found.expression_share["happiness"] == pytest.approx(happy / sum(weights))
    assert found.valence_mean == pytest.approx(mean, abs=1e-6)
    deviation = math.sqrt(np.average((np.array(valences) - mean) ** 2, weights=weights))
    assert found.valence_sd == pytest.approx(deviation, abs=1e-6)


def test_statistics_without_a_usable_frame_are_nan() -> None:
    recording = recorded([result(i, i / 10, HAPPY if i < 5 else None) for i in range(10)])
    found = face_statistics(recording, 1, (0.6, 0.9))
    assert (found.frames_ok, found.time_ok_s) == (0, 0.0)
    assert math.isnan(found.valence_mean)
    assert all(math.isnan(share) for share in (*found.expression_share.values(), *found.au_rate.values()))
    assert time_in_span_s(recording, (0.6, 0.9)) == pytest.approx(0.4)


def test_navigation_finds_changes_that_last() -> None:
    shown = [HAPPY] * 10 + [ANGRY] + [HAPPY] * 9 + [None] * 10 + [ANGRY] * 10
    recording = recorded([result(i, i / 25, e) for i, e in enumerate(shown)])
    changes = change_times(recording, 1)
    assert changes.tolist() == pytest.approx([20 / 25, 30 / 25])  # the single angry frame is flicker
    assert nearest_after(changes, 20 / 25) == pytest.approx(30 / 25)
    assert nearest_before(changes, 20 / 25) is None
    assert nearest_after(changes, 2.0) is None


def test_marks_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = marks_path(tmp_path / "a.b.csv")
    assert path.name == "a.b.markers.json"
    assert load_marks(path) == ()
    marks = (Mark(2.0, 3.0, "Übung {1}", MarkKind.RANGE), Mark(1.0, 1.0, "smile", MarkKind.POINT))
    save_marks(path, marks)
    assert load_marks(path) == tuple(sorted(marks))
    assert mark_times(marks) == [1.0, 2.0, 3.0]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "[]", '{"format": 99, "marks": []}', '{"format": 1, "marks": [{}]}'])
def test_marks_of_another_kind_are_refused_with_a_remedy(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.markers.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=r"holds no marks .*; move it away"):
        load_marks(path)


def test_marks_end_after_their_start() -> None:
    with pytest.raises(ValueError, match="must not precede"):
        Mark(2.0, 1.0, "wrong", MarkKind.RANGE)


class MadeTime:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class MadeSound:
    is_playing = True
    position_s = 0.0


def started(speed: float = 1.0) -> tuple[PlaybackClock, MadeTime]:
    time = MadeTime()
    clock = PlaybackClock(time)
    clock.range_s = (0.0, 10.0)
    clock.speed = speed
    clock.start()
    return clock, time


@pytest.mark.parametrize("speed", [0.25, 1.0, 2.0])
def test_playback_runs_at_its_speed_and_stops_at_the_end(speed: float) -> None:
    clock, time = started(speed)
    time.now_s += 2.0
    assert clock.position_s == pytest.approx(2.0 * speed)
    time.now_s += 100.0
    clock.tick()
    assert not clock.running
    assert clock.position_s == 10.0
    clock.start()
    assert clock.position_s == 0.0


def test_playback_keeps_its_place_when_the_speed_changes() -> None:
    clock, time = started()
    time.now_s += 3.0
    clock.speed = 0.5
    time.now_s += 2.0
    assert clock.position_s == pytest.approx(4.0)


def test_playback_loops() -> None:
    clock, time = started()
    clock.loop_s = (2.0, 4.0)
    clock.seek(3.9)
    time.now_s += 0.2
    assert clock.tick()
    assert clock.position_s == pytest.approx(2.0)
    clock.stop()
    clock.seek(9.0)
    clock.start()
    assert clock.position_s == pytest.approx(2.0)


def test_playback_comes_to_the_sound_without_going_back() -> None:
    clock, time = started(0.25)
    sound = MadeSound()
    sound.position_s = clock.position_s - 0.03
    before_s = clock.position_s
    for _ in range(100):
        time.now_s += 0.015
        sound.position_s += 0.25 * 0.015
        clock.tick(sound)
        assert clock.position_s > before_s
        before_s = clock.position_s
    assert clock.position_s == pytest.approx(sound.position_s, abs=0.001)


def test_playback_leaps_to_the_sound_when_they_part() -> None:
    clock, time = started()
    sound = MadeSound()
    time.now_s += 1.0
    sound.position_s = 0.7
    clock.tick(sound)
    assert clock.position_s == pytest.approx(0.7)
    sound.is_playing = False
    sound.position_s = 9.0
    clock.tick(sound)
    assert clock.position_s == pytest.approx(0.7)


def test_find_media_looks_beside_the_results_and_beside_their_folder(tmp_path: Path) -> None:
    csv = tmp_path / "fer-studio" / "clip.csv"
    csv.parent.mkdir()
    csv.touch()
    assert find_media(csv) is None
    (tmp_path / "clip.mov").touch()
    assert find_media(csv) == tmp_path / "clip.mov"


def test_paths_that_cannot_be_looked_at_are_not_there(tmp_path: Path) -> None:
    impossible = tmp_path / f"{'n' * 300}.csv"  # no system has such names: asking for it is an error
    assert find_media(impossible) is None
    assert not RecordingLoader(impossible)._has_ended()
