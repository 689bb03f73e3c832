import csv
from pathlib import Path

import numpy as np
import pytest

from fer_core.data.archive import DataError
from fer_core.data.votes import (
    C25,
    C25_CODES,
    RATERS,
    VoteAffectBridge,
    cross_validate,
    load_affectnet_c25,
    vote_proportions,
)
from fer_core.labels import EXPRESSIONS

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def write_c25(folder: Path) -> None:
    for quantity, values in {"expression": (7, 1), "valence": (0.25, -0.5), "arousal": (-0.5, 0.75)}.items():
        for part, value in enumerate(values, start=1):
            with (folder / f"{quantity}_set{part}_C25.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["index", "filename", *(f"participant{i}" for i in range(RATERS))])
                writer.writerow([part, f"image{part}.jpg", *[value] * RATERS])


def made_up_c25(images: int = 300) -> C25:
    """Raters draw an expression from the image's mixture; their affect follows it, with personal noise."""
    rng = np.random.default_rng(0)
    centre = rng.uniform(-0.7, 0.7, (8, 2))
    mixture = rng.dirichlet(np.full(8, 0.3), images)
    expression = np.array([rng.choice(8, RATERS, p=row) for row in mixture])
    affect = (mixture @ centre)[:, None] + rng.normal(0, 0.2, (images, RATERS, 2))
    return C25(expression, affect[..., 0], affect[..., 1])


def test_load_affectnet_c25_maps_codes_to_the_projects_order(tmp_path):
    write_c25(tmp_path)
    c25 = load_affectnet_c25(tmp_path)
    assert [EXPRESSIONS[i] for i in c25.expression[:, 0]] == ["neutral", "sadness"]
    assert c25.expression.shape == c25.valence.shape == c25.arousal.shape == (2, RATERS)
    np.testing.assert_allclose(c25.va, [[0.25, -0.5], [-0.5, 0.75]])
    assert c25.proportions[0, 0] == 1
    assert sorted(C25_CODES) == sorted(EXPRESSIONS)


def test_load_affectnet_c25_names_the_missing_file(tmp_path):
    write_c25(tmp_path)
    (tmp_path / "arousal_set2_C25.csv").unlink()
    with pytest.raises(DataError, match=r"arousal_set2_C25\.csv is missing"):
        load_affectnet_c25(tmp_path)


def test_load_affectnet_c25_names_the_missing_column(tmp_path):
    write_c25(tmp_path)
    path = tmp_path / "valence_set1_C25.csv"
    path.write_text(path.read_text().replace("participant24", "other"))
    with pytest.raises(DataError, match="no column participant24"):
        load_affectnet_c25(tmp_path)


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("valence_set1", "0.25", "much", "not a number"),
        ("expression_set1", ",7", ",9", "not one of 0..7"),
        ("arousal_set1", "image1", "image9", "other images"),
    ],
)
def test_load_affectnet_c25_refuses_damaged_content(tmp_path, file, old, new, complaint):
    write_c25(tmp_path)
    path = tmp_path / f"{file}_C25.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=complaint):
        load_affectnet_c25(tmp_path)


def test_vote_proportions_counts_votes():
    shares = vote_proportions(np.array([[0, 0, 3, 7]]))
    np.testing.assert_allclose(shares, [[0.5, 0, 0, 0.25, 0, 0, 0, 0.25]])


def test_bridge_agrees_with_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    c25 = made_up_c25()
    features = preprocessing.PolynomialFeatures(2, include_bias=False).fit_transform(c25.proportions)
    reference = linear_model.Ridge(alpha=0.1).fit(features, c25.va).predict(features)
    bridge = VoteAffectBridge.fit(c25.proportions, c25.va)
    np.testing.assert_allclose(bridge.predict(c25.proportions), reference, atol=1e-9)
    again = VoteAffectBridge.from_dict(bridge.to_dict())
    np.testing.assert_array_equal(again.predict(np.eye(8)), bridge.predict(np.eye(8)))


def test_bridge_refuses_votes_that_do_not_sum_to_one():
    bridge = VoteAffectBridge(np.zeros((44, 2)), np.zeros(2))
    with pytest.raises(ValueError, match="sum to 1"):
        bridge.predict(np.zeros((1, 8)))


def test_cross_validate_falls_with_fewer_raters():
    c25 = made_up_c25()
    full, ten, two = (cross_validate(c25, raters=n) for n in (25, 10, 2))
    assert 1 > full[0] > ten[0] > two[0] > 0
    assert 1 > full[1] > ten[1] > two[1] > 0
    with pytest.raises(ValueError, match="cannot draw 25"):
        cross_validate(c25, raters=25, independent=True)


@pytest.mark.slow
def test_cross_validate_reaches_the_known_concordance():
    if not SHARED.is_dir():
        pytest.skip("the research data is not beside the checkout")
    valence, arousal = cross_validate(load_affectnet_c25(SHARED / "affectnetc25"))
    assert valence == pytest.approx(0.956, abs=0.004)
    assert arousal == pytest.approx(0.862, abs=0.008)
