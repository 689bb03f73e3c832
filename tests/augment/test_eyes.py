import numpy as np
import pytest

from fer_core.augment.affect3d.eyes import hold_eyeballs
from fer_core.augment.affect3d.topology import EYES

SHAPE = (60, 160)
CENTRES = ((40.0, 30.0), (120.0, 30.0))
HALF_WIDTH, HALF_HEIGHT = 26.0, 10.0


def eyes(height: float = HALF_HEIGHT, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """A mesh of two almond eyes, each lid at a distance from the line between the corners."""
    mesh = np.zeros((468, 2), np.float32)
    for eye, centre in zip(EYES, CENTRES, strict=True):
        angle = np.arange(len(eye)) * 2 * np.pi / len(eye)
        mesh[eye] = np.stack([-HALF_WIDTH * np.cos(angle), height * np.sin(angle)], axis=1) + centre + shift
    return mesh


def identity() -> tuple[np.ndarray, np.ndarray]:
    ys, xs = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    return xs, ys


def stretched(upper: float, lower: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The map of skin that moves with lids: linear between them, as much as they move beyond."""
    xs, ys = identity()
    away = ys - CENTRES[0][1]
    height = np.where(away < 0, upper, upper if lower is None else lower)
    moved = np.where(
        np.abs(away) < height, away * (HALF_HEIGHT / height), away - np.sign(away) * (height - HALF_HEIGHT)
    )
    return xs, (CENTRES[0][1] + moved).astype(np.float32)


def test_hold_eyeballs_leaves_them_where_they_are_while_lids_close() -> None:
    xs, ys = identity()
    source_x, source_y = stretched(6.0)
    hold_eyeballs(source_x, source_y, eyes(), eyes(6.0))
    for x, y in CENTRES:
        middle = np.s_[int(y) - 1 : int(y) + 2, int(x) - 8 : int(x) + 9]
        np.testing.assert_allclose(source_x[middle], xs[middle], atol=1e-4)
        np.testing.assert_allclose(source_y[middle], ys[middle], atol=0.05)


def test_hold_eyeballs_takes_them_along_with_the_corners_of_the_eye() -> None:
    shift = (3.0, -2.0)
    xs, ys = identity()
    source_x, source_y = xs - shift[0], ys - shift[1]
    hold_eyeballs(source_x, source_y, eyes(), eyes(shift=shift))
    np.testing.assert_allclose(source_x, xs - shift[0], atol=1e-4)
    np.testing.assert_allclose(source_y, ys - shift[1], atol=1e-4)


@pytest.mark.parametrize("raised_px", [2.0, 5.0])
def test_hold_eyeballs_shows_nothing_twice_where_lids_open(raised_px: float) -> None:
    source_x, source_y = stretched(HALF_HEIGHT + raised_px, HALF_HEIGHT)
    after = eyes()
    raised = after[:, 1] < CENTRES[0][1]
    after[raised, 1] += (after[raised, 1] - CENTRES[0][1]) * raised_px / HALF_HEIGHT
    hold_eyeballs(source_x, source_y, eyes(), after)
    for x, _ in CENTRES:
        assert np.diff(source_y[:, int(x) - 15 : int(x) + 16], axis=0).min() > 0


def test_hold_eyeballs_follows_the_lids_between_pixels() -> None:
    # A rim whose width goes by whole pixels would show as steps along the lid.
    source_x, source_y = stretched(7.0)
    hold_eyeballs(source_x, source_y, eyes(), eyes(7.0))
    shift = source_y - identity()[1]
    row = shift[int(CENTRES[0][1]) - 5, 22:59]
    assert np.ptp(row) > 0.3
    assert np.abs(np.diff(row, 2)).max() < 0.25
