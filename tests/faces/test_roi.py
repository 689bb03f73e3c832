import math

import numpy as np
import pytest

from fer_core.faces.roi import EYE_OUTER_CORNERS, ROI_SCALE, Roi, roi_from_box, roi_from_landmarks, roi_to_frame_matrix


def test_roi_from_box_is_centred_and_level_with_the_eyes():
    roi = roi_from_box(100, 50, 80, 60, np.array([[120.0, 80.0], [160.0, 120.0]], np.float32))
    assert (roi.center_x_px, roi.center_y_px, roi.size_px) == (140, 80, ROI_SCALE * 80)
    assert roi.angle_rad == pytest.approx(math.pi / 4)


def test_roi_from_landmarks_surrounds_the_mesh():
    landmarks = np.random.default_rng(0).uniform(100, 200, (468, 3)).astype(np.float32)
    landmarks[0, :2], landmarks[1, :2] = (90, 95), (210, 190)
    for point, place in zip(EYE_OUTER_CORNERS, ((120, 150), (180, 150)), strict=True):
        landmarks[point, :2] = place
    roi = roi_from_landmarks(landmarks)
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    assert (roi.center_x_px, roi.center_y_px) == pytest.approx(tuple((low + high) / 2))
    assert roi.size_px == pytest.approx(ROI_SCALE * (high - low).max())
    assert roi.angle_rad == 0


@pytest.mark.parametrize("angle_rad", [0, 0.5, -2.0, math.pi])
def test_roi_to_frame_matrix_takes_the_crop_onto_the_turned_square(angle_rad):
    roi = Roi(300, 200, 120, angle_rad)
    matrix = roi_to_frame_matrix(roi, 192)
    centre, right, bottom = (matrix @ np.array([x, y, 1]) for x, y in ((96, 96), (192, 96), (96, 192)))
    np.testing.assert_allclose(centre, (300, 200), atol=1e-9)
    np.testing.assert_allclose(right - centre, 60 * np.array([math.cos(angle_rad), math.sin(angle_rad)]), atol=1e-9)
    np.testing.assert_allclose(bottom - centre, 60 * np.array([-math.sin(angle_rad), math.cos(angle_rad)]), atol=1e-9)
