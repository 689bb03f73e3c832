import numpy as np
import pytest
from PySide6.QtCore import QRectF

from fer_studio.views.sparkline import GAP_S, History

AREA = QRectF(10, 20, 100, 50)


def filled(seconds: float, rate_hz: float = 30.0, signals: int = 1) -> History:
    history = History(signals)
    for i in range(round(seconds * rate_hz) + 1):
        history.append(i / rate_hz, [0.5] * signals)
    return history


def test_history_keeps_its_span_and_no_more_samples_than_bins() -> None:
    history = History(1, span_s=10.0, bins=100)
    for i in range(60 * 60):
        history.append(i / 60, [i / 3600])
    ages_s, values = history.samples()
    assert 95 <= len(ages_s) <= 102
    assert ages_s[-1] == 0
    assert 9.8 <= ages_s[0] <= 10.0
    assert values[-1, 0] == pytest.approx(3599 / 3600)
    np.testing.assert_allclose(values[:, 0], (3599 / 60 - ages_s) / 60, atol=1e-9)


def test_history_shows_the_newest_value_at_once() -> None:
    history = filled(2.0)
    history.append(2.0, [0.9])
    assert history.samples()[1][-1, 0] == 0.9


def test_history_breaks_the_line_where_there_was_no_face() -> None:
    history = filled(2.0)
    for i in range(61, 75):
        history.append(i / 30, None)
    history.append(2.6, [0.5])
    gap = np.isnan(history.samples()[1][:, 0])
    assert gap.any()
    assert not gap[0]
    assert not gap[-1]


def test_history_breaks_the_line_after_a_long_silence() -> None:
    history = filled(2.0)
    history.append(2.0 + GAP_S / 2, [0.5])
    assert not np.isnan(history.samples()[1]).any()
    history.append(2.5 + GAP_S * 2, [0.5])
    assert np.isnan(history.samples()[1]).any()


def test_history_starts_anew_when_time_goes_back() -> None:
    history = filled(5.0)
    history.append(1.0, [0.1])
    np.testing.assert_array_equal(history.samples()[1], [[0.1]])


def test_history_revision_changes_with_new_samples_only() -> None:
    history = filled(5.0, rate_hz=10.0)
    before = history.revision
    history.append(history.last_s, [0.7])
    assert history.revision == before
    history.append(history.last_s + 0.5, [0.7])
    assert history.revision != before


def test_history_path_puts_the_newest_at_the_right_edge_and_one_at_the_top() -> None:
    history = History(2, span_s=10.0)
    for i in range(51):
        history.append(i / 10, [1.0, 0.0])
    other = AREA.translated(200, 0)
    bounds = history.path([AREA, other]).boundingRect()
    assert bounds.right() == pytest.approx(other.right())
    assert bounds.left() == pytest.approx(AREA.center().x())  # 5 of 10 seconds
    assert bounds.top() == pytest.approx(AREA.top())
    assert bounds.bottom() == pytest.approx(AREA.bottom())


def test_history_path_leaves_gaps_undrawn() -> None:
    history = History(1, span_s=10.0)
    for i in range(101):
        history.append(i / 10, None if 40 <= i < 60 else [0.5])
    path = history.path([AREA])
    drawn = [
        (path.elementAt(i - 1).x, path.elementAt(i).x)
        for i in range(1, path.elementCount())
        if path.elementAt(i).isLineTo()
    ]
    assert drawn
    assert not any(a < AREA.left() + 50 < b for a, b in drawn)


def test_history_without_samples_has_no_path() -> None:
    assert History(3).path([AREA] * 3).isEmpty()
