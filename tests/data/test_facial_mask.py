import numpy as np
import pytest

from fer_core.data.facial_mask import facial_mask
from fer_core.faces.contours import LEFT_EYE, LIPS_OUTER, RIGHT_EYE

SIZE_PX = 100
CENTRES = {RIGHT_EYE: (30, 35), LEFT_EYE: (70, 35), LIPS_OUTER: (50, 75)}


@pytest.fixture
def landmarks() -> np.ndarray:
    """Discs of radius 8 px where eyes and mouth are, all else at one place outside them."""
    points = np.full((468, 3), 5.0, np.float32)
    for contour, (x, y) in CENTRES.items():
        angle = np.linspace(0, 2 * np.pi, len(contour) - 1, endpoint=False)
        points[list(contour[:-1]), 0] = x + 8 * np.cos(angle)
        points[list(contour[:-1]), 1] = y + 8 * np.sin(angle)
    return points


def test_facial_mask_covers_eyes_and_mouth(landmarks):
    mask = facial_mask(landmarks, SIZE_PX)
    assert mask.shape == (SIZE_PX, SIZE_PX)
    assert set(np.unique(mask)) == {0, 1}
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX]
    distance = np.min([np.hypot(x - cx, y - cy) for cx, cy in CENTRES.values()], axis=0)
    assert mask[distance < 7].all()
    assert not mask[distance > 9.5].any()


def test_facial_mask_cuts_off_what_lies_outside(landmarks):
    landmarks[:, 0] += 30
    mask = facial_mask(landmarks, SIZE_PX)
    assert mask[35, 60] == 1
    assert mask[35, 95] == 1
    assert mask.sum() < facial_mask(landmarks - [30, 0, 0], SIZE_PX).sum()


def test_facial_mask_refuses_what_is_no_mesh(landmarks):
    with pytest.raises(ValueError, match=r"must be \(468, 2\) or more and finite, got \(68, 3\)"):
        facial_mask(landmarks[:68], SIZE_PX)
    landmarks[3, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        facial_mask(landmarks, SIZE_PX)
