import numpy as np
import pytest

from fer_core.evaluate.memorising import memorising, nearest


def test_nearest_equals_a_naive_search():
    rng = np.random.default_rng(0)
    features, gallery = rng.normal(size=(300, 4)), rng.normal(size=(50, 4))
    distance, place = nearest(features, gallery)
    for row in range(300):
        apart = np.linalg.norm(gallery - features[row], axis=1)
        assert place[row] == apart.argmin()
        assert distance[row] == pytest.approx(apart.min())


def test_nearest_of_a_copy_is_exactly_zero():
    gallery = 1e4 + np.random.default_rng(0).normal(size=(20, 3))
    distance, place = nearest(gallery[::-1], gallery)
    assert (distance == 0).all()
    assert place.tolist() == list(range(19, -1, -1))


def test_memorising_tells_copies_from_new_images():
    rng = np.random.default_rng(0)
    training, held_out, new = (rng.normal(size=(400, 6)) for _ in range(3))
    copies = memorising(training[:100] + 1e-6, training, held_out)
    assert copies.share_nearer == 1
    assert copies.median_generated < 1e-4
    fresh = memorising(new, training, held_out)
    assert fresh.share_nearer == pytest.approx(0.05, abs=0.04)
    assert fresh.median_generated == pytest.approx(fresh.median_held_out, rel=0.1)


def test_memorising_without_images_is_undefined():
    found = memorising(np.empty((0, 2)), np.zeros((1, 2)), np.ones((1, 2)))
    assert np.isnan(found.median_generated)
    assert np.isnan(found.share_nearer)
    assert found.median_held_out == pytest.approx(2**0.5)


def test_nearest_refuses_an_empty_gallery():
    with pytest.raises(ValueError, match="M at least 1"):
        nearest(np.zeros((2, 2)), np.empty((0, 2)))
