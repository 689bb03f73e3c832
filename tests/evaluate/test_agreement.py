import math

import numpy as np
import pytest

from fer_core.evaluate.agreement import IccForm, icc

#: Table 2 of Shrout & Fleiss 1979: six targets, four judges.
RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


@pytest.mark.parametrize(("form", "published"), [("1,1", 0.17), ("2,1", 0.29), ("3,1", 0.71)])
def test_icc_equals_the_published_example(form: str, published: float) -> None:
    assert icc(RATINGS, IccForm(form)) == pytest.approx(published, abs=0.005)


def test_icc_of_two_raters_equals_the_naive_anova() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    y += x
    n = len(x)
    grand = (x.mean() + y.mean()) / 2
    rows = sum(2 * ((a + b) / 2 - grand) ** 2 for a, b in zip(x, y, strict=True)) / (n - 1)
    residual = sum(
        (v - (a + b) / 2 - column.mean() + grand) ** 2
        for column in (x, y)
        for v, a, b in zip(column, x, y, strict=True)
    ) / (n - 1)
    assert icc(np.stack([x, y], axis=1)) == pytest.approx((rows - residual) / (rows + residual))


def test_icc_forms_differ_by_what_an_offset_costs() -> None:
    x = np.random.default_rng(1).normal(size=50)
    shifted = np.stack([x, x + 2], axis=1)
    assert icc(shifted) == pytest.approx(1)
    assert icc(shifted, IccForm.AGREEMENT) < 0.6
    assert icc(np.stack([x, x], axis=1), IccForm.AGREEMENT) == pytest.approx(1)


def test_icc_without_variance_or_rows_is_nan() -> None:
    for form in IccForm:
        assert math.isnan(icc(np.full((5, 2), 0.3), form))
        assert math.isnan(icc(np.ones((1, 2)), form))
        assert math.isnan(icc(np.empty((0, 2)), form))


def test_icc_refuses_nan_and_one_rater() -> None:
    with pytest.raises(ValueError, match="NaN"):
        icc(np.array([[0.1, np.nan], [0, 0]]))
    with pytest.raises(ValueError, match="two raters or more"):
        icc(np.ones((5, 1)))
