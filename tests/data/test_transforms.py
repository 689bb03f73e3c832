from dataclasses import fields, replace

import numpy as np
import pytest

from fer_core.data.transforms import Augmentation

NOTHING = Augmentation(
    flip=0, rotation_deg=0, scale=0, shift=0, light=0, colour=0, grey=0, resolution=0, blur=0, noise=0, jpeg=0, erase=0
)
STEPS = [f.name for f in fields(Augmentation) if f.name not in ("least_resolution_px",)]
STRENGTH = {"rotation_deg": 8.0, "scale": 0.08, "shift": 0.04, "hue_deg": 90.0, "saturation": 0.8}


@pytest.fixture
def crop() -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:112, 0:112] / 112
    waves = np.stack([np.sin(7 * x + k) * np.cos(5 * y - k) for k in range(3)], axis=-1)
    return np.clip(127.5 + 80 * waves + rng.normal(0, 8, waves.shape), 0, 255).astype(np.uint8)


def only(step: str) -> Augmentation:
    return replace(NOTHING, **{step: STRENGTH.get(step, 1.0)})


def test_augmentation_with_everything_off_is_the_identity(crop):
    np.testing.assert_array_equal(NOTHING.apply(crop, np.random.default_rng(1)), crop)


@pytest.mark.parametrize("step", STEPS)
def test_augmentation_step_changes_the_crop_and_keeps_its_form(crop, step):
    before = crop.copy()
    changed = only(step).apply(crop, np.random.default_rng(1))
    assert changed.shape == crop.shape
    assert changed.dtype == np.uint8
    assert np.abs(changed.astype(int) - crop).mean() > 0.3
    np.testing.assert_array_equal(crop, before)


def test_hue_and_saturation_leave_grey_and_brightest_channel_alone(crop):
    both = replace(NOTHING, hue_deg=180.0, saturation=0.9)
    grey = np.repeat(crop[..., :1], 3, axis=2)
    np.testing.assert_array_equal(both.apply(grey, np.random.default_rng(2)), grey)
    changed = both.apply(crop, np.random.default_rng(2))
    assert np.abs(changed.max(axis=2).astype(int) - crop.max(axis=2)).max() <= 1  # the value of HSV


def test_saturation_scales_the_distance_of_the_channels(crop):
    changed = replace(NOTHING, saturation=0.5).apply(crop, np.random.default_rng(2)).astype(int)
    before, after = (image.max(axis=2, keepdims=True) - image.astype(int) for image in (crop, changed))
    gains = after[before > 40] / before[before > 40]
    assert 0.5 <= np.median(gains) < 0.98
    np.testing.assert_allclose(gains, np.median(gains), atol=1.5 / 40)


def test_augmentation_depends_on_the_seed_alone(crop):
    augmentation = Augmentation()
    runs = [augmentation.apply(crop, np.random.default_rng(seed)) for seed in (5, 5, 6)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_augmentation_takes_read_only_crops(crop):
    crop.setflags(write=False)
    for seed in range(20):
        Augmentation().apply(crop, np.random.default_rng(seed))


def test_flip_mirrors_exactly(crop):
    np.testing.assert_array_equal(only("flip").apply(crop, np.random.default_rng(0)), crop[:, ::-1])


def test_flip_happens_as_often_as_it_says(crop):
    half = replace(NOTHING, flip=0.5)
    flipped = [np.array_equal(half.apply(crop, np.random.default_rng(s)), crop[:, ::-1]) for s in range(200)]
    assert 70 < sum(flipped) < 130


def test_rotation_and_shift_stay_within_their_ranges():
    dot = np.zeros((112, 112, 3), np.uint8)
    dot[54:58, 54:58] = 255  # the centre stays where it is under rotation and scale
    y, x = np.mgrid[0:112, 0:112]
    for seed in range(30):
        turned = replace(NOTHING, rotation_deg=8.0, scale=0.08).apply(dot, np.random.default_rng(seed))[..., 0]
        assert np.average(x, weights=turned) == pytest.approx(55.5, abs=0.3)
        shifted = replace(NOTHING, shift=0.04).apply(dot, np.random.default_rng(seed))[..., 0]
        assert abs(np.average(x, weights=shifted) - 55.5) < 0.04 * 112 + 0.2
        assert abs(np.average(y, weights=shifted) - 55.5) < 0.04 * 112 + 0.2


def test_grey_removes_colour_and_colour_keeps_black(crop):
    grey = only("grey").apply(crop, np.random.default_rng(0))
    assert np.ptp(grey, axis=-1).max() == 0
    gains = only("colour").apply(np.full_like(crop, 100), np.random.default_rng(0))[0, 0]
    assert len(set(gains.tolist())) == 3
    assert ((gains >= 79) & (gains <= 120)).all()


def test_light_never_makes_a_darker_place_brighter(crop):
    for seed in range(20):
        changed = only("light").apply(crop, np.random.default_rng(seed))
        order = np.argsort(crop[..., 0], axis=None)
        assert (np.diff(changed[..., 0].ravel()[order].astype(int)) >= 0).all()


def test_resolution_and_blur_remove_detail(crop):
    def detail(image):
        return np.abs(np.diff(image.astype(int), axis=1)).mean()

    for step in ("resolution", "blur"):
        for seed in range(5):
            assert detail(only(step).apply(crop, np.random.default_rng(seed))) < detail(crop)


def test_erase_covers_one_rectangle_of_stated_size(crop):
    for seed in range(20):
        changed = only("erase").apply(crop, np.random.default_rng(seed))
        rows, columns = np.nonzero((changed != crop).any(axis=-1))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert 0.14 * 112 < height <= 0.4 * 112
        assert 0.14 * 112 < width <= 0.4 * 112
        assert len(rows) > 0.95 * height * width


def test_dim_crops_are_darker_or_noisier_and_none_are_when_it_is_off(crop):
    dim = only("dim")
    made = [dim.apply(crop, np.random.default_rng(seed)).astype(float) for seed in range(40)]
    likeness = [np.corrcoef(image.ravel(), crop.ravel())[0, 1] for image in made]
    assert min(image.mean() for image in made) < 0.3 * crop.mean()
    assert min(likeness) < 0.8
    assert max(likeness) > 0.95
    plain = [replace(Augmentation(), dim=share).apply(crop, np.random.default_rng(3)) for share in (0.0, 1.0)]
    assert (plain[0] != plain[1]).any()
