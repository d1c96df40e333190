"""How data units become places on a panel, and which numbers stand beside it. All renderers share this."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.types.errors import unknown_name
from pellucid.views.marks import Lines, Mark, Points
from pellucid.views.words import LETTER, widest

NARROW = 330  # CSS pixels of a panel on a telephone, for its axis and the words beside it
Ticks = tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Axis:
    """`label` with its unit ("loss", "time, s"). `limits` (low, high) default to what the marks need.

    `ticks` are (place, words) pairs; None: nice numbers; (): none.
    """

    label: str = ""
    scale: Literal["linear", "log"] = "linear"
    limits: tuple[float, float] | None = None
    ticks: Ticks | None = None

    def __post_init__(self) -> None:
        if self.scale not in ("linear", "log"):
            raise unknown_name("axis scale", str(self.scale), ("linear", "log"))
        if self.limits and not self.limits[0] < self.limits[1]:
            raise ValueError(f"limits are (low, high) with low < high; got {self.limits}")
        if self.limits and self.scale == "log" and self.limits[0] <= 0:
            raise ValueError(f"a log axis starts above 0; got {self.limits}")


@dataclass(frozen=True)
class Span:
    """An axis with its limits settled: `low` < `high` in data units."""

    low: float
    high: float
    log: bool
    ticks: Ticks

    def position(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where on the axis, 0 at `low` and 1 at `high`; NaN where a log axis has no place for a value."""
        values = np.asarray(values, np.float64)
        if not self.log:
            return (values - self.low) / (self.high - self.low)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(values > 0, np.log(values), np.nan)
        return (logs - math.log(self.low)) / (math.log(self.high) - math.log(self.low))

    @property
    def room(self) -> float:
        """CSS pixels that the broadest word beside this axis needs, shortened."""
        return widest(word for _, word in self.ticks) * LETTER


def crowded(x: Span, y: Span) -> bool:
    """Whether the words below `x` would touch one another on a narrow page, where those of `y` stand too."""
    return len(x.ticks) * (x.room + LETTER) > NARROW - y.room


def spans(marks: Sequence[Mark], frame: tuple[float, float] | None, x: Axis, y: Axis) -> tuple[Span, Span]:
    """Both axes of a panel with these marks."""
    if frame is not None:
        height, width = frame
        return Span(0.0, float(width), False, x.ticks or ()), Span(0.0, float(height), False, y.ticks or ())
    bounds = [each for each in (mark.bounds() for mark in marks) if each is not None]
    low = np.min([each[0::2] for each in bounds], axis=0) if bounds else np.zeros(2)
    high = np.max([each[1::2] for each in bounds], axis=0) if bounds else np.ones(2)
    lines = any(isinstance(mark, Lines) for mark in marks)
    pads = (0.0 if lines else 0.04), 0.04  # lines start on the axis
    places = [_places(marks, "x"), _places(marks, "y")]
    settled = [
        _span(axis, float(low[i]), float(high[i]), places[i], pads[i]) for i, axis in enumerate((x, y))
    ]
    return settled[0], settled[1]


def _places(marks: Sequence[Mark], name: str) -> NDArray[np.float64]:
    """All finite coordinates of the lines and points, for a log axis to find the smallest it can show."""
    arrays: list[NDArray[Any]] = []
    for mark in marks:
        if isinstance(mark, (Lines, Points)):
            given = getattr(mark, name)
            arrays += given if isinstance(given, tuple) else [given]
    joined = np.concatenate([*arrays, np.zeros(0)]).astype(np.float64)
    return joined[np.isfinite(joined)]


def _span(axis: Axis, low: float, high: float, places: NDArray[np.float64], pad: float) -> Span:
    log = axis.scale == "log"
    if axis.limits is not None:
        low, high = axis.limits
    elif log:
        least = float(places[places > 0].min()) if (places > 0).any() else 1.0
        low, high = max(low, least), max(high, least)
        margin = (high / low) ** 0.05 if high > low else 2.0
        low, high = low / margin, high * margin
    else:
        if high == low:
            pad, extra = 0.0, abs(low) * 0.1 or 0.5
            low, high = low - extra, high + extra
        margin = (high - low) * pad
        # a quantity that cannot be negative keeps its zero line
        low, high = (low if low == 0 else low - margin), high + margin
    ticks = axis.ticks if axis.ticks is not None else (_log_ticks if log else _ticks)(low, high)
    return Span(low, high, log, tuple((at, word) for at, word in ticks))


def _ticks(low: float, high: float, count: int = 5) -> Ticks:
    """Multiples of 1, 2, 2.5 or 5 × 10ⁿ in [low, high], about `count` of them."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min((1, 2, 2.5, 5, 10), key=lambda nice: abs(math.log(nice * power / rough)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    places = [index * step for index in range(first, last + 1)]
    return tuple((place, _tick_word(place, step)) for place in places)


def _log_ticks(low: float, high: float) -> Ticks:
    """Powers of ten; with 2 and 5 between them where there would be fewer than three."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    inside = [power for power in decades if low <= 10.0**power <= high]
    if len(inside) < 3:
        fine = [m * 10.0**power for power in decades for m in (1, 2, 5) if low <= m * 10.0**power <= high]
        return tuple((place, number(place)) for place in fine) or _ticks(low, high)
    every = next((step for step in (1, 2, 3, 5, 10, 20, 50) if len(inside) <= 6 * step), 100)
    return tuple((10.0**power, _power(power)) for power in inside if power % every == 0)


def _power(exponent: int) -> str:
    return number(10.0**exponent) if -3 <= exponent <= 3 else f"10{_raised(exponent)}"


def number(value: float, digits: int = 4) -> str:
    """A number as people write it: a true minus, `digits` significant ones, from 10 000 on with k, M or G."""
    if not math.isfinite(value):
        return "–"
    magnitude = abs(value)
    for size, unit, suffix in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if magnitude >= size:
            return f"{value / unit:.{digits}g}{suffix}".replace("-", "−")
    if 0 < magnitude < 1e-3:
        mantissa, _, exponent = f"{value:.{min(digits, 3) - 1}e}".partition("e")
        short = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{short}×10{_raised(int(exponent))}".replace("-", "−")
    text = f"{value:.{digits}g}"
    if "e" in text:  # fewer digits are wanted than stand before the point
        text = f"{float(text):.0f}"
    return text.replace("-", "−")


def percent(share: float) -> str:
    """A share in [0, 1] in percent, whole but near the ends, where 100 % would claim too much."""
    value = 100 * share
    whole = 0.95 <= value < 99.05 or value in (0, 100)  # what tenths would write as 1.0 or 99.0 is whole, too
    text = f"{value:.0f}" if whole else f"{min(value, 99.9):.1f}"
    return f"{text} %"


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _tick_word(value: float, step: float) -> str:
    """As many decimals as the steps between the ticks need."""
    if abs(value) >= 1e4 or step < 1e-3:
        return "0" if abs(value) < step / 2 else number(value)
    decimals = next(count for count in range(6) if round(step, count) == round(step, 8))
    return f"{value + 0.0:.{decimals}f}".replace("-", "−")


def thin(words: Sequence[str], most: int = 24) -> Ticks:
    """Ticks in the middles of the unit cells 0, 1, 2 …; only every n-th where there are more than `most`."""
    every = -(-len(words) // most)
    return tuple((index + 0.5, word) for index, word in enumerate(words) if index % every == 0)


def isolated(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,): the points of a broken line that no stroke reaches, since neither neighbour is finite."""
    finite = np.isfinite(x) & np.isfinite(y)
    around = np.pad(finite, 1)
    alone: NDArray[np.bool_] = finite & ~around[:-2] & ~around[2:]
    return alone


def decimate(x: NDArray[Any], y: NDArray[Any], most: int = 800) -> tuple[NDArray[Any], NDArray[Any]]:
    """The same line with at most about `most` points: each bin keeps its first, least, greatest and last
    value.
    """
    if len(x) <= most:
        return x, y
    keep: set[int] = set()
    edges = np.linspace(0, len(x), most // 4 + 1).astype(int)
    for start, stop in itertools.pairwise(edges.tolist()):
        part = y[start:stop]
        holes = np.flatnonzero(~np.isfinite(part))
        filled = np.where(np.isfinite(part), part, np.inf), np.where(np.isfinite(part), part, -np.inf)
        keep |= {start, stop - 1, start + int(filled[0].argmin()), start + int(filled[1].argmax())}
        keep |= {start + int(hole) for hole in holes[:1]}
    order = sorted(keep)
    return x[order], y[order]
