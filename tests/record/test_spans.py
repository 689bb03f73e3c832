"""Which rows belong to a part that a person marked."""

from __future__ import annotations

import numpy as np
import pytest

from fer_core.record.spans import in_span


@pytest.mark.parametrize("rate_hz", [24.0, 25.0, 30_000 / 1001, 60.0])
def test_rows_at_the_borders_of_a_part_belong_to_it(rate_hz: float):
    """A cursor stands at the exact time of a frame, rows hold six decimals of it."""
    exact = np.arange(1000) / rate_hz
    rows = np.round(exact, 6)
    for first, last in ((1, 2), (10, 500), (333, 998)):
        inside = in_span(rows, (exact[first], exact[last]))
        assert np.flatnonzero(inside).tolist() == list(range(first, last + 1))
        outside = in_span(rows, None, [(exact[first], exact[last])])
        assert np.flatnonzero(~outside).tolist() == list(range(first, last + 1))


def test_in_span_takes_one_time():
    assert in_span(1.0, (0.5, 1.0))
    assert not in_span(1.0, (0.5, 2.0), [(0.9, 1.1)])
    assert in_span(1.0, None)
