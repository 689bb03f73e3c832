"""Following faces where frames are far apart, on the shipped clip."""

from pathlib import Path

import numpy as np
import pytest

from fer_core.assets import asset_path
from fer_core.faces.networks import Detection
from fer_core.faces.search import detect_in
from fer_core.faces.tracker import FOLLOW_S, FaceTracker
from fer_core.media.source import open_source
from fer_core.types import Frame

EVERY = 5


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    """A moving face, at 4.8 frames a second."""
    with open_source(Path(asset_path("demo", "demo.mp4"))) as source:
        return [frame for n, frame in enumerate(source.frames()) if n % EVERY == 0]


def test_tracker_looks_anew_for_a_face_after_a_gap(frames: list[Frame]):
    with FaceTracker(1) as tracker, FaceTracker(1) as fresh:
        for frame in frames:
            found = tracker.find(frame.image_rgb_u8, frame.time_s)
            searched = fresh.find_still(frame.image_rgb_u8)
            assert len(found) == len(searched)
            for a, b in zip(found, searched, strict=True):
                np.testing.assert_allclose(a.landmarks_px, b.landmarks_px, atol=1e-3)


def test_tracker_keeps_the_id_of_a_face_that_moves_between_distant_frames(frames: list[Frame]):
    with FaceTracker() as tracker:
        ids = {face.face_id for f in frames for face in tracker.update(f.image_rgb_u8, f.time_s)}
    assert ids == {1}


def test_tracker_follows_where_the_search_finds_nobody(frames: list[Frame], monkeypatch: pytest.MonkeyPatch):
    first, second = frames[0], frames[0]
    with FaceTracker(1) as tracker:
        assert len(tracker.find(first.image_rgb_u8, 0.0)) == 1
        monkeypatch.setattr(tracker, "_search", lambda *args, **kwargs: [])
        assert len(tracker.find(second.image_rgb_u8, 2 * FOLLOW_S)) == 1


def test_tracker_keeps_who_came_first_where_another_face_is_the_surer_one(
    frames: list[Frame], monkeypatch: pytest.MonkeyPatch
):
    two = np.hstack([frames[0].image_rgb_u8, frames[0].image_rgb_u8])
    turns = iter([False, True] * 4)

    def detected(*arguments: object) -> list[Detection]:
        found = detect_in(*arguments)
        assert len(found) == 2
        return sorted(found, key=lambda d: d.x_px, reverse=next(turns))

    monkeypatch.setattr("fer_core.faces.tracker.detect_in", detected)
    with FaceTracker(1) as tracker:
        faces = [tracker.update(two, n / 8) for n in range(6)]
    assert [[face.face_id for face in frame] for frame in faces] == [[1]] * 6
    assert all(frame[0].box.x_px < two.shape[1] / 2 for frame in faces)
