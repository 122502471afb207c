"""The frame rate that a reader measures."""

from __future__ import annotations

import pytest

from camherd.rate import EVERY, WINDOW, RateMeter

MS = 1_000_000


def shown(meter: RateMeter, sequence: int, captured_ns: int) -> float | None:
    """As a capture does with each frame."""
    if abs(sequence - meter.noted) >= EVERY:
        meter.note(sequence, captured_ns)
    return meter.rate(sequence, captured_ns)


def test_half_a_second_is_enough_to_tell():
    meter = RateMeter()
    rates = [shown(meter, 100 + number, number * 40 * MS) for number in range(200)]
    assert rates[:13] == [None] * 13
    assert rates[13:] == [pytest.approx(25.0)] * 187


def test_a_camera_that_becomes_slower():
    meter = RateMeter()
    for number in range(100):
        shown(meter, number, number * 20 * MS)
    begin = 99 * 20 * MS
    rates = [shown(meter, 99 + number, begin + number * 100 * MS) for number in range(1, WINDOW + EVERY)]
    assert rates[-1] == pytest.approx(10.0), "what was before is forgotten"


def test_numbers_that_begin_again():
    meter = RateMeter()
    for number in range(1000, 1100):
        shown(meter, number, number * 20 * MS)
    later = 5000 * 20 * MS
    rates = [shown(meter, number, later + number * 100 * MS) for number in range(20)]
    assert rates[:5] == [None] * 5 and rates[-1] == pytest.approx(10.0)
