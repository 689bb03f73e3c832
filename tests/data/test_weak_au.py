import numpy as np
import pytest

pytest.importorskip("sklearn", reason="training needs the extra 'train'")

from fer_core.data.blendshapes import SOFT_RANGE, BlendshapeTable
from fer_core.data.weak_au import UNIT_BLENDSHAPES, WeakAuModel
from fer_core.labels import ACTION_UNITS

NAMES = tuple(sorted({name for names in UNIT_BLENDSHAPES.values() for name in names}))


def made_up(images: int = 120) -> tuple[BlendshapeTable, np.ndarray, list[str]]:
    """The smile blendshapes follow unit 12; every other score is noise."""
    rng = np.random.default_rng(0)
    presence = (rng.random((images, len(ACTION_UNITS))) < 0.3).astype(np.float32)
    scores = rng.random((images, len(NAMES))).astype(np.float32)
    smiling = presence[:, ACTION_UNITS.index(12)]
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        scores[:, NAMES.index(name)] = 0.6 * smiling + 0.3 * rng.random(images)
    paths = tuple(f"{i}.png" for i in range(images))
    return BlendshapeTable(("made",) * images, paths, NAMES, scores), presence, [f"s{i % 20}" for i in range(images)]


def test_weak_au_keeps_only_units_that_the_blendshapes_tell():
    table, presence, subjects = made_up()
    model = WeakAuModel.fit(table, presence, subjects)
    assert model.auc[12] > 0.99
    assert 15 not in model.regressions
    labels = model.predict(table)
    assert labels.dtype == np.float32
    smile = labels[:, ACTION_UNITS.index(12)]
    assert smile.min() >= SOFT_RANGE[0] - 1e-6
    assert smile.max() <= SOFT_RANGE[1] + 1e-6
    assert ((smile > 0.5) == (presence[:, ACTION_UNITS.index(12)] > 0.5)).mean() > 0.95
    assert np.isnan(labels[:, ACTION_UNITS.index(9)]).all()
    assert np.isnan(labels[:, ACTION_UNITS.index(15)]).all()


def test_weak_au_area_is_undefined_with_too_few_subjects():
    table, presence, _ = made_up()
    model = WeakAuModel.fit(table, presence, ["one"] * len(table.paths))
    assert all(np.isnan(area) for area in model.auc.values())
    assert model.regressions == {}


def test_weak_au_ignores_rows_that_are_not_coded():
    table, presence, subjects = made_up()
    presence[:40, ACTION_UNITS.index(12)] = np.nan
    assert 12 in WeakAuModel.fit(table, presence, subjects).regressions


def test_weak_au_refuses_lengths_that_differ():
    table, presence, subjects = made_up()
    with pytest.raises(ValueError, match="one subject an image"):
        WeakAuModel.fit(table, presence, subjects[:-1])
