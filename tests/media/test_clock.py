"""Times rise strictly, and are the file's own wherever those rise."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.media.clock import PresentationClock


def place(stamps, time_base=Fraction(1, 100), frame_duration_s=0.04):
    clock = PresentationClock(time_base, frame_duration_s)
    return [clock.place(s) for s in stamps]


def test_clock_keeps_rising_stamps_exactly():
    base = Fraction(1, 15_360)
    stamps = [7, 512, 1000, 1001, 99_999]
    assert place(stamps, base) == [float(s * base) for s in stamps]


def test_clock_puts_a_repeated_stamp_before_the_next_tick():
    times = place([0, 4, 4, 4, 5, 8])
    assert times[1] == 0.04
    assert times[4:] == [0.05, 0.08]
    assert 0.04 < times[2] < times[3] < 0.05


def test_clock_puts_a_missing_stamp_one_frame_later():
    assert place([None, None, 8]) == pytest.approx([0.0, 0.04, 0.08])


def test_clock_goes_on_when_the_timeline_restarts():
    assert place([0, 4, 500, 0, 4, 10]) == pytest.approx([0, 0.04, 5, 5.04, 5.08, 5.14])


@given(st.lists(st.none() | st.integers(-1000, 1000), min_size=2, max_size=60))
def test_clock_always_rises(stamps):
    times = place(stamps)
    assert all(a < b for a, b in pairwise(times))


@given(st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=30, unique=True).map(sorted))
def test_clock_equals_the_fraction_for_rising_stamps(stamps):
    base = Fraction(1001, 30_000)
    assert place(stamps, base) == [float(s * base) for s in stamps]
