import numpy as np
import pytest

from fer_core.data.archive import DataError
from fer_core.data.blendshapes import SOFT_RANGE, BlendshapeTable
from fer_core.data.named_au import NAMED_BLENDSHAPES, named_units
from fer_core.labels import ACTION_UNITS

NAMES = tuple(sorted({name for names in NAMED_BLENDSHAPES.values() for name in names}))


def made_up(images: int = 200, offset: float = 0.0) -> BlendshapeTable:
    scores = offset + 0.5 * np.random.default_rng(0).random((images, len(NAMES)), np.float32)
    return BlendshapeTable(("made",) * images, tuple(f"{i}.png" for i in range(images)), NAMES, scores)


def unit(labels: np.ndarray, number: int) -> np.ndarray:
    return labels[:, ACTION_UNITS.index(number)]


def test_named_units_rise_with_their_blendshape_and_no_other():
    table = made_up()
    labels = named_units(table)
    smile = table.columns(["mouthSmileLeft", "mouthSmileRight"]).mean(axis=1)
    assert np.corrcoef(unit(labels, 12), smile)[0, 1] > 0.98
    assert abs(np.corrcoef(unit(labels, 1), smile)[0, 1]) < 0.2
    np.testing.assert_allclose([np.nanmin(labels), np.nanmax(labels)], SOFT_RANGE, atol=1e-6)
    for number in set(ACTION_UNITS) - set(NAMED_BLENDSHAPES):
        assert np.isnan(unit(labels, number)).all()


def test_named_units_are_counted_from_the_low_of_each_score():
    np.testing.assert_allclose(named_units(made_up(offset=0.4)), named_units(made_up()), atol=1e-4)


def test_named_units_of_no_image_and_of_a_table_without_the_blendshape():
    table = made_up()
    assert named_units(BlendshapeTable((), (), NAMES, table.scores[:0])).shape == (0, len(ACTION_UNITS))
    with pytest.raises(DataError, match=NAMES[0]):
        named_units(BlendshapeTable(table.datasets, table.paths, NAMES[1:], table.scores[:, 1:]))
