from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.views.words import breadth, counted, shortened, widest


@settings(deadline=None, max_examples=80)
@given(st.text(max_size=60), st.sampled_from([12.0, 18.0, 20.0]))
def test_shortened_words_fit_and_keep_both_ends(words: str, most: float) -> None:
    short = shortened(words, most)
    assert breadth(short) <= most
    if short != words:
        start, _, end = short.partition("…") if "…" not in words else (short[:1], "", short[-1:])
        assert words.startswith(start)
        assert words.endswith(end)


def test_east_asian_letters_are_twice_as_wide() -> None:
    assert breadth("한국어") == breadth("日本語") == breadth("abcdef") == 6
    assert breadth("e\u0301") == 1  # an accent takes no room of its own
    assert len(shortened("한" * 40)) < len(shortened("n" * 40)) == 19
    assert shortened("한" * 10) == "한" * 10


def test_widest_is_that_of_the_shortened_words() -> None:
    assert widest(["cat", "mouse"]) == 5
    assert widest(["n" * 111]) <= 20
    assert widest([]) == 0


@pytest.mark.parametrize(
    ("count", "noun", "words"),
    [
        (0, "step", "0 steps"),
        (1, "step", "1 step"),
        (1200, "class", "1,200 classes"),
        (1, "class", "1 class"),
    ],
)
def test_counted_things_agree_with_their_number(count: int, noun: str, words: str) -> None:
    assert counted(count, noun) == words
