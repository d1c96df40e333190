"""The algebra: tables of what the elements of a tensor see along one axis of the picture.

A `Term` has, for every element, the interval of pixels it sees. What an operation does to a tensor's
elements it does to the table (`moves`): reshaping reshapes it, slicing slices it, a convolution takes the
hull over its windows. What a tensor sees is the union of a few terms, so that the score of query i and key j
needs no table of all combinations. Where elements do not differ along a dimension, the table has length 1
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
Table = NDArray[np.float64]

NOTHING = -np.inf
"""In a table: sees no pixel."""


class Grid(NamedTuple):
    """How a table goes on along a dimension: `period` elements further everything lies period·step pixels
    further."""

    step: Fraction
    period: int


FLAT = Grid(Fraction(0), 1)


class Term:
    """The intervals [first pixel, last pixel] that the elements see along one axis.

    `table` is (4, …): −first and last in a picture without border, then −first and last among the pixels that
    there are; negated so that a union is a maximum. `grid` has an entry per dimension, None where the table
    follows no rule or its rule has not been looked for.
    """

    def __init__(self, table: Table, grid: tuple[Grid | None, ...]) -> None:
        self._table, self.grid = table, grid

    @property
    def table(self) -> Table:
        return self._table

    @property
    def sizes(self) -> Shape:
        """The table's length along each dimension."""
        return self._table.shape[1:]

    def regular(self, at: int) -> Grid | None:
        """The rule along a dimension, looked for where it is not known."""
        return self.grid[at] or _found(np.moveaxis(self.table[:2], at + 1, 1))


class Row(Term):
    """Tables (None: sees nothing) behind one another along `at`, for so many elements each.

    They are put together when someone looks; most often only their hull is asked for.
    """

    def __init__(
        self, pieces: list[tuple[Table | None, int]], at: int, grid: tuple[Grid | None, ...]
    ) -> None:
        self.pieces, self.at, self.grid = pieces, at, grid

    @cached_property
    def sizes(self) -> Shape:
        sizes = list(np.broadcast_shapes(*(without(table.shape, self.at + 1) for table in self._known)))
        return (*sizes[1 : self.at + 1], sum(self.lengths), *sizes[self.at + 1 :])

    @cached_property
    def table(self) -> Table:
        out = np.full((4, *self.sizes), NOTHING)
        start, rows = 0, np.moveaxis(out, self.at + 1, 0)
        for table, length in self.pieces:
            if table is not None:
                rows[start : start + length] = np.moveaxis(table, self.at + 1, 0)
            start += length
        return out

    def hull(self) -> Term:
        """Of all elements along `at`."""
        whole = [table.max(self.at + 1, keepdims=True) for table in self._known]
        grid = (*self.grid[: self.at], FLAT, *self.grid[self.at + 1 :])
        return Term(np.maximum.reduce(np.broadcast_arrays(*whole)), grid)

    @property
    def lengths(self) -> list[int]:
        return [length for _, length in self.pieces]

    @property
    def _known(self) -> list[Table]:
        return [table for table, _ in self.pieces if table is not None]


Reach = tuple[Term, ...]
"""What a tensor sees along one axis: the union of the terms; nothing if there are none."""

LONGEST_PERIOD = 64


def _found(rows: Table) -> Grid | None:
    """The rule of a table (2, length, …) along its length: the shortest period that fits at least twice."""
    length = rows.shape[1]
    if length == 1:
        return FLAT
    if not np.isfinite(rows).all():
        return None
    for period in range(1, min(length // 2, LONGEST_PERIOD) + 1):
        moved = rows[:, period:] - rows[:, :-period]
        shift = moved[1].flat[0]
        if (moved[1] == shift).all() and (moved[0] == -shift).all():
            return Grid(Fraction(int(shift), period), period)
    return None


def pixels(shape: Shape, at: int) -> Term:
    """Of the picture itself, along its dimension `at`: every pixel sees itself."""
    row = np.arange(shape[at], dtype=np.float64)
    table = np.stack([-row, row, -row, row])
    sizes = [4, *(length if dim == at else 1 for dim, length in enumerate(shape))]
    grid = tuple(Grid(Fraction(1), 1) if dim == at else FLAT for dim in range(len(shape)))
    return Term(table.reshape(sizes), grid)


def each(reach: Reach, change: Callable[[Term], Term]) -> Reach:
    """Every term changed; `reach` itself if none is."""
    changed = tuple(map(change, reach))
    if all(new is old for new, old in zip(changed, reach, strict=True)):
        return reach
    return changed if len(changed) == 1 else union(changed)


def union(terms: Iterable[Term]) -> Reach:
    """The union as few terms. All tables have as many dimensions."""
    found: list[Term] = []
    for term in terms:
        for at, other in enumerate(found):
            if other.sizes != term.sizes:
                if _covers(other, term):
                    break
                if _covers(term, other):
                    found[at] = term
                    break
            merged = _merged(other, term)
            if merged is not None:
                found[at] = merged
                break
        else:
            found.append(term)
    return tuple(found)


def reduced(term: Term, dims: Iterable[int]) -> Term:
    """The hull along `dims`, which stay with length 1 or stand for elements that now see the same."""
    dims = tuple(dims)
    if isinstance(term, Row) and term.at in dims:
        term = term.hull()
    axes = tuple(at for at in dims if term.sizes[at] > 1 or term.grid[at] != FLAT)
    if not axes:
        return term
    table = term.table.max(tuple(at + 1 for at in axes), keepdims=True)
    return Term(table, tuple(FLAT if at in axes else rule for at, rule in enumerate(term.grid)))


def _covers(one: Term, two: Term) -> bool:
    """Whether every element sees in `one` what it sees in `two`, and `one` differs along fewer dimensions."""
    flat = [at for at, size in enumerate(one.sizes) if size == 1 and one.grid[at] == FLAT]
    rest = [at for at in range(len(one.grid)) if at not in flat]
    if any(one.sizes[at] != two.sizes[at] or one.grid[at] != two.grid[at] for at in rest):
        return False
    return bool((reduced(two, flat).table <= one.table).all())


def _merged(one: Term, two: Term) -> Term | None:
    """One table for both, if it is not larger than they are and goes on as they both do."""
    if one is two:
        return one
    if tuple(map(max, one.sizes, two.sizes)) not in (one.sizes, two.sizes):
        return None
    grids = one.grid if one.grid == two.grid else _common(one, two)
    if grids is None:
        return None
    if isinstance(one, Row) and isinstance(two, Row) and one.at == two.at and one.lengths == two.lengths:
        pairs = zip(one.pieces, two.pieces, strict=True)
        return Row(
            [(_larger(first, second), length) for (first, length), (second, _) in pairs], one.at, grids
        )
    return Term(np.maximum(one.table, two.table), grids)


def _larger(one: Table | None, two: Table | None) -> Table | None:
    if one is None or two is None:
        return two if one is None else one
    return np.maximum(one, two)


def _common(one: Term, two: Term) -> tuple[Grid | None, ...] | None:
    """The rules that both follow; None if they follow different ones."""
    found: list[Grid | None] = []
    for at, (first, second) in enumerate(zip(one.grid, two.grid, strict=True)):
        if first != second:
            first, second = one.regular(at), two.regular(at)
        if first is None or second is None:
            found.append(None)
        elif first.step == second.step:
            found.append(Grid(first.step, lcm(first.period, second.period)))
        else:
            return None
    return tuple(found)


def without(shape: Shape, axis: int) -> Shape:
    """`shape` without one axis."""
    return shape[:axis] + shape[axis + 1 :]
