import itertools

import numpy as np
import pytest

from fer_core.faces.canonical import canonical_mesh
from fer_core.faces.identity import (
    FOLLOWED_S,
    REENTRY_S,
    REENTRY_SHAPE,
    Candidate,
    IdentityTracker,
    assign,
    shape_descriptor,
)
from fer_core.faces.pose import rotation_of
from fer_core.types import Pose

FPS_HZ = 25.0
WIDTH_PX = 120.0
#: Root mean square change of a head's shape; different people of the London set differ by about 0.3 cm.
IDENTITY_CM = 0.3
NOISE_CM = 0.03


def person(seed: int) -> np.ndarray:
    """The canonical head under a smooth random deformation, alike left and right. (468, 3), cm."""
    rng = np.random.default_rng(seed)
    vertices = canonical_mesh().vertices_cm.astype(np.float64)
    folded = vertices * 0.35
    folded[:, 0] = np.abs(folded[:, 0])
    waves = rng.normal(size=(12, 3))
    amplitude, phase = rng.normal(size=(12, 3)), rng.uniform(0, 2 * np.pi, 12)
    change = np.cos(folded @ waves.T + phase) @ amplitude
    change[:, 0] *= np.tanh(vertices[:, 0])
    change *= IDENTITY_CM / np.sqrt((change**2).sum(axis=1).mean())
    return vertices + change


def at(head: np.ndarray, x_px: float, y_px: float = 300.0, seed: int = 0, pose: Pose | None = None) -> Candidate:
    """A person at a place, with fresh noise."""
    rng = np.random.default_rng(seed)
    turned = (head + rng.normal(0, NOISE_CM, head.shape)) @ rotation_of(pose or Pose(0, 0, 0)).T
    return Candidate((turned * (WIDTH_PX / 15.5) + (x_px, y_px, 0.0)).astype(np.float32))


def watch(tracker: IdentityTracker, head: np.ndarray, x_px: float, from_s: float, for_s: float) -> int:
    """Show one person who stays; all ids must be equal."""
    ids = set()
    for k in range(int(for_s * FPS_HZ)):
        ids.update(tracker.update([at(head, x_px, seed=k)], from_s + k / FPS_HZ))
    assert len(ids) == 1
    return ids.pop()


@pytest.fixture(scope="module")
def people() -> tuple[np.ndarray, np.ndarray]:
    return person(1), person(2)


def test_made_people_differ_as_real_ones_do() -> None:
    same = [
        np.linalg.norm(
            shape_descriptor(at(person(k), 0, seed=1).landmarks_px)
            - shape_descriptor(at(person(k), 9, seed=2).landmarks_px)
        )
        for k in range(6)
    ]
    other = [
        np.linalg.norm(
            shape_descriptor(at(person(a), 0).landmarks_px) - shape_descriptor(at(person(b), 0).landmarks_px)
        )
        for a, b in itertools.combinations(range(6), 2)
    ]
    assert max(same) < REENTRY_SHAPE < np.median(other)


def test_shape_descriptor_ignores_place_size_and_rotation(people: tuple[np.ndarray, np.ndarray]) -> None:
    head = people[0]
    frontal = shape_descriptor(head.astype(np.float32))
    turned = head @ rotation_of(Pose(15, -25, 40)).T * 9.0 + (500, 100, -20)
    np.testing.assert_allclose(shape_descriptor(turned.astype(np.float32)), frontal, atol=0.02)


def test_identity_tracker_keeps_the_id_of_one_face(people: tuple[np.ndarray, np.ndarray]) -> None:
    assert watch(IdentityTracker(), people[0], 200, 0.0, 2.0) == 1


@pytest.mark.parametrize("hidden_s", [0.0, 0.3])
def test_identity_tracker_keeps_ids_when_two_faces_cross(
    people: tuple[np.ndarray, np.ndarray], hidden_s: float
) -> None:
    tracker = IdentityTracker()
    seconds, start_px, end_px = 3.0, 150.0, 850.0
    frames = int(seconds * FPS_HZ)
    for k in range(frames):
        time_s = k / FPS_HZ
        along = k / (frames - 1)
        first = at(people[0], start_px + (end_px - start_px) * along, seed=2 * k)
        second = at(people[1], end_px - (end_px - start_px) * along, y_px=320.0, seed=2 * k + 1)
        behind = abs(time_s - seconds / 2) < hidden_s / 2
        ids = tracker.update([first] if behind else [first, second], time_s)
        assert ids == ([1] if behind else [1, 2]), time_s


def test_identity_tracker_tells_crossing_twins_apart_by_motion(people: tuple[np.ndarray, np.ndarray]) -> None:
    tracker = IdentityTracker()
    twin = people[0]
    for k in range(41):
        rightward, leftward = at(twin, 300.0 + 10 * k, seed=2 * k), at(twin, 705.0 - 10 * k, seed=2 * k + 1)
        assert tracker.update([rightward, leftward], k / FPS_HZ) == [1, 2], k


def test_identity_tracker_tells_faces_that_meet_and_turn_back_apart_by_shape(
    people: tuple[np.ndarray, np.ndarray],
) -> None:
    tracker = IdentityTracker()
    for k in range(26):
        assert tracker.update([at(people[0], 380 + 4 * k, seed=k), at(people[1], 620 - 4 * k, seed=k)], k / FPS_HZ)
    # Steady motion would have brought each of them, by now, to where the other one is.
    assert tracker.update([at(people[1], 515, seed=90), at(people[0], 485, seed=91)], 25 / FPS_HZ + 0.3) == [2, 1]


def test_identity_tracker_does_not_depend_on_the_order_of_candidates(people: tuple[np.ndarray, np.ndarray]) -> None:
    tracker = IdentityTracker()
    assert tracker.update([at(people[0], 200), at(people[1], 600)], 0.0) == [1, 2]
    assert tracker.update([at(people[1], 602, seed=1), at(people[0], 201, seed=1)], 0.04) == [2, 1]


def test_identity_tracker_bridges_a_short_occlusion(people: tuple[np.ndarray, np.ndarray]) -> None:
    tracker = IdentityTracker()
    assert watch(tracker, people[0], 200, 0.0, 1.0) == 1
    assert tracker.update([], 1.1) == []
    assert watch(tracker, people[0], 215, 1.3, 0.5) == 1


def test_identity_tracker_knows_who_returns_elsewhere_after_two_seconds(people: tuple[np.ndarray, np.ndarray]) -> None:
    tracker = IdentityTracker()
    assert watch(tracker, people[0], 200, 0.0, 1.0) == 1
    assert watch(tracker, people[0], 900, 3.0, 1.0) == 1


def test_identity_tracker_forgets_after_ten_seconds(people: tuple[np.ndarray, np.ndarray]) -> None:
    tracker = IdentityTracker()
    assert watch(tracker, people[0], 200, 0.0, 1.0) == 1
    assert watch(tracker, people[0], 200, 11.0, 1.0) == 2


def test_identity_tracker_forgets_the_shape_itself(people: tuple[np.ndarray, np.ndarray]) -> None:
    tracker = IdentityTracker()
    watch(tracker, people[0], 200, 0.0, 1.0)
    tracker.update([], 1.0 + REENTRY_S + 0.1)
    assert tracker._known == []


def test_identity_tracker_gives_a_newcomer_in_the_same_place_a_new_id(people: tuple[np.ndarray, np.ndarray]) -> None:
    tracker = IdentityTracker()
    assert watch(tracker, people[0], 200, 0.0, 1.0) == 1
    assert watch(tracker, people[1], 200, 2.0, 1.0) == 2
    assert watch(tracker, people[0], 500, 3.5, 1.0) == 1


def test_identity_tracker_gives_a_newcomer_beside_a_known_face_a_new_id(people: tuple[np.ndarray, np.ndarray]) -> None:
    tracker = IdentityTracker()
    watch(tracker, people[0], 200, 0.0, 1.0)
    assert tracker.update([at(people[1], 500), at(people[0], 200)], 1.0) == [2, 1]


def test_identity_tracker_follows_a_covered_face_without_learning_its_shape(
    people: tuple[np.ndarray, np.ndarray],
) -> None:
    tracker = IdentityTracker()
    watch(tracker, people[0], 200, 0.0, 1.0)
    spoilt = Candidate(at(person(7), 200).landmarks_px, reliable=False)
    for k in range(25):
        assert tracker.update([spoilt], 1.0 + k / FPS_HZ) == [1]
    assert watch(tracker, people[0], 900, 4.0, 0.5) == 1


def test_identity_tracker_takes_a_covered_face_back_only_where_it_was(people: tuple[np.ndarray, np.ndarray]) -> None:
    covered_here = Candidate(at(people[0], 210).landmarks_px, reliable=False)
    covered_there = Candidate(at(people[0], 700).landmarks_px, reliable=False)
    for covered, expected in ((covered_here, 1), (covered_there, 2)):
        tracker = IdentityTracker()
        watch(tracker, people[0], 200, 0.0, 1.0)
        assert tracker.update([covered], 1.0 + 2 * FOLLOWED_S) == [expected]


def test_identity_tracker_never_gives_one_id_twice(people: tuple[np.ndarray, np.ndarray]) -> None:
    tracker = IdentityTracker()
    twin = people[0]
    rng = np.random.default_rng(0)
    for k in range(60):
        crowd = [at(twin, float(x), seed=k) for x in rng.uniform(0, 400, rng.integers(0, 7))]
        ids = tracker.update(crowd, k / FPS_HZ)
        assert len(set(ids)) == len(crowd)


def test_identity_tracker_refuses_time_that_runs_backwards(people: tuple[np.ndarray, np.ndarray]) -> None:
    tracker = IdentityTracker()
    tracker.update([], 1.0)
    with pytest.raises(ValueError, match="went back"):
        tracker.update([at(people[0], 0)], 0.5)


def cheapest(cost: np.ndarray) -> float:
    """Least total by trying every way; a row alone costs 100."""
    rows, columns = cost.shape
    table = np.hstack([cost, np.full((rows, rows), 100.0)])
    return min(
        sum(table[r, c] for r, c in enumerate(way)) for way in itertools.permutations(range(columns + rows), rows)
    )


def test_assign_is_as_cheap_as_the_best_of_all_ways() -> None:
    rng = np.random.default_rng(0)
    for _ in range(150):
        cost = rng.uniform(0, 40, (rng.integers(0, 5), rng.integers(0, 4)))
        cost[rng.random(cost.shape) < 0.3] = np.inf
        found = assign(cost)
        taken = [column for column in found if column is not None]
        assert len(taken) == len(set(taken))
        total = sum(100.0 if column is None else cost[row, column] for row, column in enumerate(found))
        assert total == pytest.approx(cheapest(cost))
