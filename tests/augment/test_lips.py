from collections.abc import Callable

import cv2
import numpy as np
import pytest

from fer_core.augment.affect3d import fit_mesh
from fer_core.augment.affect3d.lips import close_lips
from fer_core.augment.affect3d.topology import LIP_PAIRS

Landmarks = Callable[..., np.ndarray]

PX_PER_CM = 14.0
SKIN, LIPS, TEETH, CAVITY = (96, 70, 58), (140, 84, 80), (215, 208, 196), (30, 12, 12)


def full_lips(made_landmarks: Landmarks, gap_cm: float = 0.6) -> np.ndarray:
    """The mesh of closed lips, seen apart by a gap."""
    landmarks = made_landmarks(scale_px_per_cm=PX_PER_CM)
    landmarks[LIP_PAIRS[:, 0], 1] -= 0.25 * gap_cm * PX_PER_CM
    landmarks[LIP_PAIRS[:, 1], 1] += 0.75 * gap_cm * PX_PER_CM
    return landmarks


def mouth(landmarks: np.ndarray, between: tuple[int, int, int], seam_px: float | None = None) -> np.ndarray:
    """Lips with a colour between the inner ones, and a dark line in it at a distance below the upper one."""
    photo = np.full((360, 360, 3), SKIN, np.uint8)
    upper, lower = landmarks[LIP_PAIRS[:, 0], :2], landmarks[LIP_PAIRS[:, 1], :2]
    tall = np.concatenate([upper - np.array([0, 14]), lower[::-1] + np.array([0, 14])])
    cv2.fillPoly(photo, [tall.round().astype(np.int32)], LIPS)
    cv2.fillPoly(photo, [np.concatenate([upper, lower[::-1]]).round().astype(np.int32)], between)
    if seam_px is not None:
        line = (upper + np.array([0, seam_px])).round().astype(np.int32)
        cv2.polylines(photo, [line], False, (66, 36, 34), 1)
    noise = np.random.default_rng(0).normal(0, 2, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seam_px", [2.0, 4.0])
def test_close_lips_puts_the_inner_lips_on_the_dark_line(made_landmarks: Landmarks, seam_px: float) -> None:
    seen = full_lips(made_landmarks)
    # The inside of full lips is a little redder than the rest.
    photo = mouth(seen, (150, 84, 82), seam_px)
    closed = close_lips(photo, seen, PX_PER_CM)
    upper, lower = closed[LIP_PAIRS[:, 0]], closed[LIP_PAIRS[:, 1]]
    assert np.array_equal(upper, lower)
    line = seen[LIP_PAIRS[:, 0], 1] + seam_px
    assert np.abs(upper[:, 1] - line).max() < 1.0
    others = np.setdiff1d(np.arange(468), LIP_PAIRS)
    assert np.array_equal(closed[others], seen[others])


@pytest.mark.parametrize("between", [TEETH, CAVITY, LIPS], ids=["teeth", "cavity", "no line"])
def test_close_lips_leaves_what_shows_no_closed_lips(made_landmarks: Landmarks, between: tuple[int, int, int]) -> None:
    seen = full_lips(made_landmarks)
    assert close_lips(mouth(seen, between), seen, PX_PER_CM) is seen


@pytest.mark.parametrize("gap_cm", [0.05, 1.2], ids=["closed", "wide open"])
def test_close_lips_trusts_the_mesh_where_it_is_sure(made_landmarks: Landmarks, gap_cm: float) -> None:
    seen = full_lips(made_landmarks, gap_cm)
    assert close_lips(mouth(seen, LIPS, 0.5 * gap_cm * PX_PER_CM), seen, PX_PER_CM) is seen


def test_close_lips_works_without_colour(made_landmarks: Landmarks) -> None:
    seen = full_lips(made_landmarks)
    grey = cv2.cvtColor(cv2.cvtColor(mouth(seen, (150, 84, 82), 3.0), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    closed = close_lips(grey, seen, PX_PER_CM)
    assert np.array_equal(closed[13], closed[14])


def test_fit_mesh_does_not_call_full_closed_lips_parted(made_landmarks: Landmarks) -> None:
    seen = full_lips(made_landmarks)
    assert not fit_mesh(mouth(seen, (150, 84, 82), 3.0), seen).warnings
    assert "lips are apart" in fit_mesh(mouth(seen, TEETH), seen).warnings[0]
