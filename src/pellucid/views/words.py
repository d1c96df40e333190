"""How much room words take before a browser has set them, and how long ones are shortened."""

from __future__ import annotations

import bisect
import itertools
import unicodedata
from collections.abc import Iterable

LETTER = 6.4  # CSS pixels: the mean width of a small Latin letter of 12 px
MOST = 20.0  # letters of a word beside an axis: two fifths of a panel on a telephone


def breadth(words: str) -> float:
    """About how wide words are, in small Latin letters."""
    return sum(map(_letter, words))


def widest(words: Iterable[str]) -> float:
    """The breadth of the widest of these words, shortened; 0 if there are none."""
    return max((breadth(shortened(word)) for word in words), default=0.0)


def shortened(words: str, most: float = MOST) -> str:
    """The words, their middle replaced by an ellipsis where they are broader than `most` letters: what tells
    names apart stands at either end.
    """
    if breadth(words) <= most:
        return words
    room = (most - 1) / 2
    end = words[len(words) - _fitting(words[::-1], room) :]
    return f"{words[: _fitting(words, room)].rstrip()}…{end.lstrip()}"


def counted(count: int, noun: str) -> str:
    """A number of things in words: "1 class", "1,200 samples"."""
    return f"{count:,} {noun}{'' if count == 1 else 'es' if noun.endswith('s') else 's'}"


def _fitting(words: str, room: float) -> int:
    """How many letters from the start fit."""
    return bisect.bisect_right(list(itertools.accumulate(map(_letter, words))), room)


def _letter(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 2.0
    return 1.25 if letter.isupper() else 1.0
