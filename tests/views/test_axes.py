from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.views.axes import Axis, Span, crowded, decimate, isolated, number, percent, spans, thin
from pellucid.views.marks import Bars, Lines


def _line(x: np.ndarray, y: np.ndarray) -> Lines:
    return Lines((x,), (y,), ("",), ("blue",))


@settings(deadline=None, max_examples=60)
@given(st.floats(-1e8, 1e8), st.floats(1e-6, 1e8))
def test_ticks_are_few_even_and_inside(low: float, extent: float) -> None:
    high = low + extent
    if not high - low > 1e-9 * abs(low):
        return
    span, _ = spans([_line(np.array([low, high]), np.array([0.0, 1]))], None, Axis(), Axis())
    places = [place for place, _ in span.ticks]
    assert 2 <= len(places) <= 9
    assert all(span.low - 1e-6 * extent <= place <= span.high + 1e-6 * extent for place in places)
    np.testing.assert_allclose(np.diff(places), np.diff(places)[0], rtol=1e-4, atol=1e-9 * abs(high))


def test_log_ticks_are_powers_of_ten() -> None:
    _, span = spans([_line(np.arange(2.0), np.array([1e-6, 1.0]))], None, Axis(), Axis(scale="log"))
    assert [word for _, word in span.ticks] == ["10⁻⁶", "10⁻⁴", "0.01", "1"]
    assert span.position(1e-6) < span.position(1e-3) < span.position(1)
    assert math.isnan(float(span.position(0)))


def test_log_axis_starts_at_the_smallest_value_it_can_show() -> None:
    _, span = spans([_line(np.arange(3.0), np.array([0.0, 0.1, 10.0]))], None, Axis(), Axis(scale="log"))
    assert 0.05 < span.low < 0.1


def test_bars_and_axes_keep_zero() -> None:
    _, span = spans([Bars(np.arange(2.0), np.array([3.0, 5.0]))], None, Axis(), Axis())
    assert span.low == 0
    assert span.high > 5


def test_a_frame_settles_both_axes() -> None:
    x, y = spans([], (4, 6), Axis(), Axis())
    assert (x.high, y.high, x.ticks) == (6, 4, ())


@pytest.mark.parametrize("y", [[2.0, 2.0], [np.nan, np.nan], []])
def test_degenerate_lines_have_axes(y: list[float]) -> None:
    x, span = spans([_line(np.arange(float(len(y))), np.array(y))], None, Axis(), Axis())
    assert x.low < x.high
    assert span.low < span.high


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"),
        (-0.5, "−0.5"),
        (1234.0, "1234"),
        (25000.0, "25k"),
        (3.2e6, "3.2M"),
        (1.5e-5, "1.5×10⁻⁵"),
        (math.nan, "–"),
    ],
)
def test_numbers_are_written_as_people_do(value: float, words: str) -> None:
    assert number(value) == words


def test_percent_does_not_claim_certainty() -> None:
    shares = (0, 0.5, 0.9999, 1, 0.004)
    assert [percent(share) for share in shares] == ["0 %", "50 %", "99.9 %", "100 %", "0.4 %"]
    assert [percent(share) for share in (0.0094, 0.0096, 0.01, 0.9904, 0.991)] == [
        "0.9 %",
        "1 %",
        "1 %",
        "99 %",
        "99.1 %",
    ]


def test_thin_keeps_every_nth_word_in_the_middle_of_its_cell() -> None:
    assert thin(["a", "b", "c", "d", "e"], 3) == ((0.5, "a"), (2.5, "c"), (4.5, "e"))


def test_words_below_turn_where_those_beside_leave_no_room() -> None:
    def axis(words: list[str]) -> Span:
        return Span(0, len(words), False, thin(words))

    assert not crowded(axis(["cat", "dog", "ant"]), axis(["cat", "dog", "ant"]))
    two = axis(["a name of twenty let", "another of twenty le"])
    assert crowded(two, two)
    assert not crowded(axis(["twelve lette"] * 3), axis(["0"]))
    assert crowded(axis(["twelve lette"] * 3), two)
    assert not crowded(axis([]), two)


def test_isolated_points_are_those_no_stroke_reaches() -> None:
    hole = np.nan
    y = np.array([1.0, hole, 2, 3, hole, hole, 4, np.inf, 5])
    assert np.flatnonzero(isolated(np.arange(9.0), y)).tolist() == [0, 6, 8]
    assert isolated(np.arange(1.0), np.ones(1)).tolist() == [True]
    assert isolated(np.zeros(0), np.zeros(0)).tolist() == []


def test_decimation_keeps_extremes_ends_and_holes() -> None:
    random = np.random.default_rng(0)
    y = random.normal(size=20000)
    y[[777, 12345]], y[5000:5100] = (99.0, -99.0), np.nan
    x, shown = decimate(np.arange(20000.0), y)
    assert len(x) < 1100
    assert (np.nanmax(shown), np.nanmin(shown), x[0], x[-1]) == (99, -99, 0, 19999)
    assert np.isnan(shown).any()
    assert (np.diff(x) > 0).all()


def test_few_digits_are_no_power_of_ten() -> None:
    assert [number(each, 3) for each in (5178.0, -1234.0, 999.0, 12345.0)] == [
        "5180",
        "−1230",
        "999",
        "12.3k",
    ]
