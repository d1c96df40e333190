"""What operations do to a term: slicing, windows, reshaping, concatenation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import chain, repeat
from math import gcd, prod

import numpy as np

from pellucid.inspection.reach.taps import Taps
from pellucid.inspection.reach.terms import (
    FLAT,
    Grid,
    Reach,
    Row,
    Shape,
    Table,
    Term,
    reduced,
    union,
    without,
)


def spread(term: Term, at: int, taps: Taps) -> Term:
    """Dimension `at` becomes two: the outputs, and the taps of each."""
    table, axis = term.table, at + 1
    head, tail = table.shape[1:axis], table.shape[axis + 1 :]
    along = (1,) * len(head) + (taps.count, taps.width) + (1,) * len(tail)
    real, turns, shift, absent = taps.real, None, 0.0, taps.nowhere
    rule: Grid | None = FLAT
    if table.shape[axis] == 1 and taps.length > 1:  # the same for all elements
        base = real = np.zeros((taps.count, taps.width), np.int64)
    elif taps.within:
        rule, base = term.grid[at], taps.folded(1)[0]
    elif (rule := term.regular(at)) is not None and rule.period <= taps.length:
        (base, turns), shift = taps.folded(rule.period), float(rule.step * rule.period)
    else:  # no rule for how it goes on: only what is there
        rule, base, absent = None, real, taps.lost
    out = np.empty((4, *head, taps.count, taps.width, *tail))
    np.take(table[:2], base, axis, out=out[:2])
    np.take(table[2:], real, axis, out=out[2:])
    if turns is not None and shift:
        beyond = (turns * shift).reshape(along)
        out[0] -= beyond
        out[1] += beyond
    if absent is not None:
        out[:2] += absent.reshape(along)
    if taps.lost is not None:
        out[2:] += taps.lost.reshape(along)
    return Term(out, (*term.grid[:at], _resampled(rule, taps.rate), None, *term.grid[at + 1 :]))


def gathered(term: Term, at: int, taps: Taps) -> Term:
    """Element i of dimension `at` becomes the hull of the elements that its taps read."""
    if taps.identity:
        return term
    if term.sizes[at] == 1 and taps.length > 1 and taps.all_read:
        return term
    if isinstance(term, Row) and at != term.at:
        return _piece_by_piece(term, at, taps)
    return compressed(_gathered(term, at, taps), at)


def _gathered(term: Term, at: int, taps: Taps) -> Term:
    wide = spread(term, at, taps)
    grid = wide.grid[: at + 1] + wide.grid[at + 2 :]
    table = (
        wide.table.max(at + 2) if taps.width > 1 else wide.table.reshape(without(wide.table.shape, at + 2))
    )
    return Term(table, grid)


def _piece_by_piece(row: Row, at: int, taps: Taps) -> Row:
    pieces: list[tuple[Table | None, int]] = []
    grid = row.grid
    for table, length in row.pieces:
        if table is None:
            pieces.append((None, length))
        else:
            term = _gathered(Term(table, row.grid), at, taps)
            pieces.append((term.table, length))
            grid = term.grid
    return Row(pieces, row.at, grid)


def _resampled(rule: Grid | None, rate: Fraction | None) -> Grid | None:
    if rule is None or rate is None:
        return None
    if rate == 1:
        return rule
    period = rate.denominator * (rule.period // gcd(rate.numerator, rule.period))
    return Grid(rule.step * rate, period)


def compressed(term: Term, at: int) -> Term:
    """Length 1 along a dimension where nothing differs or goes on."""
    rule = term.grid[at]
    if term.sizes[at] == 1 or (rule is not None and rule.step):
        return term
    first = term.table.take([0], at + 1)
    if not (term.table == first).all():
        return term
    return Term(first, (*term.grid[:at], FLAT, *term.grid[at + 1 :]))


def dropped(term: Term, dims: Iterable[int]) -> Term:
    """Without `dims`, in which the table has length 1."""
    gone = {*dims}
    sizes = [size for axis, size in enumerate(term.table.shape) if axis - 1 not in gone]
    return Term(term.table.reshape(sizes), tuple(rule for at, rule in enumerate(term.grid) if at not in gone))


def inserted(term: Term, positions: Iterable[int]) -> Term:
    """With new dimensions of length 1 at these places of the result, in order."""
    table, grid = term.table, list(term.grid)
    for at in positions:
        table = np.expand_dims(table, at + 1)
        grid.insert(at, FLAT)
    return Term(table, tuple(grid))


def grouped(term: Term, at: int, groups: int, outputs: int) -> Term:
    """Dimension `at` in `groups`; each becomes equally many of the
    `outputs`, which see all of the group."""
    size = term.sizes[at]
    if size == 1 or groups == 1:
        return reduced(term, [at])
    if size == groups == outputs:
        return term
    head, tail = term.table.shape[: at + 1], term.table.shape[at + 2 :]
    table = term.table.reshape(*head, groups, size // groups, *tail).max(at + 2)
    table = np.repeat(table, outputs // groups, at + 1)
    return compressed(Term(table, (*term.grid[:at], None, *term.grid[at + 1 :])), at)


def accumulated(term: Term, at: int) -> Term:
    """Each element sees what those before it see too."""
    if term.sizes[at] == 1:
        return term
    table = np.maximum.accumulate(term.table, at + 1)
    return compressed(Term(table, (*term.grid[:at], None, *term.grid[at + 1 :])), at)


def permuted(term: Term, order: Sequence[int]) -> Term:
    table = term.table.transpose(0, *(at + 1 for at in order))
    return Term(table, tuple(term.grid[at] for at in order))


def broadcast(term: Term, old: Shape, new: Shape) -> Term:
    """Repeated as torch broadcasts `old` to `new`."""
    if old == new:
        return term
    extra = len(new) - len(old)
    grid = tuple(
        rule if length == wanted else FLAT
        for rule, length, wanted in zip(term.grid, old, new[extra:], strict=True)
    )
    table = term.table.reshape(4, *(1,) * extra, *term.sizes)
    return Term(table, (FLAT,) * extra + grid)


def reshaped(term: Term, old: Shape, new: Shape) -> Term:
    """The elements in the same order under another shape."""
    if old == new:
        return term
    full, sizes = list(term.sizes), [1] * len(new)
    grid: list[Grid | None] = [FLAT] * len(new)
    split: list[int] = []
    for before, after in _blocks(old, new):
        if len(before) == len(after) == 1:
            sizes[after[0]], grid[after[0]] = full[before[0]], term.grid[before[0]]
        elif any(full[at] > 1 for at in before):
            for at in before:
                full[at] = old[at]
            for at in after:
                sizes[at], grid[at] = new[at], None
            if len(after) == 1:
                grid[after[0]] = _joined(term, before, old)
            else:
                split += after
    result = Term(np.broadcast_to(term.table, (4, *full)).reshape(4, *sizes), tuple(grid))
    for at in split:
        result = compressed(result, at)
    if split:  # looked for now: later the tables may have gaps
        grid = [result.regular(at) if at in split else rule for at, rule in enumerate(result.grid)]
        result = Term(result.table, tuple(grid))
    return result


def _joined(term: Term, dims: Sequence[int], shape: Shape) -> Grid | None:
    """The rule along several dimensions that become one."""
    rule, length = term.regular(dims[-1]), shape[dims[-1]]
    for at in reversed(dims[:-1]):
        outer = term.regular(at)
        if outer is None:
            rule = None
        elif (
            rule is not None
            and outer.period == 1
            and outer.step == length * rule.step
            and length % rule.period == 0
        ):
            pass  # it goes on in steps as long as before
        else:
            rule = Grid(outer.step / length, length * outer.period)
        length *= shape[at]
    return rule


@lru_cache(4096)
def _blocks(old: Shape, new: Shape) -> list[tuple[list[int], list[int]]]:
    """The dimensions that a reshape turns into one another, those of length 1 left out unless they stay."""
    blocks, i, j = [], 0, 0
    while i < len(old) or j < len(new):
        before, after = [i][: len(old) - i], [j][: len(new) - j]
        i, j = i + len(before), j + len(after)
        while (left := prod(old[at] for at in before)) != (right := prod(new[at] for at in after)):
            if left < right:
                before.append(i)
                i += 1
            else:
                after.append(j)
                j += 1
        if len(before) > 1 or len(after) > 1:
            before, after = [at for at in before if old[at] > 1], [at for at in after if new[at] > 1]
        if before and after:
            blocks.append((before, after))
    return blocks


def concatenated(parts: Sequence[tuple[Reach, Shape]], at: int) -> Reach:
    """The parts, of the shapes given, behind one another along `at`. Terms that go on alike share a table."""
    keys: list[tuple[Grid | None, ...]] = []
    alike: list[list[list[Term]]] = []
    for number, (reach, _) in enumerate(parts):
        for term in reach:
            key = term.grid[:at] + term.grid[at + 1 :]
            if key not in keys:
                keys.append(key)
                alike.append([[] for _ in parts])
            alike[keys.index(key)][number].append(term)
    lengths = [shape[at] for _, shape in parts]
    return union(
        _row(list(chain.from_iterable(map(_pieces, terms, lengths, repeat(at)))), at, key)
        for key, terms in zip(keys, alike, strict=True)
    )


def _pieces(terms: list[Term], length: int, at: int) -> list[tuple[Table | None, int]]:
    if not terms:
        return [(None, length)]
    first, *others = terms
    if not others and isinstance(first, Row) and first.at == at:
        return first.pieces
    table = first.table
    for term in others:
        table = np.maximum(table, term.table)
    return [(table, length)]


def _row(pieces: list[tuple[Table | None, int]], at: int, key: tuple[Grid | None, ...]) -> Term:
    first = pieces[0][0]
    if first is not None and all(
        table is not None and table.shape[at + 1] == 1 and np.array_equal(table, first) for table, _ in pieces
    ):
        return Term(first, (*key[:at], FLAT, *key[at:]))
    return Row(pieces, at, (*key[:at], None, *key[at:]))
