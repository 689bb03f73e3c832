from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.record.numbers import fixed, fixed_distribution


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(1.25, 1, "1.2"), (-0.04, 1, "0.0"), (-0.06, 1, "-0.1"), (12.0, 0, "12"), (1e-9, 6, "0.000000")],
)
def test_fixed_has_the_decimals_and_no_negative_zero(value: float, decimals: int, text: str) -> None:
    assert fixed(value, decimals) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_fixed_leaves_what_is_not_finite_empty(value: float) -> None:
    assert fixed(value, 3) == ""


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12).filter(lambda w: sum(w) > 1e-3))
def test_fixed_distribution_sums_to_exactly_one(weights: list[float]) -> None:
    probs = [w / sum(weights) for w in weights]
    cells = fixed_distribution(probs)
    assert sum(map(Decimal, cells)) == 1
    assert all(abs(float(c) - p) < 1.001e-6 for c, p in zip(cells, probs, strict=True))
    # The printed order never contradicts the measured one.
    pairs = [(p, float(c)) for p, c in zip(probs, cells, strict=True)]
    assert all(a[1] >= b[1] for a in pairs for b in pairs if a[0] > b[0])


def test_fixed_distribution_prints_what_is_no_distribution_as_it_is() -> None:
    assert fixed_distribution([0.9, 0.9]) == ["0.900000", "0.900000"]
    assert fixed_distribution([1.2, -0.2]) == ["1.200000", "-0.200000"]
    assert fixed_distribution([float("nan"), 1.0]) == ["", "1.000000"]
