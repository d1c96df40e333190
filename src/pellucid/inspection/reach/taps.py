"""Which elements of a dimension the outputs of an operation read: windows, strides, padding, resampling.

Everything spatial a network does is a table of taps: output i reads the elements taps[i]. Each table is kept
twice. `endless` counts on beyond both ends, as if the picture had no border; `real` says what is there.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from pellucid.inspection.arguments import NotUnderstood

Table = NDArray[np.int64]

NOWHERE = int(np.iinfo(np.int64).min)
"""No element, not even in an endless picture."""


class Taps:
    """Output i of `count` reads the elements i of `endless` and `real`, both (count, taps), of `length`.

    From one output to the next the taps move on by `rate` elements on average; None if in no order.
    """

    def __init__(self, length: int, endless: Table, real: Table, rate: Fraction | int | None) -> None:
        self.length, self.rate = length, None if rate is None else Fraction(rate)
        self.count, self.width = endless.shape
        self._endless = endless
        inside = (real >= 0) & (real < length)
        self.real = np.where(inside, real, 0)
        self.lost = None if inside.all() else np.where(inside, 0.0, -np.inf)
        nowhere = endless == NOWHERE
        self.nowhere = None if not nowhere.any() else np.where(nowhere, -np.inf, 0.0)
        self.within = bool((nowhere | (endless >= 0) & (endless < length)).all())
        self.identity = endless.shape == (length, 1) and bool((endless[:, 0] == np.arange(length)).all())
        self.all_read = bool(inside.any(1).all() and not nowhere.all(1).any())
        self._folded: dict[int, tuple[Table, Table | None]] = {}

    def folded(self, period: int) -> tuple[Table, Table | None]:
        """The endless taps as elements that are there, and how many periods away from these the taps lie
        (None: none)."""
        if period not in self._folded:
            taps = np.where(self._endless == NOWHERE, 0, self._endless)
            last = self.length - period
            before, after = taps < 0, taps >= self.length
            base = np.where(before, taps % period, np.where(after, last + (taps - last) % period, taps))
            turns = (taps - base) // period
            self._folded[period] = (base, turns if turns.any() else None)
        return self._folded[period]


def _plain(length: int, taps: Table, rate: Fraction | int | None) -> Taps:
    """Beyond the ends there is nothing."""
    return Taps(length, taps, taps, rate)


@lru_cache(1024)
def windows(length: int, count: int, size: int, stride: int, padding: int, dilation: int) -> Taps:
    """A convolution's or pooling's windows."""
    return _plain(
        length, _column(count) * stride - padding + np.arange(size, dtype=np.int64) * dilation, stride
    )


@lru_cache(1024)
def transposed(length: int, count: int, size: int, stride: int, padding: int, dilation: int) -> Taps:
    """A transposed convolution's: input j reaches the outputs stride·j − padding + dilation·t."""
    reached = _column(count) + padding - np.arange(size, dtype=np.int64) * dilation
    taps = np.where(reached % stride == 0, reached // stride, NOWHERE)
    return _plain(length, taps, Fraction(1, stride))


@lru_cache(1024)
def adaptive(length: int, count: int) -> Taps:
    """Adaptive pooling's, which may overlap and differ by one. One window for all is the whole dimension."""
    bounds = [
        (floor(Fraction(i * length, count)), ceil(Fraction((i + 1) * length, count))) for i in range(count)
    ]
    taps = _ragged([list(range(low, high)) for low, high in bounds])
    return _plain(length, taps, Fraction(length, count) if count > 1 else 0)


@lru_cache(1024)
def strided(length: int, start: int, count: int, step: int) -> Taps:
    """A slice's; with step −1, a flip's."""
    return _plain(length, start + _column(count) * step, step)


def chosen(length: int, positions: tuple[int, ...]) -> Taps:
    """Elements in any order; negative positions count from the end."""
    return _plain(length, np.array(positions, np.int64).reshape(-1, 1) % length, None)


@lru_cache(1024)
def repeated(length: int, times: int) -> Taps:
    """Each element `times` in a row."""
    return _plain(length, _column(length * times) // times, Fraction(1, times))


@lru_cache(1024)
def rolled(length: int, shift: int) -> Taps:
    """A shift; what leaves at one end comes in at the other, where an endless picture would go on."""
    taps = _column(length) - shift
    return Taps(length, taps, taps % length, 1)


@lru_cache(1024)
def padded(length: int, before: int, after: int, mode: str) -> Taps:
    """Padding, or cropping where negative."""
    taps = _column(length + before + after) - before
    mirrored = (length - 1) - np.abs((length - 1) - np.abs(taps))
    fills = {
        "constant": taps,
        "replicate": taps.clip(0, length - 1),
        "circular": taps % length,
        "reflect": mirrored,
    }
    if mode not in fills:
        raise NotUnderstood(mode)
    return Taps(length, taps, fills[mode], 1)


@lru_cache(1024)
def resampled(
    length: int, count: int, scale: Fraction | None, mode: str, aligned: bool, smooth: bool
) -> Taps:
    """Interpolation's: the elements with a weight that is not zero. `scale` is how much larger the result was
    asked to be, None for just `count`; `smooth` is torch's antialias.
    """
    if aligned:
        rate = Fraction(length - 1, count - 1) if count > 1 else Fraction(0)
    else:
        rate = 1 / scale if scale is not None else Fraction(length, count)
    if scale not in (None, Fraction(count, length)) and count in (length, 2 * length):
        raise NotUnderstood("a scale that torch rounds to the size")
    half = Fraction(0 if aligned or mode == "nearest" else 1, 2)
    centres = [rate * (i + half) for i in range(count)]
    if mode in ("nearest", "nearest-exact"):
        taps = _ragged([[floor(centre)] for centre in centres])
    elif mode in ("linear", "bilinear", "trilinear", "bicubic"):
        radius = 2 if mode == "bicubic" else 1
        if smooth and aligned:
            raise NotUnderstood("antialias with align_corners")
        wide = radius * max(rate, Fraction(1)) if smooth else Fraction(radius)
        taps = _ragged([_weighted(centre - half, wide, smooth) for centre in centres])
        if smooth:
            return _plain(length, taps, rate)
    else:
        raise NotUnderstood(mode)
    held = np.where(taps == NOWHERE, -1, taps.clip(0, length - 1))
    return Taps(length, taps, held, rate)


def _weighted(centre: Fraction, radius: Fraction, smooth: bool) -> list[int]:
    """The elements less than `radius` from `centre`: further away their weight is zero. Interpolation without
    smoothing puts all weight on an element that is met exactly."""
    if not smooth and centre.denominator == 1:
        return [int(centre)]
    return list(range(floor(centre - radius) + 1, ceil(centre + radius)))


def _column(count: int) -> Table:
    return np.arange(count, dtype=np.int64).reshape(-1, 1)


def _ragged(rows: list[list[int]]) -> Table:
    width = max(map(len, rows), default=0)
    table = np.full((len(rows), width), NOWHERE, np.int64)
    for at, row in enumerate(rows):
        table[at, : len(row)] = row
    return table
